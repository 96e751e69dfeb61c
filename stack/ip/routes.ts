import { EINVAL, ENETUNREACH, ENODEV, EXDEV } from '../../device/errno.ts';
import { IFF_LOOPBACK } from '../../device/netdevice/flags.ts';
import type { NetDevice } from '../../device/netdevice/netdevice.ts';
import type { Inet, RouteSeam } from '../inet.ts';
import {
  type Ipv4,
  isLimitedBroadcast,
  isLoopback,
  isMulticast,
  isZeronet,
  RTN_BROADCAST,
  RTN_LOCAL,
  RTN_MULTICAST,
  RTN_UNICAST,
  SCOPE_HOST,
  SCOPE_LINK,
  SCOPE_UNIVERSE,
} from '../wire/address.ts';
import type { DevicePaths } from './device-paths.ts';
import type { Fib } from './fib.ts';
import type { FibEntry } from './fib-entry.ts';
import { inetDevice } from './inet-device.ts';
import type { Path } from './path.ts';
import { inputPath } from './route-input.ts';

/** Finds the path of each packet (Linux: `net/ipv4/route.c`). Lookups allocate nothing. */
export class Routes implements RouteSeam {
  readonly inet: Inet;
  readonly fib: Fib;

  constructor(inet: Inet, fib: Fib) {
    this.inet = inet;
    this.fib = fib;
  }

  /**
   * Grows with every change that may lead packets another way: of routes, devices, what was learned, settings. A path that was found
   * holds until then (Linux: `rt_genid`, `dst_check`).
   */
  get generation(): number {
    return this.fib.generation.value + this.inet.sysctl.changes;
  }

  addressType(address: Ipv4): number {
    return this.fib.addressType(address, null);
  }

  addressTypeOn(dev: NetDevice, address: Ipv4): number {
    return this.fib.addressType(address, dev);
  }

  input(destination: Ipv4, source: Ipv4, tos: number, dev: NetDevice): Path | number {
    return inputPath(this, destination, source, tos, dev);
  }

  output(destination: Ipv4, source: Ipv4, oif: number, tos: number): Path | number {
    const toMany = isLimitedBroadcast(destination) || isMulticast(destination);
    if (source !== 0) {
      if (isMulticast(source) || isLimitedBroadcast(source) || isZeronet(source)) return -EINVAL;
      const owner = this.fib.addressType(source, null) === RTN_LOCAL;
      if (!owner) return -ENETUNREACH;
      if (oif === 0 && toMany) return this.#through(this.#deviceOf(source), destination);
    }
    if (oif !== 0) {
      const dev = this.inet.ns.deviceByIndex(oif);
      if (dev === undefined || inetDevice(dev) === null) return -ENODEV;
      if (!dev.up) return -ENETUNREACH;
      if (toMany) return this.#through(dev, destination);
    }
    if (destination === 0) return this.#loopbackLocal();
    if (isZeronet(destination)) return -EINVAL;
    const entry = this.fib.lookup(destination, oif, tos);
    if (typeof entry === 'number') {
      // Asked for an interface, Linux takes what no route leads to for its neighbour.
      if (oif !== 0 && entry === -ENETUNREACH)
        return this.#through(this.inet.ns.deviceByIndex(oif)!, destination);
      return entry;
    }
    if (toMany) return this.#through(entry.dev!, destination);
    if (isLoopback(source) && !isLoopbackDevice(entry.path!.dev)) return -EINVAL;
    return this.pathOf(entry, destination);
  }

  /** The source address for a path when its user has none (Linux: `fib_result_prefsrc`, `inet_select_addr`). */
  sourceFor(path: Path, destination: Ipv4): Ipv4 {
    if (path.type === RTN_LOCAL) return path.source !== 0 ? path.source : destination;
    if (path.source !== 0) return path.source;
    const { addresses } = this.inet;
    if (path.entry !== null) return addresses.select(path.dev, path.entry.gateway, path.scope);
    return addresses.select(path.dev, 0, SCOPE_LINK);
  }

  /** A route's path, or what was learned about the destination. */
  pathOf(entry: FibEntry, destination: Ipv4): Path {
    const { exceptions } = entry;
    if (exceptions === null) return entry.path!;
    return exceptions.find(destination, this.inet.machine.clock.now()) ?? entry.path!;
  }

  /**
   * Whether a packet from `source` may have come by `dev` (Linux: `__fib_validate_source`): 1 it may and its sender is on the
   * link, 0 it may, `-EINVAL` its source is an address of ours or none, `-EXDEV` rp_filter refuses it.
   * `oif`: where it goes, 0: to this host.
   */
  validateSource(source: Ipv4, tos: number, oif: number, dev: NetDevice): number {
    const inet = inetDevice(dev);
    if (inet === null) return -EINVAL;
    const { values } = inet.conf;
    const filter = values.rp_filter;
    if (filter === 0 && (dev.ifindex !== oif || values.send_redirects === 0)) {
      if (values.accept_local === 1) return 0;
      return this.fib.addressType(source, null) === RTN_LOCAL ? -EINVAL : 0;
    }
    const entry = this.fib.lookup(source, 0, tos);
    if (typeof entry === 'number') return filter === 0 ? 0 : -EXDEV;
    if (entry.type !== RTN_UNICAST && (entry.type !== RTN_LOCAL || values.accept_local === 0)) return -EINVAL;
    if (entry.dev === dev) return entry.nextHopScope >= SCOPE_HOST ? 1 : 0;
    if (inet.addresses.length === 0) return filter === 0 ? 0 : -EXDEV;
    if (filter === 1) return -EXDEV;
    const direct = this.fib.lookup(source, dev.ifindex, tos, SCOPE_UNIVERSE, true);
    if (typeof direct === 'number' || direct.type !== RTN_UNICAST) return 0;
    return direct.nextHopScope >= SCOPE_HOST ? 1 : 0;
  }

  /** The paths of a device; null when it has no IPv4. */
  devicePaths(dev: NetDevice): DevicePaths | null {
    return inetDevice(dev)?.paths ?? null;
  }

  #through(dev: NetDevice | undefined, destination: Ipv4): Path | number {
    const paths = dev === undefined ? null : this.devicePaths(dev);
    if (paths === null) return -ENODEV;
    if (isLimitedBroadcast(destination)) return paths.broadcast;
    return isMulticast(destination) ? paths.multicast : paths.onLink;
  }

  #deviceOf(source: Ipv4): NetDevice | undefined {
    return this.inet.ns.devices.find((dev) => inetDevice(dev)?.has(source) === true);
  }

  /** A packet to no address goes to this host. */
  #loopbackLocal(): Path | number {
    const dev = this.inet.ns.devices.find(isLoopbackDevice);
    return dev === undefined ? -ENETUNREACH : (this.devicePaths(dev)?.local ?? -ENETUNREACH);
  }
}

/** Whether a path leads to this host, to all on the link, or to a group, and so never to a gateway. */
export function isBroadcastPath(path: Path): boolean {
  return path.type === RTN_BROADCAST || path.type === RTN_MULTICAST;
}

function isLoopbackDevice(dev: NetDevice): boolean {
  return (dev.flags & IFF_LOOPBACK) !== 0;
}
