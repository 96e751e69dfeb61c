import { EHOSTUNREACH, EINVAL } from '../../device/errno.ts';
import { IFF_LOOPBACK } from '../../device/netdevice/flags.ts';
import type { NetDevice } from '../../device/netdevice/netdevice.ts';
import {
  type Ipv4,
  isLimitedBroadcast,
  isLoopback,
  isMulticast,
  isZeronet,
  RTN_BROADCAST,
  RTN_LOCAL,
  RTN_UNICAST,
} from '../wire/address.ts';
import { type InetDevice, inetDevice } from './inet-device.ts';
import type { Path } from './path.ts';
import type { Routes } from './routes.ts';

/** 224.0.0.0/24, groups of the link itself (Linux: `ipv4_is_local_multicast`). */
function isLocalGroup(group: Ipv4): boolean {
  return group >>> 8 === 0xe00000;
}

/**
 * Where a received packet goes (Linux: `ip_route_input_slow`): the path to this host, to a neighbour, or one whose `error`
 * is to be answered; a negated errno when its addresses can't be: `-EINVAL`, or `-EXDEV` by rp_filter.
 */
export function inputPath(
  routes: Routes,
  destination: Ipv4,
  source: Ipv4,
  tos: number,
  dev: NetDevice,
): Path | number {
  const inet = inetDevice(dev);
  if (inet === null) return -EINVAL;
  if ((dev.flags & IFF_LOOPBACK) !== 0) return loopbackPath(routes, inet, destination);
  if (isMulticast(destination)) return multicastPath(routes, inet, destination, source, tos);
  if (isMulticast(source) || isLimitedBroadcast(source)) return -EINVAL;
  if (isLimitedBroadcast(destination) || (source === 0 && destination === 0))
    return broadcastPath(routes, inet, source, tos);
  if (isZeronet(source) || isZeronet(destination)) return -EINVAL;
  if ((isLoopback(destination) || isLoopback(source)) && inet.conf.values.route_localnet === 0)
    return -EINVAL;
  const forwarding = inet.conf.values.forwarding === 1;
  const entry = routes.fib.lookup(destination, 0, tos);
  if (typeof entry === 'number') return inet.paths.refusing(forwarding ? entry : -EHOSTUNREACH);
  if (entry.type === RTN_BROADCAST && inet.conf.values.bc_forwarding === 0)
    return broadcastPath(routes, inet, source, tos);
  if (entry.type === RTN_LOCAL) {
    const valid = routes.validateSource(source, tos, 0, dev);
    return valid < 0 ? valid : entry.path!;
  }
  if (!forwarding) return inet.paths.refusing(-EHOSTUNREACH);
  if (entry.type !== RTN_UNICAST && entry.type !== RTN_BROADCAST) return -EINVAL;
  const valid = routes.validateSource(source, tos, entry.dev!.ifindex, dev);
  return valid < 0 ? valid : routes.pathOf(entry, destination);
}

/** Linux: `brd_input`. A sender without an address yet (DHCP) may broadcast. */
function broadcastPath(routes: Routes, inet: InetDevice, source: Ipv4, tos: number): Path | number {
  if (!isZeronet(source)) {
    const valid = routes.validateSource(source, tos, 0, inet.dev);
    if (valid < 0) return valid;
  }
  return inet.paths.broadcast;
}

/** Linux: `ip_route_input_mc`. */
function multicastPath(
  routes: Routes,
  inet: InetDevice,
  group: Ipv4,
  source: Ipv4,
  tos: number,
): Path | number {
  if (!inet.groups.has(group)) return -EINVAL;
  if (isMulticast(source) || isLimitedBroadcast(source)) return -EINVAL;
  if (isLoopback(source) && inet.conf.values.route_localnet === 0) return -EINVAL;
  if (isZeronet(source)) return isLocalGroup(group) ? inet.paths.multicast : -EINVAL;
  const valid = routes.validateSource(source, tos, 0, inet.dev);
  return valid < 0 ? valid : inet.paths.multicast;
}

/** What comes by the loopback device was routed here when it was sent; there is nothing left to distrust. */
export function loopbackPath(routes: Routes, inet: InetDevice, destination: Ipv4): Path | number {
  if (isMulticast(destination)) return inet.paths.multicast;
  const type = routes.addressType(destination);
  if (type === RTN_LOCAL || destination === 0) return inet.paths.local;
  return type === RTN_BROADCAST ? inet.paths.broadcast : -EINVAL;
}
