import { DROP_POOL_EXHAUSTED } from '../../device/drop.ts';
import type { Packet } from '../../device/memory/packet.ts';
import type { NetDevice } from '../../device/netdevice/netdevice.ts';
import { IP_DESTINATION, IP_PROTOCOL, IP_SOURCE } from '../wire/ipv4.ts';
import { SOCK_RAW } from './abi.ts';
import type { SocketLayer } from './layer.ts';
import { RawSocket } from './raw-socket.ts';

/** All raw sockets of a stack (Linux: `raw_v4_hashinfo`). While there are none, they cost received datagrams nothing. */
export class RawSockets {
  readonly #layer: SocketLayer;
  #sockets: readonly RawSocket[] = [];
  #stop: (() => void) | null = null;

  constructor(layer: SocketLayer) {
    this.#layer = layer;
  }

  /** Makes `SOCK_RAW` a kind that can be asked for. */
  register(): void {
    const layer = this.#layer;
    layer.addProtocol(SOCK_RAW, 0, (_layer, protocol) => new RawSocket(layer, this, protocol));
  }

  add(socket: RawSocket): void {
    this.#sockets = [...this.#sockets, socket];
    this.#stop ??= this.#layer.context.ip.protocols.addRaw(
      (packet, dev) => this.#deliver(packet, dev),
      (packet, type, code, info) => this.#error(packet, type, code, info),
    );
  }

  remove(socket: RawSocket): void {
    this.#sockets = this.#sockets.filter((other) => other !== socket);
    if (this.#sockets.length > 0) return;
    this.#stop?.();
    this.#stop = null;
  }

  /** Gives each socket that wants a datagram a copy; whether one does (Linux: `raw_v4_input`). */
  #deliver(packet: Packet, dev: NetDevice): boolean {
    const { view } = packet.pool;
    const at = packet.network;
    const protocol = view.getUint8(at + IP_PROTOCOL);
    const source = view.getUint32(at + IP_SOURCE);
    const destination = view.getUint32(at + IP_DESTINATION);
    const sockets = this.#sockets;
    let wanted = false;
    for (let i = 0; i < sockets.length; i++) {
      const socket = sockets[i]!;
      if (socket.protocol !== protocol || !socket.wants(source, destination, dev.ifindex)) continue;
      wanted = true;
      if (!socket.filters(packet, packet.start)) this.#copyTo(socket, packet);
    }
    return wanted;
  }

  /** Others may write to the packet that is delivered: a socket gets its own. */
  #copyTo(socket: RawSocket, packet: Packet): void {
    const { machine, ns } = this.#layer.context;
    const copy = machine.pool.copy(packet);
    if (copy === null) {
      socket.drops++;
      ns.dropUnmade(DROP_POOL_EXHAUSTED);
      return;
    }
    copy.start = copy.network;
    socket.enqueue(copy);
  }

  /** An ICMP error about a datagram that is quoted at `packet.start` (Linux: `raw_icmp_error`). */
  #error(packet: Packet, type: number, code: number, info: number): void {
    const { view } = packet.pool;
    const at = packet.start;
    const protocol = view.getUint8(at + IP_PROTOCOL);
    for (const socket of this.#sockets) {
      if (socket.protocol !== protocol) continue;
      const from = view.getUint32(at + IP_SOURCE);
      if (socket.wants(view.getUint32(at + IP_DESTINATION), from, packet.ifindex))
        socket.icmpError(packet, type, code, info, 0);
    }
  }
}
