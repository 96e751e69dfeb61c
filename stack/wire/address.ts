import { isIPv4 } from 'node:net';

/** IPv4 addresses are unsigned 32-bit integers in host order: `192.0.2.1` is `0xc0000201`. They compare with `===`. */
export type Ipv4 = number;

export const INADDR_ANY: Ipv4 = 0;
export const INADDR_BROADCAST: Ipv4 = 0xffffffff;
export const INADDR_LOOPBACK: Ipv4 = 0x7f000001;
/** 224.0.0.1 (RFC 1112). */
export const INADDR_ALLHOSTS_GROUP: Ipv4 = 0xe0000001;

/** `192.0.2.1`. */
export function formatIpv4(address: Ipv4): string {
  return `${address >>> 24}.${(address >>> 16) & 255}.${(address >>> 8) & 255}.${address & 255}`;
}

/** Parses dotted quad; NaN when `text` is no IPv4 address. */
export function parseIpv4(text: string): Ipv4 {
  if (!isIPv4(text)) return Number.NaN;
  return text.split('.').reduce((address, byte) => address * 256 + Number(byte), 0);
}

export interface Ipv4Prefix {
  readonly address: Ipv4;
  /** Bits of the network part, 0 to 32. */
  readonly length: number;
}

/** Parses `192.0.2.1/24`; without a length it is a host (`/32`). Undefined when `text` is neither. */
export function parsePrefix(text: string): Ipv4Prefix | undefined {
  const match = /^([^/]+)(?:\/(\d{1,2}))?$/.exec(text);
  if (match === null) return undefined;
  const address = parseIpv4(match[1]!);
  const length = match[2] === undefined ? 32 : Number(match[2]);
  return Number.isNaN(address) || length > 32 ? undefined : { address, length };
}

/** The mask of a prefix length: 24 gives `255.255.255.0`. */
export function maskOf(length: number): Ipv4 {
  return length === 0 ? 0 : (0xffffffff << (32 - length)) >>> 0;
}

/** 224.0.0.0/4 (Linux: `ipv4_is_multicast`). */
export function isMulticast(address: Ipv4): boolean {
  return address >>> 28 === 0xe;
}

/** 127.0.0.0/8 (Linux: `ipv4_is_loopback`). */
export function isLoopback(address: Ipv4): boolean {
  return address >>> 24 === 127;
}

/** 0.0.0.0 and, as in Linux, nothing else of 0.0.0.0/8 (`ipv4_is_zeronet`). */
export function isZeronet(address: Ipv4): boolean {
  return address === 0;
}

/** 169.254.0.0/16 (Linux: `ipv4_is_linklocal_169`). */
export function isLinkLocal(address: Ipv4): boolean {
  return address >>> 16 === 0xa9fe;
}

/** 255.255.255.255 (Linux: `ipv4_is_lbcast`). */
export function isLimitedBroadcast(address: Ipv4): boolean {
  return address === INADDR_BROADCAST;
}

/** The Ethernet group that an IPv4 group is sent to (RFC 1112, section 6.4), as a 48-bit number. */
export function multicastMac(group: Ipv4): number {
  return 0x01005e000000 + (group & 0x7fffff);
}

/** Scopes of addresses and routes (Linux: `RT_SCOPE_*`). */
export const SCOPE_UNIVERSE = 0;
export const SCOPE_SITE = 200;
export const SCOPE_LINK = 253;
export const SCOPE_HOST = 254;
export const SCOPE_NOWHERE = 255;

/** Kinds of route, and of address (Linux: `RTN_*`). */
export const RTN_UNSPEC = 0;
export const RTN_UNICAST = 1;
export const RTN_LOCAL = 2;
export const RTN_BROADCAST = 3;
export const RTN_ANYCAST = 4;
export const RTN_MULTICAST = 5;
export const RTN_BLACKHOLE = 6;
export const RTN_UNREACHABLE = 7;
export const RTN_PROHIBIT = 8;
export const RTN_THROW = 9;
