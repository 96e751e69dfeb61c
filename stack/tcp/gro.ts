import { GSO_ECN, GSO_TCPV4, type Packet } from '../../device/memory/packet.ts';
import type { HeldPacket, Merger } from '../../device/netdevice/gro.ts';
import { completeSuperSegment, headerContinues, sameEnds, validatesChecksum } from '../ip/gro.ts';
import { IPPROTO_TCP } from '../wire/ipv4.ts';
import {
  TCP_ACKNOWLEDGMENT,
  TCP_CHECKSUM,
  TCP_DATA_OFFSET,
  TCP_FLAGS,
  TCP_HLEN,
  TCP_SEQUENCE,
  TCP_WINDOW,
  TH_CWR,
  TH_FIN,
  TH_PSH,
  TH_RST,
  TH_SYN,
  TH_URG,
  tcpHeaderLength,
} from '../wire/tcp.ts';

/** Nothing follows a segment with one of these. */
const LAST = TH_URG | TH_PSH | TH_RST | TH_SYN | TH_FIN;
/** Flags that only the last of the merged segments may have. */
const OF_THE_LAST = TH_FIN | TH_PSH;

/** Merges segments of one connection that follow each other with the same headers (Linux: `tcp_gro_receive`). */
export class TcpGro implements Merger {
  payload = 0;

  examine(packet: Packet): boolean {
    const at = packet.transport;
    const bytes = packet.end - at;
    if (bytes < TCP_HLEN) return false;
    const header = tcpHeaderLength(packet.pool.view, at);
    if (header < TCP_HLEN || header > bytes || !validatesChecksum(packet, IPPROTO_TCP)) return false;
    this.payload = bytes - header;
    return true;
  }

  sameFlow(held: Packet, packet: Packet): boolean {
    return sameEnds(held, packet);
  }

  continues(held: HeldPacket, packet: Packet): boolean {
    const { payload } = this;
    const first = held.packet!;
    const { view } = packet.pool;
    const a = first.transport;
    const b = packet.transport;
    const flags = view.getUint8(b + TCP_FLAGS);
    if (payload === 0 || payload > held.segment || (flags & TH_CWR) !== 0) return false;
    if (((flags ^ view.getUint8(a + TCP_FLAGS)) & ~OF_THE_LAST) !== 0) return false;
    if (view.getUint8(a + TCP_DATA_OFFSET) !== view.getUint8(b + TCP_DATA_OFFSET)) return false;
    if (view.getUint16(a + TCP_WINDOW) !== view.getUint16(b + TCP_WINDOW)) return false;
    if (view.getUint32(a + TCP_ACKNOWLEDGMENT) !== view.getUint32(b + TCP_ACKNOWLEDGMENT)) return false;
    const header = tcpHeaderLength(view, b);
    for (let at = TCP_HLEN; at < header; at += 4)
      if (view.getUint32(a + at) !== view.getUint32(b + at)) return false;
    const merged = first.end - a - header;
    const next = (view.getUint32(a + TCP_SEQUENCE) + merged) >>> 0;
    return view.getUint32(b + TCP_SEQUENCE) === next && headerContinues(held, packet);
  }

  merge(held: Packet, packet: Packet): void {
    const { view } = packet.pool;
    const at = held.transport + TCP_FLAGS;
    view.setUint8(at, view.getUint8(at) | (view.getUint8(packet.transport + TCP_FLAGS) & OF_THE_LAST));
  }

  ends(packet: Packet, segment: number): boolean {
    const flags = packet.pool.view.getUint8(packet.transport + TCP_FLAGS);
    return this.payload < segment || (flags & LAST) !== 0;
  }

  complete(held: HeldPacket): void {
    const packet = held.packet!;
    const congested = (packet.pool.view.getUint8(packet.transport + TCP_FLAGS) & TH_CWR) !== 0;
    completeSuperSegment(held, IPPROTO_TCP, GSO_TCPV4 | (congested ? GSO_ECN : 0), TCP_CHECKSUM);
  }
}
