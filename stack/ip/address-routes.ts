import { IFF_LOOPBACK } from '../../device/netdevice/flags.ts';
import {
  INADDR_BROADCAST,
  type Ipv4,
  isZeronet,
  RTN_BROADCAST,
  RTN_LOCAL,
  RTN_UNICAST,
  SCOPE_HOST,
  SCOPE_LINK,
} from '../wire/address.ts';
import type { Fib, FibConfig } from './fib.ts';
import { RT_TABLE_LOCAL, RT_TABLE_MAIN, RTPROT_KERNEL } from './fib-entry.ts';
import {
  IFA_F_NOPREFIXROUTE,
  IFA_F_SECONDARY,
  type InetAddress,
  type InetDevice,
  inSubnet,
} from './inet-device.ts';

/**
 * The routes that an address brings with it: to itself, to its subnet, and to its broadcasts (Linux: `fib_add_ifaddr`,
 * `fib_del_ifaddr`).
 */
export function addAddressRoutes(fib: Fib, inet: InetDevice, ifa: InetAddress): void {
  const primary = primaryOf(inet, ifa);
  if (primary === undefined) return;
  const { dev, prefixLength } = ifa;
  const prefix = network(ifa);
  addRoute(fib, RTN_LOCAL, ifa.local, 32, primary, 0);
  if (!dev.up) return;
  if (ifa.broadcast !== 0 && ifa.broadcast !== INADDR_BROADCAST)
    addRoute(fib, RTN_BROADCAST, ifa.broadcast, 32, primary, 0);
  if (!hasSubnet(ifa)) return;
  if ((ifa.flags & IFA_F_NOPREFIXROUTE) === 0)
    addRoute(fib, subnetType(ifa), prefix, prefixLength, primary, ifa.metric);
  if (prefixLength < 31) addRoute(fib, RTN_BROADCAST, subnetBroadcast(ifa), 32, primary, 0);
}

/**
 * Takes the routes of an address away, except those that another address of the device still needs. `oldPrimary`: the
 * primary that is being replaced, when the routes of its secondaries go before they come back under a new one.
 */
export function deleteAddressRoutes(
  fib: Fib,
  inet: InetDevice,
  ifa: InetAddress,
  oldPrimary: InetAddress | null,
): void {
  const primary = oldPrimary ?? primaryOf(inet, ifa);
  if (primary === undefined) return;
  const prefix = network(ifa);
  const subnet = hasSubnet(ifa);
  if (subnet && (ifa.flags & IFA_F_NOPREFIXROUTE) === 0)
    deleteRoute(fib, subnetType(ifa), prefix, ifa.prefixLength, primary);
  const others = inet.addresses.filter((other) => other !== ifa && !isOfSubnet(other, oldPrimary));
  const broadcasts = new Set(others.flatMap(broadcastsOf));
  const own = subnet && ifa.prefixLength < 31 ? [subnetBroadcast(ifa)] : [];
  for (const broadcast of new Set([ifa.broadcast, ...own])) {
    if (broadcast !== 0 && !broadcasts.has(broadcast))
      deleteRoute(fib, RTN_BROADCAST, broadcast, 32, primary);
  }
  if (others.some((other) => other.local === ifa.local)) return;
  deleteRoute(fib, RTN_LOCAL, ifa.local, 32, primary);
  const gone = !inet.addresses.includes(ifa);
  if (gone && fib.addressType(ifa.local, ifa.dev) !== RTN_LOCAL)
    fib.flush((entry) => entry.preferredSource === ifa.local);
}

/** The primary whose subnet an address is in: itself when it is primary. */
function primaryOf(inet: InetDevice, ifa: InetAddress): InetAddress | undefined {
  if ((ifa.flags & IFA_F_SECONDARY) === 0) return ifa;
  return inet.addresses.find(
    (other) =>
      (other.flags & IFA_F_SECONDARY) === 0 && other.mask === ifa.mask && inSubnet(other, ifa.address),
  );
}

function isOfSubnet(ifa: InetAddress, primary: InetAddress | null): boolean {
  return primary !== null && ifa.mask === primary.mask && inSubnet(primary, ifa.address);
}

function hasSubnet(ifa: InetAddress): boolean {
  const prefix = network(ifa);
  if (isZeronet(prefix) || (ifa.flags & IFA_F_SECONDARY) !== 0) return false;
  return prefix !== ifa.local || ifa.prefixLength < 32;
}

function broadcastsOf(ifa: InetAddress): Ipv4[] {
  const subnet = hasSubnet(ifa) && ifa.prefixLength < 31 ? [subnetBroadcast(ifa)] : [];
  return [ifa.broadcast, ...subnet];
}

function network(ifa: InetAddress): Ipv4 {
  return (ifa.address & ifa.mask) >>> 0;
}

function subnetBroadcast(ifa: InetAddress): Ipv4 {
  return (ifa.address | ~ifa.mask) >>> 0;
}

function subnetType(ifa: InetAddress): number {
  return (ifa.dev.flags & IFF_LOOPBACK) !== 0 ? RTN_LOCAL : RTN_UNICAST;
}

/** Linux: `fib_magic`. A route that is there already is fine. */
function addRoute(
  fib: Fib,
  type: number,
  destination: Ipv4,
  length: number,
  primary: InetAddress,
  metric: number,
): void {
  fib.add(kernelRoute(type, destination, length, primary, metric), 'append');
}

function deleteRoute(fib: Fib, type: number, destination: Ipv4, length: number, primary: InetAddress): void {
  fib.delete(kernelRoute(type, destination, length, primary, 0));
}

function kernelRoute(
  type: number,
  destination: Ipv4,
  prefixLength: number,
  primary: InetAddress,
  metric: number,
): FibConfig {
  return {
    table: type === RTN_UNICAST ? RT_TABLE_MAIN : RT_TABLE_LOCAL,
    destination,
    prefixLength,
    gateway: 0,
    dev: primary.dev,
    type,
    scope: type === RTN_LOCAL ? SCOPE_HOST : SCOPE_LINK,
    metric,
    tos: 0,
    protocol: RTPROT_KERNEL,
    preferredSource: primary.local,
    onlink: false,
    attributes: {},
  };
}
