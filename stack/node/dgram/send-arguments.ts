import { codedError, describeType, invalidArgType } from '../errors.ts';
import { alreadyConnected } from './errors.ts';

/** Called when a datagram was sent, or was not. */
export type SendCallback = (error: Error | null, bytes: number) => void;

/** A call of `send`, put in order. */
export interface SendArguments {
  readonly list: Uint8Array[];
  /** As it was given; undefined for a connected socket. */
  readonly port: unknown;
  readonly address: unknown;
  readonly callback: SendCallback | undefined;
}

const BYTES = 'of type string or an instance of Buffer, TypedArray, or DataView';

/**
 * The forms of `send`, in which all from the right may be left out but a port:
 * `(bytes | list, port, address, callback)`, `(bytes, offset, length, port, address, callback)`, and the same without port and address
 * for a socket that is `connected`. Throws Node's errors for bytes that are none, or lie outside of their buffer.
 */
export function sendArguments(args: readonly unknown[], connected: boolean): SendArguments {
  const [bytes, second, third, fourth, fifth, sixth] = args;
  return connected
    ? toPeer(bytes, second, third, fourth, fifth, sixth)
    : toAddress(bytes, second, third, fourth, fifth, sixth);
}

function toAddress(
  bytes: unknown,
  second: unknown,
  third: unknown,
  fourth: unknown,
  fifth: unknown,
  sixth: unknown,
): SendArguments {
  const sliced = Boolean(fifth) || (Boolean(fourth) && typeof fourth !== 'function');
  const list = sliced ? [slice(bytes, second, third)] : listOf(bytes);
  const [port, address, callback] = sliced ? [fourth, fifth, sixth] : [second, third, fourth];
  return typeof address === 'function'
    ? { list, port, address: undefined, callback: callbackOf(address) }
    : { list, port, address, callback: callbackOf(callback) };
}

function toPeer(
  bytes: unknown,
  second: unknown,
  third: unknown,
  fourth: unknown,
  fifth: unknown,
  sixth: unknown,
): SendArguments {
  const sliced = typeof third === 'number';
  const part = sliced ? slice(bytes, second, third) : bytes;
  const last = typeof fourth === 'function' ? fourth : sixth;
  const callback = sliced ? last : second;
  if ((fourth && !(sliced && fourth === last)) || fifth) throw alreadyConnected();
  return { list: listOf(part), port: undefined, address: undefined, callback: callbackOf(callback) };
}

function callbackOf(value: unknown): SendCallback | undefined {
  return typeof value === 'function' ? (value as SendCallback) : undefined;
}

function view(value: unknown): Buffer | undefined {
  if (typeof value === 'string') return Buffer.from(value);
  return ArrayBuffer.isView(value)
    ? Buffer.from(value.buffer, value.byteOffset, value.byteLength)
    : undefined;
}

function listOf(bytes: unknown): Uint8Array[] {
  if (!Array.isArray(bytes)) {
    const one = view(bytes);
    if (one === undefined) throw invalidArgType('buffer', BYTES, bytes);
    return [one];
  }
  const list = bytes.map((part) => {
    const one = view(part);
    if (one === undefined) throw invalidArgType('buffer list arguments', BYTES, bytes);
    return one;
  });
  return list.length === 0 ? [Buffer.alloc(0)] : list;
}

function slice(bytes: unknown, offset: unknown, length: unknown): Buffer {
  const all = view(bytes);
  if (all === undefined) throw invalidArgType('buffer', BYTES, bytes);
  const from = Number(offset) >>> 0;
  const count = Number(length) >>> 0;
  if (from > all.length) throw outOfBounds('offset');
  if (from + count > all.length) throw outOfBounds('length');
  return all.subarray(from, from + count);
}

/** A port to send or connect to, given as a number or in digits. Throws ERR_SOCKET_BAD_PORT for any other value, 0 included. */
export function destinationPort(port: unknown): number {
  const empty = typeof port === 'string' && port.trim() === '';
  const number = (typeof port === 'number' || typeof port === 'string') && !empty ? Number(port) : 0;
  if (number > 0 && number <= 0xffff && Number.isInteger(number)) return number;
  const message = `Port should be > 0 and < 65536. Received ${describeType(port)}.`;
  throw codedError(RangeError, 'ERR_SOCKET_BAD_PORT', message);
}

function outOfBounds(name: string): Error {
  return codedError(RangeError, 'ERR_BUFFER_OUT_OF_BOUNDS', `"${name}" is outside of buffer bounds`);
}
