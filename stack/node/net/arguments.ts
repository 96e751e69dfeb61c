import * as net from 'node:net';

/** The callback of a call, whose arguments depend on the call. */
export type Listener = (...args: never[]) => void;

/** What a call of `connect` or `listen` is about, however it was written, and its callback. */
export type Arguments = [options: Record<string, unknown>, callback: Listener | null];

const { _normalizeArgs: normalizeAsNode } = net as unknown as {
  _normalizeArgs?: (args: unknown[]) => object;
};

/** Node's own mark, so that arguments which its functions have normalized are known, too. */
const NORMALIZED: symbol =
  Object.getOwnPropertySymbols(normalizeAsNode?.([]) ?? {})[0] ?? Symbol('normalized arguments');

type Marked = Record<symbol, true>;

/** Whether the arguments went through {@link normalizeArguments} before. */
export function isNormalized(value: unknown): value is Arguments {
  return Array.isArray(value) && (value as unknown as Marked)[NORMALIZED] === true;
}

/** Whether text is meant to be the path of a pipe: it is no number. */
function isPath(text: unknown): text is string {
  return typeof text === 'string' && toNumber(text) === false;
}

/** The port or backlog that text or a number names, false when it is none. */
export function toNumber(value: unknown): number | false {
  const number = typeof value === 'object' || typeof value === 'function' ? Number.NaN : Number(value);
  return number >= 0 ? number : false;
}

/** `(options[, ...][, callback])`, `(path[, ...][, callback])` or `([port][, host][, ...][, callback])` as options and callback. */
export function normalizeArguments(args: readonly unknown[]): Arguments {
  const [first, second] = args;
  let options: Record<string, unknown> = {};
  if (typeof first === 'object' && first !== null) options = first as Record<string, unknown>;
  else if (isPath(first)) options['path'] = first;
  else if (args.length > 0) {
    options['port'] = first;
    if (args.length > 1 && typeof second === 'string') options['host'] = second;
  }
  const last = args.at(-1);
  const result: Arguments = [options, typeof last === 'function' ? (last as Listener) : null];
  return Object.assign(result, { [NORMALIZED]: true });
}
