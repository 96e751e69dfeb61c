import { badPort, invalidArgType, outOfRange } from './errors.ts';

const INT32_MOST = 0x7fffffff;
/** The longest time that a timer of Node's can be set to, milliseconds. */
const TIMER_MOST = 0x7fffffff;

type Callback = (...args: never[]) => unknown;

/** Each throws as Node does when a value is not what it should be. */
export function validateFunction(value: unknown, name: string): asserts value is Callback {
  if (typeof value !== 'function') throw invalidArgType(name, 'of type function', value);
}

export function validateNumber(value: unknown, name: string): asserts value is number {
  if (typeof value !== 'number') throw invalidArgType(name, 'of type number', value);
}

export function validateString(value: unknown, name: string): asserts value is string {
  if (typeof value !== 'string') throw invalidArgType(name, 'of type string', value);
}

export function validateBoolean(value: unknown, name: string): asserts value is boolean {
  if (typeof value !== 'boolean') throw invalidArgType(name, 'of type boolean', value);
}

export function validateInt32(value: unknown, name: string, least: number): asserts value is number {
  validateNumber(value, name);
  if (!Number.isInteger(value)) throw outOfRange(name, 'an integer', value);
  if (value < least || value > INT32_MOST) throw outOfRange(name, `>= ${least} && <= ${INT32_MOST}`, value);
}

export function validateAbortSignal(value: unknown, name: string): asserts value is AbortSignal {
  if (typeof value !== 'object' || value === null || !('aborted' in value))
    throw invalidArgType(name, 'an instance of AbortSignal', value);
}

/** A port given as number or text; the number. */
export function validatePort(port: unknown, name = 'Port'): number {
  const text = typeof port === 'string' ? port.trim() : '';
  const value = typeof port === 'number' || text !== '' ? Number(port) : Number.NaN;
  // What is no whole number when its sign and fraction are cut off is none.
  if (value >>> 0 !== value || value > 0xffff) throw badPort(name, port);
  return value;
}

/** Milliseconds for a timer: what is too long is cut, and `overflows` hears of it. */
export function validateDuration(value: unknown, name: string, overflows: (value: number) => void): number {
  validateNumber(value, name);
  if (value < 0 || !Number.isFinite(value)) throw outOfRange(name, 'a non-negative finite number', value);
  if (value <= TIMER_MOST) return value;
  overflows(value);
  return TIMER_MOST;
}
