import { AsyncResource } from 'node:async_hooks';
import { ADDRCONFIG, ALL, V4MAPPED } from 'node:dns';
import { isIP } from 'node:net';
import { emitWarning, nextTick } from 'node:process';
import { codedError, invalidArgType, invalidArgValue } from '../errors.ts';
import {
  validateBoolean,
  validateFunction,
  validateNumber,
  validatePort,
  validateString,
} from '../validate.ts';
import { searchAddresses, type Wanted } from './address-search.ts';
import { NODATA, NOTFOUND } from './codes.ts';
import { dnsError } from './errors.ts';
import type { DnsHost } from './host.ts';
import type { HostAddress } from './hosts.ts';
import { reverseName } from './reverse-name.ts';
import { serviceName } from './services.ts';

/** In which order addresses are given: as they are found, or a family first. */
export type ResultOrder = 'verbatim' | 'ipv4first' | 'ipv6first';

const ORDERS: readonly ResultOrder[] = ['ipv4first', 'ipv6first', 'verbatim'];

/** Options of `dns.lookup`. */
export interface LookupOptions {
  readonly family?: number | 'IPv4' | 'IPv6';
  readonly hints?: number;
  readonly all?: boolean;
  readonly order?: ResultOrder;
  readonly verbatim?: boolean;
}

type Found = (error: Error | null, addresses: readonly HostAddress[]) => void;

/** What a call of `lookup` came to. */
interface Request extends Wanted {
  readonly every: boolean;
  readonly order: ResultOrder;
}

/** Throws unless it is an order of results. */
export function validateOrder(value: unknown, name: string): asserts value is ResultOrder {
  if (ORDERS.includes(value as ResultOrder)) return;
  const list = ORDERS.map((order) => `'${order}'`).join(', ');
  throw invalidArgValue(name, value, `must be one of: ${list}`);
}

/** `dns.lookup` and `dns.lookupService` of a stack, in both forms. */
export class Lookup {
  order: ResultOrder = 'verbatim';
  readonly #host: DnsHost;
  #warned = false;

  constructor(host: DnsHost) {
    this.#host = host;
  }

  /** `dns.lookup(hostname, options, callback)`; options may be a family, or left out. */
  lookup(hostname: unknown, given: unknown, callback?: unknown): void {
    const done = typeof given === 'function' ? given : callback;
    const request = this.#request(typeof given === 'function' ? undefined : given);
    validateFunction(done, 'callback');
    const tell = done as (error: Error | null, ...rest: unknown[]) => void;
    this.#find(hostname, request, (error, addresses) => {
      if (error !== null) tell(error);
      else if (request.every) tell(null, addresses);
      else tell(null, addresses[0]?.address ?? null, addresses[0]?.family ?? (request.family || 4));
    });
  }

  /** `dns.promises.lookup(hostname, options)`. */
  async lookupPromise(hostname: unknown, given?: unknown): Promise<unknown> {
    const request = this.#request(given);
    const addresses = await new Promise<readonly HostAddress[]>((resolve, reject) => {
      this.#find(hostname, request, (error, found) => {
        if (error === null) resolve(found);
        else reject(error);
      });
    });
    return request.every ? addresses : (addresses[0] ?? { address: null, family: request.family || 4 });
  }

  /** `dns.lookupService(address, port, callback)`: the names of an address and a port. */
  lookupService(address: unknown, port: unknown, callback: unknown): void {
    validateString(address, 'address');
    const name = reverseName(address);
    if (name === undefined) throw invalidArgValue('address', address);
    const service = serviceName(validatePort(port));
    validateFunction(callback, 'callback');
    const done = callback as (error: Error | null, hostname?: string, service?: string) => void;
    const resource = new AsyncResource('GETNAMEINFOREQWRAP');
    this.#host.namesOf(this.#host.channel, address, name, (code, names) => {
      const missing = code === NOTFOUND || code === NODATA ? NOTFOUND : 'EAI_AGAIN';
      const error = code === undefined ? null : dnsError(missing, 'getnameinfo', address);
      if (error !== null) resource.runInAsyncScope(done, undefined, error);
      else resource.runInAsyncScope(done, undefined, null, names[0], service);
    });
  }

  /** `dns.promises.lookupService(address, port)`. */
  async lookupServicePromise(
    address: unknown,
    port: unknown,
  ): Promise<{ hostname: string; service: string }> {
    return await new Promise((resolve, reject) => {
      this.lookupService(address, port, (error: Error | null, hostname: string, service: string) => {
        if (error === null) resolve({ hostname, service });
        else reject(error);
      });
    });
  }

  #find(hostname: unknown, request: Request, found: Found): void {
    if (hostname !== undefined && hostname !== null && hostname !== false)
      validateString(hostname, 'hostname');
    if (!hostname) {
      this.#warn(hostname);
      nextTick(found, null, []);
      return;
    }
    const name = hostname as string;
    const family = isIP(name);
    if (family !== 0) {
      nextTick(found, null, [{ address: name, family }]);
      return;
    }
    const resource = new AsyncResource('GETADDRINFOREQWRAP');
    searchAddresses(this.#host, this.#host.channel, name, request, (code, addresses) => {
      const error = code === undefined ? null : dnsError(code, 'getaddrinfo', name);
      resource.runInAsyncScope(found, undefined, error, ordered(addresses, request.order));
    });
  }

  #request(given: unknown): Request {
    const options = (typeof given === 'number' ? { family: given } : (given ?? {})) as LookupOptions;
    if (typeof options !== 'object') throw invalidArgType('options', 'one of type integer or object', given);
    const { hints = 0, all = false, verbatim } = options;
    if (options.hints !== undefined) validateNumber(hints, 'options.hints');
    if ((hints & ~(ADDRCONFIG | ALL | V4MAPPED)) !== 0) throw invalidArgValue('hints', hints);
    validateBoolean(all, 'options.all');
    let { order } = this;
    if (options.order !== undefined) {
      validateOrder(options.order, 'options.order');
      order = options.order;
    } else if (verbatim !== undefined) {
      validateBoolean(verbatim, 'options.verbatim');
      order = verbatim ? 'verbatim' : 'ipv4first';
    }
    return {
      family: familyOf(options.family),
      onlyConfigured: (hints & ADDRCONFIG) !== 0,
      mapped: (hints & V4MAPPED) !== 0,
      all: (hints & ALL) !== 0,
      every: all,
      order,
    };
  }

  #warn(hostname: unknown): void {
    if (this.#warned) return;
    this.#warned = true;
    emitWarning(
      `The provided hostname "${String(hostname)}" is not a valid hostname, and is supported in the dns module solely for compatibility.`,
      'DeprecationWarning',
      'DEP0118',
    );
  }
}

function familyOf(family: unknown): 0 | 4 | 6 {
  switch (family) {
    case undefined:
    case null:
    case 0:
      return 0;
    case 4:
    case 'IPv4':
      return 4;
    case 6:
    case 'IPv6':
      return 6;
    default:
      throw codedError(
        TypeError,
        'ERR_INVALID_ARG_VALUE',
        `The property 'options.family' must be one of: 0, 4, 6. Received ${String(family)}`,
      );
  }
}

function ordered(addresses: readonly HostAddress[], order: ResultOrder): readonly HostAddress[] {
  if (order === 'verbatim') return addresses;
  const first = order === 'ipv4first' ? 4 : 6;
  return [
    ...addresses.filter((one) => one.family === first),
    ...addresses.filter((one) => one.family !== first),
  ];
}
