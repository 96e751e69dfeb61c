import type { Packet } from '../../device/memory/packet.ts';
import { NETDEV_DOWN, NETDEV_UNREGISTER } from '../../device/netdevice/events.ts';
import type { NetdevInfo } from '../../device/netdevice/netdev-info.ts';
import type { NetDevice } from '../../device/netdevice/netdevice.ts';
import type { NotifierBlock } from '../../device/netdevice/notifier.ts';
import { AF_PACKET, SOCK_DGRAM, SOCK_RAW } from './abi.ts';
import { ANY_PROTOCOL, type SocketLayer } from './layer.ts';
import { PacketSocket } from './packet-socket.ts';

/** All packet sockets of a stack. While there are none, they cost frames nothing. */
export class PacketSockets implements NotifierBlock<NetdevInfo> {
  readonly #layer: SocketLayer;
  #sockets: readonly PacketSocket[] = [];
  #stop: (() => void) | null = null;

  constructor(layer: SocketLayer) {
    this.#layer = layer;
  }

  /** Makes `AF_PACKET` a family that can be asked for. */
  register(): void {
    const layer = this.#layer;
    for (const type of [SOCK_RAW, SOCK_DGRAM]) {
      const make = (_layer: SocketLayer, protocol: number): PacketSocket =>
        new PacketSocket(layer, this, type, protocol);
      layer.addProtocol(type, ANY_PROTOCOL, make, AF_PACKET);
    }
  }

  add(socket: PacketSocket): void {
    this.#sockets = [...this.#sockets, socket];
    if (this.#stop !== null) return;
    const { ns } = this.#layer.context;
    const removeTap = ns.addTap((packet, dev, outgoing) => this.#tap(packet, dev, outgoing));
    ns.chain.register(this);
    this.#stop = () => {
      removeTap();
      ns.chain.unregister(this);
    };
  }

  remove(socket: PacketSocket): void {
    this.#sockets = this.#sockets.filter((other) => other !== socket);
    if (this.#sockets.length > 0) return;
    this.#stop?.();
    this.#stop = null;
  }

  notify(event: number, info: NetdevInfo): void {
    if (event !== NETDEV_DOWN && event !== NETDEV_UNREGISTER) return;
    for (const socket of this.#sockets) socket.deviceGone(info.dev, event === NETDEV_UNREGISTER);
  }

  #tap(packet: Packet, dev: NetDevice, outgoing: boolean): void {
    const sockets = this.#sockets;
    for (let i = 0; i < sockets.length; i++) {
      const socket = sockets[i]!;
      if (socket.wants(packet, dev, outgoing)) socket.capture(packet, dev, outgoing);
    }
  }
}
