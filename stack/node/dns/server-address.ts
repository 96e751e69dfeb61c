import { isIP } from 'node:net';
import { invalidIpAddress } from '../errors.ts';

const DNS_PORT = 53;

/** A server that is asked. */
export interface ServerAddress {
  readonly address: string;
  /** 4 or 6. */
  readonly family: number;
  readonly port: number;
}

/**
 * A server as `setServers` takes it: an address, `192.0.2.1:5353`, `[2001:db8::1]` or `[2001:db8::1]:5353` (RFC 5952, section 6). Throws
 * ERR_INVALID_IP_ADDRESS.
 */
export function parseServer(text: string): ServerAddress {
  const whole = isIP(text);
  if (whole !== 0) return { address: text, family: whole, port: DNS_PORT };
  const [, bracketed, plain, digits] = /^(?:\[([^[\]]*)\]|([^:]+))(?::(\d+))?$/.exec(text) ?? [];
  const address = bracketed ?? plain ?? '';
  const family = isIP(address);
  if (family === 0) throw invalidIpAddress(text);
  return { address, family, port: Number(digits) || DNS_PORT };
}

/** The inverse: without a port that is the usual one. */
export function formatServer({ address, family, port }: ServerAddress): string {
  if (port === DNS_PORT) return address;
  return `${family === 6 ? `[${address}]` : address}:${port}`;
}
