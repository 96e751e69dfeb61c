import type { RemoteInfo } from 'node:dgram';
import { isIPv6 } from 'node:net';
import { EAGAIN, EBADF, EBUSY, ECANCELED, EEXIST, EINVAL } from '../../../device/errno.ts';
import {
  AF_INET,
  AF_INET6,
  AF_UNSPEC,
  POLLERR,
  POLLIN,
  POLLOUT,
  SIOCINQ,
  SOCK_DGRAM,
  SOCK_NONBLOCK,
  SOL_SOCKET,
} from '../../socket/abi.ts';
import { SocketAddress } from '../../socket/address.ts';
import type { SocketLayer } from '../../socket/layer.ts';
import { Message } from '../../socket/message.ts';
import { SO_REUSEADDR, SO_REUSEPORT } from '../../socket/socket-options.ts';
import { UdpSocket } from '../../udp/udp-socket.ts';
import { formatIpv4, parseIpv4 } from '../../wire/address.ts';
import { Handle } from '../handle.ts';
import { systemErrorName, systemErrorText } from '../system-error.ts';
import type { SystemInfo } from './errors.ts';
import { SendQueue, type SendRequest } from './send-queue.ts';
import * as options from './udp-options.ts';

/** Flags of {@link UdpHandle.bind}, as in libuv. */
export const UV_UDP_IPV6ONLY = 1;
export const UV_UDP_REUSEADDR = 4;
export const UV_UDP_REUSEPORT = 8;

/** Datagrams that are received before others have their turn (libuv: `uv__udp_recvmsg`). */
const READ_BUDGET = 32;

/** Where a socket is, as `address()` tells it. */
export interface SocketName {
  address?: string;
  family?: string;
  port?: number;
}

/** Resolves a name for a socket's family. */
export type HandleLookup = (
  address: string | null | undefined,
  callback: (error: Error | null, address: string) => void,
) => void;

/**
 * A UDP socket as libuv has it (`uv_udp_t`), under the names by which Node's `dgram` knows it: the descriptor is made when it is first
 * bound, connected or sent from; what can't be sent at once waits in a queue; and while it receives, or has something to send, it holds
 * the clock, unless it is unref'd. Results are 0, a count, or a negated errno.
 */
export class UdpHandle extends Handle {
  lookup!: HandleLookup;
  /** Hears of a datagram, or of an error (`nread` < 0, without the rest). */
  onmessage: (nread: number, handle: UdpHandle, bytes: Buffer | null, rinfo: RemoteInfo | null) => void =
    () => {};
  /** The stack has ended under it. */
  ongone: () => void = () => {};
  readonly #queue = new SendQueue();
  readonly #from = new SocketAddress();
  readonly #message = new Message();
  #receiving = false;

  constructor(sockets: SocketLayer) {
    super(sockets, 'UDPWRAP');
  }

  protected override get busy(): boolean {
    return this.socket !== null && (this.#receiving || this.#queue.count > 0);
  }

  /** Takes a descriptor that is there already; `-EEXIST` for one that another handle has. */
  open(fd: number): number {
    const socket = this.sockets.lookup(fd);
    if (typeof socket === 'number') return socket;
    if (this.socket !== null) return -EBUSY;
    if (!(socket instanceof UdpSocket)) return -EINVAL;
    if (!socket.wait.empty) return -EEXIST;
    this.socket = socket;
    return 0;
  }

  bind(address: string, port: number, flags = 0): number {
    const to = this.#address(address, port);
    if (typeof to === 'number') return to;
    if ((flags & UV_UDP_IPV6ONLY) !== 0) return -EINVAL;
    return this.#bindTo(to, flags);
  }

  connect(address: string, port: number): number {
    const to = this.#address(address, port);
    if (typeof to === 'number') return to;
    const bound = this.#ensureBound();
    return bound < 0 ? bound : this.sockets.connect(this.fd, to);
  }

  disconnect(): number {
    return this.sockets.connect(this.fd, new SocketAddress(AF_UNSPEC));
  }

  /**
   * Sends the buffers of `list` as one datagram, to `port` at `address`, or where the socket is connected to without them. 1 + bytes when
   * it was sent at once; 0 when it waits, after which `request` is told.
   */
  send(
    request: SendRequest,
    list: readonly Uint8Array[],
    _count: number,
    port?: number | boolean,
    address?: string,
  ): number {
    let to: SocketAddress | null = null;
    if (address !== undefined) {
      const given = this.#address(address, Number(port));
      if (typeof given === 'number') return given;
      to = given;
    }
    const bound = this.#ensureBound();
    if (bound < 0) return bound;
    const sent = this.#queue.count > 0 ? -EAGAIN : this.#sendNow(list, to);
    if (sent !== -EAGAIN) return sent < 0 ? sent : sent + 1;
    const bytes = list.reduce((sum, part) => sum + part.byteLength, 0);
    this.#queue.push({ request, iov: list, to, bytes });
    this.#activityChanged();
    return 0;
  }

  recvStart(): number {
    if (this.fd < 0) return -EBADF;
    this.#receiving = true;
    this.#activityChanged();
    this.again();
    return 0;
  }

  recvStop(): number {
    this.#receiving = false;
    this.#activityChanged();
    return 0;
  }

  getsockname(out: SocketName): number {
    return this.#named(this.sockets.getsockname(this.fd, this.#from), out);
  }

  getpeername(out: SocketName): number {
    return this.#named(this.sockets.getpeername(this.fd, this.#from), out);
  }

  setBroadcast(on: number): number {
    return options.setBroadcast(this.sockets, this.fd, on);
  }

  setTTL(ttl: number): number {
    return options.setTtl(this.sockets, this.fd, ttl);
  }

  setMulticastTTL(ttl: number): number {
    return options.setMulticastTtl(this.sockets, this.fd, ttl);
  }

  setMulticastLoopback(on: number): number {
    return options.setMulticastLoopback(this.sockets, this.fd, on);
  }

  setMulticastInterface(address: string): number {
    return options.setMulticastInterface(this.sockets, this.fd, address);
  }

  addMembership(group: string, local?: string | null): number {
    return this.#membership(group, local, true);
  }

  dropMembership(group: string, local?: string | null): number {
    return this.#membership(group, local, false);
  }

  addSourceSpecificMembership(source: string, group: string, local?: string | null): number {
    return this.#sourceMembership(source, group, local, true);
  }

  dropSourceSpecificMembership(source: string, group: string, local?: string | null): number {
    return this.#sourceMembership(source, group, local, false);
  }

  /** The size in bytes, after it was set unless `size` is 0; undefined when that failed: `context` then says how. */
  bufferSize(size: number, receive: boolean, context: Partial<SystemInfo>): number | undefined {
    const result = options.bufferSize(this.sockets, this.fd, size, receive);
    if (result >= 0) return size === 0 ? result : size;
    const code = systemErrorName(result);
    const syscall = receive ? 'uv_recv_buffer_size' : 'uv_send_buffer_size';
    Object.assign(context, { errno: result, code, message: systemErrorText(code), syscall });
    return undefined;
  }

  getSendQueueSize(): number {
    return this.#queue.bytes;
  }

  getSendQueueCount(): number {
    return this.#queue.count;
  }

  get #live(): boolean {
    return this.#receiving && this.socket !== null;
  }

  override wake(events: number): boolean {
    const readable = this.#receiving && (events & (POLLIN | POLLERR)) !== 0;
    const writable = this.#queue.count > 0 && (events & (POLLOUT | POLLERR)) !== 0;
    if (readable || writable) this.again();
    return readable || writable;
  }

  protected override gone(): void {
    this.again();
  }

  protected override turn(): void {
    if (this.closing) return;
    if (this.socket === null) {
      this.ongone();
      return;
    }
    this.#flush();
    this.#read();
  }

  protected override canceled(): void {
    for (const { request } of this.#queue.takeAll()) request.oncomplete(-ECANCELED, 0);
  }

  #address(text: string, port: number): SocketAddress | number {
    const address = parseIpv4(text);
    return Number.isNaN(address) ? -EINVAL : new SocketAddress(AF_INET, address, port & 0xffff);
  }

  /** What becomes of an IPv6 address: there is no IPv6, which is what this says, as a Linux without it does. */
  protected noIpv6(address: string): number {
    return isIPv6(address) ? this.sockets.socket(AF_INET6, SOCK_DGRAM, 0) : -EINVAL;
  }

  /** While it receives, or has something to send, it waits on the socket. */
  #activityChanged(): void {
    const { socket } = this;
    if (!this.busy) this.queue?.remove(this);
    else if (this.queue === null) socket?.wait.add(this);
    this.busyChanged();
  }

  #bindTo(to: SocketAddress, flags: number): number {
    const layer = this.sockets;
    if (this.socket === null) {
      const fd = layer.socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
      const made = fd < 0 ? fd : layer.lookup(fd);
      if (typeof made === 'number') return made;
      this.socket = made;
    }
    if ((flags & UV_UDP_REUSEADDR) !== 0) layer.setsockopt(this.fd, SOL_SOCKET, SO_REUSEADDR, 1);
    if ((flags & UV_UDP_REUSEPORT) !== 0) layer.setsockopt(this.fd, SOL_SOCKET, SO_REUSEPORT, 1);
    return layer.bind(this.fd, to);
  }

  /** Binds it to any address and port unless it has a descriptor (libuv: `uv__udp_maybe_deferred_bind`). */
  #ensureBound(flags = 0): number {
    return this.socket !== null ? 0 : this.#bindTo(new SocketAddress(AF_INET), flags);
  }

  #membership(group: string, local: string | null | undefined, join: boolean): number {
    if (Number.isNaN(parseIpv4(group))) return isIPv6(group) ? this.noIpv6(group) : -EINVAL;
    const bound = this.#ensureBound(UV_UDP_REUSEADDR);
    return bound < 0 ? bound : options.setMembership(this.sockets, this.fd, group, local ?? '0.0.0.0', join);
  }

  #sourceMembership(source: string, group: string, local: string | null | undefined, join: boolean): number {
    if (Number.isNaN(parseIpv4(group))) return isIPv6(group) ? this.noIpv6(group) : -EINVAL;
    const bound = this.#ensureBound(UV_UDP_REUSEADDR);
    if (bound < 0) return bound;
    return options.setSourceMembership(this.sockets, this.fd, source, group, local ?? '0.0.0.0', join);
  }

  #named(result: number, out: SocketName): number {
    if (result < 0) return result;
    out.address = formatIpv4(this.#from.address);
    out.family = 'IPv4';
    out.port = this.#from.port;
    return 0;
  }

  #sendNow(iov: readonly Uint8Array[], to: SocketAddress | null): number {
    this.#message.iov = iov;
    this.#message.address = to;
    const result = this.sockets.sendmsg(this.fd, this.#message);
    this.#message.iov = [];
    return result;
  }

  /** Sends what waited, as far as there is room. */
  #flush(): void {
    for (let entry = this.#queue.first; entry !== undefined && !this.closing; entry = this.#queue.first) {
      const sent = this.#sendNow(entry.iov, entry.to);
      if (sent === -EAGAIN) return;
      this.#queue.shift();
      this.#activityChanged();
      entry.request.oncomplete(Math.min(sent, 0), Math.max(sent, 0));
    }
  }

  #read(): void {
    let drained = false;
    try {
      for (let left = READ_BUDGET; left > 0 && this.#live && !drained; left--) drained = !this.#receive();
    } finally {
      // Also when a listener threw: what is left in the socket does not wake anyone again.
      if (!drained && this.#live) this.again();
    }
  }

  /** Receives one datagram, and tells of it; false: there is none. */
  #receive(): boolean {
    const layer = this.sockets;
    // A buffer of its own for each, as the listener may keep it, and no larger than the datagram.
    const bytes = Buffer.allocUnsafeSlow(Math.max(0, layer.ioctl(this.fd, SIOCINQ)));
    const got = layer.recvfrom(this.fd, bytes, 0, this.#from);
    if (got === -EAGAIN) return false;
    if (got < 0) {
      this.onmessage(got, this, null, null);
      return true;
    }
    const { address, port } = this.#from;
    const rinfo: RemoteInfo = { address: formatIpv4(address), family: 'IPv4', port, size: got };
    this.onmessage(got, this, bytes, rinfo);
    return true;
  }
}
