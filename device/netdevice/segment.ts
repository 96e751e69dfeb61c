import { DROP_POOL_EXHAUSTED, dropReason } from '../drop.ts';
import { checksumIsInside, completeChecksum } from '../memory/complete-checksum.ts';
import { copyBytes } from '../memory/copy.ts';
import {
  CHECKSUM_PARTIAL,
  GSO_ECN,
  GSO_TCPV4,
  GSO_TCPV6,
  GSO_UDP_L4,
  type Packet,
} from '../memory/packet.ts';
import { moveOwner } from '../memory/packet-owner.ts';
import {
  ANY_CSUM,
  NETIF_F_GSO_UDP_L4,
  NETIF_F_SG,
  NETIF_F_TSO,
  NETIF_F_TSO_ECN,
  NETIF_F_TSO6,
} from './features.ts';
import { NET_XMIT_DROP, NET_XMIT_SUCCESS } from './flags.ts';
import type { LinkStatistics } from './statistics.ts';

/** A super-segment of a kind that nobody here knows how to cut, for a device that can't carry it. */
export const DROP_SEGMENT_UNKNOWN: number = dropReason('segment_unknown');
/** An open checksum whose field lies outside of the packet. */
export const DROP_CHECKSUM_OUTSIDE: number = dropReason('checksum_outside');

/** How packets of one kind are cut: what of it depends on the protocols, of which this floor knows nothing. */
export interface Segmenter {
  /** Bytes from `packet.start` to the payload; 0: its headers can't be read. */
  headerLength(packet: Packet): number;
  /**
   * Sets the headers of one segment right, which are a copy of the super-segment's: `offset` is that of its payload in the whole,
   * `index` counts from 0. Its checksum stays open.
   */
  finish(segment: Packet, index: number, offset: number, last: boolean): void;
}

/** Who sends: a device, or a port of a switch. */
export interface Sender {
  /** What its link does of the work (`NETIF_F_*`). */
  readonly features: number;
  readonly statistics: LinkStatistics;
  /** How super-segments of a kind (`GSO_*`) are cut; null: nobody knows. */
  segmenter(gsoType: number): Segmenter | null;
  /** Releases a packet that can't be sent, and counts it under `reason`. */
  drop(packet: Packet, reason: number): void;
}

/** What a super-segment of a kind needs of the link that is to carry it. */
function gsoFeatures(gsoType: number): number {
  const ecn = (gsoType & GSO_ECN) !== 0 ? NETIF_F_TSO_ECN : 0;
  switch (gsoType & ~GSO_ECN) {
    case GSO_TCPV4:
      return NETIF_F_TSO | ecn;
    case GSO_TCPV6:
      return NETIF_F_TSO6 | ecn;
    case GSO_UDP_L4:
      return NETIF_F_GSO_UDP_L4;
    default:
      return -1;
  }
}

/** Whether a link with these features carries a packet as the super-segment that it is; one that is none passes everywhere. */
function carriesSegments(packet: Packet, features: number): boolean {
  if (packet.gsoSize === 0) return true;
  const needed = gsoFeatures(packet.gsoType);
  return (features & needed) === needed;
}

/**
 * Sends a packet that asks something of its link: a super-segment, an open checksum, gathered payload. What the link can't do
 * is done here before `send` gets it (Linux: `validate_xmit_skb`). Takes the packet's ownership; a `NET_XMIT_*` code.
 */
export function sendFitted(sender: Sender, packet: Packet, send: (packet: Packet) => number): number {
  const { features } = sender;
  if (!carriesSegments(packet, features)) return sendSegments(sender, packet, features, send);
  const open = packet.checksum === CHECKSUM_PARTIAL && (features & ANY_CSUM) === 0;
  if (open && !checksumIsInside(packet)) return refuse(sender, packet, DROP_CHECKSUM_OUTSIDE);
  const gathered = packet.payloadLength > 0 && (features & NETIF_F_SG) === 0;
  let own = packet;
  if (gathered || (open && packet.references > 1)) {
    const copy = packet.pool.copy(packet);
    if (copy === null) return refuse(sender, packet, DROP_POOL_EXHAUSTED);
    moveOwner(packet, copy);
    packet.release();
    own = copy;
  }
  if (open) completeChecksum(own);
  return send(own);
}

/**
 * Cuts a super-segment and sends the pieces (Linux: `skb_gso_segment`), fit for a link with `features`. Takes the packet's ownership; the
 * last `NET_XMIT_*` code that was no success.
 */
export function sendSegments(
  sender: Sender,
  packet: Packet,
  features: number,
  send: (packet: Packet) => number,
): number {
  const segmenter = sender.segmenter(packet.gsoType & ~GSO_ECN);
  const headers = segmenter === null ? 0 : segmenter.headerLength(packet);
  if (segmenter === null || headers === 0) return refuse(sender, packet, DROP_SEGMENT_UNKNOWN);
  const bytes = packet.length - headers;
  const size = packet.gsoSize;
  let result = NET_XMIT_SUCCESS;
  let offset = 0;
  let index = 0;
  do {
    const part = Math.min(size, bytes - offset);
    const segment = cut(packet, headers, offset, part, (features & NETIF_F_SG) !== 0);
    if (segment === null) return refuse(sender, packet, DROP_POOL_EXHAUSTED);
    const last = offset + part === bytes;
    segmenter.finish(segment, index, offset, last);
    if (last) moveOwner(packet, segment);
    if (segment.checksum === CHECKSUM_PARTIAL && (features & ANY_CSUM) === 0) completeChecksum(segment);
    const sent = send(segment);
    if (sent !== NET_XMIT_SUCCESS) result = sent;
    offset += part;
    index++;
  } while (offset < bytes);
  packet.release();
  return result;
}

function refuse(sender: Sender, packet: Packet, reason: number): number {
  sender.statistics.txDropped++;
  sender.drop(packet, reason);
  return NET_XMIT_DROP;
}

/** One segment: headers and what lies behind them copied, the rest pointed at where `gathers`, or else copied too. */
function cut(
  packet: Packet,
  headers: number,
  offset: number,
  bytes: number,
  gathers: boolean,
): Packet | null {
  const { pool } = packet;
  /** Bytes of its payload that lie behind the headers, and where the others are. */
  const behind = Math.max(0, Math.min(bytes, packet.end - packet.start - headers - offset));
  const others = packet.payload + Math.max(0, offset - (packet.end - packet.start - headers));
  const pointed = gathers && packet.payloadPage >= 0 && behind < bytes;
  const segment = pool.alloc(headers + (pointed ? behind : bytes));
  if (segment === null) return null;
  const { u8 } = pool;
  const at = segment.put(headers);
  copyBytes(u8, packet.start, u8, at, headers);
  if (behind > 0) copyBytes(u8, packet.start + headers + offset, u8, segment.put(behind), behind);
  if (pointed) {
    segment.payload = others;
    segment.payloadLength = bytes - behind;
    segment.payloadPage = packet.payloadPage;
    pool.pages.retain(packet.payloadPage);
  } else if (behind < bytes) {
    copyBytes(u8, others, u8, segment.put(bytes - behind), bytes - behind);
  }
  const shift = at - packet.start;
  segment.link = packet.link + shift;
  segment.network = packet.network + shift;
  segment.transport = packet.transport + shift;
  segment.protocol = packet.protocol;
  segment.packetType = packet.packetType;
  segment.ifindex = packet.ifindex;
  segment.vlanTci = packet.vlanTci;
  segment.priority = packet.priority;
  segment.mark = packet.mark;
  segment.checksum = packet.checksum;
  segment.checksumStart = packet.checksumStart + shift;
  segment.checksumOffset = packet.checksumOffset;
  return segment;
}
