import { EAGAIN, EBUSY, EINVAL, EMSGSIZE, ENOBUFS, ENOPROTOOPT, EOPNOTSUPP } from '../../device/errno.ts';
import type { Packet } from '../../device/memory/packet.ts';
import { MIB } from '../counters.ts';
import {
  MSG_ERRQUEUE,
  MSG_MORE,
  MSG_OOB,
  MSG_PEEK,
  MSG_TRUNC,
  MSG_ZEROCOPY,
  POLLIN,
  POLLRDNORM,
  SIOCINQ,
  SIOCOUTQ,
  SOCK_DGRAM,
  SOL_UDP,
} from '../socket/abi.ts';
import { DatagramSocket } from '../socket/datagram-socket.ts';
import { IPV4 } from '../socket/family.ts';
import { gather, iovLength, scatterPacket } from '../socket/iov.ts';
import type { SocketLayer } from '../socket/layer.ts';
import { intBytes, type Message, putControlInt, readInt } from '../socket/message.ts';
import { putInetControl, putSocketControl } from '../socket/receive-control.ts';
import { copyOption } from '../socket/socket-options.ts';
import { mayLend, reportLent } from '../socket/zerocopy.ts';
import { IP_SOURCE, IPPROTO_UDP } from '../wire/ipv4.ts';
import { UDP_HLEN, UDP_SOURCE } from '../wire/udp.ts';
import { Cork } from './cork.ts';
import type { Udp } from './udp.ts';

export const UDP_CORK = 1;
export const UDP_SEGMENT = 103;
export const UDP_GRO = 104;

const LONGEST = 0xffff;

/** A UDP socket (Linux: `struct udp_sock`). */
export class UdpSocket extends DatagramSocket {
  readonly udp: Udp;
  /** The next one with the same hash of both ends; the table's. */
  flowNext: UdpSocket | null = null;
  /** UDP_CORK, UDP_SEGMENT (bytes), UDP_GRO. */
  corked = 0;
  segment = 0;
  coalesces = 0;
  /** What waits for more to be sent with it, null: nothing does. */
  cork: Cork | null = null;
  /** Bytes of the oldest super-segment that were read already. */
  #consumed = 0;
  /** Where in the packet that is being received the bytes begin. */
  #from = 0;
  /** Number of the next call with MSG_ZEROCOPY. */
  #lent = 0;

  constructor(layer: SocketLayer, udp: Udp) {
    super(layer, IPV4, SOCK_DGRAM, IPPROTO_UDP);
    this.udp = udp;
  }

  /** Takes a received datagram, with its ownership, its UDP header at `packet.start`. */
  enqueue(packet: Packet): number {
    const result = this.queue.push(packet);
    if (result === 0) this.wait.wake(POLLIN | POLLRDNORM);
    return result;
  }

  /** Makes it the socket of a flow that was sent to any address: it answers from there. */
  openFlow(local: number, localPort: number, remote: number, remotePort: number): void {
    this.transparent = 1;
    this.reuseAddress = 1;
    this.local = local;
    this.source = local;
    this.localPort = localPort;
    this.remote = remote;
    this.remotePort = remotePort;
    this.addressLocked = true;
    this.portLocked = true;
    this.udp.table.add(this);
  }

  override send(message: Message, flags: number): number {
    if ((flags & MSG_OOB) !== 0) return -EOPNOTSUPP;
    const length = iovLength(message.iov);
    if (length < 0) return length;
    if (length > LONGEST) return -EMSGSIZE;
    const more = this.corked !== 0 || (flags & MSG_MORE) !== 0;
    const lends = (flags & MSG_ZEROCOPY) !== 0 && this.zerocopy !== 0 && length > 0;
    if (this.cork === null) {
      const prepared = this.udp.output.prepare(this, message, flags);
      if (prepared < 0) return prepared;
      if (lends && !mayLend(this, 0)) return -ENOBUFS;
      if (!more) {
        const sent = this.udp.output.send(this, message.iov, length);
        if (lends && sent >= 0) this.#giveBack(1);
        return sent;
      }
      this.cork = new Cork(this.udp.output.destination, this.udp.output.parameters);
    }
    if (lends) this.cork.lent++;
    return this.#append(this.cork, message, length, more);
  }

  /** `count` calls with MSG_ZEROCOPY were copied, so that they have their buffers back at once. */
  #giveBack(count: number): void {
    reportLent(this, this.#lent, count);
    this.#lent = (this.#lent + count) >>> 0;
  }

  override receive(message: Message, flags: number): number {
    if ((flags & MSG_ERRQUEUE) !== 0) return this.receiveQueuedError(message);
    const state = this.readiness(flags);
    if (state <= 0) return state;
    const room = iovLength(message.iov);
    if (room < 0) return room;
    const packet = (flags & MSG_PEEK) !== 0 && this.peekOffset > 0 ? this.#peekAt() : this.#front();
    if (packet === null) return -EAGAIN;
    const { view } = packet.pool;
    const payload = packet.length - UDP_HLEN;
    const splits = packet.gsoSize > 0 && this.coalesces === 0;
    const bytes = splits ? Math.min(packet.gsoSize, payload - this.#from) : payload - this.#from;
    const copied = scatterPacket(packet, UDP_HLEN + this.#from, Math.min(bytes, room), message.iov);
    if (copied < bytes) message.flags |= MSG_TRUNC;
    const source = view.getUint32(packet.network + IP_SOURCE);
    message.address?.set(this.domain, source, view.getUint16(packet.start + UDP_SOURCE));
    if (message.controlRoom > 0) this.#control(message, packet);
    if ((flags & MSG_PEEK) === 0) {
      this.layer.context.mib.add(MIB.UdpInDatagrams);
      this.#consumed += bytes;
      if (this.#consumed >= payload) this.#release();
    }
    const result = (flags & MSG_TRUNC) !== 0 ? bytes : copied;
    this.movePeekOffset(flags, result);
    return result;
  }

  /** The oldest packet, which is read from where the last read of it ended. */
  #front(): Packet | null {
    this.#from = this.#consumed;
    return this.queue.peek();
  }

  /** The packet that MSG_PEEK goes on in, null: there is none yet (Linux: `__skb_try_recv_from_queue`). */
  #peekAt(): Packet | null {
    let skip = this.peekOffset + this.#consumed;
    for (let index = 0; ; index++) {
      const packet = this.queue.at(index);
      if (packet === null) return null;
      const bytes = packet.length - UDP_HLEN;
      if (skip < bytes || (skip === 0 && bytes === 0)) {
        this.#from = skip;
        return packet;
      }
      skip -= bytes;
    }
  }

  override ioctl(request: number): number {
    if (request === SIOCOUTQ) return this.writeMemory;
    if (request !== SIOCINQ) return super.ioctl(request);
    const packet = this.queue.peek();
    if (packet === null) return 0;
    const left = packet.length - UDP_HLEN - this.#consumed;
    return packet.gsoSize > 0 && this.coalesces === 0 ? Math.min(packet.gsoSize, left) : left;
  }

  override bindToInterface(ifindex: number): number {
    this.unhash();
    this.boundIfindex = ifindex;
    this.rehash();
    return 0;
  }

  protected override takePort(port: number): number {
    const chosen = this.udp.table.ports.choose(this, port);
    if (chosen < 0) return chosen;
    this.localPort = chosen;
    this.udp.table.add(this);
    return 0;
  }

  protected override unhash(): void {
    this.udp.table.removeConnected(this);
  }

  protected override rehash(): void {
    if (this.localPort !== 0) this.udp.table.addConnected(this);
  }

  protected override dropPort(): void {
    this.udp.table.remove(this);
    super.dropPort();
  }

  protected override destroy(): void {
    if (this.localPort !== 0) this.udp.table.remove(this);
    this.cork = null;
    super.destroy();
  }

  protected override setProtocolOption(level: number, option: number, value: Uint8Array): number {
    if (level !== SOL_UDP) return super.setProtocolOption(level, option, value);
    if (value.length < 4) return -EINVAL;
    const number = readInt(value);
    switch (option) {
      case UDP_CORK:
        this.corked = number === 0 ? 0 : 1;
        if (number === 0) this.#push();
        return 0;
      case UDP_SEGMENT:
        if (number < 0 || number > LONGEST) return -EINVAL;
        this.segment = number;
        return 0;
      case UDP_GRO:
        if (this.#consumed > 0) return -EBUSY;
        this.coalesces = number === 0 ? 0 : 1;
        return 0;
      default:
        return -ENOPROTOOPT;
    }
  }

  protected override getProtocolOption(level: number, option: number, out: Uint8Array): number {
    if (level !== SOL_UDP) return super.getProtocolOption(level, option, out);
    switch (option) {
      case UDP_CORK:
        return copyOption(intBytes(this.corked), out);
      case UDP_SEGMENT:
        return copyOption(intBytes(this.segment), out);
      case UDP_GRO:
        return copyOption(intBytes(this.coalesces), out);
      default:
        return -ENOPROTOOPT;
    }
  }

  #append(cork: Cork, message: Message, length: number, more: boolean): number {
    if (cork.length + length > LONGEST - UDP_HLEN - this.family.headerLength) {
      this.cork = null;
      return -EMSGSIZE;
    }
    gather(message.iov, 0, length, cork.room(length), cork.length);
    cork.length += length;
    if (more) return length;
    const sent = this.#push();
    return sent < 0 ? sent : length;
  }

  #push(): number {
    const { cork } = this;
    if (cork === null) return 0;
    this.cork = null;
    const sent = this.udp.output.sendCorked(this, cork);
    if (cork.lent > 0) this.#giveBack(cork.lent);
    return sent;
  }

  #control(message: Message, packet: Packet): void {
    putSocketControl(this, message, packet);
    putInetControl(this, message, packet);
    if (this.coalesces !== 0 && packet.gsoSize > 0) putControlInt(message, SOL_UDP, UDP_GRO, packet.gsoSize);
  }

  #release(): void {
    this.#consumed = 0;
    this.queue.shift()?.release();
  }
}
