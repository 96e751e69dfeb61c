import { invalidArgValue } from '../errors.ts';
import { validatePort } from '../validate.ts';
import { type Listener, normalizeArguments, toNumber } from './arguments.ts';
import { ListenHandle } from './listen-handle.ts';

/** Where a server is to listen. */
export type Place =
  | { readonly kind: 'handle'; readonly handle: ListenHandle }
  | { readonly kind: 'descriptor' }
  | { readonly kind: 'path'; readonly path: string }
  | { readonly kind: 'port'; readonly port: number; readonly host: string | null };

/** A call of `listen`, in whichever of its forms. */
export interface ListenCall {
  readonly options: Readonly<Record<string, unknown>>;
  readonly place: Place;
  /** 0: the default. */
  readonly backlog: number;
  readonly signal: unknown;
  readonly callback: Listener | null;
}

/** The options and callback of `listen`, not looked at closer. */
export interface ListenArguments {
  readonly args: readonly unknown[];
  readonly options: Readonly<Record<string, unknown>>;
  readonly callback: Listener | null;
}

export function listenArguments(args: readonly unknown[]): ListenArguments {
  const [options, callback] = normalizeArguments(args);
  return { args, options, callback };
}

/**
 * Reads `(handle[, backlog])`, `(options)`, `(path[, backlog])` and `([port[, host[, backlog]]])`, each with a callback behind. Throws
 * as Node does when it is none of them.
 */
export function listenCall({ args, options: given, callback }: ListenArguments): ListenCall {
  const inner = given['_handle'] ?? given['handle'] ?? given;
  const options = inner as Record<string, unknown>;
  const fromArguments = (args.length > 1 && toNumber(args[1])) || (args.length > 2 && toNumber(args[2])) || 0;
  const backlog = (toNumber(options['backlog'] ?? 0) || fromArguments) as number;
  const { signal } = options;
  const call = { options, signal, callback, backlog };
  if (inner instanceof ListenHandle) return { ...call, place: { kind: 'handle', handle: inner } };
  if (typeof options['fd'] === 'number' && options['fd'] >= 0)
    return { ...call, place: { kind: 'descriptor' } };
  const port = portOption(args, options);
  if (port !== null) {
    const host = options['host'] ? (options['host'] as string) : null;
    return { ...call, place: { kind: 'port', port, host } };
  }
  const { path } = options;
  if (typeof path === 'string' && toNumber(path) === false) return { ...call, place: { kind: 'path', path } };
  if (!('port' in options || 'path' in options))
    throw invalidArgValue('options', options, 'must have the property "port" or "path"');
  throw invalidArgValue('options', options);
}

/** The port, 0 where it is left out; null when there is none. */
function portOption(args: readonly unknown[], options: Readonly<Record<string, unknown>>): number | null {
  const { port } = options;
  const leftOut =
    args.length === 0 ||
    typeof args[0] === 'function' ||
    (port === undefined && 'port' in options) ||
    port === null;
  if (leftOut) return 0;
  return typeof port === 'number' || typeof port === 'string' ? validatePort(port, 'options.port') : null;
}
