import { errnoName } from '../../../device/errno.ts';
import { type FibEntry, RT_TABLE_MAIN } from '../../../stack/ip/fib-entry.ts';
import { Path } from '../../../stack/ip/path.ts';
import { parseRouteType, routeTypeName } from '../../../stack/ip/route-types.ts';
import type { RouteOptions } from '../../../stack/options.ts';
import type { Stack } from '../../../stack/stack.ts';
import {
  formatIpv4,
  type Ipv4,
  type Ipv4Prefix,
  maskOf,
  RTN_BROADCAST,
  RTN_LOCAL,
  RTN_MULTICAST,
  RTN_UNICAST,
} from '../../../stack/wire/address.ts';
import { routeProtocolNumber, routeTableNumber, scopeNumber } from '../../format/names.ts';
import { type MethodTable, method } from '../method.ts';
import {
  destination,
  deviceName,
  flag,
  given,
  integer,
  ipv4,
  oneOf,
  optional,
  type Reader,
} from '../params.ts';
import { badParam, ControlError, errnoText, refusal } from '../protocol.ts';
import { findDevice } from '../subject.ts';
import { formatDestination, metricsOf, type RouteView, routeView } from '../view/route.ts';
import { answered } from '../wording.ts';

const ALL_TABLES = 0;

/** A word that a table of names knows. */
function named(numberOf: (name: string) => number | undefined, what: string): Reader<number> {
  return (value, name) => {
    const number = typeof value === 'string' ? numberOf(value) : undefined;
    if (number === undefined || number < 0) throw badParam(name, `${JSON.stringify(value)} is no ${what}`);
    return number;
  };
}

const table = named((name) => (name === 'all' ? ALL_TABLES : routeTableNumber(name)), 'table');
const type = named(parseRouteType, 'type of route');
const protocol = named(routeProtocolNumber, 'routing protocol');
const scope = named(scopeNumber, 'scope');

/** Bytes, locked against path MTU discovery or not. */
const mtu: Reader<{ readonly mtu: number; readonly mtuLock: boolean }> = (value, name) => {
  if (typeof value === 'number') return { mtu: integer(68, 65535)(value, name), mtuLock: false };
  const { lock, value: bytes } = (value ?? {}) as { lock?: unknown; value?: unknown };
  return { mtu: integer(68, 65535)(bytes, name), mtuLock: flag(lock, name) };
};

const SHOW = {
  dev: optional(deviceName),
  table: optional(table),
  type: optional(type),
  protocol: optional(protocol),
  scope: optional(scope),
  via: optional(ipv4),
  exact: optional(destination),
  root: optional(destination),
  match: optional(destination),
};

const ROUTE = {
  to: destination,
  type: optional(type),
  via: optional(ipv4),
  dev: optional(deviceName),
  metric: optional(integer(0, 0xffffffff)),
  src: optional(ipv4),
  mtu: optional(mtu),
  advmss: optional(integer(1, 65535)),
  table: optional(table),
  scope: optional(scope),
  protocol: optional(protocol),
  tos: optional(integer(0, 255)),
  onlink: optional(flag),
};

const ADD = { ...ROUTE, mode: optional(oneOf(['add', 'append', 'replace', 'change'])) };

export const ROUTE_METHODS: MethodTable<Stack> = {
  'route.show': method(SHOW, (stack: Stack, { dev: name, table: wanted = RT_TABLE_MAIN, ...selection }) => {
    const dev = name === undefined ? undefined : findDevice(stack, name);
    return stack.fib
      .entries()
      .filter((entry) => wanted === ALL_TABLES || entry.table === wanted)
      .filter((entry) => (dev === undefined || entry.dev === dev) && selects(selection, entry))
      .map((entry) => routeView(entry, wanted === ALL_TABLES));
  }),
  'route.add': method(ADD, (stack: Stack, { mode = 'add', ...route }) => {
    const options = routeOptions(stack, route);
    answered(() => stack.addRoute({ ...options, mode }), {
      ENETUNREACH: 'Error: Nexthop has invalid gateway.',
    });
  }),
  'route.del': method(ROUTE, (stack: Stack, route) => {
    const options = routeOptions(stack, route);
    answered(() => stack.deleteRoute(options), { ENOENT: `RTNETLINK answers: ${errnoText('ESRCH')}` });
  }),
  'route.get': method(
    { to: ipv4, from: optional(ipv4), oif: optional(deviceName), tos: optional(integer(0, 255)) },
    (stack: Stack, { to, from, oif, tos = 0 }) => [getRoute(stack, to, from, oif, tos)],
  ),
};

interface Selection {
  readonly type: number | undefined;
  readonly protocol: number | undefined;
  readonly scope: number | undefined;
  readonly via: Ipv4 | undefined;
  readonly exact: Ipv4Prefix | undefined;
  readonly root: Ipv4Prefix | undefined;
  readonly match: Ipv4Prefix | undefined;
}

function selects(wanted: Selection, entry: FibEntry): boolean {
  const { exact, root, match } = wanted;
  return (
    (wanted.type === undefined || entry.type === wanted.type) &&
    (wanted.protocol === undefined || entry.protocol === wanted.protocol) &&
    (wanted.scope === undefined || entry.scope === wanted.scope) &&
    (wanted.via === undefined || entry.gateway === wanted.via) &&
    (exact === undefined || (entry.destination === exact.address && entry.prefixLength === exact.length)) &&
    (root === undefined || within(entry.destination, entry.prefixLength, root.address, root.length)) &&
    (match === undefined || within(match.address, match.length, entry.destination, entry.prefixLength))
  );
}

/** Whether the prefix `address/length` lies in `outer/outerLength`. */
function within(address: Ipv4, length: number, outer: Ipv4, outerLength: number): boolean {
  return length >= outerLength && ((address ^ outer) & maskOf(outerLength)) === 0;
}

type RouteParams = { readonly [K in keyof typeof ROUTE]: ReturnType<(typeof ROUTE)[K]> };

function routeOptions(stack: Stack, params: RouteParams): RouteOptions {
  const { to, via, src, dev, mtu: bytes, advmss, table: wanted, ...rest } = params;
  if ((to.address & ~maskOf(to.length)) !== 0)
    throw new ControlError('EINVAL', 'Error: Invalid prefix for given prefix length.', 'to');
  if (wanted === ALL_TABLES) throw badParam('table', 'is one table, not all');
  return {
    to: formatDestination(to.address, to.length),
    ...(via !== undefined && { via: formatIpv4(via) }),
    ...(src !== undefined && { src: formatIpv4(src) }),
    ...(dev !== undefined && { dev: findDevice(stack, dev) }),
    ...(wanted !== undefined && { table: wanted }),
    attributes: { ...given({ advmss }), ...bytes },
    ...given(rest),
  };
}

/** The answer to `ip route get`: what a packet made here would do. */
function getRoute(
  stack: Stack,
  to: Ipv4,
  from: Ipv4 | undefined,
  oif: string | undefined,
  tos: number,
): RouteView {
  const out = oif === undefined ? 0 : findDevice(stack, oif).ifindex;
  const path = stack.routes.output(to, from ?? 0, out, tos);
  if (typeof path === 'number') throw new ControlError(errnoName(path), refusal(path).message);
  const source = from ?? (path.source || stack.addresses.select(path.dev, path.gateway || to, path.scope));
  const entry = path instanceof Path ? path.entry : null;
  const metrics = { ...(entry === null ? undefined : metricsOf(entry.attributes)) };
  if (path.mtu !== 0) metrics['mtu'] = path.mtu;
  return {
    ...(path.type !== RTN_UNICAST && { type: routeTypeName(path.type) }),
    dst: formatIpv4(to),
    ...(from !== undefined && { from: formatIpv4(from) }),
    ...(path.gateway !== 0 && { gateway: formatIpv4(path.gateway) }),
    dev: path.dev.name,
    ...(from === undefined && source !== 0 && { prefsrc: formatIpv4(source) }),
    flags: [],
    ...(process.getuid !== undefined && { uid: process.getuid() }),
    cache: CACHE_FLAGS[path.type] ?? [],
    ...(Object.keys(metrics).length > 0 && { metrics: [metrics] }),
    ...(entry?.attributes.mtuLock === true && { locks: ['mtu'] }),
  };
}

/** What iproute2 prints behind `cache`. */
const CACHE_FLAGS: Readonly<Record<number, readonly string[]>> = {
  [RTN_LOCAL]: ['local'],
  [RTN_BROADCAST]: ['brd'],
  [RTN_MULTICAST]: ['mc'],
};
