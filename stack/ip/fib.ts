import { EAGAIN, EEXIST, EINVAL, ENETUNREACH, ENOENT, ESRCH } from '../../device/errno.ts';
import type { NetDevice } from '../../device/netdevice/netdevice.ts';
import type { Inet } from '../inet.ts';
import {
  type Ipv4,
  isLimitedBroadcast,
  isMulticast,
  isZeronet,
  RTN_BROADCAST,
  RTN_MULTICAST,
  RTN_UNICAST,
  SCOPE_NOWHERE,
  SCOPE_UNIVERSE,
} from '../wire/address.ts';
import { checkRoute } from './fib-check.ts';
import { type FibEntry, RT_TABLE_LOCAL, RT_TABLE_MAIN, RTNH_F_DEAD, RTNH_F_LINKDOWN } from './fib-entry.ts';
import { FibEvents } from './fib-events.ts';
import { FibTable, type RouteGeneration } from './fib-table.ts';
import { inetDevice } from './inet-device.ts';
import { routeError } from './route-types.ts';

/** A route to add, or what a route to delete must have. */
export interface FibConfig {
  readonly table: number;
  readonly destination: Ipv4;
  readonly prefixLength: number;
  readonly gateway: Ipv4;
  readonly dev: NetDevice | null;
  /** `RTN_*`; 0 in a deletion: any. */
  readonly type: number;
  /** `RT_SCOPE_*`; nowhere in a deletion: any. */
  readonly scope: number;
  /** 0 in a deletion: any. */
  readonly metric: number;
  readonly tos: number;
  /** `RTPROT_*`; 0 in a deletion: any. */
  readonly protocol: number;
  /** 0 in a deletion: any. */
  readonly preferredSource: Ipv4;
  readonly onlink: boolean;
  readonly attributes: FibEntry['attributes'];
}

export type FibMode = 'add' | 'append' | 'prepend' | 'replace' | 'change';

/** The routing tables and what is asked of them (Linux: `net/ipv4/fib_*.c`). */
export class Fib {
  readonly inet: Inet;
  /** Grows with every change of the tables, of devices, and of what was learned about destinations. */
  readonly generation: RouteGeneration = { value: 0 };
  readonly local: FibTable = new FibTable(RT_TABLE_LOCAL, this.generation);
  readonly main: FibTable = new FibTable(RT_TABLE_MAIN, this.generation);
  readonly #events: FibEvents;

  constructor(inet: Inet) {
    this.inet = inet;
    this.#events = new FibEvents(inet, this);
  }

  /** Begins to listen to devices and addresses. */
  start(): void {
    this.#events.start();
  }

  close(): void {
    this.#events.close();
  }

  /** The table of that number, undefined when there is none. */
  table(id: number): FibTable | undefined {
    return id === RT_TABLE_LOCAL ? this.local : id === RT_TABLE_MAIN ? this.main : undefined;
  }

  /** All routes, those of the local table first. */
  entries(): FibEntry[] {
    return [...this.local.entries(), ...this.main.entries()];
  }

  /**
   * The route for a destination: the local table's, else the main one's (Linux: `fib_lookup`). `-ENETUNREACH` when there is
   * none, or the errno of a route that refuses. `oif` 0: through any device; `scope`: the least scope that counts;
   * `ignoreLinkState`: take routes over links that are down.
   */
  lookup(
    destination: Ipv4,
    oif = 0,
    tos = 0,
    scope: number = SCOPE_UNIVERSE,
    ignoreLinkState = false,
  ): FibEntry | number {
    const local = this.lookupIn(this.local, destination, oif, tos, scope, ignoreLinkState);
    if (local !== -EAGAIN) return local;
    const main = this.lookupIn(this.main, destination, oif, tos, scope, ignoreLinkState);
    return main === -EAGAIN ? -ENETUNREACH : main;
  }

  /** The same in one table; `-EAGAIN` when it has none or says to look elsewhere (Linux: `fib_table_lookup`). */
  lookupIn(
    table: FibTable,
    destination: Ipv4,
    oif: number,
    tos: number,
    scope: number,
    ignoreLinkState: boolean,
  ): FibEntry | number {
    const { lengths } = table;
    for (let i = 0; i < lengths.length; i++) {
      const entries = table.at(destination, lengths[i]!);
      if (entries === undefined) continue;
      for (let j = 0; j < entries.length; j++) {
        const entry = entries[j]!;
        if (entry.tos !== 0 && entry.tos !== tos) continue;
        if (entry.scope < scope || (entry.flags & RTNH_F_DEAD) !== 0) continue;
        if (entry.dev === null) return routeError(entry.type);
        if (oif !== 0 && entry.dev.ifindex !== oif) continue;
        if ((entry.flags & RTNH_F_LINKDOWN) !== 0 && !ignoreLinkState && avoidsLinkdown(entry.dev)) continue;
        return entry;
      }
    }
    return -EAGAIN;
  }

  /** The kind of an address by the local table; with `dev`, counting that device's only (Linux: `__inet_dev_addr_type`). */
  addressType(address: Ipv4, dev: NetDevice | null): number {
    if (isZeronet(address) || isLimitedBroadcast(address)) return RTN_BROADCAST;
    if (isMulticast(address)) return RTN_MULTICAST;
    const found = this.lookupIn(this.local, address, 0, 0, SCOPE_UNIVERSE, false);
    if (typeof found === 'number' || (dev !== null && found.dev !== dev)) return RTN_UNICAST;
    return found.type;
  }

  /** Adds a route (Linux: `fib_table_insert`); the new route, or a negated errno. */
  add(config: FibConfig, mode: FibMode): FibEntry | number {
    const table = this.table(config.table);
    if (table === undefined) return -EINVAL;
    const entry = checkRoute(this, config);
    if (typeof entry === 'number') return entry;
    const equals = table
      .exactly(entry.destination, entry.prefixLength)
      .filter((other) => other.tos === entry.tos && other.metric === entry.metric);
    if (equals.length > 0) {
      if (mode === 'add') return -EEXIST;
      if (mode === 'replace' || mode === 'change') return this.#replace(table, equals, entry);
      if (equals.some((other) => sameRoute(other, entry))) return -EEXIST;
    } else if (mode === 'change') {
      return -ENOENT;
    }
    table.insert(entry, mode === 'prepend');
    this.inet.ns.messages.send('RTM_NEWROUTE', entry.dev, entry);
    return entry;
  }

  /** Deletes the first route that matches (Linux: `fib_table_delete`); `-ESRCH` when none does. */
  delete(config: FibConfig): number {
    const table = this.table(config.table);
    if (table === undefined) return -EINVAL;
    const entry = table
      .exactly(config.destination, config.prefixLength)
      .find((candidate) => matches(candidate, config));
    if (entry === undefined) return -ESRCH;
    table.remove(entry);
    this.inet.ns.messages.send('RTM_DELROUTE', entry.dev, entry);
    return 0;
  }

  /** Removes routes without a message, as Linux does with dead ones (`fib_table_flush`); returns how many. */
  flush(which: (entry: FibEntry) => boolean): number {
    let count = 0;
    for (const table of [this.local, this.main]) {
      for (const entry of table.entries()) {
        if (!which(entry)) continue;
        table.remove(entry);
        count++;
      }
    }
    return count;
  }

  #replace(table: FibTable, equals: readonly FibEntry[], entry: FibEntry): FibEntry | number {
    const [first] = equals;
    const same = equals.find((other) => sameRoute(other, entry));
    if (same !== undefined) return same === first ? same : -EEXIST;
    table.replace(first!, entry);
    this.inet.ns.messages.send('RTM_NEWROUTE', entry.dev, entry);
    return entry;
  }
}

function avoidsLinkdown(dev: NetDevice): boolean {
  return inetDevice(dev)?.conf.values.ignore_routes_with_linkdown === 1;
}

function sameRoute(a: FibEntry, b: FibEntry): boolean {
  return (
    a.type === b.type &&
    a.scope === b.scope &&
    a.protocol === b.protocol &&
    a.preferredSource === b.preferredSource &&
    a.gateway === b.gateway &&
    a.dev === b.dev &&
    JSON.stringify(a.attributes) === JSON.stringify(b.attributes)
  );
}

function matches(entry: FibEntry, config: FibConfig): boolean {
  return (
    entry.tos === config.tos &&
    (config.type === 0 || entry.type === config.type) &&
    (config.scope === SCOPE_NOWHERE || entry.scope === config.scope) &&
    (config.metric === 0 || entry.metric === config.metric) &&
    (config.preferredSource === 0 || entry.preferredSource === config.preferredSource) &&
    (config.protocol === 0 || entry.protocol === config.protocol) &&
    (config.dev === null || entry.dev === config.dev) &&
    (config.gateway === 0 || entry.gateway === config.gateway)
  );
}
