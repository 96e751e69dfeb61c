import { DROP_POOL_EXHAUSTED, dropReason } from '../drop.ts';
import { completeChecksum } from '../memory/complete-checksum.ts';
import {
  CHECKSUM_PARTIAL,
  GSO_ECN,
  GSO_TCPV4,
  GSO_TCPV6,
  GSO_UDP_L4,
  type Packet,
} from '../memory/packet.ts';
import { moveOwner } from '../memory/packet-owner.ts';
import { copyBytes } from '../memory/pool.ts';
import {
  NETIF_F_GSO_UDP_L4,
  NETIF_F_HW_CSUM,
  NETIF_F_IP_CSUM,
  NETIF_F_IPV6_CSUM,
  NETIF_F_SG,
  NETIF_F_TSO,
  NETIF_F_TSO6,
} from './features.ts';
import { NET_XMIT_DROP, NET_XMIT_SUCCESS } from './flags.ts';
import type { NetDevice } from './netdevice.ts';

/** A super-segment of a kind that nobody here knows how to cut, for a device that can't carry it. */
export const DROP_SEGMENT_UNKNOWN: number = dropReason('segment_unknown');

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

const ANY_CSUM = NETIF_F_HW_CSUM | NETIF_F_IP_CSUM | NETIF_F_IPV6_CSUM;

function gsoFeature(gsoType: number): number {
  switch (gsoType & ~GSO_ECN) {
    case GSO_TCPV4:
      return NETIF_F_TSO;
    case GSO_TCPV6:
      return NETIF_F_TSO6;
    case GSO_UDP_L4:
      return NETIF_F_GSO_UDP_L4;
    default:
      return 0;
  }
}

/**
 * Sends a packet that asks something of its device: a super-segment, an open checksum, gathered payload. What the device can't do
 * is done here before `send` gets it (Linux: `validate_xmit_skb`). Takes the packet's ownership; a `NET_XMIT_*` code.
 */
export function sendFitted(dev: NetDevice, packet: Packet, send: (packet: Packet) => number): number {
  const { features } = dev;
  if (packet.gsoSize !== 0 && (features & gsoFeature(packet.gsoType)) === 0)
    return sendSegments(dev, packet, send);
  const own = fit(packet, features);
  if (own === null) {
    dev.statistics.txDropped++;
    dev.drop(packet, DROP_POOL_EXHAUSTED);
    return NET_XMIT_DROP;
  }
  return send(own);
}

/** A packet that a device with `features` takes: itself, or a linear copy. Null: no packet was free, and it is still the caller's. */
function fit(packet: Packet, features: number): Packet | null {
  const gathered = packet.payloadLength > 0 && (features & NETIF_F_SG) === 0;
  const open = packet.checksum === CHECKSUM_PARTIAL && (features & ANY_CSUM) === 0;
  let own = packet;
  if (gathered || (open && packet.references > 1)) {
    const copy = packet.pool.copy(packet);
    if (copy === null) return null;
    moveOwner(packet, copy);
    packet.release();
    own = copy;
  }
  if (open) completeChecksum(own);
  return own;
}

/** Cuts a super-segment and sends the pieces (Linux: `skb_gso_segment`). */
function sendSegments(dev: NetDevice, packet: Packet, send: (packet: Packet) => number): number {
  const segmenter = dev.ns.segmenter(packet.gsoType & ~GSO_ECN);
  const headers = segmenter === null ? 0 : segmenter.headerLength(packet);
  if (segmenter === null || headers === 0) {
    dev.statistics.txDropped++;
    dev.drop(packet, DROP_SEGMENT_UNKNOWN);
    return NET_XMIT_DROP;
  }
  const bytes = packet.length - headers;
  const size = packet.gsoSize;
  let result = NET_XMIT_SUCCESS;
  let offset = 0;
  let index = 0;
  do {
    const part = Math.min(size, bytes - offset);
    const segment = cut(packet, headers, offset, part, (dev.features & NETIF_F_SG) !== 0);
    if (segment === null) {
      dev.statistics.txDropped++;
      dev.drop(packet, DROP_POOL_EXHAUSTED);
      return NET_XMIT_DROP;
    }
    const last = offset + part === bytes;
    segmenter.finish(segment, index, offset, last);
    if (last) moveOwner(packet, segment);
    if (segment.checksum === CHECKSUM_PARTIAL && (dev.features & ANY_CSUM) === 0) completeChecksum(segment);
    const sent = send(segment);
    if (sent !== NET_XMIT_SUCCESS) result = sent;
    offset += part;
    index++;
  } while (offset < bytes);
  packet.release();
  return result;
}

/** One segment: the headers copied, the payload pointed at where `gathers`, or else copied. */
function cut(
  packet: Packet,
  headers: number,
  offset: number,
  bytes: number,
  gathers: boolean,
): Packet | null {
  const { pool } = packet;
  const linear = packet.end - packet.start;
  const pointed = gathers && packet.payloadPage >= 0 && linear === headers;
  const segment = pool.alloc(pointed ? headers : headers + bytes);
  if (segment === null) return null;
  const { u8 } = pool;
  const at = segment.put(headers);
  copyBytes(u8, packet.start, u8, at, headers);
  if (pointed) {
    segment.payload = packet.payload + offset;
    segment.payloadLength = bytes;
    segment.payloadPage = packet.payloadPage;
    pool.pages.retain(packet.payloadPage);
  } else {
    const to = segment.put(bytes);
    const first = Math.max(0, Math.min(bytes, linear - headers - offset));
    copyBytes(u8, packet.start + headers + offset, u8, to, first);
    const behind = packet.payload + headers + offset + first - linear;
    copyBytes(u8, behind, u8, to + first, bytes - first);
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
