import {
  EACCES,
  EAFNOSUPPORT,
  EAGAIN,
  EHOSTUNREACH,
  EINVAL,
  EMSGSIZE,
  ENOTCONN,
  EPROTO,
} from '../../device/errno.ts';
import type { Packet } from '../../device/memory/packet.ts';
import { MIB } from '../counters.ts';
import { learnPmtu } from '../ip/pmtu.ts';
import { followRedirect } from '../ip/redirect.ts';
import { RTN_BROADCAST } from '../wire/address.ts';
import {
  ICMP_DEST_UNREACH,
  ICMP_FRAG_NEEDED,
  ICMP_PARAMETERPROB,
  ICMP_REDIRECT,
  ICMP_SOURCE_QUENCH,
  ICMP_TIME_EXCEEDED,
} from '../wire/icmp.ts';
import { IP_DESTINATION, IP_SOURCE, ipv4HeaderLength } from '../wire/ipv4.ts';
import {
  AF_UNSPEC,
  MSG_DONTWAIT,
  MSG_OOB,
  POLLERR,
  POLLHUP,
  POLLIN,
  POLLOUT,
  POLLPRI,
  POLLRDHUP,
  POLLRDNORM,
  POLLWRBAND,
  POLLWRNORM,
  RCV_SHUTDOWN,
  SHUTDOWN_MASK,
} from './abi.ts';
import type { SocketAddress } from './address.ts';
import { DatagramQueue } from './datagram-queue.ts';
import { queuedError, receiveError, SO_EE_ORIGIN_ICMP, SO_EE_ORIGIN_LOCAL } from './error-queue.ts';
import type { Family } from './family.ts';
import { ICMP_ERRNO } from './icmp-errno.ts';
import { IP_PMTUDISC_DONT } from './inet-options.ts';
import { InetSocket } from './inet-socket.ts';
import type { SocketLayer } from './layer.ts';
import type { Message } from './message.ts';

/** What UDP and raw sockets have in common: a queue of datagrams, connecting as remembering an address, errors from the network. */
export abstract class DatagramSocket extends InetSocket {
  readonly queue: DatagramQueue;

  constructor(layer: SocketLayer, family: Family, type: number, protocol: number) {
    super(layer, family, type, protocol);
    this.queue = new DatagramQueue(this);
  }

  /** Its ends are about to change, or have changed: the protocol's tables follow. */
  protected abstract unhash(): void;
  protected abstract rehash(): void;

  /** Linux: `datagram_poll`. */
  override poll(): number {
    let mask = this.writable ? POLLOUT | POLLWRNORM | POLLWRBAND : 0;
    if (this.error !== 0 || this.errors.length > 0)
      mask |= POLLERR | (this.selectErrorQueue !== 0 ? POLLPRI : 0);
    if ((this.shutdownMask & RCV_SHUTDOWN) !== 0) mask |= POLLRDHUP | POLLIN | POLLRDNORM;
    if (this.shutdownMask === SHUTDOWN_MASK) mask |= POLLHUP;
    if (this.queue.length > 0) mask |= POLLIN | POLLRDNORM;
    return mask;
  }

  /** Linux: `__ip4_datagram_connect`; `AF_UNSPEC` disconnects. */
  override connect(address: Readonly<SocketAddress>): number {
    if (address.family === AF_UNSPEC) return this.disconnect();
    if (address.family !== this.family.domain) return -EAFNOSUPPORT;
    const { family } = this;
    const bound = this.autobind();
    if (bound < 0) return bound;
    const multicast = family.isMulticast(address.address);
    const oif = this.boundIfindex !== 0 ? this.boundIfindex : multicast ? this.multicastIfindex : 0;
    const source = this.source === 0 && multicast ? this.multicastSource : this.source;
    const path = this.route(address.address, source, oif);
    if (typeof path === 'number') {
      this.layer.context.mib.add(MIB.IpOutNoRoutes);
      return path;
    }
    if (path.type === RTN_BROADCAST && this.broadcast === 0) return -EACCES;
    const from = source !== 0 ? source : this.sourceFor(path, address.address) || family.loopback;
    this.unhash();
    if (this.source === 0) this.source = from;
    if (this.local === 0) this.local = from;
    this.remote = family.isAny(address.address) ? from : address.address;
    this.remotePort = address.port;
    this.rehash();
    return 0;
  }

  /** Linux: `inet_shutdown`: what is not connected says so, but is shut down all the same. */
  override shutdown(how: number): number {
    const bits = this.shutdownBits(how);
    if (bits < 0) return -EINVAL;
    this.shutdownMask |= bits;
    this.wait.wake(POLLIN | POLLOUT | POLLHUP | POLLRDHUP);
    return this.remote === 0 ? -ENOTCONN : 0;
  }

  /** 1: the oldest datagram can be read; else what a read returns: the pending error, the end, `-EAGAIN`. */
  protected readiness(flags: number): number {
    if ((flags & MSG_OOB) !== 0) return -EINVAL;
    if (this.error !== 0) return this.takeError();
    if (this.queue.length > 0) return 1;
    const waits = !this.nonblocking && (flags & MSG_DONTWAIT) === 0;
    return waits && (this.shutdownMask & RCV_SHUTDOWN) !== 0 ? 0 : -EAGAIN;
  }

  /** Linux: `sock_dequeue_err_skb`: taking one makes the next one the pending error, when routers told of them. */
  protected receiveQueuedError(message: Message): number {
    const taken = this.errors.peek();
    const result = receiveError(this, this.family, message);
    if (taken === null) return result;
    const next = this.errors.peek();
    if (next?.origin === SO_EE_ORIGIN_ICMP) this.error = next.errno;
    else if (taken.origin === SO_EE_ORIGIN_ICMP) this.error = 0;
    if (next !== null) this.wait.wake(POLLERR);
    return result;
  }

  /**
   * An ICMP error about a datagram that it sent, quoted at `packet.start`; `header`: bytes of the transport's header in it (Linux:
   * `__udp4_lib_err`, `raw_err`).
   */
  icmpError(packet: Packet, type: number, code: number, info: number, header: number): void {
    const { context } = this.layer;
    let errno = 0;
    let hard = false;
    switch (type) {
      case ICMP_TIME_EXCEEDED:
        errno = EHOSTUNREACH;
        break;
      case ICMP_PARAMETERPROB:
        errno = EPROTO;
        hard = true;
        break;
      case ICMP_DEST_UNREACH:
        if (code === ICMP_FRAG_NEEDED) {
          learnPmtu(context, packet, info);
          if (this.mtuDiscover === IP_PMTUDISC_DONT) return;
          errno = EMSGSIZE;
          hard = true;
        } else {
          const meaning = ICMP_ERRNO[code];
          errno = meaning?.errno ?? EHOSTUNREACH;
          hard = meaning?.fatal ?? false;
        }
        break;
      case ICMP_REDIRECT:
        followRedirect(context, packet, info);
        return;
      case ICMP_SOURCE_QUENCH:
        return;
      default:
        errno = EHOSTUNREACH;
    }
    if (this.receiveErrors === 0) {
      if (!hard || this.remote === 0) return;
    } else {
      this.#queueIcmp(packet, type, code, info, errno, header);
    }
    this.reportError(errno);
  }

  /** An error of this host about a datagram that it did not send (Linux: `ip_local_error`). */
  localError(errno: number, destination: number, port: number, info: number): void {
    if (this.receiveErrors === 0) return;
    this.errors.push(queuedError({ errno, origin: SO_EE_ORIGIN_LOCAL, info, destination, port }));
    this.wait.wake(POLLERR);
  }

  protected override destroy(): void {
    super.destroy();
    this.queue.purge();
  }

  /** Linux: `__udp_disconnect`. */
  protected disconnect(): number {
    this.unhash();
    this.remote = 0;
    this.remotePort = 0;
    if (!this.addressLocked) {
      this.local = 0;
      this.source = 0;
    }
    if (!this.portLocked) this.dropPort();
    else this.rehash();
    return 0;
  }

  /** Gives up a port that the user did not choose. */
  protected dropPort(): void {
    this.localPort = 0;
  }

  #queueIcmp(packet: Packet, type: number, code: number, info: number, errno: number, header: number): void {
    const { view, u8 } = packet.pool;
    const at = packet.start;
    const transport = at + ipv4HeaderLength(view, at);
    const from = Math.min(transport + header, packet.end);
    const ports = header > 0 ? view.getUint16(transport + 2) : 0;
    this.errors.push(
      queuedError({
        errno,
        origin: SO_EE_ORIGIN_ICMP,
        type,
        code,
        info,
        offender: view.getUint32(packet.network + IP_SOURCE),
        destination: view.getUint32(at + IP_DESTINATION),
        port: ports,
        payload: u8.slice(from, packet.end),
        timeMs: packet.timestamp,
      }),
    );
  }
}
