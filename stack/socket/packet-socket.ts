import { DROP_POOL_EXHAUSTED, dropReason } from '../../device/drop.ts';
import {
  EAFNOSUPPORT,
  EAGAIN,
  EINVAL,
  EMSGSIZE,
  ENETDOWN,
  ENOBUFS,
  ENODEV,
  ENOPROTOOPT,
  ENXIO,
  EOPNOTSUPP,
} from '../../device/errno.ts';
import { ETH_P_8021Q, ETH_P_ALL, ETH_SOURCE, ETH_TYPE } from '../../device/frame/ethernet.ts';
import { getMac } from '../../device/frame/mac.ts';
import { PACKET_OUTGOING, type Packet } from '../../device/memory/packet.ts';
import { NET_XMIT_SUCCESS } from '../../device/netdevice/flags.ts';
import type { NetDevice } from '../../device/netdevice/netdevice.ts';
import { copyPacket } from '../ip/fragment.ts';
import {
  AF_PACKET,
  MSG_DONTWAIT,
  MSG_OOB,
  MSG_PEEK,
  MSG_TRUNC,
  POLLERR,
  POLLIN,
  POLLOUT,
  POLLRDNORM,
  POLLWRBAND,
  POLLWRNORM,
  SIOCINQ,
  SIOCOUTQ,
  SOCK_DGRAM,
  SOCK_RAW,
  SOL_PACKET,
} from './abi.ts';
import type { SocketAddress } from './address.ts';
import { DatagramQueue } from './datagram-queue.ts';
import { gather, iovLength, scatterPacket } from './iov.ts';
import type { SocketLayer } from './layer.ts';
import { intBytes, type Message, readInt } from './message.ts';
import { PACKET_ADD_MEMBERSHIP, PACKET_DROP_MEMBERSHIP, PacketMemberships } from './packet-memberships.ts';
import type { PacketSockets } from './packet-sockets.ts';
import { putSocketControl } from './receive-control.ts';
import { own } from './send-charge.ts';
import { Socket } from './socket.ts';
import { copyOption } from './socket-options.ts';

/** A packet socket's receive buffer is full. */
export const DROP_PACKET_RCVBUF: number = dropReason('packet_rcvbuf');

export const PACKET_STATISTICS = 6;
export const PACKET_IGNORE_OUTGOING = 23;

/** Bytes of an 802.1Q tag, by which a frame may exceed the MTU. */
const VLAN_HLEN = 4;

/** Frames as devices carry them, with link header or, `SOCK_DGRAM`, without (Linux: `net/packet/af_packet.c`). */
export class PacketSocket extends Socket {
  readonly queue: DatagramQueue;
  readonly #sockets: PacketSockets;
  readonly #memberships: PacketMemberships;
  /** EtherType that it receives, host order; `ETH_P_ALL`: all, 0: none. */
  etherType: number;
  ignoresOutgoing = 0;
  /** Since PACKET_STATISTICS was last read: frames that came, and those of them that were dropped. */
  #packets = 0;
  #dropped = 0;

  constructor(layer: SocketLayer, sockets: PacketSockets, type: number, protocol: number) {
    super(layer, AF_PACKET, type, protocol);
    this.queue = new DatagramQueue(this);
    this.#sockets = sockets;
    this.#memberships = new PacketMemberships(layer.context.ns);
    this.etherType = protocol;
    sockets.add(this);
  }

  /** Receives from one interface (0: all) and of one EtherType only (0: as before). */
  override bind(address: Readonly<SocketAddress>): number {
    if (address.family !== AF_PACKET) return -EINVAL;
    const { ns } = this.layer.context;
    const dev = address.ifindex === 0 ? null : ns.deviceByIndex(address.ifindex);
    if (dev === undefined) return -ENODEV;
    this.boundIfindex = address.ifindex;
    if (address.port !== 0) this.etherType = address.port;
    if (dev !== null && !dev.up) this.reportError(ENETDOWN);
    return 0;
  }

  /** Whether a frame is for it: received ones of its EtherType, sent ones for those who want all. */
  wants(packet: Packet, dev: NetDevice, outgoing: boolean): boolean {
    if (this.boundIfindex !== 0 && this.boundIfindex !== dev.ifindex) return false;
    if (this.etherType === ETH_P_ALL) return !outgoing || this.ignoresOutgoing === 0;
    return !outgoing && this.etherType === packet.protocol;
  }

  /** Takes a copy of a frame. */
  capture(packet: Packet, dev: NetDevice, outgoing: boolean): void {
    const { machine, ns } = this.layer.context;
    this.#packets++;
    const header = outgoing ? dev.hardHeaderLength : packet.start - packet.link;
    const from = outgoing ? 0 : -header;
    const copy = machine.pool.alloc(packet.length - from);
    if (copy === null) {
      this.#dropped++;
      this.drops++;
      ns.dropUnmade(DROP_POOL_EXHAUSTED);
      return;
    }
    const bytes = packet.length - from;
    const at = copy.put(bytes);
    copyPacket(packet, from, bytes, copy, at);
    copy.link = at;
    copy.network = at + header;
    copy.protocol = packet.protocol;
    copy.packetType = outgoing ? PACKET_OUTGOING : packet.packetType;
    copy.ifindex = dev.ifindex;
    copy.timestamp = packet.timestamp;
    if (this.type === SOCK_DGRAM) copy.start = copy.network;
    if (this.queue.push(copy) < 0) {
      this.#dropped++;
      ns.drop(copy, DROP_PACKET_RCVBUF, dev);
      return;
    }
    this.wait.wake(POLLIN | POLLRDNORM);
  }

  /** A device went down or away (Linux: `packet_notifier`). */
  deviceGone(dev: NetDevice, unregistered: boolean): void {
    if (this.boundIfindex !== dev.ifindex) return;
    if (unregistered) this.boundIfindex = -1;
    this.reportError(ENETDOWN);
  }

  override send(message: Message, flags: number): number {
    if ((flags & MSG_OOB) !== 0) return -EOPNOTSUPP;
    const length = iovLength(message.iov);
    if (length < 0) return length;
    const { address } = message;
    if (address !== null && address.family !== AF_PACKET) return -EAFNOSUPPORT;
    const { ns, machine } = this.layer.context;
    const dev = ns.deviceByIndex(address !== null ? address.ifindex : this.boundIfindex);
    if (dev === undefined) return -ENXIO;
    if (!dev.up) return -ENETDOWN;
    const raw = this.type === SOCK_RAW;
    const header = dev.hardHeaderLength;
    const most = dev.mtu + (raw ? header : 0);
    if (length > most + (raw ? VLAN_HLEN : 0)) return -EMSGSIZE;
    if (raw && length < header) return -EINVAL;
    if (this.writeMemory >= this.sndbuf) return -EAGAIN;
    const packet = machine.pool.alloc(length);
    if (packet === null) {
      ns.dropUnmade(DROP_POOL_EXHAUSTED);
      return -ENOBUFS;
    }
    const at = packet.put(length);
    gather(message.iov, 0, length, packet.pool.u8, at);
    packet.priority = this.priority;
    packet.mark = this.mark;
    const wanted = address !== null && address.port !== 0 ? address.port : this.etherType;
    if (raw) {
      packet.link = at;
      packet.network = at + header;
      packet.protocol = header === 0 ? wanted : packet.pool.view.getUint16(at + ETH_TYPE);
      if (length > most && packet.protocol !== ETH_P_8021Q) {
        packet.release();
        return -EMSGSIZE;
      }
    } else {
      packet.network = at;
      dev.pushHeader(packet, address?.address ?? 0, dev.address, wanted);
    }
    own(packet, this, 0, 0);
    return dev.transmit(packet) === NET_XMIT_SUCCESS ? length : -ENOBUFS;
  }

  override receive(message: Message, flags: number): number {
    if ((flags & ~(MSG_PEEK | MSG_DONTWAIT | MSG_TRUNC)) !== 0) return -EINVAL;
    if (this.error !== 0) return this.takeError();
    const packet = this.queue.peek();
    if (packet === null) return -EAGAIN;
    const room = iovLength(message.iov);
    if (room < 0) return room;
    const bytes = packet.length;
    const copied = scatterPacket(packet, 0, Math.min(bytes, room), message.iov);
    if (copied < bytes) message.flags |= MSG_TRUNC;
    if (message.address !== null) this.#sender(message.address, packet);
    if (message.controlRoom > 0) putSocketControl(this, message, packet);
    if ((flags & MSG_PEEK) === 0) this.queue.shift()?.release();
    return (flags & MSG_TRUNC) !== 0 ? bytes : copied;
  }

  override getsockname(out: SocketAddress): number {
    const dev = this.layer.context.ns.deviceByIndex(this.boundIfindex);
    out.set(AF_PACKET, dev?.address ?? 0, this.etherType);
    out.ifindex = this.boundIfindex;
    out.hardwareType = dev?.type ?? 0;
    return 0;
  }

  override getpeername(_out: SocketAddress): number {
    return -EOPNOTSUPP;
  }

  override shutdown(_how: number): number {
    return -EOPNOTSUPP;
  }

  override ioctl(request: number): number {
    if (request === SIOCOUTQ) return this.writeMemory;
    return request === SIOCINQ ? (this.queue.peek()?.length ?? 0) : super.ioctl(request);
  }

  override poll(): number {
    let mask = this.writable ? POLLOUT | POLLWRNORM | POLLWRBAND : 0;
    if (this.error !== 0 || this.errors.length > 0) mask |= POLLERR;
    if (this.queue.length > 0) mask |= POLLIN | POLLRDNORM;
    return mask;
  }

  protected override destroy(): void {
    this.#sockets.remove(this);
    this.#memberships.dropAll();
    this.queue.purge();
  }

  protected override setProtocolOption(level: number, option: number, value: Uint8Array): number {
    if (level !== SOL_PACKET) return -ENOPROTOOPT;
    if (option === PACKET_ADD_MEMBERSHIP || option === PACKET_DROP_MEMBERSHIP) {
      if (value.length < 16) return -EINVAL;
      const ifindex = readInt(value);
      const type = value[4]! | (value[5]! << 8);
      const memberships = this.#memberships;
      return option === PACKET_ADD_MEMBERSHIP
        ? memberships.add(ifindex, type)
        : memberships.drop(ifindex, type);
    }
    if (option !== PACKET_IGNORE_OUTGOING) return -ENOPROTOOPT;
    const number = readInt(value);
    if (value.length !== 4 || number < 0 || number > 1) return -EINVAL;
    this.ignoresOutgoing = number;
    return 0;
  }

  protected override getProtocolOption(level: number, option: number, out: Uint8Array): number {
    if (level !== SOL_PACKET) return -ENOPROTOOPT;
    if (option === PACKET_IGNORE_OUTGOING) return copyOption(intBytes(this.ignoresOutgoing), out);
    if (option !== PACKET_STATISTICS) return -ENOPROTOOPT;
    const statistics = new Uint8Array(8);
    statistics.set(intBytes(this.#packets));
    statistics.set(intBytes(this.#dropped), 4);
    this.#packets = 0;
    this.#dropped = 0;
    return copyOption(statistics, out);
  }

  #sender(out: SocketAddress, packet: Packet): void {
    const dev = this.layer.context.ns.deviceByIndex(packet.ifindex);
    const hasHeader = packet.network > packet.link;
    const source = hasHeader ? getMac(packet.pool.view, packet.link + ETH_SOURCE) : 0;
    out.set(AF_PACKET, source, packet.protocol);
    out.ifindex = packet.ifindex;
    out.hardwareType = dev?.type ?? 0;
    out.packetType = packet.packetType;
  }
}
