import type { NetDevice } from '../../../device/netdevice/netdevice.ts';
import type { DhcpLease } from './lease.ts';

/** Events of a client's chain. What each carries is a {@link DhcpNews}. */

/** The lease is in use, and was not before. */
export const DHCP_BOUND = 1;
/** The lease that is in use was granted anew. */
export const DHCP_RENEWED = 2;
/** The lease that was in use is over: expired, released, refused or in conflict; all that it brought is taken away. */
export const DHCP_LOST = 3;
/** Somebody else has the address, and the server was told. */
export const DHCP_DECLINED = 4;
/** The server refused the address. */
export const DHCP_NAKED = 5;

const NAMES = ['', 'bound', 'renewed', 'lost', 'declined', 'nak'] as const;

export type DhcpEventName = Exclude<(typeof NAMES)[number], ''>;

/** `bound` for {@link DHCP_BOUND}. */
export function dhcpEventName(event: number): string {
  return NAMES[event] ?? `event ${event}`;
}

export interface DhcpNews {
  readonly dev: NetDevice;
  /** The lease that the event is about, null for a refusal of an address that was only offered. */
  readonly lease: DhcpLease | null;
}
