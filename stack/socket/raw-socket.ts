import { DROP_POOL_EXHAUSTED, dropReason } from '../../device/drop.ts';
import {
  EACCES,
  EAFNOSUPPORT,
  EAGAIN,
  EDESTADDRREQ,
  EFAULT,
  EINVAL,
  EMSGSIZE,
  ENOBUFS,
  EOPNOTSUPP,
  EPIPE,
} from '../../device/errno.ts';
import { ETH_P_IP } from '../../device/frame/ethernet.ts';
import { PACKET_HOST, type Packet } from '../../device/memory/packet.ts';
import { NET_XMIT_DROP } from '../../device/netdevice/flags.ts';
import { IpOptions } from '../ip/options.ts';
import type { HeaderFields } from '../ip/output.ts';
import { type Path, pathMtu } from '../ip/path.ts';
import { isMulticast, RTN_BROADCAST, RTN_MULTICAST } from '../wire/address.ts';
import { ICMP_TYPE } from '../wire/icmp.ts';
import {
  IP_DF,
  IP_HLEN,
  IP_IDENTIFICATION,
  IP_MAX,
  IP_SOURCE,
  IP_TOTAL_LENGTH,
  IPPROTO_ICMP,
  IPPROTO_RAW,
  ipv4HeaderLength,
  setIpv4Checksum,
} from '../wire/ipv4.ts';
import {
  AF_UNSPEC,
  MSG_ERRQUEUE,
  MSG_OOB,
  MSG_PEEK,
  MSG_TRUNC,
  POLLIN,
  POLLRDNORM,
  SEND_SHUTDOWN,
  SIOCINQ,
  SIOCOUTQ,
  SOCK_RAW,
  SOL_IP,
  SOL_RAW,
} from './abi.ts';
import { DatagramSocket } from './datagram-socket.ts';
import { IPV4 } from './family.ts';
import { gather, iovLength, scatterPacket } from './iov.ts';
import type { SocketLayer } from './layer.ts';
import { intBytes, type Message, readInt } from './message.ts';
import type { RawSockets } from './raw-sockets.ts';
import { putInetControl, putSocketControl } from './receive-control.ts';
import { own } from './send-charge.ts';
import { SendParameters } from './send-parameters.ts';
import { copyOption } from './socket-options.ts';
import { nextStampKey, TX_PACKET } from './timestamping.ts';

/** A raw socket's receive buffer is full. */
export const DROP_RAW_RCVBUF: number = dropReason('raw_rcvbuf');

export const IP_HDRINCL = 3;
export const ICMP_FILTER = 1;

/** A raw IPv4 socket (Linux: `net/ipv4/raw.c`): reads whole datagrams of its protocol, writes theirs with or without IP header. */
export class RawSocket extends DatagramSocket {
  readonly #sockets: RawSockets;
  readonly #parameters = new SendParameters();
  readonly #options = new IpOptions();
  readonly #fields: HeaderFields = {
    source: 0,
    destination: 0,
    protocol: 0,
    ttl: 0,
    tos: 0,
    fragment: 0,
    mtu: 0,
    loop: true,
  };
  /** The IP header comes from the user. */
  headerIncluded: number;
  /** Types of ICMP that it does not want, one bit each. */
  icmpFilter = 0;

  constructor(layer: SocketLayer, sockets: RawSockets, protocol: number) {
    super(layer, IPV4, SOCK_RAW, protocol);
    this.#sockets = sockets;
    this.headerIncluded = protocol === IPPROTO_RAW ? 1 : 0;
    // Linux shows the protocol where other sockets have their port.
    this.localPort = protocol;
    this.portLocked = true;
    sockets.add(this);
  }

  /** Whether a datagram from `source` to `destination` that came by `ifindex` is for it (Linux: `raw_v4_match`). */
  wants(source: number, destination: number, ifindex: number): boolean {
    if (this.remote !== 0 && this.remote !== source) return false;
    if (this.local !== 0 && this.local !== destination) return false;
    if (this.boundIfindex !== 0 && this.boundIfindex !== ifindex) return false;
    return (
      !isMulticast(destination) ||
      this.memberships.allows(destination, source, ifindex, this.multicastAll === 1)
    );
  }

  /** Whether it filters a message out whose ICMP header is at `at` (Linux: `icmp_filter`). */
  filters(packet: Packet, at: number): boolean {
    if (this.protocol !== IPPROTO_ICMP || this.icmpFilter === 0 || packet.end - at < 1) return false;
    const type = packet.pool.view.getUint8(at + ICMP_TYPE);
    return type < 32 && ((this.icmpFilter >>> type) & 1) === 1;
  }

  /** Takes a datagram of its own, `packet.start` at the IP header, with its ownership. */
  enqueue(packet: Packet): void {
    if (this.queue.push(packet) < 0) {
      this.layer.context.ns.drop(packet, DROP_RAW_RCVBUF, null);
      return;
    }
    this.wait.wake(POLLIN | POLLRDNORM);
  }

  override send(message: Message, flags: number): number {
    if ((flags & MSG_OOB) !== 0) return -EOPNOTSUPP;
    const length = iovLength(message.iov);
    if (length < 0) return length;
    if (length > IP_MAX) return -EMSGSIZE;
    const { address } = message;
    if (address !== null && address.family !== this.domain && address.family !== AF_UNSPEC)
      return -EAFNOSUPPORT;
    if (address === null && this.remote === 0) return -EDESTADDRREQ;
    const parameters = this.#parameters;
    parameters.begin(this);
    for (let i = 0; i < message.control.length; i++) {
      const result = parameters.control(message.control[i]!);
      if (result < 0) return result;
    }
    const path = this.#route(address === null ? this.remote : address.address);
    if (typeof path === 'number') return path;
    if (path.type === RTN_BROADCAST && this.broadcast === 0) return -EACCES;
    if (this.error !== 0) return this.takeError();
    if ((this.shutdownMask & SEND_SHUTDOWN) !== 0) return -EPIPE;
    if (this.writeMemory >= this.sndbuf) return -EAGAIN;
    const result =
      this.headerIncluded !== 0
        ? this.#sendWithHeader(path, message, length)
        : this.#sendPayload(path, message, length);
    if (result === -ENOBUFS && this.receiveErrors === 0) return length;
    return result < 0 ? result : length;
  }

  override receive(message: Message, flags: number): number {
    if ((flags & MSG_ERRQUEUE) !== 0) return this.receiveQueuedError(message);
    const state = this.readiness(flags);
    if (state <= 0) return state;
    const room = iovLength(message.iov);
    if (room < 0) return -EFAULT;
    const packet = this.queue.peek()!;
    const bytes = packet.length;
    const copied = scatterPacket(packet, 0, Math.min(bytes, room), message.iov);
    if (copied < bytes) message.flags |= MSG_TRUNC;
    message.address?.set(this.domain, packet.pool.view.getUint32(packet.network + IP_SOURCE), 0);
    if (message.controlRoom > 0) {
      putSocketControl(this, message, packet);
      putInetControl(this, message, packet);
    }
    if ((flags & MSG_PEEK) === 0) this.queue.shift()?.release();
    return (flags & MSG_TRUNC) !== 0 ? bytes : copied;
  }

  override ioctl(request: number): number {
    if (request === SIOCOUTQ) return this.writeMemory;
    return request === SIOCINQ ? (this.queue.peek()?.length ?? 0) : super.ioctl(request);
  }

  protected override mayBind(): boolean {
    return this.remote === 0;
  }

  /** A raw socket has no port. */
  protected override takePort(): number {
    return 0;
  }

  protected override unhash(): void {}

  protected override rehash(): void {}

  protected override destroy(): void {
    this.#sockets.remove(this);
    super.destroy();
  }

  protected override setProtocolOption(level: number, option: number, value: Uint8Array): number {
    if (level === SOL_IP && option === IP_HDRINCL) {
      this.headerIncluded = (value.length >= 4 ? readInt(value) : (value[0] ?? 0)) === 0 ? 0 : 1;
      return 0;
    }
    if (level === SOL_RAW && option === ICMP_FILTER) {
      if (this.protocol !== IPPROTO_ICMP) return -EOPNOTSUPP;
      this.icmpFilter = readInt(value) >>> 0;
      return 0;
    }
    return super.setProtocolOption(level, option, value);
  }

  protected override getProtocolOption(level: number, option: number, out: Uint8Array): number {
    if (level === SOL_IP && option === IP_HDRINCL) return copyOption(intBytes(this.headerIncluded), out);
    if (level === SOL_RAW && option === ICMP_FILTER) {
      return this.protocol === IPPROTO_ICMP ? copyOption(intBytes(this.icmpFilter), out) : -EOPNOTSUPP;
    }
    return super.getProtocolOption(level, option, out);
  }

  #route(destination: number): Path | number {
    const fields = this.#fields;
    const parameters = this.#parameters;
    let { source, oif } = parameters;
    if (isMulticast(destination)) {
      if (oif === 0) oif = this.multicastIfindex;
      if (source === 0) source = this.multicastSource;
    }
    const hop = this.firstHop(destination);
    const path = this.route(hop, this.headerIncluded !== 0 ? 0 : source, oif, parameters.tos);
    if (typeof path === 'number') return path;
    fields.source = source !== 0 ? source : this.sourceFor(path, hop) || this.family.loopback;
    fields.destination = destination === 0 ? fields.source : destination;
    return path;
  }

  #sendPayload(path: Path, message: Message, length: number): number {
    const { machine, ip, ns } = this.layer.context;
    const fields = this.#fields;
    const parameters = this.#parameters;
    const bytes = IP_HLEN + (this.options?.length ?? 0) + length;
    const mtu = this.ignoresPmtu ? path.dev.mtu : pathMtu(path, machine.clock.recent());
    if (bytes > IP_MAX || (bytes > mtu && this.refusesFragments)) {
      this.localError(EMSGSIZE, fields.destination, 0, mtu);
      return -EMSGSIZE;
    }
    const packet = machine.pool.alloc(length);
    if (packet === null) {
      ns.dropUnmade(DROP_POOL_EXHAUSTED);
      return -ENOBUFS;
    }
    gather(message.iov, 0, length, packet.pool.u8, packet.put(length));
    this.#own(packet);
    packet.mark = parameters.mark;
    packet.priority = parameters.priority;
    const ttl = path.type === RTN_MULTICAST ? this.multicastTtl : this.ttl;
    fields.protocol = this.protocol;
    fields.tos = parameters.tos;
    fields.ttl = parameters.ttlGiven ? parameters.ttl : ttl >= 0 ? ttl : ip.output.defaultTtl(path);
    fields.fragment = this.setsDontFragment(path, bytes <= mtu) ? IP_DF : 0;
    fields.mtu = this.ignoresPmtu ? mtu : 0;
    fields.loop = this.multicastLoop !== 0;
    const result = ip.output.push(packet, path, fields, this.options ?? this.#options);
    return result === NET_XMIT_DROP ? -ENOBUFS : Math.min(0, result);
  }

  #own(packet: Packet): void {
    const { stamps } = this.#parameters;
    own(packet, this, stamps & TX_PACKET, stamps !== 0 ? nextStampKey(this) : 0);
  }

  /** The user's header goes out as it is, but for what the host fills in (Linux: `raw_send_hdrinc`). */
  #sendWithHeader(path: Path, message: Message, length: number): number {
    const { machine, ip, ns, icmp } = this.layer.context;
    const fields = this.#fields;
    if (length > path.dev.mtu) {
      this.localError(EMSGSIZE, fields.destination, 0, path.dev.mtu);
      return -EMSGSIZE;
    }
    if (length < IP_HLEN) return -EINVAL;
    const packet = machine.pool.alloc(length);
    if (packet === null) {
      ns.dropUnmade(DROP_POOL_EXHAUSTED);
      return -ENOBUFS;
    }
    const at = packet.put(length);
    const { view, u8 } = packet.pool;
    gather(message.iov, 0, length, u8, at);
    const header = ipv4HeaderLength(view, at);
    if (header > length || header < IP_HLEN) {
      packet.release();
      return -EINVAL;
    }
    if (view.getUint32(at + IP_SOURCE) === 0) view.setUint32(at + IP_SOURCE, fields.source);
    view.setUint16(at + IP_TOTAL_LENGTH, length);
    if (view.getUint16(at + IP_IDENTIFICATION) === 0) {
      const now = machine.clock.recent();
      const id = ip.output.identification.next(fields.source, fields.destination, this.protocol, now);
      view.setUint16(at + IP_IDENTIFICATION, id);
    }
    setIpv4Checksum(view, at, header);
    packet.network = at;
    packet.transport = at + header;
    packet.protocol = ETH_P_IP;
    packet.packetType = PACKET_HOST;
    this.#own(packet);
    packet.mark = this.#parameters.mark;
    packet.priority = this.#parameters.priority;
    if (this.protocol === IPPROTO_ICMP && length > header) icmp.countOut(view.getUint8(at + header));
    const result = ip.output.transmitWithin(packet, path, path.dev.mtu);
    return result === NET_XMIT_DROP ? -ENOBUFS : Math.min(0, result);
  }
}
