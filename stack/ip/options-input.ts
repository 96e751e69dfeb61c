import { dropReason } from '../../device/drop.ts';
import { PACKET_HOST, type Packet } from '../../device/memory/packet.ts';
import type { NetDevice } from '../../device/netdevice/netdevice.ts';
import { MIB } from '../counters.ts';
import { type Ipv4, isZeronet, RTN_LOCAL, RTN_UNICAST, SCOPE_LINK, SCOPE_UNIVERSE } from '../wire/address.ts';
import { ICMP_PARAMETERPROB } from '../wire/icmp.ts';
import {
  IP_DESTINATION,
  IP_HLEN,
  IP_SOURCE,
  IP_TOS,
  IPTOS_RT_MASK,
  ipv4HeaderLength,
  setIpv4Checksum,
} from '../wire/ipv4.ts';
import type { IpContext } from './context.ts';
import { inetDevice } from './inet-device.ts';
import { getAddress, IpOptions, OPTIONS_OK, type OptionsContext, setAddress } from './options.ts';
import type { Path } from './path.ts';

/** Malformed IP options. */
export const DROP_IP_OPTIONS: number = dropReason('ip_options');
/** A source route that this host does not follow (`accept_source_route`), or can't. */
export const DROP_IP_SOURCE_ROUTE: number = dropReason('ip_source_route');

/** Byte of the destination in the header: what a strict source route to another host is blamed on. */
const DESTINATION_POINTER = 16;

/** The options of received datagrams (Linux: `ip_rcv_options`, `ip_options_rcv_srr`). */
export class OptionsInput implements OptionsContext {
  readonly received = true;
  /** Those of the datagram that is being handled. */
  readonly current: IpOptions = new IpOptions();
  readonly #context: IpContext;
  #source: Ipv4 = 0;
  #destination: Ipv4 = 0;
  #dev: NetDevice | null = null;
  #local = false;

  constructor(context: IpContext) {
    this.#context = context;
  }

  /**
   * Reads the options of a packet that may be written to, and fills in what they ask for. The path to follow, which a source
   * route may have changed; null: the packet is dropped.
   */
  receive(packet: Packet, dev: NetDevice, path: Path): Path | null {
    const { mib, icmp } = this.#context;
    const wrong = this.compile(packet, dev, path, this.current);
    if (wrong !== OPTIONS_OK) {
      mib.add(MIB.IpInHdrErrors);
      icmp.error(packet, ICMP_PARAMETERPROB, 0, (wrong << 24) >>> 0, path, this.current);
      dev.drop(packet, DROP_IP_OPTIONS);
      return null;
    }
    if (this.current.sourceRoute === 0) return path;
    const accepted = inetDevice(dev)?.conf.values.accept_source_route === 1;
    const next = accepted ? this.#sourceRoute(packet, dev, path) : null;
    if (next === null) dev.drop(packet, DROP_IP_SOURCE_ROUTE);
    return next;
  }

  /** Compiles the options in the packet's header into `options`; see `IpOptions.compile` for the result. */
  compile(packet: Packet, dev: NetDevice | null, path: Path | null, options: IpOptions): number {
    const { view } = packet.pool;
    const at = packet.network;
    this.#source = view.getUint32(at + IP_SOURCE);
    this.#destination = view.getUint32(at + IP_DESTINATION);
    this.#dev = dev;
    this.#local = path?.type === RTN_LOCAL;
    const length = ipv4HeaderLength(view, at) - IP_HLEN;
    return options.compile(packet.pool.u8, at + IP_HLEN, length, this);
  }

  specificDestination(): Ipv4 {
    if (this.#local) return this.#destination;
    return this.#dev === null ? 0 : this.addressFor(this.#dev, this.#source);
  }

  /** This host's address for an answer to what came from `source` by `dev` (Linux: `fib_compute_spec_dst`). */
  addressFor(dev: NetDevice, source: Ipv4): Ipv4 {
    const { routes, addresses } = this.#context;
    if (isZeronet(source)) return addresses.select(dev, source, SCOPE_LINK);
    const entry = routes.fib.lookup(source);
    if (typeof entry === 'number' || entry.path === null)
      return addresses.select(dev, source, SCOPE_UNIVERSE);
    return entry.preferredSource !== 0
      ? entry.preferredSource
      : addresses.select(entry.path.dev, entry.gateway, entry.scope);
  }

  addressType(address: Ipv4): number {
    return this.#context.routes.addressType(address);
  }

  timestamp(): number {
    const { clock } = this.#context.machine;
    return Math.floor(clock.epoch + clock.now()) % 86_400_000;
  }

  /** Follows a source route whose next stop this host is. */
  #sourceRoute(packet: Packet, dev: NetDevice, path: Path): Path | null {
    const { icmp, routes } = this.#context;
    const options = this.current;
    if (packet.packetType !== PACKET_HOST) return null;
    if (path.type === RTN_UNICAST) {
      if (!options.strict) return path;
      icmp.error(packet, ICMP_PARAMETERPROB, 0, DESTINATION_POINTER << 24, path, options);
      return null;
    }
    if (path.type !== RTN_LOCAL) return null;
    const bytes = packet.pool.u8;
    const { view } = packet.pool;
    const at = packet.network;
    const route = at + options.sourceRoute;
    const size = bytes[route + 1]!;
    let way = path;
    for (let pointer = bytes[route + 2]!; pointer <= size; pointer += 4) {
      if (pointer + 3 > size) {
        icmp.error(packet, ICMP_PARAMETERPROB, 0, ((options.sourceRoute + 2) << 24) >>> 0, path, options);
        return null;
      }
      const nextHop = getAddress(bytes, route + pointer - 1);
      const tos = view.getUint8(at + IP_TOS) & IPTOS_RT_MASK;
      const next = routes.input(nextHop, this.#source, tos, dev);
      if (typeof next === 'number' || (next.type !== RTN_UNICAST && next.type !== RTN_LOCAL)) return null;
      way = next;
      if (next.type !== RTN_LOCAL) {
        options.sourceRouteHit = true;
        options.nextHop = nextHop;
        options.changed = true;
        return way;
      }
      view.setUint32(at + IP_DESTINATION, nextHop);
      options.changed = true;
    }
    return way;
  }

  /** Fills in what options of a packet that passes ask of the interface it leaves by (Linux: `ip_forward_options`). */
  pass(packet: Packet, recorded: Ipv4): void {
    const options = this.current;
    const bytes = packet.pool.u8;
    const at = packet.network;
    if (options.recordNeedsAddress) {
      const route = at + options.recordRoute;
      setAddress(bytes, route + bytes[route + 2]! - 5, recorded);
      options.changed = true;
    }
    if (options.sourceRouteHit) {
      this.#advance(packet, recorded);
      // Else the timestamp keeps the address that it got on arrival.
      if (options.timestampNeedsAddress) {
        const stamps = at + options.timestamp;
        setAddress(bytes, stamps + bytes[stamps + 2]! - 9, recorded);
        options.changed = true;
      }
    }
    if (options.changed) setIpv4Checksum(packet.pool.view, at, ipv4HeaderLength(packet.pool.view, at));
  }

  /** The hop that was next becomes the destination, and the interface takes its place in the route. */
  #advance(packet: Packet, recorded: Ipv4): void {
    const options = this.current;
    const bytes = packet.pool.u8;
    const route = packet.network + options.sourceRoute;
    const size = bytes[route + 1]!;
    let pointer = bytes[route + 2]!;
    while (pointer + 3 <= size && getAddress(bytes, route + pointer - 1) !== options.nextHop) pointer += 4;
    if (pointer + 3 > size) return;
    packet.pool.view.setUint32(packet.network + IP_DESTINATION, options.nextHop);
    setAddress(bytes, route + pointer - 1, recorded);
    bytes[route + 2] = pointer + 4;
    options.changed = true;
  }
}
