import { EAGAIN } from '../../device/errno.ts';
import { MSG_ERRQUEUE, MSG_TRUNC, SOL_IP } from './abi.ts';
import type { Family } from './family.ts';
import { IP_RECVERR } from './inet-options.ts';
import { iovLength, scatter } from './iov.ts';
import { type Message, putControl } from './message.ts';
import type { Socket } from './socket.ts';
import { putTimestamps } from './stamp-control.ts';

/** Who reports (Linux: `linux/errqueue.h`). */
export const SO_EE_ORIGIN_LOCAL = 1;
export const SO_EE_ORIGIN_ICMP = 2;
export const SO_EE_ORIGIN_TIMESTAMPING = 4;
export const SO_EE_ORIGIN_ZEROCOPY = 5;

/** Bytes of `struct sock_extended_err`. */
const EXTENDED_ERROR = 16;

/** Errors that one socket keeps. */
const MOST = 256;

/** One reported error (Linux: `struct sock_extended_err` and what goes with it). */
export interface QueuedError {
  /** Positive. */
  readonly errno: number;
  readonly origin: number;
  readonly type: number;
  readonly code: number;
  /** The MTU, for "message too long"; the first number of a range for zerocopy. */
  readonly info: number;
  /** The last number of a range. */
  readonly data: number;
  /** Who reports it, 0: nobody. */
  readonly offender: number;
  /** Where the packet was going. */
  readonly destination: number;
  readonly port: number;
  /** Of the packet's payload, what came back. */
  readonly payload: Uint8Array;
  /** Level and type of the control message that carries it: `SOL_IP`, `IP_RECVERR`. */
  readonly level: number;
  readonly controlType: number;
  /** When it happened or the packet came, in milliseconds of the clock, 0: not known. */
  readonly timeMs: number;
}

const BLANK: QueuedError = {
  errno: 0,
  origin: 0,
  type: 0,
  code: 0,
  info: 0,
  data: 0,
  offender: 0,
  destination: 0,
  port: 0,
  payload: new Uint8Array(0),
  level: SOL_IP,
  controlType: IP_RECVERR,
  timeMs: 0,
};

/** An error of which only `fields` are not zero; IPv4's control message carries it. */
export function queuedError(fields: Readonly<Partial<QueuedError>>): QueuedError {
  return { ...BLANK, ...fields };
}

/** Errors that a socket asked to be told of one by one (Linux: `sk_error_queue`). */
export class ErrorQueue {
  #entries: QueuedError[] = [];
  /** Bytes of all payloads. */
  #bytes = 0;
  /** Errors that found the queue full. */
  dropped = 0;

  get length(): number {
    return this.#entries.length;
  }

  /** Adds an error; false when the queue is full, or holds `room` bytes of payload already. */
  push(entry: QueuedError, room: number = Number.POSITIVE_INFINITY): boolean {
    if (this.#entries.length >= MOST || this.#bytes >= room) {
      this.dropped++;
      return false;
    }
    this.#entries.push(entry);
    this.#bytes += entry.payload.length;
    return true;
  }

  /** Errors of one origin that wait. */
  count(origin: number): number {
    return this.#entries.reduce((count, entry) => (entry.origin === origin ? count + 1 : count), 0);
  }

  /** The oldest error, which stays. */
  peek(): QueuedError | null {
    return this.#entries[0] ?? null;
  }

  /** The newest error, which stays: zerocopy completions grow it. */
  last(): QueuedError | null {
    return this.#entries.at(-1) ?? null;
  }

  /** Puts `entry` in the place of the newest one. */
  replaceLast(entry: QueuedError): void {
    this.#entries[this.#entries.length - 1] = entry;
  }

  shift(): QueuedError | null {
    const entry = this.#entries.shift();
    if (entry === undefined) return null;
    this.#bytes -= entry.payload.length;
    return entry;
  }

  clear(): void {
    this.#entries = [];
    this.#bytes = 0;
  }
}

/**
 * Receives the oldest error (Linux: `ip_recv_error`): the payload that came back, the destination in the address, the rest in
 * control messages. `-EAGAIN` when there is none.
 */
export function receiveError(socket: Socket, family: Family, message: Message): number {
  const entry = socket.errors.shift();
  if (entry === null) return -EAGAIN;
  const room = iovLength(message.iov);
  if (room < 0) return room;
  const bytes = scatter(entry.payload, 0, Math.min(room, entry.payload.length), message.iov);
  if (bytes < entry.payload.length) message.flags |= MSG_TRUNC;
  const addressed = entry.destination !== 0 || entry.port !== 0;
  message.address?.set(addressed ? family.domain : 0, entry.destination, entry.port);
  putTimestamps(socket, message, entry.timeMs, true);
  putControl(message, entry.level, entry.controlType, extendedError(entry, family));
  message.flags |= MSG_ERRQUEUE;
  return bytes;
}

function extendedError(entry: QueuedError, family: Family): Uint8Array {
  const bytes = new Uint8Array(EXTENDED_ERROR + family.sockaddrLength);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, entry.errno, true);
  view.setUint8(4, entry.origin);
  view.setUint8(5, entry.type);
  view.setUint8(6, entry.code);
  view.setUint32(8, entry.info, true);
  view.setUint32(12, entry.data, true);
  if (entry.offender !== 0) family.writeSockaddr(bytes, EXTENDED_ERROR, entry.offender, 0);
  return bytes;
}
