import {
  type FibEntry,
  type RouteAttributes,
  RT_TABLE_MAIN,
  RTNH_F_DEAD,
  RTNH_F_LINKDOWN,
  RTNH_F_ONLINK,
  RTPROT_BOOT,
} from '../../../stack/ip/fib-entry.ts';
import { routeTypeName } from '../../../stack/ip/route-types.ts';
import { formatIpv4, type Ipv4, RTN_UNICAST, SCOPE_UNIVERSE } from '../../../stack/wire/address.ts';
import { routeProtocolName, routeTableName, scopeName } from '../../format/names.ts';

/** A route as `ip -json route show` prints it, key by key. */
export interface RouteView {
  /** Absent: unicast. */
  readonly type?: string;
  readonly dst: string;
  /** Only in the answer to `route get`. */
  readonly from?: string;
  readonly gateway?: string;
  readonly dev?: string;
  /** Absent: main, or the only one asked for. */
  readonly table?: string;
  /** Absent: boot, that is, added by hand. */
  readonly protocol?: string;
  /** Absent: global. */
  readonly scope?: string;
  readonly prefsrc?: string;
  readonly metric?: number;
  readonly flags: readonly string[];
  readonly uid?: number;
  /** Only in the answer to `route get`. */
  readonly cache?: readonly string[];
  readonly metrics?: readonly RouteMetrics[];
  /** Metrics that may not be changed by discovery; iproute2 shows this in its text only. */
  readonly locks?: readonly string[];
}

export type RouteMetrics = Readonly<Record<string, number>>;

/** In the order in which iproute2 prints them. */
const METRICS: readonly (readonly [key: string, attribute: keyof RouteAttributes])[] = [
  ['mtu', 'mtu'],
  ['window', 'window'],
  ['rtt', 'rtt'],
  ['rttvar', 'rttvar'],
  ['ssthresh', 'ssthresh'],
  ['cwnd', 'cwnd'],
  ['advmss', 'advmss'],
  ['reordering', 'reordering'],
  ['hoplimit', 'hopLimit'],
  ['initcwnd', 'initcwnd'],
  ['rto_min', 'rtoMin'],
  ['initrwnd', 'initrwnd'],
  ['quickack', 'quickack'],
];

const FLAGS: readonly (readonly [number, string])[] = [
  [RTNH_F_DEAD, 'dead'],
  [RTNH_F_ONLINK, 'onlink'],
  [RTNH_F_LINKDOWN, 'linkdown'],
];

/** `showTable`: name the table unless it is the main one. */
export function routeView(entry: FibEntry, showTable: boolean): RouteView {
  const metrics = metricsOf(entry.attributes);
  return {
    ...(entry.type !== RTN_UNICAST && { type: routeTypeName(entry.type) }),
    dst: formatDestination(entry.destination, entry.prefixLength),
    ...(entry.gateway !== 0 && { gateway: formatIpv4(entry.gateway) }),
    ...(entry.dev !== null && { dev: entry.dev.name }),
    ...(showTable && entry.table !== RT_TABLE_MAIN && { table: routeTableName(entry.table) }),
    ...(entry.protocol !== RTPROT_BOOT && { protocol: routeProtocolName(entry.protocol) }),
    ...(entry.scope !== SCOPE_UNIVERSE && { scope: scopeName(entry.scope) }),
    ...(entry.preferredSource !== 0 && { prefsrc: formatIpv4(entry.preferredSource) }),
    ...(entry.metric !== 0 && { metric: entry.metric }),
    flags: FLAGS.filter(([flag]) => (entry.flags & flag) !== 0).map(([, name]) => name),
    ...(metrics !== undefined && { metrics: [metrics] }),
    ...(entry.attributes.mtuLock === true && { locks: ['mtu'] }),
  };
}

/** The metrics that are set, undefined when none is. */
export function metricsOf(attributes: RouteAttributes): RouteMetrics | undefined {
  const set = METRICS.filter(([, attribute]) => attributes[attribute] !== undefined).map(
    ([key, attribute]): [string, number] => [key, Number(attributes[attribute])],
  );
  return set.length === 0 ? undefined : Object.fromEntries(set);
}

/** `default`, a host, or a prefix. */
export function formatDestination(destination: Ipv4, length: number): string {
  if (length === 0 && destination === 0) return 'default';
  return length === 32 ? formatIpv4(destination) : `${formatIpv4(destination)}/${length}`;
}
