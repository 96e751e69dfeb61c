import { Work } from '../../device/clock/deferred.ts';
import { DROP_DEVICE_NOT_RUNNING, DROP_POOL_EXHAUSTED, dropReason } from '../../device/drop.ts';
import { EINVAL, EMSGSIZE, ENOBUFS } from '../../device/errno.ts';
import { ETH_P_IP } from '../../device/frame/ethernet.ts';
import {
  CHECKSUM_NONE,
  CHECKSUM_PARTIAL,
  PACKET_HOST,
  PACKET_LOOPBACK,
  type Packet,
} from '../../device/memory/packet.ts';
import { PacketQueue } from '../../device/memory/queue.ts';
import { IFF_LOOPBACK } from '../../device/netdevice/flags.ts';
import { MIB } from '../counters.ts';
import type { SendOptions } from '../inet.ts';
import { type Ipv4, RTN_BROADCAST, RTN_MULTICAST } from '../wire/address.ts';
import {
  IP_CHECKSUM,
  IP_DESTINATION,
  IP_DF,
  IP_FRAGMENT,
  IP_HLEN,
  IP_IDENTIFICATION,
  IP_MAX,
  IP_PROTOCOL,
  IP_SOURCE,
  IP_TOS,
  IP_TOTAL_LENGTH,
  IP_TTL,
  IP_VERSION_IHL,
  IPPROTO_ICMP,
  IPTOS_RT_MASK,
  setIpv4Checksum,
} from '../wire/ipv4.ts';
import type { IpContext } from './context.ts';
import { segmentsExceed, sendFragments, sendSegmentsInFragments } from './fragment.ts';
import { Identification } from './identification.ts';
import { inetDevice } from './inet-device.ts';
import { IP_OPTIONS_MAX, IpOptions, OPTIONS_OK, type OptionsContext } from './options.ts';
import { buildOptions } from './options-echo.ts';
import { type Path, pathMtu } from './path.ts';

/** No route to the destination. */
export const DROP_IP_NO_ROUTE: number = dropReason('ip_no_route');
/** Larger than a datagram can be, or than the path's MTU with fragmentation forbidden. */
export const DROP_IP_TOO_BIG: number = dropReason('ip_too_big');
/** The IP options that were asked for are no options. */
export const DROP_IP_BAD_OPTIONS: number = dropReason('ip_bad_options');
/** The neighbour table is full. */
export const DROP_IP_NO_NEIGHBOUR: number = dropReason('ip_no_neighbour');
/** Too many own broadcasts wait to be received. */
export const DROP_IP_LOOPED_FULL: number = dropReason('ip_looped_full');

/** Own broadcasts and multicasts that wait to be received. */
const LOOPED_MAX = 256;

/** What a header says beside addresses and protocol; one object is used again and again. */
export interface HeaderFields {
  source: Ipv4;
  destination: Ipv4;
  protocol: number;
  ttl: number;
  tos: number;
  /** `IP_DF` or 0. */
  fragment: number;
  /** Bytes that the sender takes for the MTU; 0 or absent: the path's. */
  mtu?: number;
  /** A multicast comes back to this host, unless this is false (IP_MULTICAST_LOOP). */
  loop?: boolean;
}

/** Sends datagrams (Linux: `net/ipv4/ip_output.c`). */
export class IpOutput {
  readonly identification: Identification;
  readonly #context: IpContext;
  /** Compiled options of the datagram that is being sent. */
  readonly #options = new IpOptions();
  readonly #optionsContext: OptionsContext;
  readonly #looped = new PacketQueue(LOOPED_MAX);
  readonly #loopWork = new Work(() => this.#receiveLooped());
  /** Used by callers that fill it in and pass it on at once. */
  readonly fields: HeaderFields = { source: 0, destination: 0, protocol: 0, ttl: 0, tos: 0, fragment: 0 };

  constructor(context: IpContext) {
    this.#context = context;
    this.identification = new Identification(context.ns.entropy.fork());
    this.#optionsContext = {
      received: false,
      specificDestination: () => 0,
      addressType: (address) => context.routes.addressType(address),
      timestamp: () => 0,
    };
  }

  close(): void {
    this.#looped.purge();
  }

  /** See `IpSeam.send`. */
  send(packet: Packet, options: SendOptions): number {
    const context = this.#context;
    const compiled = this.#compile(options.ipOptions);
    if (compiled < 0) return this.#refuse(packet, DROP_IP_BAD_OPTIONS, compiled);
    const hop = this.#options.sourceRoute === 0 ? options.destination : this.#options.firstHop;
    const tos = options.tos ?? 0;
    const path = context.routes.output(hop, options.source, options.oif ?? 0, tos & IPTOS_RT_MASK);
    if (typeof path === 'number') {
      context.mib.add(MIB.IpOutNoRoutes);
      return this.#refuse(packet, DROP_IP_NO_ROUTE, path);
    }
    const bytes = packet.length + IP_HLEN + this.#options.length;
    const mtu = pathMtu(path, context.machine.clock.recent());
    const dontFragment = options.dontFragment === true;
    if (bytes > IP_MAX || (dontFragment && bytes > mtu && packet.gsoSize === 0)) {
      if (dontFragment) context.mib.add(MIB.IpFragFails);
      return this.#refuse(packet, DROP_IP_TOO_BIG, -EMSGSIZE);
    }
    const discovers = options.discoverMtu === true && !path.mtuLocked && bytes <= mtu;
    const { fields } = this;
    fields.source = options.source !== 0 ? options.source : context.routes.sourceFor(path, hop);
    fields.destination = options.destination;
    fields.protocol = options.protocol;
    fields.ttl = options.ttl || this.defaultTtl(path);
    fields.tos = tos;
    fields.fragment = dontFragment || discovers ? IP_DF : 0;
    return this.push(packet, path, fields, this.#options);
  }

  /** The TTL of a datagram whose sender has no wish: 1 for multicast (Linux: `ip_select_ttl`). */
  defaultTtl(path: Path): number {
    const limit = path.entry?.attributes.hopLimit ?? 0;
    if (path.type === RTN_MULTICAST) return 1;
    return limit !== 0 ? limit : this.#context.settings.defaultTtl.value;
  }

  /**
   * Puts an IP header with `options` in front of a transport packet and sends it along `path` (Linux: `ip_make_skb`,
   * `ip_local_out`). Takes the packet's ownership; it must have no other owner.
   */
  push(packet: Packet, path: Path, fields: Readonly<HeaderFields>, options: IpOptions): number {
    const { mib, machine } = this.#context;
    const view = packet.pool.view;
    const length = IP_HLEN + options.length;
    packet.transport = packet.start;
    const at = packet.push(length);
    packet.network = at;
    packet.protocol = ETH_P_IP;
    packet.packetType = PACKET_HOST;
    packet.ifindex = 0;
    packet.vlanTci = -1;
    if (packet.checksum !== CHECKSUM_PARTIAL) packet.checksum = CHECKSUM_NONE;
    const toHop = options.sourceRoute === 0 ? fields.destination : options.firstHop;
    if (options.length > 0) {
      const time = Math.floor(machine.clock.epoch + machine.clock.now()) % 86_400_000;
      buildOptions(options, packet.pool.u8, at, fields.destination, fields.source, time);
    }
    const id =
      fields.fragment === IP_DF
        ? 0
        : this.identification.next(
            fields.source,
            fields.destination,
            fields.protocol,
            machine.clock.recent(),
          );
    view.setUint8(at + IP_VERSION_IHL, 0x40 | (length >>> 2));
    view.setUint8(at + IP_TOS, fields.tos);
    view.setUint16(at + IP_TOTAL_LENGTH, packet.length);
    view.setUint16(at + IP_IDENTIFICATION, id);
    view.setUint16(at + IP_FRAGMENT, fields.fragment);
    view.setUint8(at + IP_TTL, fields.ttl);
    view.setUint8(at + IP_PROTOCOL, fields.protocol);
    view.setUint16(at + IP_CHECKSUM, 0);
    view.setUint32(at + IP_SOURCE, fields.source);
    view.setUint32(at + IP_DESTINATION, toHop);
    setIpv4Checksum(view, at, length);
    mib.add(MIB.IpOutRequests);
    if (fields.protocol === IPPROTO_ICMP) this.#context.icmp.countOut(view.getUint8(packet.transport));
    const mtu = fields.mtu || pathMtu(path, machine.clock.recent());
    return this.transmitWithin(packet, path, mtu, fields.loop);
  }

  /**
   * Sends a datagram whose IP header is at `packet.start`, in fragments if it must be (Linux: `ip_output`). Takes the packet's
   * ownership.
   */
  transmit(packet: Packet, path: Path): number {
    return this.transmitWithin(packet, path, pathMtu(path, this.#context.machine.clock.recent()));
  }

  /** The same with an MTU of the caller's, in bytes: for packets that pass, which learned MTUs don't concern. */
  transmitWithin(packet: Packet, path: Path, mtu: number, loop = true): number {
    const context = this.#context;
    if (path.type === RTN_BROADCAST) {
      this.#loopBack(packet, path);
    } else if (path.type === RTN_MULTICAST) {
      const group = packet.pool.view.getUint32(packet.start + IP_DESTINATION);
      if (loop && inetDevice(path.dev)?.groups.has(group) === true) this.#loopBack(packet, path);
      if (packet.pool.view.getUint8(packet.start + IP_TTL) === 0) {
        // Such a one is for this host only (Linux: `ip_mc_output`).
        packet.release();
        return 0;
      }
    }
    if (packet.length > mtu) {
      if (packet.gsoSize === 0) return sendFragments(context, packet, path, mtu);
      // Our own are cut to what their senders know of the path.
      if (packet.ifindex !== 0 && segmentsExceed(context, packet, mtu))
        return sendSegmentsInFragments(context, packet, path, mtu);
    }
    return this.finish(packet, path);
  }

  /** Hands a datagram that fits to its neighbour, which its header's destination is behind (Linux: `ip_finish_output2`). */
  finish(packet: Packet, path: Path): number {
    this.#count(packet, path);
    // Signed, since those are never allocated.
    const hop =
      path.gateway !== 0 ? path.gateway | 0 : packet.pool.view.getInt32(packet.start + IP_DESTINATION);
    const known = path.neighbour;
    if (known !== null && (known.key | 0) === hop && !known.dead) return known.output(packet);
    const neighbour = this.#context.arp.nextHop(path.dev, hop >>> 0);
    path.neighbour = neighbour;
    if (neighbour === null) {
      this.#context.mib.add(MIB.IpOutDiscards);
      return this.#refuse(packet, DROP_IP_NO_NEIGHBOUR, -ENOBUFS);
    }
    return neighbour.output(packet);
  }

  /** Each fragment counts for itself. */
  #count(packet: Packet, path: Path): void {
    const { mib } = this.#context;
    const bytes = packet.length;
    mib.add(MIB.IpOutTransmits);
    mib.add(MIB.IpExtOutOctets, bytes);
    if (path.type === RTN_MULTICAST) {
      mib.add(MIB.IpExtOutMcastPkts);
      mib.add(MIB.IpExtOutMcastOctets, bytes);
    } else if (path.type === RTN_BROADCAST) {
      mib.add(MIB.IpExtOutBcastPkts);
      mib.add(MIB.IpExtOutBcastOctets, bytes);
    }
  }

  /** What is sent to all is also for this host (Linux: `ip_mc_output`, `dev_loopback_xmit`). */
  #loopBack(packet: Packet, path: Path): void {
    if ((path.dev.flags & IFF_LOOPBACK) !== 0) return;
    const { machine, ns } = this.#context;
    const copy = machine.pool.copy(packet);
    if (copy === null) {
      ns.dropUnmade(DROP_POOL_EXHAUSTED);
      return;
    }
    copy.packetType = PACKET_LOOPBACK;
    copy.ifindex = path.dev.ifindex;
    if (!this.#looped.push(copy)) {
      ns.drop(copy, DROP_IP_LOOPED_FULL, path.dev);
      return;
    }
    machine.clock.defer(this.#loopWork);
  }

  #receiveLooped(): void {
    const { ns, ip } = this.#context;
    for (let packet = this.#looped.shift(); packet !== null; packet = this.#looped.shift()) {
      const dev = ns.deviceByIndex(packet.ifindex);
      if (dev === undefined) ns.drop(packet, DROP_DEVICE_NOT_RUNNING, null);
      else ip.input.receive(packet, dev);
    }
  }

  #compile(bytes: Uint8Array | undefined): number {
    const options = this.#options;
    options.reset();
    if (bytes === undefined || bytes.length === 0) return 0;
    if (bytes.length > IP_OPTIONS_MAX || (bytes.length & 3) !== 0) return -EINVAL;
    const { data } = options;
    data.fill(0);
    data.set(bytes);
    return options.compile(data, 0, bytes.length, this.#optionsContext) === OPTIONS_OK ? 0 : -EINVAL;
  }

  /** Options that datagrams are to be sent with, read and checked; null: they are none (Linux: `ip_options_get`). */
  compile(bytes: Uint8Array): IpOptions | null {
    const options = new IpOptions();
    if (bytes.length > IP_OPTIONS_MAX || (bytes.length & 3) !== 0) return null;
    options.data.set(bytes);
    const read = options.compile(options.data, 0, bytes.length, this.#optionsContext);
    return read === OPTIONS_OK ? options : null;
  }

  #refuse(packet: Packet, reason: number, errno: number): number {
    this.#context.ns.drop(packet, reason, null);
    return errno;
  }
}
