import type { Packet } from '../../device/memory/packet.ts';
import { RTN_LOCAL, SCOPE_UNIVERSE } from '../wire/address.ts';
import { IP_DESTINATION, IP_SOURCE, IP_TOS as IP_TOS_AT, IP_TTL as IP_TTL_AT } from '../wire/ipv4.ts';
import { UDP_DESTINATION } from '../wire/udp.ts';
import { SOL_IP, SOL_SOCKET } from './abi.ts';
import { IP_PKTINFO, IP_RECVORIGDSTADDR, IP_TOS, IP_TTL } from './inet-options.ts';
import type { InetSocket } from './inet-socket.ts';
import { intBytes, type Message, putControl, putControlInt, writeNetwork32 } from './message.ts';
import type { Socket } from './socket.ts';
import { SO_RXQ_OVFL } from './socket-options.ts';
import { putTimestamps } from './stamp-control.ts';

/** Adds the control messages that every kind of socket can ask for: time of arrival, number of drops. */
export function putSocketControl(socket: Socket, message: Message, packet: Packet): void {
  putTimestamps(socket, message, packet.timestamp, false);
  if (socket.receiveOverflow !== 0 && socket.drops > 0)
    putControlInt(message, SOL_SOCKET, SO_RXQ_OVFL, socket.drops);
}

/** Adds the control messages of level `SOL_IP` that were asked for (Linux: `ip_cmsg_recv`). */
export function putInetControl(socket: InetSocket, message: Message, packet: Packet): void {
  const { view } = packet.pool;
  const at = packet.network;
  if (socket.packetInfo !== 0) {
    const info = new Uint8Array(12);
    const destination = view.getUint32(at + IP_DESTINATION);
    info.set(intBytes(packet.ifindex));
    writeNetwork32(info, 4, specificDestination(socket, packet, destination));
    writeNetwork32(info, 8, destination);
    putControl(message, SOL_IP, IP_PKTINFO, info);
  }
  if (socket.receiveTtl !== 0) putControlInt(message, SOL_IP, IP_TTL, view.getUint8(at + IP_TTL_AT));
  if (socket.receiveTos !== 0)
    putControl(message, SOL_IP, IP_TOS, Uint8Array.of(view.getUint8(at + IP_TOS_AT)));
  if (socket.receiveDestination !== 0) {
    const address = new Uint8Array(socket.family.sockaddrLength);
    const port = view.getUint16(packet.transport + UDP_DESTINATION);
    socket.family.writeSockaddr(address, 0, view.getUint32(at + IP_DESTINATION), port);
    putControl(message, SOL_IP, IP_RECVORIGDSTADDR, address);
  }
}

/** The own address that an answer comes from (Linux: `fib_compute_spec_dst`). */
function specificDestination(socket: InetSocket, packet: Packet, destination: number): number {
  const { routes, addresses, ns } = socket.layer.context;
  if (routes.addressType(destination) === RTN_LOCAL) return destination;
  const dev = ns.deviceByIndex(packet.ifindex);
  const sender = packet.pool.view.getUint32(packet.network + IP_SOURCE);
  return dev === undefined ? 0 : addresses.select(dev, sender, SCOPE_UNIVERSE);
}
