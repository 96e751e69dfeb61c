import { GSO_UDP_L4, type Packet } from '../../device/memory/packet.ts';
import { NETIF_F_GRO_UDP_FWD } from '../../device/netdevice/features.ts';
import type { HeldPacket, Merger } from '../../device/netdevice/gro.ts';
import type { Netns } from '../../device/netdevice/netns.ts';
import { completeSuperSegment, headerContinues, sameEnds, validatesChecksum } from '../ip/gro.ts';
import { FlowKey } from '../socket/flow-table.ts';
import { IP_DESTINATION, IP_SOURCE, IPPROTO_UDP } from '../wire/ipv4.ts';
import { UDP_CHECKSUM, UDP_DESTINATION, UDP_HLEN, UDP_LENGTH, UDP_SOURCE } from '../wire/udp.ts';
import type { UdpTable } from './table.ts';

/** Datagrams that are merged into one (Linux: `UDP_GRO_CNT_MAX`). */
const MOST_DATAGRAMS = 64;

/** Merges datagrams of one length for those who asked for it: a socket, or a device on the way elsewhere (Linux: `udp_gro_receive`). */
export class UdpGro implements Merger {
  payload = 0;
  readonly #ns: Netns;
  readonly #table: UdpTable;
  readonly #key = new FlowKey();

  constructor(ns: Netns, table: UdpTable) {
    this.#ns = ns;
    this.#table = table;
  }

  examine(packet: Packet): boolean {
    const at = packet.transport;
    const bytes = packet.end - at;
    if (bytes <= UDP_HLEN) return false;
    const { view } = packet.pool;
    if (view.getUint16(at + UDP_LENGTH) !== bytes || view.getUint16(at + UDP_CHECKSUM) === 0) return false;
    if (!this.#wanted(packet) || !validatesChecksum(packet, IPPROTO_UDP)) return false;
    this.payload = bytes - UDP_HLEN;
    return true;
  }

  sameFlow(held: Packet, packet: Packet): boolean {
    return sameEnds(held, packet);
  }

  continues(held: HeldPacket, packet: Packet): boolean {
    return this.payload <= held.segment && headerContinues(held, packet);
  }

  merge(): void {}

  ends(_packet: Packet, segment: number, count: number): boolean {
    return this.payload < segment || count >= MOST_DATAGRAMS;
  }

  complete(held: HeldPacket): void {
    const packet = held.packet!;
    packet.pool.view.setUint16(packet.transport + UDP_LENGTH, packet.end - packet.transport);
    completeSuperSegment(held, IPPROTO_UDP, GSO_UDP_L4, UDP_CHECKSUM);
  }

  #wanted(packet: Packet): boolean {
    const { view } = packet.pool;
    const key = this.#key;
    key.local = view.getUint32(packet.network + IP_DESTINATION);
    key.localPort = view.getUint16(packet.transport + UDP_DESTINATION);
    key.remote = view.getUint32(packet.network + IP_SOURCE);
    key.remotePort = view.getUint16(packet.transport + UDP_SOURCE);
    key.ifindex = packet.ifindex;
    const socket = this.#table.find(key);
    if (socket !== null) return socket.coalesces !== 0;
    const dev = this.#ns.deviceByIndex(packet.ifindex);
    return dev !== undefined && (dev.features & NETIF_F_GRO_UDP_FWD) !== 0;
  }
}
