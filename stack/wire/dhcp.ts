import { blob, type Structure, struct, u8, u16be, u32be } from 'buffer-layout';
import { offsetIn } from '../../device/frame/layout.ts';
import type { Ipv4 } from './address.ts';
import { type DhcpOptions, OPT_MESSAGE_TYPE, packOptions, unpackOptions } from './dhcp-options.ts';

/** The fixed part of a DHCP message (RFC 2131, section 2), network order, the magic cookie included. */
export interface DhcpHeader {
  op: number;
  htype: number;
  hlen: number;
  hops: number;
  xid: number;
  secs: number;
  flags: number;
  ciaddr: number;
  yiaddr: number;
  siaddr: number;
  giaddr: number;
  chaddr: Buffer;
  sname: Buffer;
  file: Buffer;
  magic: number;
}

/** Bytes of `chaddr`, `sname` and `file`. */
const CHADDR_LENGTH = 16;
const SNAME_LENGTH = 64;
const FILE_LENGTH = 128;

export const dhcpLayout: Structure<DhcpHeader> = struct<DhcpHeader>([
  u8('op'),
  u8('htype'),
  u8('hlen'),
  u8('hops'),
  u32be('xid'),
  u16be('secs'),
  u16be('flags'),
  u32be('ciaddr'),
  u32be('yiaddr'),
  u32be('siaddr'),
  u32be('giaddr'),
  blob(CHADDR_LENGTH, 'chaddr'),
  blob(SNAME_LENGTH, 'sname'),
  blob(FILE_LENGTH, 'file'),
  u32be('magic'),
]);

const SNAME = offsetIn(dhcpLayout, 'sname');
const FILE = offsetIn(dhcpLayout, 'file');
/** Bytes in front of the options. */
export const DHCP_HLEN: number = dhcpLayout.span;

export const DHCP_SERVER_PORT = 67;
export const DHCP_CLIENT_PORT = 68;
/** 99, 130, 83, 99 (RFC 2131, section 3). */
export const DHCP_MAGIC = 0x63825363;
export const BOOTREQUEST = 1;
export const BOOTREPLY = 2;
/** `htype` of Ethernet (RFC 1700). */
export const HTYPE_ETHERNET = 1;
/** The one flag: the answer is to be broadcast. */
const FLAG_BROADCAST = 0x8000;
/** What relays of BOOTP expect at least (RFC 1542, section 2.1), in bytes. */
const LEAST_LENGTH = 300;
/** What every host takes (RFC 2131, section 2: an option field of 312 bytes), without IP and UDP headers. */
export const DHCP_MTU = 548;

/** Values of option 53 (RFC 2132, section 9.6). */
export const DHCPDISCOVER = 1;
export const DHCPOFFER = 2;
export const DHCPREQUEST = 3;
export const DHCPDECLINE = 4;
export const DHCPACK = 5;
export const DHCPNAK = 6;
export const DHCPRELEASE = 7;
export const DHCPINFORM = 8;

const TYPE_NAMES = ['DISCOVER', 'OFFER', 'REQUEST', 'DECLINE', 'ACK', 'NAK', 'RELEASE', 'INFORM'] as const;

/** `DISCOVER` for 1. */
export function dhcpTypeName(type: number): string {
  return TYPE_NAMES[type - 1] ?? `type ${type}`;
}

/** A DHCP message, read. Addresses in host order. */
export interface DhcpMessage {
  readonly op: number;
  /** Value of option 53. */
  readonly type: number;
  readonly htype: number;
  readonly hops: number;
  readonly xid: number;
  /** Seconds since the client began. */
  readonly secs: number;
  readonly broadcast: boolean;
  readonly ciaddr: Ipv4;
  readonly yiaddr: Ipv4;
  readonly siaddr: Ipv4;
  readonly giaddr: Ipv4;
  /** `hlen` bytes. */
  readonly chaddr: Uint8Array;
  /** By code; what came in pieces or in overloaded fields is put together (RFC 3396). Option 53 is in `type` too. */
  readonly options: DhcpOptions;
}

/** Why bytes are no DHCP message. */
export type DhcpDefect = 'short' | 'op' | 'magic' | 'hlen' | 'options' | 'type';

/** Reads a message: the UDP payload. What it returns holds no view of `bytes`. */
export function readDhcp(bytes: Uint8Array): DhcpMessage | DhcpDefect {
  if (bytes.length < DHCP_HLEN) return 'short';
  const buffer = Buffer.from(bytes);
  const header = dhcpLayout.decode(buffer);
  if (header.magic !== DHCP_MAGIC) return 'magic';
  if (header.op !== BOOTREQUEST && header.op !== BOOTREPLY) return 'op';
  if (header.hlen > CHADDR_LENGTH) return 'hlen';
  const options = unpackOptions(buffer.subarray(DHCP_HLEN), header.file, header.sname);
  if (options === null) return 'options';
  const type = options.get(OPT_MESSAGE_TYPE);
  if (type?.length !== 1 || type[0]! < DHCPDISCOVER || type[0]! > DHCPINFORM) return 'type';
  const { op, htype, hops, xid, secs, ciaddr, yiaddr, siaddr, giaddr } = header;
  return {
    op,
    htype,
    hops,
    xid,
    secs,
    ciaddr,
    yiaddr,
    siaddr,
    giaddr,
    type: type[0]!,
    broadcast: (header.flags & FLAG_BROADCAST) !== 0,
    chaddr: header.chaddr.subarray(0, header.hlen),
    options,
  };
}

/** A message as bytes, and the options for which it had no room. */
export interface WrittenDhcp {
  readonly bytes: Uint8Array;
  readonly omitted: readonly number[];
}

/**
 * Writes a message of at most `most` bytes, at least 300. Option 53 goes first, the others in the order of the map; where they
 * do not fit they go on in `file` and `sname` (option 52), and what then has no room is left out.
 */
export function writeDhcp(message: DhcpMessage, most: number = DHCP_MTU): WrittenDhcp {
  const room = Math.max(most, LEAST_LENGTH) - DHCP_HLEN;
  const options = new Map([[OPT_MESSAGE_TYPE, Uint8Array.of(message.type)], ...message.options]);
  const { main, file, sname, omitted } = packOptions(options, room, FILE_LENGTH, SNAME_LENGTH);
  const bytes = Buffer.alloc(Math.max(LEAST_LENGTH, DHCP_HLEN + main.length));
  const { op, htype, hops, xid, secs, ciaddr, yiaddr, siaddr, giaddr } = message;
  dhcpLayout.encode(
    {
      op,
      htype,
      hops,
      xid,
      secs,
      ciaddr,
      yiaddr,
      siaddr,
      giaddr,
      hlen: message.chaddr.length,
      flags: message.broadcast ? FLAG_BROADCAST : 0,
      chaddr: Buffer.concat([message.chaddr], CHADDR_LENGTH),
      sname: Buffer.alloc(SNAME_LENGTH),
      file: Buffer.alloc(FILE_LENGTH),
      magic: DHCP_MAGIC,
    },
    bytes,
  );
  bytes.set(main, DHCP_HLEN);
  bytes.set(file, FILE);
  bytes.set(sname, SNAME);
  return { bytes, omitted };
}
