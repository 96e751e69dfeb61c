import { AsyncResource } from 'node:async_hooks';
import { parseIpv4 } from '../../wire/address.ts';
import { invalidArgType, invalidArgValue } from '../errors.ts';
import { validateFunction, validateInt32, validateString } from '../validate.ts';
import type { Channel } from './channel.ts';
import { dnsError } from './errors.ts';
import type { DnsHost } from './host.ts';
import { KIND_OF_TYPE, KINDS, type QueryKind } from './kinds.ts';
import { type ResolveOptions, shaped } from './records.ts';
import { reverseName } from './reverse-name.ts';
import { formatServer, parseServer } from './server-address.ts';

/** Hears records, in the shape of their type, or why there are none. */
export type ResolveCallback = (error: Error | null, records?: unknown) => void;

/** What `new Resolver` can be asked for. */
export interface ResolverSettings {
  /** Milliseconds that the first round waits; -1: as the stack. */
  readonly timeout?: number;
  /** Rounds. */
  readonly tries?: number;
}

/** What resolvers with callbacks and with promises have in common. */
export class ResolverBase {
  readonly channel: Channel;
  readonly host: DnsHost;

  constructor(host: DnsHost, channel: Channel) {
    this.host = host;
    this.channel = channel;
    for (const name of ['host', 'channel']) Object.defineProperty(this, name, { enumerable: false });
  }

  /** A channel for a resolver of the user's. Throws Node's errors for options that are none. */
  static channelFor(host: DnsHost, options: ResolverSettings = {}): Channel {
    const { timeout = -1, tries = host.settings.attempts } = options;
    validateInt32(timeout, 'options.timeout', -1);
    validateInt32(tries, 'options.tries', 1);
    const { servers, timeoutMs, rotate } = host.settings;
    return host.newChannel({ servers, timeoutMs: timeout < 0 ? timeoutMs : timeout, tries, rotate });
  }

  /** Ends what is under way with ECANCELLED. */
  cancel(): void {
    this.channel.cancel();
  }

  getServers(): string[] {
    return this.channel.servers.map(formatServer);
  }

  /** Throws ERR_INVALID_IP_ADDRESS, and leaves them as they are, for one that is no address. */
  setServers(servers: readonly string[]): void {
    if (!Array.isArray(servers)) throw invalidArgType('servers', 'an instance of Array', servers);
    const parsed = servers.map((server, index) => {
      validateString(server, `servers[${index}]`);
      return parseServer(server);
    });
    this.channel.setServers(parsed);
  }

  /** Asks from these addresses; there is no IPv6 to use the second one with. Throws for what is no address. */
  setLocalAddress(ipv4 = '0.0.0.0', ipv6 = '::0'): void {
    validateString(ipv4, 'ipv4');
    validateString(ipv6, 'ipv6');
    const address = parseIpv4(ipv4);
    if (Number.isNaN(address)) throw invalidArgValue('ipv4', ipv4, 'is no IPv4 address');
    this.channel.setLocalAddress(address);
  }

  /** Asks for a name's records. */
  query(kind: QueryKind, name: unknown, options: ResolveOptions, callback: ResolveCallback): void {
    validateString(name, 'name');
    const { type, syscall } = kind;
    const resource = new AsyncResource('QUERYWRAP');
    this.channel.query({ name, type }, ({ code, records }) => {
      const error = code === undefined ? null : dnsError(code, syscall, name);
      if (error !== null) resource.runInAsyncScope(callback, undefined, error);
      else resource.runInAsyncScope(callback, undefined, null, shaped(records, type, options));
    });
  }

  /** Asks for the names of an address, of the hosts file first. Throws EINVAL for what is none. */
  queryNames(address: unknown, callback: ResolveCallback): void {
    validateString(address, 'name');
    const name = reverseName(address);
    if (name === undefined) throw dnsError('EINVAL', 'getHostByAddr', address);
    const resource = new AsyncResource('QUERYWRAP');
    this.host.namesOf(this.channel, address, name, (code, names) => {
      const error = code === undefined ? null : dnsError(code, 'getHostByAddr', address);
      if (error !== null) resource.runInAsyncScope(callback, undefined, error);
      else resource.runInAsyncScope(callback, undefined, null, names);
    });
  }
}

/** The kind that a type's name stands for. Throws as `resolve` does. */
export function kindOf(type: unknown): QueryKind {
  if (typeof type !== 'string') throw invalidArgType('rrtype', 'of type string', type);
  const kind = KIND_OF_TYPE.get(type);
  if (kind === undefined) throw invalidArgValue('rrtype', type);
  return kind;
}

/** Node's `dns.Resolver`. */
export class CallbackResolver extends ResolverBase {
  resolve(name: unknown, type: unknown, callback?: unknown): void {
    const [kind, done] = typeof type === 'function' ? [kindOf('A'), type] : [kindOf(type ?? 'A'), callback];
    this.#call(kind, name, {}, done);
  }

  reverse(address: unknown, callback: unknown): void {
    validateFunction(callback, 'callback');
    this.queryNames(address, callback as ResolveCallback);
  }

  #call(kind: QueryKind, name: unknown, options: unknown, callback: unknown): void {
    validateString(name, 'name');
    validateFunction(callback, 'callback');
    this.query(kind, name, (options ?? {}) as ResolveOptions, callback as ResolveCallback);
  }

  static {
    for (const kind of KINDS)
      Object.defineProperty(CallbackResolver.prototype, kind.method, {
        value(this: CallbackResolver, name: unknown, options: unknown, callback?: unknown): void {
          if (typeof options === 'function') this.#call(kind, name, {}, options);
          else this.#call(kind, name, options, callback);
        },
        writable: true,
        configurable: true,
      });
  }
}

/** Node's `dns.promises.Resolver`. */
export class PromiseResolver extends ResolverBase {
  resolve(name: unknown, type: unknown = 'A'): Promise<unknown> {
    return this.#call(kindOf(type), name, {});
  }

  reverse(address: unknown): Promise<unknown> {
    return promised((callback) => this.queryNames(address, callback));
  }

  #call(kind: QueryKind, name: unknown, options: unknown): Promise<unknown> {
    validateString(name, 'name');
    return promised((callback) => this.query(kind, name, (options ?? {}) as ResolveOptions, callback));
  }

  static {
    for (const kind of KINDS)
      Object.defineProperty(PromiseResolver.prototype, kind.method, {
        value(this: PromiseResolver, name: unknown, options: unknown): Promise<unknown> {
          return this.#call(kind, name, options);
        },
        writable: true,
        configurable: true,
      });
  }
}

function promised(call: (callback: ResolveCallback) => void): Promise<unknown> {
  return new Promise((resolve, reject) => {
    call((error, value) => {
      if (error === null) resolve(value);
      else reject(error);
    });
  });
}
