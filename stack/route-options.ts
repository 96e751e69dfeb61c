import type { FibConfig } from './ip/fib.ts';
import { RT_TABLE_LOCAL, RT_TABLE_MAIN, RTPROT_BOOT } from './ip/fib-entry.ts';
import { ipv4Option, prefixOption, type RouteOptions } from './options.ts';
import type { Stack } from './stack.ts';
import {
  RTN_ANYCAST,
  RTN_BROADCAST,
  RTN_LOCAL,
  RTN_UNICAST,
  SCOPE_HOST,
  SCOPE_LINK,
  SCOPE_NOWHERE,
  SCOPE_UNIVERSE,
} from './wire/address.ts';

/**
 * What the route table takes, with iproute2's defaults for table and scope. For a deletion, what is left out matches
 * anything. Throws an `EINVAL` that names the option, `ENODEV` for the device.
 */
export function routeConfig(stack: Stack, options: RouteOptions, deleting = false): FibConfig {
  const { address, length } = prefixOption('to', options.to);
  const gateway = options.via === undefined ? 0 : ipv4Option('via', options.via);
  const type = options.type ?? (deleting ? 0 : RTN_UNICAST);
  return {
    table: options.table ?? defaultTable(type),
    destination: address,
    prefixLength: length,
    gateway,
    dev: options.dev === undefined ? null : stack.device(options.dev),
    type,
    scope: options.scope ?? (deleting ? SCOPE_NOWHERE : defaultScope(type, gateway)),
    metric: options.metric ?? 0,
    tos: options.tos ?? 0,
    protocol: options.protocol ?? (deleting ? 0 : RTPROT_BOOT),
    preferredSource: options.src === undefined ? 0 : ipv4Option('src', options.src),
    onlink: options.onlink ?? false,
    attributes: options.attributes ?? {},
  };
}

function defaultTable(type: number): number {
  return type === RTN_LOCAL || type === RTN_BROADCAST || type === RTN_ANYCAST
    ? RT_TABLE_LOCAL
    : RT_TABLE_MAIN;
}

function defaultScope(type: number, gateway: number): number {
  if (type === RTN_LOCAL) return SCOPE_HOST;
  if (type === RTN_BROADCAST || type === RTN_ANYCAST) return SCOPE_LINK;
  return type === RTN_UNICAST && gateway === 0 ? SCOPE_LINK : SCOPE_UNIVERSE;
}
