import { DROP_OTHER_HOST, DROP_POOL_EXHAUSTED, dropReason } from '../../device/drop.ts';
import { EACCES, EHOSTUNREACH, ENETUNREACH, EXDEV } from '../../device/errno.ts';
import { checksumIsInside } from '../../device/memory/complete-checksum.ts';
import {
  CHECKSUM_PARTIAL,
  PACKET_BROADCAST,
  PACKET_HOST,
  PACKET_LOOPBACK,
  PACKET_MULTICAST,
  PACKET_OTHERHOST,
  type Packet,
} from '../../device/memory/packet.ts';
import type { NetDevice } from '../../device/netdevice/netdevice.ts';
import { MIB } from '../counters.ts';
import {
  type Ipv4,
  RTN_BROADCAST,
  RTN_LOCAL,
  RTN_MULTICAST,
  RTN_UNICAST,
  RTN_UNREACHABLE,
} from '../wire/address.ts';
import {
  ICMP_DEST_UNREACH,
  ICMP_HOST_UNREACH,
  ICMP_NET_UNREACH,
  ICMP_PKT_FILTERED,
  ICMP_PROT_UNREACH,
} from '../wire/icmp.ts';
import {
  IP_DESTINATION,
  IP_FRAGMENT,
  IP_HLEN,
  IP_MF,
  IP_OFFSET_MASK,
  IP_PROTOCOL,
  IP_SOURCE,
  IP_TOS,
  IP_TOTAL_LENGTH,
  IP_VERSION_IHL,
  IPTOS_RT_MASK,
  ipv4HeaderSum,
} from '../wire/ipv4.ts';
import type { IpContext } from './context.ts';
import { forward } from './forward.ts';
import { inetDevice } from './inet-device.ts';
import { InputCache } from './input-cache.ts';
import { OptionsInput } from './options-input.ts';
import type { Path } from './path.ts';
import { loopbackPath } from './route-input.ts';

/** Too short for an IPv4 header, of another version, or with a header length or total length that can't be. */
export const DROP_IP_HEADER: number = dropReason('ip_header');
/** The header's checksum is wrong. */
export const DROP_IP_CHECKSUM: number = dropReason('ip_checksum');
/** Shorter than its total length says. */
export const DROP_IP_TRUNCATED: number = dropReason('ip_truncated');
/** An open checksum's field lies behind the datagram's end. */
export const DROP_IP_CHECKSUM_CUT: number = dropReason('ip_checksum_cut');
/** From or to an address that can't be: own, none, multicast as a source, loopback on a wire ... */
export const DROP_IP_MARTIAN: number = dropReason('ip_martian');
/** The way back to its source leads elsewhere (`rp_filter`). */
export const DROP_IP_RPFILTER: number = dropReason('ip_rpfilter');
/** Not for this host, which does not forward, or has no way there. */
export const DROP_IP_UNREACHABLE: number = dropReason('ip_unreachable');
/** For one address, but sent to all on the link (`drop_unicast_in_l2_multicast`). */
export const DROP_IP_UNICAST_IN_L2_MULTICAST: number = dropReason('ip_unicast_in_l2_multicast');
/** For a protocol that nobody speaks here. */
export const DROP_IP_PROTOCOL: number = dropReason('ip_protocol');

/** Receives datagrams (Linux: `net/ipv4/ip_input.c`). */
export class IpInput {
  readonly options: OptionsInput;
  /** Asked about each datagram for another host: the path on which it is delivered here instead, null: none. */
  intercept: ((packet: Packet, dev: NetDevice) => Path | null) | null = null;
  /**
   * Asked about each datagram, or ICMP error, that nobody here waits for, before anything is done about that; `packet.network` is at its IP
   * header. It copies what it wants. True: it is another stack's matter (Linux has no such thing; see docs/multi-queue.md).
   */
  astray: ((packet: Packet) => boolean) | null = null;
  readonly #context: IpContext;
  readonly #cache = new InputCache();

  constructor(context: IpContext) {
    this.#context = context;
    this.options = new OptionsInput(context);
  }

  /** Takes a packet whose IP header is at `packet.start` (Linux: `ip_rcv`). */
  receive(packet: Packet, dev: NetDevice): void {
    const { mib } = this.#context;
    if (packet.packetType === PACKET_OTHERHOST) {
      dev.statistics.rxOtherhostDropped++;
      dev.drop(packet, DROP_OTHER_HOST);
      return;
    }
    const bytes = packet.length;
    mib.add(MIB.IpInReceives);
    mib.add(MIB.IpExtInOctets, bytes);
    const at = packet.start;
    const linear = packet.end - at;
    const { view } = packet.pool;
    const first = linear < IP_HLEN ? 0 : view.getUint8(at + IP_VERSION_IHL);
    const header = (first & 0x0f) << 2;
    if (first >>> 4 !== 4 || header < IP_HLEN || linear < header) {
      this.#badHeader(packet, dev, DROP_IP_HEADER);
      return;
    }
    if (ipv4HeaderSum(view, at, header) !== 0xffff) {
      mib.add(MIB.IpExtInCsumErrors);
      this.#badHeader(packet, dev, DROP_IP_CHECKSUM);
      return;
    }
    const total = view.getUint16(at + IP_TOTAL_LENGTH);
    if (bytes < total) {
      mib.add(MIB.IpExtInTruncatedPkts);
      dev.drop(packet, DROP_IP_TRUNCATED);
      return;
    }
    if (total < header) {
      this.#badHeader(packet, dev, DROP_IP_HEADER);
      return;
    }
    if (bytes > total && !trimTo(packet, total)) {
      this.#badHeader(packet, dev, DROP_IP_CHECKSUM_CUT);
      return;
    }
    packet.network = at;
    packet.transport = at + header;
    this.#route(packet, dev, header);
  }

  /** Delivers a datagram to this host (Linux: `ip_local_deliver`), in one piece or, when that is complete, put together. */
  deliver(packet: Packet, dev: NetDevice, path: Path): void {
    const { view } = packet.pool;
    let whole: Packet | null = packet;
    packet.start = packet.transport;
    if ((view.getUint16(packet.network + IP_FRAGMENT) & (IP_MF | IP_OFFSET_MASK)) !== 0) {
      whole = this.#context.ip.reassembly.add(packet, dev, this.options.current);
      if (whole === null) return;
    }
    this.#toProtocol(whole, dev, path);
  }

  /** Linux: `ip_rcv_finish`. */
  #route(packet: Packet, dev: NetDevice, header: number): void {
    const { routes } = this.#context;
    const { view } = packet.pool;
    const at = packet.network;
    const source = view.getInt32(at + IP_SOURCE);
    const destination = view.getInt32(at + IP_DESTINATION);
    const tos = view.getUint8(at + IP_TOS) & IPTOS_RT_MASK;
    if (packet.packetType === PACKET_HOST) {
      const known = this.#cache.find(destination, source, tos, dev.ifindex, routes.generation);
      if (known !== null) {
        this.options.current.reset();
        if (header === IP_HLEN) this.deliver(packet, dev, known);
        else this.#withOptions(packet, dev, known);
        return;
      }
    }
    const path =
      packet.packetType === PACKET_LOOPBACK
        ? this.#looped(dev, destination >>> 0)
        : routes.input(destination >>> 0, source >>> 0, tos, dev);
    if (typeof path !== 'number' && path.type === RTN_LOCAL && packet.packetType === PACKET_HOST)
      this.#cache.keep(destination, source, tos, dev.ifindex, path);
    if (typeof path === 'number') {
      dev.drop(packet, path === -EXDEV ? DROP_IP_RPFILTER : DROP_IP_MARTIAN);
      return;
    }
    this.options.current.reset();
    if (header === IP_HLEN) this.#follow(packet, dev, path);
    else this.#withOptions(packet, dev, path);
  }

  #withOptions(shared: Packet, dev: NetDevice, path: Path): void {
    const packet = this.#context.machine.pool.unshare(shared);
    if (packet === null) {
      this.#context.mib.add(MIB.IpInDiscards);
      this.#context.ns.dropUnmade(DROP_POOL_EXHAUSTED);
      return;
    }
    const way = this.options.receive(packet, dev, path);
    if (way !== null) this.#follow(packet, dev, way);
  }

  #follow(packet: Packet, dev: NetDevice, path: Path): void {
    const { mib } = this.#context;
    if (path.type === RTN_BROADCAST) {
      mib.add(MIB.IpExtInBcastPkts);
      mib.add(MIB.IpExtInBcastOctets, packet.length);
    } else if (path.type === RTN_MULTICAST) {
      mib.add(MIB.IpExtInMcastPkts);
      mib.add(MIB.IpExtInMcastOctets, packet.length);
    } else if (
      (packet.packetType === PACKET_BROADCAST || packet.packetType === PACKET_MULTICAST) &&
      inetDevice(dev)?.conf.values.drop_unicast_in_l2_multicast === 1
    ) {
      dev.drop(packet, DROP_IP_UNICAST_IN_L2_MULTICAST);
      return;
    }
    if (this.intercept !== null && (path.type === RTN_UNICAST || path.type === RTN_UNREACHABLE)) {
      const here = this.intercept(packet, dev);
      if (here !== null) {
        this.deliver(packet, dev, here);
        return;
      }
    }
    switch (path.type) {
      case RTN_LOCAL:
      case RTN_MULTICAST:
        this.deliver(packet, dev, path);
        break;
      case RTN_BROADCAST:
        // With bc_forwarding the path is a route's, and leads on to its subnet.
        if (path.entry === null) this.deliver(packet, dev, path);
        else forward(this.#context, packet, dev, path);
        break;
      case RTN_UNICAST:
        forward(this.#context, packet, dev, path);
        break;
      default:
        this.#unreachable(packet, dev, path);
    }
  }

  #toProtocol(packet: Packet, dev: NetDevice, path: Path): void {
    const { ip, mib, icmp } = this.#context;
    const protocol = packet.pool.view.getUint8(packet.network + IP_PROTOCOL);
    const wanted = ip.protocols.tell(packet, dev);
    const handler = ip.protocols.get(protocol);
    if (handler !== null) {
      mib.add(MIB.IpInDelivers);
      handler.receive(packet, dev, path);
    } else if (wanted) {
      mib.add(MIB.IpInDelivers);
      packet.release();
    } else {
      mib.add(MIB.IpInUnknownProtos);
      icmp.error(packet, ICMP_DEST_UNREACH, ICMP_PROT_UNREACH, 0, path, this.options.current);
      dev.drop(packet, DROP_IP_PROTOCOL);
    }
  }

  /** Linux: `ip_error`. A host drops in silence; a router tells the sender, not too often. */
  #unreachable(packet: Packet, dev: NetDevice, path: Path): void {
    const { mib, ip, icmp, settings, machine } = this.#context;
    const forwarding = inetDevice(dev)?.conf.values.forwarding === 1;
    if (!forwarding && path.error === EHOSTUNREACH) mib.add(MIB.IpInAddrErrors);
    if (path.error === ENETUNREACH) mib.add(MIB.IpExtInNoRoutes);
    const code = forwarding ? unreachableCode(path.error) : -1;
    if (code >= 0) {
      const now = machine.clock.recent();
      const source: Ipv4 = packet.pool.view.getUint32(packet.network + IP_SOURCE);
      const cost = settings.routeErrorCost.value;
      if (ip.peers.get(source, now).take(now, cost, settings.routeErrorBurst.value))
        icmp.error(packet, ICMP_DEST_UNREACH, code, 0, path, this.options.current);
    }
    dev.drop(packet, DROP_IP_UNREACHABLE);
  }

  #looped(dev: NetDevice, destination: Ipv4): Path | number {
    const inet = inetDevice(dev);
    return inet === null ? -ENETUNREACH : loopbackPath(this.#context.routes, inet, destination);
  }

  #badHeader(packet: Packet, dev: NetDevice, reason: number): void {
    this.#context.mib.add(MIB.IpInHdrErrors);
    dev.drop(packet, reason);
  }
}

/** Takes a link's padding off. False: with it would go the field of an open checksum (Linux: `pskb_trim_rcsum`). */
function trimTo(packet: Packet, bytes: number): boolean {
  const linear = packet.end - packet.start;
  if (bytes > linear) {
    packet.payloadLength = bytes - linear;
    return true;
  }
  packet.payloadLength = 0;
  packet.trim(bytes);
  return packet.checksum !== CHECKSUM_PARTIAL || checksumIsInside(packet);
}

/** The code that tells of a refused lookup, -1: none. */
function unreachableCode(error: number): number {
  if (error === EHOSTUNREACH) return ICMP_HOST_UNREACH;
  if (error === ENETUNREACH) return ICMP_NET_UNREACH;
  return error === EACCES ? ICMP_PKT_FILTERED : -1;
}
