import { type Structure, struct, u8, u16be, u32be } from 'buffer-layout';
import { offsetIn } from '../../device/frame/layout.ts';

/** The eight bytes that every ICMP message begins with (RFC 792), network order. */
export interface IcmpHeader {
  type: number;
  code: number;
  checksum: number;
  /** Echo and timestamp: identifier and sequence number; see the offsets below for the other kinds. */
  identifier: number;
  sequence: number;
}

export const icmpLayout: Structure<IcmpHeader> = struct<IcmpHeader>([
  u8('type'),
  u8('code'),
  u16be('checksum'),
  u16be('identifier'),
  u16be('sequence'),
]);

/** A timestamp message (RFC 792): milliseconds since midnight UT. */
export interface IcmpTimestamp extends IcmpHeader {
  originate: number;
  receive: number;
  transmit: number;
}

export const icmpTimestampLayout: Structure<IcmpTimestamp> = struct<IcmpTimestamp>([
  u8('type'),
  u8('code'),
  u16be('checksum'),
  u16be('identifier'),
  u16be('sequence'),
  u32be('originate'),
  u32be('receive'),
  u32be('transmit'),
]);

export const ICMP_TYPE: number = offsetIn(icmpLayout, 'type');
export const ICMP_CODE: number = offsetIn(icmpLayout, 'code');
export const ICMP_CHECKSUM: number = offsetIn(icmpLayout, 'checksum');
export const ICMP_IDENTIFIER: number = offsetIn(icmpLayout, 'identifier');
export const ICMP_SEQUENCE: number = offsetIn(icmpLayout, 'sequence');
/** Redirect: the gateway's address. Parameter problem: the pointer, in the first byte. One 32-bit word of any error. */
export const ICMP_INFO: number = ICMP_IDENTIFIER;
/** Fragmentation needed: the next hop's MTU (RFC 1191). */
export const ICMP_MTU: number = ICMP_SEQUENCE;
export const ICMP_ORIGINATE: number = offsetIn(icmpTimestampLayout, 'originate');
export const ICMP_RECEIVE: number = offsetIn(icmpTimestampLayout, 'receive');
export const ICMP_TRANSMIT: number = offsetIn(icmpTimestampLayout, 'transmit');
/** Bytes of the header. */
export const ICMP_HLEN: number = icmpLayout.span;

/** Types (IANA). */
export const ICMP_ECHOREPLY = 0;
export const ICMP_DEST_UNREACH = 3;
export const ICMP_SOURCE_QUENCH = 4;
export const ICMP_REDIRECT = 5;
export const ICMP_ECHO = 8;
export const ICMP_TIME_EXCEEDED = 11;
export const ICMP_PARAMETERPROB = 12;
export const ICMP_TIMESTAMP = 13;
export const ICMP_TIMESTAMPREPLY = 14;
export const ICMP_ADDRESS = 17;
export const ICMP_ADDRESSREPLY = 18;
/** PROBE (RFC 8335). */
export const ICMP_EXT_ECHO = 42;
export const ICMP_EXT_ECHOREPLY = 43;
/** The highest type that is known (Linux: `NR_ICMP_TYPES`). */
export const NR_ICMP_TYPES = 18;

/** Codes of destination unreachable. */
export const ICMP_NET_UNREACH = 0;
export const ICMP_HOST_UNREACH = 1;
export const ICMP_PROT_UNREACH = 2;
export const ICMP_PORT_UNREACH = 3;
export const ICMP_FRAG_NEEDED = 4;
export const ICMP_SR_FAILED = 5;
export const ICMP_PKT_FILTERED = 13;
/** The highest code that is known (Linux: `NR_ICMP_UNREACH`). */
export const NR_ICMP_UNREACH = 15;

/** Codes of redirect. */
export const ICMP_REDIR_NET = 0;
export const ICMP_REDIR_HOST = 1;
export const ICMP_REDIR_NETTOS = 2;
export const ICMP_REDIR_HOSTTOS = 3;

/** Codes of time exceeded. */
export const ICMP_EXC_TTL = 0;
export const ICMP_EXC_FRAGTIME = 1;

/** Whether messages of a type report an error, so that no error may be sent about them; unknown ones count as errors. */
export function isIcmpError(type: number): boolean {
  return type > NR_ICMP_TYPES || ERRORS.has(type);
}

const ERRORS: ReadonlySet<number> = new Set([
  ICMP_DEST_UNREACH,
  ICMP_SOURCE_QUENCH,
  ICMP_REDIRECT,
  ICMP_TIME_EXCEEDED,
  ICMP_PARAMETERPROB,
]);

const TYPE_NAMES: Readonly<Record<number, string>> = {
  [ICMP_ECHOREPLY]: 'echo reply',
  [ICMP_DEST_UNREACH]: 'destination unreachable',
  [ICMP_SOURCE_QUENCH]: 'source quench',
  [ICMP_REDIRECT]: 'redirect',
  [ICMP_ECHO]: 'echo request',
  [ICMP_TIME_EXCEEDED]: 'time exceeded',
  [ICMP_PARAMETERPROB]: 'parameter problem',
  [ICMP_TIMESTAMP]: 'timestamp',
  [ICMP_TIMESTAMPREPLY]: 'timestamp reply',
  [ICMP_ADDRESS]: 'address mask request',
  [ICMP_ADDRESSREPLY]: 'address mask reply',
};

const UNREACHABLE_NAMES = [
  'network unreachable',
  'host unreachable',
  'protocol unreachable',
  'port unreachable',
  'fragmentation needed',
  'source route failed',
  'network unknown',
  'host unknown',
  'host isolated',
  'network prohibited',
  'host prohibited',
  'network unreachable for type of service',
  'host unreachable for type of service',
  'administratively prohibited',
  'host precedence violation',
  'precedence cutoff',
] as const;

/** What a message says, for people: `host unreachable`, `time to live exceeded`, `type 42`. */
export function icmpName(type: number, code: number): string {
  if (type === ICMP_DEST_UNREACH && code <= NR_ICMP_UNREACH) return UNREACHABLE_NAMES[code]!;
  if (type === ICMP_TIME_EXCEEDED)
    return code === ICMP_EXC_FRAGTIME ? 'fragment reassembly time exceeded' : 'time to live exceeded';
  return TYPE_NAMES[type] ?? `type ${type}`;
}
