import * as node from 'node:dns';
import { promisify } from 'node:util';
import type { SocketLayer } from '../../socket/layer.ts';
import { CODES } from './codes.ts';
import type { DnsCounters } from './counters.ts';
import { DnsHost } from './host.ts';
import { KINDS } from './kinds.ts';
import { Lookup, validateOrder } from './lookup.ts';
import { CallbackResolver, PromiseResolver, ResolverBase, type ResolverSettings } from './resolver.ts';
import type { DnsOptions } from './settings.ts';

export type { DnsOptions } from './settings.ts';

/** Node's `dns`, over a stack, and what it counts. */
export type Dns = Omit<typeof node, 'promises' | '__promisify__'> & {
  readonly promises: typeof node.promises;
  readonly counters: DnsCounters;
  /** Ends what is under way; the stack does so when it is closed. */
  close(): void;
};

/** Methods of a resolver that are functions of the module too, where they ask with the stack's own. */
const SHARED = ['resolve', 'reverse', 'getServers', 'setServers', ...KINDS.map(({ method }) => method)];

/** Makes a stack's `dns`. Throws ERR_INVALID_IP_ADDRESS for a server that is none. */
export function createDns(sockets: SocketLayer, options: DnsOptions = {}): Dns {
  const host = new DnsHost(sockets, options);
  const lookup = new Lookup(host);

  class Resolver extends CallbackResolver {
    constructor(settings?: ResolverSettings) {
      super(host, ResolverBase.channelFor(host, settings));
    }
  }
  const promises = {
    ...moduleOf(new PromiseResolver(host, host.channel)),
    ...orderOf(lookup),
    ...CODES,
    lookup: (hostname: unknown, given?: unknown) => lookup.lookupPromise(hostname, given),
    lookupService: (address: unknown, port: unknown) => lookup.lookupServicePromise(address, port),
    Resolver: class Resolver extends PromiseResolver {
      constructor(settings?: ResolverSettings) {
        super(host, ResolverBase.channelFor(host, settings));
      }
    },
  };
  const module = {
    ...moduleOf(new CallbackResolver(host, host.channel)),
    ...orderOf(lookup),
    ...CODES,
    ADDRCONFIG: node.ADDRCONFIG,
    ALL: node.ALL,
    V4MAPPED: node.V4MAPPED,
    lookup: (hostname: unknown, given: unknown, callback?: unknown) =>
      lookup.lookup(hostname, given, callback),
    lookupService: (address: unknown, port: unknown, callback: unknown) =>
      lookup.lookupService(address, port, callback),
    Resolver,
    promises,
    counters: host.counters,
    close: () => host.close(),
  };
  // As Node's: promised, they give what calls back with several values in one object.
  Object.defineProperty(module.lookup, promisify.custom, { value: promises.lookup });
  Object.defineProperty(module.lookupService, promisify.custom, { value: promises.lookupService });
  return module as unknown as Dns;
}

/** The methods of a resolver as functions. */
function moduleOf(resolver: ResolverBase): Record<string, unknown> {
  const methods = resolver as unknown as Record<string, (...args: unknown[]) => unknown>;
  return Object.fromEntries(SHARED.map((name) => [name, methods[name]!.bind(resolver)]));
}

/** The order in which `lookup` gives addresses when it is not told. */
function orderOf(lookup: Lookup): Record<string, unknown> {
  return {
    getDefaultResultOrder: () => lookup.order,
    setDefaultResultOrder: (order: unknown) => {
      validateOrder(order, 'dnsOrder');
      lookup.order = order;
    },
  };
}
