import { EINVAL, ENETDOWN, ENODEV } from '../../device/errno.ts';
import { IFF_LOOPBACK } from '../../device/netdevice/flags.ts';
import type { NetDevice } from '../../device/netdevice/netdevice.ts';
import type { Netns } from '../../device/netdevice/netns.ts';
import { maskOf, RTN_LOCAL, RTN_UNICAST, SCOPE_HOST, SCOPE_LINK, SCOPE_NOWHERE } from '../wire/address.ts';
import type { Fib, FibConfig } from './fib.ts';
import { FibEntry, RTNH_F_LINKDOWN, RTNH_F_ONLINK } from './fib-entry.ts';
import { inetDevice } from './inet-device.ts';
import { routeType } from './route-types.ts';

/**
 * Makes the route that `config` asks for, or says what is wrong with it (Linux: `fib_create_info`, `fib_check_nh`):
 * `-EINVAL` for a prefix with host bits, a type, scope or preferred source that can't be; `-ENODEV`, `-ENETDOWN` for the
 * device; `-ENETUNREACH` or `-EINVAL` for a gateway that no route on the link leads to.
 */
export function checkRoute(fib: Fib, config: FibConfig): FibEntry | number {
  const properties = routeType(config.type);
  if (properties === undefined || properties.scope > config.scope || config.scope > SCOPE_HOST)
    return -EINVAL;
  const { prefixLength } = config;
  if (!(Number.isInteger(prefixLength) && prefixLength >= 0 && prefixLength <= 32)) return -EINVAL;
  if ((config.destination & ~maskOf(prefixLength)) !== 0) return -EINVAL;
  if (!validNumbers(config)) return -EINVAL;
  if (properties.error !== 0) {
    if (config.gateway !== 0 || config.dev !== null) return -EINVAL;
    return new FibEntry({ ...config, dev: null }, SCOPE_NOWHERE, 0, null);
  }
  const hop = checkNextHop(fib, config);
  if (typeof hop === 'number') return hop;
  if (config.preferredSource !== 0 && !isValidSource(fib, config)) return -EINVAL;
  const via = config.type === RTN_LOCAL ? (loopbackOf(fib.inet.ns) ?? hop.dev) : hop.dev;
  return new FibEntry({ ...config, dev: hop.dev }, hop.scope, hop.flags, via);
}

/** What is sent to a local address leaves by the loopback device, whichever device has the address. */
function loopbackOf(ns: Netns): NetDevice | undefined {
  return ns.devices.find((dev) => (dev.flags & IFF_LOOPBACK) !== 0);
}

interface NextHopCheck {
  readonly dev: NetDevice;
  readonly scope: number;
  readonly flags: number;
}

function checkNextHop(fib: Fib, config: FibConfig): NextHopCheck | number {
  const { dev, gateway } = config;
  if (config.scope === SCOPE_HOST) {
    if (gateway !== 0) return -EINVAL;
    return dev === null ? -ENODEV : { dev, scope: SCOPE_NOWHERE, flags: 0 };
  }
  if (gateway !== 0) return config.onlink ? checkOnlink(fib, config) : checkGateway(fib, config);
  if (config.onlink) return -EINVAL;
  if (dev === null || inetDevice(dev) === null) return -ENODEV;
  return dev.up ? { dev, scope: SCOPE_HOST, flags: linkFlags(dev) } : -ENETDOWN;
}

/** A gateway that is taken to be on the link of `dev` whatever the routes say. */
function checkOnlink(fib: Fib, config: FibConfig): NextHopCheck | number {
  const { dev, gateway } = config;
  if (config.scope >= SCOPE_LINK) return -EINVAL;
  if (dev === null) return -ENODEV;
  if (!dev.up) return -ENETDOWN;
  if (fib.addressType(gateway, dev) !== RTN_UNICAST) return -EINVAL;
  return { dev, scope: SCOPE_LINK, flags: RTNH_F_ONLINK | linkFlags(dev) };
}

/** A gateway that must be reached by a route of a narrower scope: one on the link. */
function checkGateway(fib: Fib, config: FibConfig): NextHopCheck | number {
  const scope = Math.max(config.scope + 1, SCOPE_LINK);
  const found = fib.lookup(config.gateway, config.dev?.ifindex ?? 0, 0, scope, true);
  if (typeof found === 'number') return found;
  if ((found.type !== RTN_UNICAST && found.type !== RTN_LOCAL) || found.dev === null) return -EINVAL;
  const { dev } = found;
  return dev.up ? { dev, scope: found.scope, flags: linkFlags(dev) } : -ENETDOWN;
}

function linkFlags(dev: NetDevice): number {
  return dev.carrier ? 0 : RTNH_F_LINKDOWN;
}

/** Linux: `fib_valid_prefsrc`: a local address, or the one that a local route makes local. */
function isValidSource(fib: Fib, config: FibConfig): boolean {
  if (config.type === RTN_LOCAL && config.preferredSource === config.destination) return true;
  return fib.addressType(config.preferredSource, null) === RTN_LOCAL;
}

function validNumbers(config: FibConfig): boolean {
  const { metric, tos, protocol, attributes } = config;
  const numbers: readonly (number | undefined)[] = [
    attributes.mtu,
    attributes.advmss,
    attributes.window,
    attributes.rtt,
    attributes.rttvar,
    attributes.rtoMin,
    attributes.ssthresh,
    attributes.cwnd,
    attributes.initcwnd,
    attributes.initrwnd,
    attributes.reordering,
    attributes.hopLimit,
  ];
  return (
    inRange(metric, 0xffffffff) &&
    inRange(tos, 0xff) &&
    inRange(protocol, 0xff) &&
    numbers.every((value) => value === undefined || inRange(value, 0xffffffff)) &&
    (attributes.hopLimit ?? 0) <= 255
  );
}

function inRange(value: number, most: number): boolean {
  return Number.isInteger(value) && value >= 0 && value <= most;
}
