import type { MacAddress } from '../../../device/frame/mac.ts';
import { BOOTREPLY, DHCPACK, DHCPNAK, DHCPOFFER, HTYPE_ETHERNET, readDhcp } from '../../wire/dhcp.ts';
import { OPT_CLIENT_ID } from '../../wire/dhcp-options.ts';
import { isHostAddress } from '../values.ts';
import type { ClientDrop } from './counters.ts';
import { type DhcpLease, readLease, serverOf } from './lease.ts';
import type { DhcpState } from './table.ts';

/** What a client waits for, by which a reply is judged. */
export interface Expectation {
  readonly state: DhcpState;
  /** -1: nothing. */
  readonly xid: number;
  readonly mac: MacAddress;
  readonly clientId: Uint8Array | null;
  /** The offer that was chosen, and the lease that is held. */
  readonly offer: DhcpLease | null;
  readonly lease: DhcpLease | null;
  /** Milliseconds since the Unix epoch at which it was asked for. */
  readonly askedAt: number;
}

export type Reply =
  | { readonly event: 'offer' | 'ack'; readonly lease: DhcpLease }
  | { readonly event: 'nak'; readonly lease: null };

/** Types of message that a state has a use for. `BOUND` has one while a question is open that the gateway answered faster. */
const USEFUL: Readonly<Partial<Record<DhcpState, readonly number[]>>> = {
  SELECTING: [DHCPOFFER],
  REQUESTING: [DHCPACK, DHCPNAK],
  REBOOTING: [DHCPACK, DHCPNAK],
  BOUND: [DHCPACK, DHCPNAK],
  RENEWING: [DHCPACK, DHCPNAK],
  REBINDING: [DHCPACK, DHCPNAK],
};

/** What a message is to a client, or why it is nothing to it. Every byte of it may be a stranger's. */
export function judgeReply(bytes: Uint8Array, expected: Expectation): Reply | ClientDrop {
  const message = readDhcp(bytes);
  if (typeof message === 'string') return 'malformed';
  if (message.op !== BOOTREPLY) return 'notReply';
  if (message.xid !== expected.xid) return 'xid';
  const { chaddr } = message;
  const own = message.htype === HTYPE_ETHERNET && chaddr.length === 6;
  if (!own || Buffer.from(chaddr).readUIntBE(0, 6) !== expected.mac) return 'hardware';
  // A server repeats the identifier of whom it answers (RFC 6842).
  const id = message.options.get(OPT_CLIENT_ID);
  if (id !== undefined && (expected.clientId === null || !Buffer.from(id).equals(expected.clientId)))
    return 'hardware';
  const { type } = message;
  if (USEFUL[expected.state]?.includes(type) !== true) return 'unexpected';
  const { offer, lease: held, state } = expected;
  const chosen = state === 'REQUESTING' ? offer : held;
  const oneServer = state === 'REQUESTING' || state === 'RENEWING';
  if (type === DHCPNAK) {
    const server = serverOf(message);
    if (!isHostAddress(server) || (oneServer && server !== chosen?.server)) return 'server';
    return { event: 'nak', lease: null };
  }
  const lease = readLease(message, expected.askedAt);
  if (lease === 'server') return 'server';
  if (typeof lease === 'string') return 'lease';
  if (type === DHCPOFFER) return { event: 'offer', lease };
  if (oneServer && lease.server !== chosen?.server) return 'server';
  if (lease.address !== chosen?.address) return 'address';
  return { event: 'ack', lease };
}
