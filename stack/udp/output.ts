import { DROP_POOL_EXHAUSTED } from '../../device/drop.ts';
import {
  EACCES,
  EAFNOSUPPORT,
  EAGAIN,
  EDESTADDRREQ,
  EINVAL,
  EMSGSIZE,
  ENOBUFS,
  EPIPE,
} from '../../device/errno.ts';
import { checksum, fold } from '../../device/memory/checksum.ts';
import { CHECKSUM_PARTIAL, GSO_UDP_L4, type Packet } from '../../device/memory/packet.ts';
import { NETIF_F_GSO_UDP_L4, NETIF_F_HW_CSUM } from '../../device/netdevice/features.ts';
import { NET_XMIT_DROP } from '../../device/netdevice/flags.ts';
import { MIB } from '../counters.ts';
import type { IpContext } from '../ip/context.ts';
import { IpOptions } from '../ip/options.ts';
import type { HeaderFields } from '../ip/output.ts';
import { type Path, pathMtu } from '../ip/path.ts';
import { AF_UNSPEC, MSG_CONFIRM, SEND_SHUTDOWN, SOL_UDP } from '../socket/abi.ts';
import { gather } from '../socket/iov.ts';
import type { Message } from '../socket/message.ts';
import { own } from '../socket/send-charge.ts';
import { SendParameters } from '../socket/send-parameters.ts';
import { nextStampKey, TX_PACKET } from '../socket/timestamping.ts';
import { RTN_BROADCAST, RTN_MULTICAST } from '../wire/address.ts';
import { IP_DF, IPPROTO_UDP } from '../wire/ipv4.ts';
import { UDP_CHECKSUM, UDP_DESTINATION, UDP_HLEN, UDP_LENGTH, UDP_SOURCE } from '../wire/udp.ts';
import type { Cork } from './cork.ts';
import { UDP_SEGMENT, type UdpSocket } from './udp-socket.ts';

/** Datagrams that one call may be cut into (Linux: `UDP_MAX_SEGMENTS`). */
const MOST_SEGMENTS = 128;
const LONGEST = 0xffff;

/** Where a datagram goes. */
export interface UdpDestination {
  address: number;
  port: number;
}

/** Sends datagrams (Linux: `udp_sendmsg`). */
export class UdpOutput {
  /** What {@link prepare} found out about the datagram that is being sent. */
  readonly destination: UdpDestination = { address: 0, port: 0 };
  readonly parameters: SendParameters = new SendParameters();
  readonly #context: IpContext;
  readonly #options = new IpOptions();
  readonly #fields: HeaderFields = {
    source: 0,
    destination: 0,
    protocol: IPPROTO_UDP,
    ttl: 0,
    tos: 0,
    fragment: 0,
    mtu: 0,
    loop: true,
  };
  readonly #corked: (Uint8Array | null)[] = [null];
  #mark = 0;
  #stamps = 0;
  #stampKey = 0;
  #priority = 0;

  constructor(context: IpContext) {
    this.#context = context;
  }

  /** Finds out where a message goes and with what, and gives the socket a port; 0 or a negated errno. */
  prepare(socket: UdpSocket, message: Message, flags: number): number {
    const { destination, parameters } = this;
    const { address } = message;
    if (address !== null) {
      if (address.family !== socket.domain && address.family !== AF_UNSPEC) return -EAFNOSUPPORT;
      if (address.port === 0) return -EINVAL;
      destination.address = address.address;
      destination.port = address.port;
    } else {
      if (socket.remote === 0) return -EDESTADDRREQ;
      destination.address = socket.remote;
      destination.port = socket.remotePort;
    }
    parameters.begin(socket);
    parameters.segment = socket.segment;
    for (let i = 0; i < message.control.length; i++) {
      const control = message.control[i]!;
      if (control.level === SOL_UDP) {
        if (control.type !== UDP_SEGMENT || control.data.length !== 2) return -EINVAL;
        parameters.segment = control.data[0]! | (control.data[1]! << 8);
      } else {
        const result = parameters.control(control);
        if (result < 0) return result;
      }
    }
    const bound = socket.autobind();
    if (bound < 0) return bound;
    if ((flags & MSG_CONFIRM) !== 0) this.#confirm(socket);
    return 0;
  }

  /** Sends what was prepared; bytes sent. */
  send(socket: UdpSocket, iov: readonly (Uint8Array | null)[], length: number): number {
    const result = this.#send(socket, this.destination, this.parameters, iov, length);
    return result < 0 ? result : length;
  }

  /** Sends a datagram that was written in parts; 0 or a negated errno. */
  sendCorked(socket: UdpSocket, cork: Cork): number {
    this.#corked[0] = cork.bytes;
    const result = this.#send(socket, cork.destination, cork.parameters, this.#corked, cork.length);
    this.#corked[0] = null;
    return result;
  }

  #send(
    socket: UdpSocket,
    to: Readonly<UdpDestination>,
    parameters: Readonly<SendParameters>,
    iov: readonly (Uint8Array | null)[],
    length: number,
  ): number {
    const { mib } = this.#context;
    const path = this.#route(socket, to, parameters);
    if (typeof path === 'number') return path;
    if (path.type === RTN_BROADCAST && socket.broadcast === 0) return -EACCES;
    if (socket.error !== 0) return socket.takeError();
    if ((socket.shutdownMask & SEND_SHUTDOWN) !== 0) return -EPIPE;
    if (socket.writeMemory >= socket.sndbuf) {
      mib.add(MIB.UdpSndbufErrors);
      return -EAGAIN;
    }
    const headerLength = socket.family.headerLength + (socket.options?.length ?? 0);
    const mtu = socket.ignoresPmtu ? path.dev.mtu : this.#mtu(path);
    const { segment } = parameters;
    const cut = segment > 0 && length > segment;
    if (segment > 0) {
      if (headerLength + UDP_HLEN + segment > mtu) return -EMSGSIZE;
      if (length > segment * MOST_SEGMENTS || socket.noChecksum !== 0) return -EINVAL;
    }
    const bytes = headerLength + UDP_HLEN + (cut ? segment : length);
    if (headerLength + UDP_HLEN + length > LONGEST) return -EMSGSIZE;
    if (bytes > mtu && socket.refusesFragments) {
      socket.localError(EMSGSIZE, to.address, to.port, mtu);
      return -EMSGSIZE;
    }
    this.#fill(socket, path, parameters, bytes, mtu);
    const superSegment = cut && carriesSegments(path);
    let result = 0;
    for (let at = 0; result >= 0 && (at < length || at === 0); at += cut ? segment : LONGEST) {
      const size = cut && !superSegment ? Math.min(segment, length - at) : length;
      result = this.#emit(socket, path, to.port, iov, at, size, superSegment ? segment : 0);
      if (superSegment || !cut) break;
    }
    // As in Linux a full queue is only told to those who asked for errors.
    if (result === -ENOBUFS) {
      mib.add(MIB.UdpSndbufErrors);
      return socket.receiveErrors !== 0 ? result : 0;
    }
    return result;
  }

  /** Makes one packet of `size` bytes of the buffers, from the `from`th on, and sends it. */
  #emit(
    socket: UdpSocket,
    path: Path,
    port: number,
    iov: readonly (Uint8Array | null)[],
    from: number,
    size: number,
    gsoSize: number,
  ): number {
    const { machine, mib, ns, ip } = this.#context;
    const packet = machine.pool.alloc(UDP_HLEN + size);
    if (packet === null) {
      ns.dropUnmade(DROP_POOL_EXHAUSTED);
      return -ENOBUFS;
    }
    const at = packet.put(UDP_HLEN + size);
    const { view, u8 } = packet.pool;
    view.setUint16(at + UDP_SOURCE, socket.localPort);
    view.setUint16(at + UDP_DESTINATION, port);
    view.setUint16(at + UDP_LENGTH, UDP_HLEN + size);
    view.setUint16(at + UDP_CHECKSUM, 0);
    gather(iov, from, size, u8, at + UDP_HLEN);
    if (gsoSize > 0) {
      packet.gsoSize = gsoSize;
      packet.gsoType = GSO_UDP_L4;
    }
    this.#checksum(socket, packet, path, at);
    own(packet, socket, this.#stamps, this.#stampKey);
    this.#stamps = 0;
    packet.mark = this.#mark;
    packet.priority = this.#priority;
    mib.add(MIB.UdpOutDatagrams);
    const result = ip.output.push(packet, path, this.#fields, socket.options ?? this.#options);
    return result === NET_XMIT_DROP ? -ENOBUFS : Math.min(result, 0);
  }

  /** The checksum, or its pseudo header where the device computes the rest. */
  #checksum(socket: UdpSocket, packet: Packet, path: Path, at: number): void {
    if (socket.noChecksum !== 0) return;
    const { source, destination } = this.#fields;
    const { view } = packet.pool;
    const length = packet.end - at;
    const pseudo = socket.family.pseudoHeaderSum(source, destination, IPPROTO_UDP, length);
    if ((path.dev.features & NETIF_F_HW_CSUM) !== 0) {
      packet.checksum = CHECKSUM_PARTIAL;
      packet.checksumStart = at;
      packet.checksumOffset = UDP_CHECKSUM;
      view.setUint16(at + UDP_CHECKSUM, fold(pseudo));
      return;
    }
    view.setUint16(at + UDP_CHECKSUM, checksum(packet.pool, at, length, pseudo) || 0xffff);
  }

  /** The path of a datagram; fills in what only the path says. */
  #route(
    socket: UdpSocket,
    to: Readonly<UdpDestination>,
    parameters: Readonly<SendParameters>,
  ): Path | number {
    const { family } = socket;
    const fields = this.#fields;
    const multicast = family.isMulticast(to.address);
    let { oif, source } = parameters;
    if (multicast) {
      if (oif === 0) oif = socket.multicastIfindex;
      if (source === 0) source = socket.multicastSource;
    }
    const hop = socket.firstHop(to.address);
    const path = socket.route(hop, source, oif, parameters.tos);
    if (typeof path === 'number') {
      this.#context.mib.add(MIB.IpOutNoRoutes);
      return path;
    }
    fields.source = source !== 0 ? source : socket.sourceFor(path, hop) || family.loopback;
    fields.destination = family.isAny(to.address) ? fields.source : to.address;
    return path;
  }

  #fill(
    socket: UdpSocket,
    path: Path,
    parameters: Readonly<SendParameters>,
    bytes: number,
    mtu: number,
  ): void {
    const fields = this.#fields;
    fields.tos = parameters.tos;
    fields.ttl = ttlOf(socket, path, parameters, this.#context.ip.output.defaultTtl(path));
    fields.fragment = socket.setsDontFragment(path, bytes <= mtu) ? IP_DF : 0;
    fields.mtu = socket.ignoresPmtu ? mtu : 0;
    fields.loop = socket.multicastLoop !== 0;
    this.#mark = parameters.mark;
    this.#stamps = parameters.stamps & TX_PACKET;
    this.#stampKey = parameters.stamps !== 0 ? nextStampKey(socket) : 0;
    this.#priority = parameters.priority;
  }

  #mtu(path: Path): number {
    return pathMtu(path, this.#context.machine.clock.recent());
  }

  /** The user heard from the other end: its neighbour is there. */
  #confirm(socket: UdpSocket): void {
    const { address } = this.destination;
    const path = socket.route(address, this.parameters.source, this.parameters.oif);
    if (typeof path === 'number') return;
    this.#context.arp.nextHop(path.dev, path.gateway !== 0 ? path.gateway : address)?.confirm();
  }
}

/** Linux: `ip_select_ttl`: a control message's, for a group the socket's own, else the socket's or the default. */
function ttlOf(
  socket: UdpSocket,
  path: Path,
  parameters: Readonly<SendParameters>,
  otherwise: number,
): number {
  if (parameters.ttlGiven) return parameters.ttl;
  if (path.type === RTN_MULTICAST) return socket.multicastTtl;
  return parameters.ttl > 0 ? parameters.ttl : otherwise;
}

/** Whether the device takes many datagrams as one super-segment. */
function carriesSegments(path: Path): boolean {
  const needed = NETIF_F_GSO_UDP_L4 | NETIF_F_HW_CSUM;
  return (path.dev.features & needed) === needed;
}
