import { type Structure, struct, u8, u16be, u32be, u48be } from 'buffer-layout';
import {
  ETH_DESTINATION,
  ETH_HLEN,
  ETH_P_ARP,
  ETH_P_IP,
  ETH_SOURCE,
  ETH_TYPE,
} from '../../device/frame/ethernet.ts';
import { offsetIn } from '../../device/frame/layout.ts';
import { MAC_BROADCAST, MAC_ZERO, type MacAddress, setMac } from '../../device/frame/mac.ts';
import { LITTLE_ENDIAN } from '../../device/memory/checksum.ts';
import type { PacketPool } from '../../device/memory/pool.ts';
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

/** Where the 32-bit words of a frame begin: its second half-word, which in a fresh slot lies on a word boundary. */
const FIRST_WORD = 2;
const WORDS = (ARP_FRAME_LENGTH - FIRST_WORD) / 4;

/**
 * The request frames of one device and address, ready but for the target. Its words are kept in memory order, so that writing
 * a frame is one half-word, nine words copied, and the target.
 */
export class ArpTemplate {
  readonly source: MacAddress;
  readonly address: Ipv4;
  readonly #words: Int32Array;

  constructor(source: MacAddress, address: Ipv4) {
    this.source = source;
    this.address = address;
    const frame = new DataView(new ArrayBuffer(ARP_FRAME_LENGTH));
    setMac(frame, ETH_DESTINATION, MAC_BROADCAST);
    setMac(frame, ETH_SOURCE, source);
    frame.setUint16(ETH_TYPE, ETH_P_ARP);
    writeArp(frame, ETH_HLEN, ARPOP_REQUEST, source, address, MAC_ZERO, 0);
    this.#words = new Int32Array(frame.buffer.slice(FIRST_WORD));
  }

  /** Writes the broadcast request for `target` at `at`: 42 bytes. With the template's own address it is an announcement. */
  write(pool: PacketPool, at: number, target: number): void {
    const from = this.#words;
    const { view, i32 } = pool;
    view.setInt16(at, -1);
    if (((at + FIRST_WORD) & 3) === 0) {
      const to = (at + FIRST_WORD) >>> 2;
      i32[to] = from[0]!;
      i32[to + 1] = from[1]!;
      i32[to + 2] = from[2]!;
      i32[to + 3] = from[3]!;
      i32[to + 4] = from[4]!;
      i32[to + 5] = from[5]!;
      i32[to + 6] = from[6]!;
      i32[to + 7] = from[7]!;
      i32[to + 8] = from[8]!;
    } else {
      for (let i = 0; i < WORDS; i++) view.setInt32(at + FIRST_WORD + i * 4, from[i]!, LITTLE_ENDIAN);
    }
    view.setInt32(at + ETH_HLEN + ARP_TPA, target);
  }

  /** Writes the announcement of the template's address at `at` (RFC 5227, section 1.1). */
  writeAnnouncement(pool: PacketPool, at: number): void {
    this.write(pool, at, this.address | 0);
  }
}
