import { type Structure, struct, u8, u16be, u32be, u48be } from 'buffer-layout';
import { ETH_HLEN, ETH_P_ARP, ETH_P_IP } from '../../device/frame/ethernet.ts';
import { offsetIn } from '../../device/frame/layout.ts';
import { type MacAddress, setMac } from '../../device/frame/mac.ts';
import { ARPHRD_ETHER, ARPHRD_IEEE802 } from '../../device/netdevice/flags.ts';
import type { Ipv4 } from './address.ts';

/** ARP for IPv4 over Ethernet (RFC 826): 28 bytes behind the link header, network order, named as in the RFC. */
export interface ArpHeader {
  /** Hardware type, `ARPHRD_*`. */
  hrd: number;
  /** Protocol type, an EtherType. */
  pro: number;
  /** Bytes of a hardware address. */
  hln: number;
  /** Bytes of a protocol address. */
  pln: number;
  /** `ARPOP_*`. */
  op: number;
  /** Sender's hardware and protocol address, then the target's. */
  sha: number;
  spa: number;
  tha: number;
  tpa: number;
}

export const arpLayout: Structure<ArpHeader> = struct<ArpHeader>([
  u16be('hrd'),
  u16be('pro'),
  u8('hln'),
  u8('pln'),
  u16be('op'),
  u48be('sha'),
  u32be('spa'),
  u48be('tha'),
  u32be('tpa'),
]);

export const ARP_HRD: number = offsetIn(arpLayout, 'hrd');
export const ARP_PRO: number = offsetIn(arpLayout, 'pro');
export const ARP_HLN: number = offsetIn(arpLayout, 'hln');
export const ARP_PLN: number = offsetIn(arpLayout, 'pln');
export const ARP_OP: number = offsetIn(arpLayout, 'op');
export const ARP_SHA: number = offsetIn(arpLayout, 'sha');
export const ARP_SPA: number = offsetIn(arpLayout, 'spa');
export const ARP_THA: number = offsetIn(arpLayout, 'tha');
export const ARP_TPA: number = offsetIn(arpLayout, 'tpa');
/** Bytes of an ARP message without its link header (Linux: `arp_hdr_len`). */
export const ARP_LENGTH: number = arpLayout.span;
/** Bytes of an ARP frame: only physical drivers pad it to 60. */
export const ARP_FRAME_LENGTH: number = ETH_HLEN + ARP_LENGTH;

/** Operations (Linux: `linux/if_arp.h`). */
export const ARPOP_REQUEST = 1;
export const ARPOP_REPLY = 2;
export const ARPOP_RREQUEST = 3;
export const ARPOP_RREPLY = 4;
export const ARPOP_INREQUEST = 8;

/** `hln` and `pln` of IPv4 over Ethernet, as one 16-bit word. */
const LENGTHS = 0x0604;
const HIGH = 0x1_0000_0000;

/** Whether all of a message lies between `start` and `end`; padding behind it does not matter. */
export function arpFits(start: number, end: number): boolean {
  return end - start >= ARP_LENGTH;
}

/** Whether the address lengths of the message at `at` are those of IPv4 over Ethernet. */
export function arpHasLengths(view: DataView, at: number): boolean {
  return view.getUint16(at + ARP_HLN) === LENGTHS;
}

/** Whether the message at `at` is about IPv4 over Ethernet: hardware type 1 or, as RFC 2625 has it, 6. */
export function arpIsInet(view: DataView, at: number): boolean {
  const hrd = view.getUint16(at + ARP_HRD);
  return (hrd === ARPHRD_ETHER || hrd === ARPHRD_IEEE802) && view.getUint16(at + ARP_PRO) === ETH_P_IP;
}

/** Writes a message at `at`: 28 bytes. */
export function writeArp(
  view: DataView,
  at: number,
  op: number,
  sha: MacAddress,
  spa: Ipv4,
  tha: MacAddress,
  tpa: Ipv4,
): void {
  view.setUint16(at + ARP_HRD, ARPHRD_ETHER);
  view.setUint16(at + ARP_PRO, ETH_P_IP);
  view.setUint16(at + ARP_HLN, LENGTHS);
  view.setUint16(at + ARP_OP, op);
  setMac(view, at + ARP_SHA, sha);
  view.setUint32(at + ARP_SPA, spa);
  setMac(view, at + ARP_THA, tha);
  view.setUint32(at + ARP_TPA, tpa);
}

/**
 * The request frames of one device and address, ready but for destination and target. Its words are kept as they stand in
 * the frame, so that writing one is eleven stores.
 */
export class ArpTemplate {
  readonly source: MacAddress;
  readonly address: Ipv4;
  /** Upper 16 and lower 32 bits of the source; the address. As signed words, which no engine boxes. */
  readonly #words: Int32Array;

  constructor(source: MacAddress, address: Ipv4) {
    this.source = source;
    this.address = address;
    this.#words = Int32Array.of(source / HIGH, source % HIGH, address);
  }

  /** Writes the broadcast request for `target` at `at`: 42 bytes. With the template's own address it is an announcement. */
  write(view: DataView, at: number, target: number): void {
    const words = this.#words;
    const high = words[0]!;
    const low = words[1]!;
    view.setInt32(at, -1);
    view.setInt32(at + 4, (0xffff << 16) | high);
    view.setInt32(at + 8, low);
    view.setInt32(at + 12, (ETH_P_ARP << 16) | ARPHRD_ETHER);
    view.setInt32(at + 16, (ETH_P_IP << 16) | LENGTHS);
    view.setInt32(at + 20, (ARPOP_REQUEST << 16) | high);
    view.setInt32(at + 24, low);
    view.setInt32(at + 28, words[2]!);
    view.setInt32(at + 32, 0);
    view.setInt32(at + 36, target >>> 16);
    view.setInt16(at + 40, target);
  }

  /** Writes the announcement of the template's address at `at` (RFC 5227, section 1.1). */
  writeAnnouncement(view: DataView, at: number): void {
    this.write(view, at, this.#words[2]!);
  }
}
