import { fold } from '../../device/memory/checksum.ts';
import { GSO_TCPV4, GSO_UDP_L4, type Packet } from '../../device/memory/packet.ts';
import type { Netns } from '../../device/netdevice/netns.ts';
import type { Segmenter } from '../../device/netdevice/segment.ts';
import {
  IP_DESTINATION,
  IP_HLEN,
  IP_IDENTIFICATION,
  IP_SOURCE,
  IP_TOTAL_LENGTH,
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

function hasHeaders(packet: Packet, transportLength: number): boolean {
  return packet.network + IP_HLEN <= packet.end && packet.transport + transportLength <= packet.end;
}

/** Linux: `tcp_gso_segment`. FIN and PSH are the last segment's, CWR the first one's. */
const tcp: Segmenter = {
  headerLength(packet) {
    if (!hasHeaders(packet, TCP_HLEN)) return 0;
    const length = packet.transport - packet.start + tcpHeaderLength(packet.pool.view, packet.transport);
    return packet.start + length <= packet.end ? length : 0;
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
    view.setUint16(at + TCP_CHECKSUM, pseudoSum(segment, IPPROTO_TCP));
  },
};

/** Linux: `__udp_gso_segment`: a datagram each. */
const udp: Segmenter = {
  headerLength: (packet) => (hasHeaders(packet, UDP_HLEN) ? packet.transport - packet.start + UDP_HLEN : 0),
  finish(segment, index) {
    const { view } = segment.pool;
    const at = segment.transport;
    finishIpv4(segment, index);
    view.setUint16(at + UDP_LENGTH, segment.length - (at - segment.start));
    view.setUint16(at + UDP_CHECKSUM, pseudoSum(segment, IPPROTO_UDP));
  },
};

/** Teaches a namespace to cut super-segments of IPv4 for devices that can't carry them. */
export function addSegmenters(ns: Netns): void {
  ns.addSegmenter(GSO_TCPV4, tcp);
  ns.addSegmenter(GSO_UDP_L4, udp);
}
