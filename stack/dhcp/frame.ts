import { ETH_P_IP } from '../../device/frame/ethernet.ts';
import type { MacAddress } from '../../device/frame/mac.ts';
import { checksum } from '../../device/memory/checksum.ts';
import {
  CHECKSUM_PARTIAL,
  CHECKSUM_UNNECESSARY,
  PACKET_OTHERHOST,
  type Packet,
} from '../../device/memory/packet.ts';
import type { PacketPool } from '../../device/memory/pool.ts';
import type { NetDevice } from '../../device/netdevice/netdevice.ts';
import type { Ipv4 } from '../wire/address.ts';
import {
  IP_DESTINATION,
  IP_FRAGMENT,
  IP_HLEN,
  IP_MF,
  IP_OFFSET_MASK,
  IP_PROTOCOL,
  IP_SOURCE,
  IP_TOS,
  IP_TOTAL_LENGTH,
  IP_TTL,
  IP_VERSION_IHL,
  IPPROTO_UDP,
  ipv4HeaderLength,
  ipv4HeaderSum,
  isIpv4Header,
  pseudoHeaderSum,
  setIpv4Checksum,
} from '../wire/ipv4.ts';
import { UDP_CHECKSUM, UDP_DESTINATION, UDP_HLEN, UDP_LENGTH, UDP_SOURCE } from '../wire/udp.ts';

/** DHCP without the IP layer: while a host has no address, that neither sends for it nor receives what is meant for it. */

/** Where a datagram comes from and goes to. */
export interface Ends {
  readonly source: Ipv4;
  readonly sourcePort: number;
  readonly destination: Ipv4;
  readonly destinationPort: number;
}

const VERSION_AND_LENGTH = 0x45;
const TTL = 64;

/** Makes a UDP datagram whose `start` is its header; null when the pool is empty. */
export function udpDatagram(pool: PacketPool, payload: Uint8Array, ends: Ends): Packet | null {
  const length = UDP_HLEN + payload.length;
  const packet = pool.alloc(length);
  if (packet === null) return null;
  const at = packet.put(length);
  const { view, u8 } = pool;
  view.setUint16(at + UDP_SOURCE, ends.sourcePort);
  view.setUint16(at + UDP_DESTINATION, ends.destinationPort);
  view.setUint16(at + UDP_LENGTH, length);
  view.setUint16(at + UDP_CHECKSUM, 0);
  u8.set(payload, at + UDP_HLEN);
  const pseudo = pseudoHeaderSum(ends.source, ends.destination, IPPROTO_UDP, length);
  view.setUint16(at + UDP_CHECKSUM, checksum(pool, at, length, pseudo) || 0xffff);
  return packet;
}

/** The same as a frame for `mac`, handed to the device: a `NET_XMIT_*` code, or -1 when the pool is empty. */
export function transmitDatagram(dev: NetDevice, payload: Uint8Array, ends: Ends, mac: MacAddress): number {
  const packet = udpDatagram(dev.ns.machine.pool, payload, ends);
  if (packet === null) return -1;
  const at = packet.push(IP_HLEN);
  const { view, u8 } = packet.pool;
  u8.fill(0, at, at + IP_HLEN);
  view.setUint8(at + IP_VERSION_IHL, VERSION_AND_LENGTH);
  view.setUint8(at + IP_TOS, 0);
  view.setUint16(at + IP_TOTAL_LENGTH, packet.length);
  view.setUint8(at + IP_TTL, TTL);
  view.setUint8(at + IP_PROTOCOL, IPPROTO_UDP);
  view.setUint32(at + IP_SOURCE, ends.source);
  view.setUint32(at + IP_DESTINATION, ends.destination);
  setIpv4Checksum(view, at, IP_HLEN);
  packet.network = at;
  dev.pushHeader(packet, mac, dev.address, ETH_P_IP);
  return dev.transmit(packet);
}

/** The payload of a received frame that is a whole, right datagram for UDP port `port`, copied; null for any other frame. */
export function datagramFor(packet: Packet, port: number): Uint8Array | null {
  if (packet.protocol !== ETH_P_IP || packet.packetType === PACKET_OTHERHOST) return null;
  if (packet.gsoSize > 0 || packet.payloadLength > 0) return null;
  const { pool, start } = packet;
  const { view } = pool;
  if (!isIpv4Header(pool, start, packet.end - start)) return null;
  if (view.getUint8(start + IP_PROTOCOL) !== IPPROTO_UDP) return null;
  if ((view.getUint16(start + IP_FRAGMENT) & (IP_MF | IP_OFFSET_MASK)) !== 0) return null;
  const header = ipv4HeaderLength(view, start);
  const total = view.getUint16(start + IP_TOTAL_LENGTH);
  const at = start + header;
  if (total < header + UDP_HLEN || start + total > packet.end) return null;
  if (view.getUint16(at + UDP_DESTINATION) !== port) return null;
  const length = view.getUint16(at + UDP_LENGTH);
  if (length < UDP_HLEN || header + length > total) return null;
  if (ipv4HeaderSum(view, start, header) !== 0xffff || !hasRightSum(packet, at, length)) return null;
  return pool.u8.slice(at + UDP_HLEN, at + length);
}

function hasRightSum(packet: Packet, at: number, length: number): boolean {
  const { pool, start } = packet;
  const { view } = pool;
  if (packet.checksum === CHECKSUM_PARTIAL || packet.checksum === CHECKSUM_UNNECESSARY) return true;
  if (view.getUint16(at + UDP_CHECKSUM) === 0) return true;
  const source = view.getUint32(start + IP_SOURCE);
  const destination = view.getUint32(start + IP_DESTINATION);
  return checksum(pool, at, length, pseudoHeaderSum(source, destination, IPPROTO_UDP, length)) === 0;
}
