import { type Structure, struct, u8, u16 } from 'buffer-layout';
import { dropReason } from '../drop.ts';
import { offsetIn } from '../frame/layout.ts';
import {
  CHECKSUM_NONE,
  CHECKSUM_PARTIAL,
  CHECKSUM_UNNECESSARY,
  GSO_ECN,
  GSO_NONE,
  GSO_TCPV4,
  GSO_TCPV6,
  GSO_UDP_L4,
  type Packet,
} from '../memory/packet.ts';

/** The virtio network header (virtio 1.1, 5.1.6; Linux: `struct virtio_net_hdr`), here always little-endian. */
export interface VnetHeader {
  flags: number;
  gsoType: number;
  headerLength: number;
  gsoSize: number;
  checksumStart: number;
  checksumOffset: number;
}

export const vnetLayout: Structure<VnetHeader> = struct<VnetHeader>([
  u8('flags'),
  u8('gsoType'),
  u16('headerLength'),
  u16('gsoSize'),
  u16('checksumStart'),
  u16('checksumOffset'),
]);

const FLAGS = offsetIn(vnetLayout, 'flags');
const GSO_TYPE = offsetIn(vnetLayout, 'gsoType');
const HEADER_LENGTH = offsetIn(vnetLayout, 'headerLength');
const GSO_SIZE = offsetIn(vnetLayout, 'gsoSize');
const CHECKSUM_START = offsetIn(vnetLayout, 'checksumStart');
const CHECKSUM_OFFSET = offsetIn(vnetLayout, 'checksumOffset');
/** Bytes of the header; longer forms append fields, which are written as zeros and not read. */
export const VNET_HLEN: number = vnetLayout.span;

/** What {@link readVnetHeader} answers when nothing is wrong: no drop reason. */
export const VNET_OK = -1;
/** The checksum to fill in lies behind the frame's end, or is missing from a super-segment. */
export const DROP_VNET_CHECKSUM: number = dropReason('vnet_checksum');
/** Headers longer than the frame. */
export const DROP_VNET_HEADER_LENGTH: number = dropReason('vnet_header_length');
/** A kind of super-segment that is none, or was not asked for. */
export const DROP_VNET_GSO_TYPE: number = dropReason('vnet_gso_type');
/** A super-segment of segments of 0 bytes. */
export const DROP_VNET_GSO_SIZE: number = dropReason('vnet_gso_size');

export const VIRTIO_NET_HDR_F_NEEDS_CSUM = 1;
export const VIRTIO_NET_HDR_F_DATA_VALID = 2;

/** Byte of the TCP header whose high nibble is its length in words (RFC 9293 section 3.1). */
const TCP_DATA_OFFSET = 12;
const TCP_HLEN = 20;
const TCP_CHECKSUM = 16;
const UDP_HLEN = 8;
const UDP_CHECKSUM = 6;
/** A size that has another meaning inside of Linux, which refuses it here. */
const GSO_BY_FRAGS = 0xffff;

/** Writes the `size` bytes of header at `at`, for the frame of `packet` that begins at `frame` (Linux: `virtio_net_hdr_from_skb`). */
export function writeVnetHeader(packet: Packet, at: number, size: number, frame: number): void {
  const { view } = packet.pool;
  const partial = packet.checksum === CHECKSUM_PARTIAL;
  view.setUint8(at + FLAGS, partial ? VIRTIO_NET_HDR_F_NEEDS_CSUM : 0);
  view.setUint16(at + CHECKSUM_START, partial ? packet.checksumStart - frame : 0, true);
  view.setUint16(at + CHECKSUM_OFFSET, partial ? packet.checksumOffset : 0, true);
  view.setUint8(at + GSO_TYPE, packet.gsoSize === 0 ? GSO_NONE : packet.gsoType);
  view.setUint16(at + GSO_SIZE, packet.gsoSize, true);
  view.setUint16(at + HEADER_LENGTH, packet.gsoSize === 0 ? 0 : headersOf(packet) - frame, true);
  for (let i = VNET_HLEN; i < size; i++) view.setUint8(at + i, 0);
}

/** Where the headers of a super-segment end. */
function headersOf(packet: Packet): number {
  const transport = packet.checksumStart;
  if ((packet.gsoType & ~GSO_ECN) === GSO_UDP_L4) return transport + UDP_HLEN;
  return transport + (packet.pool.view.getUint8(transport + TCP_DATA_OFFSET) >>> 4) * 4;
}

/**
 * Reads the header at `at` into the fields of `packet`, whose frame lies between `start` and `end`. {@link VNET_OK}, or the reason to
 * drop the frame, with the fields unchanged: the header contradicts itself, the frame, or what was agreed on (Linux:
 * `virtio_net_hdr_to_skb`, `tun_get_user`).
 */
export function readVnetHeader(packet: Packet, view: DataView, at: number): number {
  const flags = view.getUint8(at + FLAGS);
  const gsoType = view.getUint8(at + GSO_TYPE);
  const gsoSize = view.getUint16(at + GSO_SIZE, true);
  const length = packet.end - packet.start;
  const partial = (flags & VIRTIO_NET_HDR_F_NEEDS_CSUM) !== 0;
  const checksumStart = view.getUint16(at + CHECKSUM_START, true);
  const checksumOffset = view.getUint16(at + CHECKSUM_OFFSET, true);
  if (partial && checksumStart + checksumOffset + 2 > length) return DROP_VNET_CHECKSUM;
  if (view.getUint16(at + HEADER_LENGTH, true) > length) return DROP_VNET_HEADER_LENGTH;
  if (gsoType !== GSO_NONE) {
    if (!isNegotiated(gsoType)) return DROP_VNET_GSO_TYPE;
    if (gsoSize === 0 || gsoSize === GSO_BY_FRAGS) return DROP_VNET_GSO_SIZE;
    const isUdp = gsoType === GSO_UDP_L4;
    // A super-segment always comes with a checksum to fill in, at the place that its protocol has for it.
    if (!partial || checksumOffset !== (isUdp ? UDP_CHECKSUM : TCP_CHECKSUM)) return DROP_VNET_CHECKSUM;
    if (checksumStart + (isUdp ? UDP_HLEN : TCP_HLEN) > length) return DROP_VNET_HEADER_LENGTH;
    // As in Linux one that would be one segment is none.
    if (length - checksumStart - (isUdp ? 0 : TCP_HLEN) > gsoSize) {
      packet.gsoType = gsoType;
      packet.gsoSize = gsoSize;
    }
  }
  if (partial) {
    packet.checksum = CHECKSUM_PARTIAL;
    packet.checksumStart = packet.start + checksumStart;
    packet.checksumOffset = checksumOffset;
  } else {
    packet.checksum = (flags & VIRTIO_NET_HDR_F_DATA_VALID) !== 0 ? CHECKSUM_UNNECESSARY : CHECKSUM_NONE;
  }
  return VNET_OK;
}

/** The kinds that are asked for. */
function isNegotiated(gsoType: number): boolean {
  const kind = gsoType & ~GSO_ECN;
  return kind === GSO_TCPV4 || kind === GSO_TCPV6 || gsoType === GSO_UDP_L4;
}
