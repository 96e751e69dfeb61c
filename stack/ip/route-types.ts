import { EACCES, EAGAIN, EHOSTUNREACH, EINVAL } from '../../device/errno.ts';
import {
  RTN_ANYCAST,
  RTN_BLACKHOLE,
  RTN_BROADCAST,
  RTN_LOCAL,
  RTN_MULTICAST,
  RTN_PROHIBIT,
  RTN_THROW,
  RTN_UNICAST,
  RTN_UNREACHABLE,
  SCOPE_HOST,
  SCOPE_LINK,
  SCOPE_UNIVERSE,
} from '../wire/address.ts';

interface RouteType {
  readonly name: string;
  /** The least scope that a route of the type may have. */
  readonly scope: number;
  /** What a lookup that ends at it returns, 0: the route. */
  readonly error: number;
}

/** What the kinds of route are (Linux: `fib_props`). */
const TYPES: ReadonlyMap<number, RouteType> = new Map([
  [RTN_UNICAST, { name: 'unicast', scope: SCOPE_UNIVERSE, error: 0 }],
  [RTN_LOCAL, { name: 'local', scope: SCOPE_HOST, error: 0 }],
  [RTN_BROADCAST, { name: 'broadcast', scope: SCOPE_LINK, error: 0 }],
  [RTN_ANYCAST, { name: 'anycast', scope: SCOPE_LINK, error: 0 }],
  [RTN_MULTICAST, { name: 'multicast', scope: SCOPE_UNIVERSE, error: 0 }],
  [RTN_BLACKHOLE, { name: 'blackhole', scope: SCOPE_UNIVERSE, error: -EINVAL }],
  [RTN_UNREACHABLE, { name: 'unreachable', scope: SCOPE_UNIVERSE, error: -EHOSTUNREACH }],
  [RTN_PROHIBIT, { name: 'prohibit', scope: SCOPE_UNIVERSE, error: -EACCES }],
  [RTN_THROW, { name: 'throw', scope: SCOPE_UNIVERSE, error: -EAGAIN }],
]);

/** The properties of a kind, undefined for one that can't be in a table. */
export function routeType(type: number): RouteType | undefined {
  return TYPES.get(type);
}

/** What a lookup that ends at a route of this kind returns: a negated errno, 0 for the kinds that lead somewhere. */
export function routeError(type: number): number {
  return TYPES.get(type)?.error ?? -EINVAL;
}

/** The name that iproute2 prints: `unicast`, `blackhole` ... */
export function routeTypeName(type: number): string {
  return TYPES.get(type)?.name ?? String(type);
}

/** The kind of that name, -1 for none. */
export function parseRouteType(name: string): number {
  for (const [type, { name: known }] of TYPES) if (known === name) return type;
  return -1;
}
