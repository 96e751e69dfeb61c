import { type Ipv4, isLoopback, isMulticast } from '../wire/address.ts';

/** Seconds of a lease without an end (RFC 2131, section 3.3). */
export const INFINITE = 0xffffffff;

/** Whether a host may have an address. */
export function isHostAddress(candidate: Ipv4): boolean {
  return (
    candidate >>> 24 !== 0 && !isLoopback(candidate) && !isMulticast(candidate) && candidate >>> 28 !== 0xf
  );
}
