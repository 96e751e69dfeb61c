import type { Machine } from '../../device/machine.ts';
import { fold } from '../../device/memory/checksum.ts';
import { CHECKSUM_PARTIAL, GSO_TCPV4, GSO_UDP_L4, type Packet } from '../../device/memory/packet.ts';
import type { Segmenter } from '../../device/netdevice/segment.ts';
import {
  IP_DESTINATION,
  IP_HLEN,
  IP_IDENTIFICATION,
  IP_PROTOCOL,
  IP_SOURCE,
  IP_TOTAL_LENGTH,
  IP_VERSION_IHL,
  IPPROTO_TCP,
  IPPROTO_UDP,
  ipv4HeaderLength,
  pseudoHeaderSum,
  setIpv4Checksum,
} from '../wire/ipv4.ts';
import {
  TCP_CHECKSUM,
  TCP_FLAGS,
  TCP_HLEN,
  TCP_SEQUENCE,
  TH_CWR,
  TH_FIN,
  TH_PSH,
  tcpHeaderLength,
} from '../wire/tcp.ts';
import { UDP_CHECKSUM, UDP_HLEN, UDP_LENGTH } from '../wire/udp.ts';

/** Sets the IPv4 header of a segment right: its length, and an identification of its own (Linux: `inet_gso_segment`). */
function finishIpv4(segment: Packet, index: number): void {
  const { view } = segment.pool;
  const at = segment.network;
  view.setUint16(at + IP_TOTAL_LENGTH, segment.length - (at - segment.start));
  const id = view.getUint16(at + IP_IDENTIFICATION);
  view.setUint16(at + IP_IDENTIFICATION, (id + index) & 0xffff);
  setIpv4Checksum(view, at, ipv4HeaderLength(view, at));
}

/** The sum that the device adds the rest to. */
function pseudoSum(segment: Packet, protocol: number): number {
  const { view } = segment.pool;
  const at = segment.network;
  const bytes = segment.length - (segment.transport - segment.start);
  const source = view.getUint32(at + IP_SOURCE);
  return fold(pseudoHeaderSum(source, view.getUint32(at + IP_DESTINATION), protocol, bytes));
}

/** Whether the linear part holds an IPv4 header and, right behind it, as much of one of `protocol`. */
function hasHeaders(packet: Packet, protocol: number, transportLength: number): boolean {
  const { network, transport, end } = packet;
  const { view } = packet.pool;
  return (
    network >= packet.start &&
    network + IP_HLEN <= end &&
    transport + transportLength <= end &&
    view.getUint8(network + IP_VERSION_IHL) >>> 4 === 4 &&
    transport === network + ipv4HeaderLength(view, network) &&
    view.getUint8(network + IP_PROTOCOL) === protocol
  );
}

/** Leaves the checksum open at the field that the protocol has for it, wherever the super-segment said that it is. */
function leaveChecksum(segment: Packet, offset: number, protocol: number): void {
  segment.checksum = CHECKSUM_PARTIAL;
  segment.checksumStart = segment.transport;
  segment.checksumOffset = offset;
  segment.pool.view.setUint16(segment.transport + offset, pseudoSum(segment, protocol));
}

/** Linux: `tcp_gso_segment`. FIN and PSH are the last segment's, CWR the first one's. */
const tcp: Segmenter = {
  headerLength(packet) {
    if (!hasHeaders(packet, IPPROTO_TCP, TCP_HLEN)) return 0;
    const own = tcpHeaderLength(packet.pool.view, packet.transport);
    if (own < TCP_HLEN || packet.transport + own > packet.end) return 0;
    return packet.transport - packet.start + own;
  },
  finish(segment, index, offset, last) {
    const { view } = segment.pool;
    const at = segment.transport;
    finishIpv4(segment, index);
    view.setUint32(at + TCP_SEQUENCE, view.getUint32(at + TCP_SEQUENCE) + offset);
    let flags = view.getUint8(at + TCP_FLAGS);
    if (!last) flags &= ~(TH_FIN | TH_PSH);
    if (index > 0) flags &= ~TH_CWR;
    view.setUint8(at + TCP_FLAGS, flags);
    leaveChecksum(segment, TCP_CHECKSUM, IPPROTO_TCP);
  },
};

/** Linux: `__udp_gso_segment`: a datagram each. */
const udp: Segmenter = {
  headerLength: (packet) =>
    hasHeaders(packet, IPPROTO_UDP, UDP_HLEN) ? packet.transport - packet.start + UDP_HLEN : 0,
  finish(segment, index) {
    const { view } = segment.pool;
    const at = segment.transport;
    finishIpv4(segment, index);
    view.setUint16(at + UDP_LENGTH, segment.length - (at - segment.start));
    leaveChecksum(segment, UDP_CHECKSUM, IPPROTO_UDP);
  },
};

/** Teaches a machine to cut super-segments of IPv4 for links that can't carry them. */
export function addSegmenters({ segmenters }: Machine): void {
  segmenters.set(GSO_TCPV4, tcp);
  segmenters.set(GSO_UDP_L4, udp);
}
