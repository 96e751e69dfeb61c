import { type Structure, struct, u8, u16be, u32be } from 'buffer-layout';
import { offsetIn } from '../../device/frame/layout.ts';
import type { PacketPool } from '../../device/memory/pool.ts';
import type { Ipv4 } from './address.ts';

/** The fixed part of an IPv4 header (RFC 791, section 3.1), network order. */
export interface Ipv4Header {
  /** Version in the high four bits, header length in 32-bit words in the low ones. */
  versionIhl: number;
  tos: number;
  totalLength: number;
  identification: number;
  /** Flags in the high three bits, offset in units of eight bytes in the others. */
  fragment: number;
  ttl: number;
  protocol: number;
  checksum: number;
  source: number;
  destination: number;
}

export const ipv4Layout: Structure<Ipv4Header> = struct<Ipv4Header>([
  u8('versionIhl'),
  u8('tos'),
  u16be('totalLength'),
  u16be('identification'),
  u16be('fragment'),
  u8('ttl'),
  u8('protocol'),
  u16be('checksum'),
  u32be('source'),
  u32be('destination'),
]);

export const IP_VERSION_IHL: number = offsetIn(ipv4Layout, 'versionIhl');
export const IP_TOS: number = offsetIn(ipv4Layout, 'tos');
export const IP_TOTAL_LENGTH: number = offsetIn(ipv4Layout, 'totalLength');
export const IP_IDENTIFICATION: number = offsetIn(ipv4Layout, 'identification');
export const IP_FRAGMENT: number = offsetIn(ipv4Layout, 'fragment');
export const IP_TTL: number = offsetIn(ipv4Layout, 'ttl');
export const IP_PROTOCOL: number = offsetIn(ipv4Layout, 'protocol');
export const IP_CHECKSUM: number = offsetIn(ipv4Layout, 'checksum');
export const IP_SOURCE: number = offsetIn(ipv4Layout, 'source');
export const IP_DESTINATION: number = offsetIn(ipv4Layout, 'destination');
/** Bytes of a header without options. */
export const IP_HLEN: number = ipv4Layout.span;
/** Bytes of the longest header. */
export const IP_HLEN_MAX = 60;
/** Bytes of the longest datagram. */
export const IP_MAX = 0xffff;

/** Bits of the fragment field. */
export const IP_DF = 0x4000;
export const IP_MF = 0x2000;
export const IP_OFFSET_MASK = 0x1fff;

/** Protocol numbers (IANA). */
export const IPPROTO_ICMP = 1;
export const IPPROTO_IGMP = 2;
export const IPPROTO_TCP = 6;
export const IPPROTO_UDP = 17;
export const IPPROTO_RAW = 255;

/** The least MTU with which a device has IPv4 (RFC 791; Linux: `IPV4_MIN_MTU`), in bytes. */
export const IPV4_MIN_MTU = 68;

/** Precedence "internetwork control", which ICMP errors carry (RFC 1812, section 4.3.2.5). */
export const IPTOS_PREC_INTERNETCONTROL = 0xc0;
/** The bits of TOS that are neither precedence nor ECN (Linux: `IPTOS_RT_MASK`). */
export const IPTOS_RT_MASK = 0x1c;

/** Kinds of option (IANA), the copied flag included. */
export const IPOPT_END = 0;
export const IPOPT_NOOP = 1;
export const IPOPT_RR = 7;
export const IPOPT_TIMESTAMP = 68;
export const IPOPT_SECURITY = 130;
export const IPOPT_LSRR = 131;
export const IPOPT_SSRR = 137;
export const IPOPT_RA = 148;
/** Set in the kinds of option that every fragment carries. */
export const IPOPT_COPY = 0x80;
/** Values of a timestamp option's low four flag bits. */
export const IPOPT_TS_TSONLY = 0;
export const IPOPT_TS_TSANDADDR = 1;
export const IPOPT_TS_PRESPEC = 3;

/** Bytes of the header at `at`. */
export function ipv4HeaderLength(view: DataView, at: number): number {
  return (view.getUint8(at + IP_VERSION_IHL) & 0x0f) << 2;
}

/** The one's complement sum of a header of `length` bytes, a multiple of 4: 0xffff when its checksum is right. */
export function ipv4HeaderSum(view: DataView, at: number, length: number): number {
  let sum = 0;
  for (let i = at; i < at + length; i += 2) sum += view.getUint16(i);
  sum = (sum & 0xffff) + (sum >>> 16);
  return (sum & 0xffff) + (sum >>> 16);
}

/** Computes and stores the header checksum (Linux: `ip_send_check`). */
export function setIpv4Checksum(view: DataView, at: number, length: number): void {
  view.setUint16(at + IP_CHECKSUM, 0);
  view.setUint16(at + IP_CHECKSUM, ~ipv4HeaderSum(view, at, length) & 0xffff);
}

/** Takes one off the TTL and adjusts the checksum (RFC 1624; Linux: `ip_decrease_ttl`). */
export function decreaseTtl(view: DataView, at: number): void {
  view.setUint8(at + IP_TTL, view.getUint8(at + IP_TTL) - 1);
  const sum = view.getUint16(at + IP_CHECKSUM) + 0x100;
  view.setUint16(at + IP_CHECKSUM, (sum + (sum >= 0xffff ? 1 : 0)) & 0xffff);
}

/** The unfolded sum of the pseudo header for a transport checksum over `length` bytes (RFC 793, section 3.1). */
export function pseudoHeaderSum(source: Ipv4, destination: Ipv4, protocol: number, length: number): number {
  return (
    (source >>> 16) +
    (source & 0xffff) +
    (destination >>> 16) +
    (destination & 0xffff) +
    protocol +
    (length & 0xffff) +
    (length >>> 16)
  );
}

/** Whether `length` bytes at `at` hold an IPv4 header that can be read: version, header length, nothing else. */
export function isIpv4Header(pool: PacketPool, at: number, length: number): boolean {
  if (length < IP_HLEN) return false;
  const first = pool.view.getUint8(at);
  return first >>> 4 === 4 && (first & 0x0f) >= 5 && length >= (first & 0x0f) << 2;
}
