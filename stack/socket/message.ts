import { MSG_CTRUNC } from './abi.ts';
import type { SocketAddress } from './address.ts';

/** A control message as it stands in memory on x86-64, without its header. */
export interface ControlMessage {
  readonly level: number;
  readonly type: number;
  readonly data: Uint8Array;
}

/** Bytes of `struct cmsghdr`. */
const CMSG_HEADER = 16;

/** What sendmsg and recvmsg are called with (Linux: `struct msghdr`). It may be used again and again. */
export class Message {
  /** Where to send to, null: where the socket is connected to. Receiving: filled with the sender, when not null. */
  address: SocketAddress | null;
  /** Buffers, filled or emptied in order; null stands for a pointer to nowhere and gives `-EFAULT` when it is touched. */
  iov: readonly (Uint8Array | null)[];
  /** Sending: what is asked for. Receiving: what came. */
  control: ControlMessage[] = [];
  /** Bytes of room for what comes, headers included. */
  controlRoom = 0;
  /** Sending: the page of the pool that the one buffer lies in, when it is to be sent as it is; -1: it is copied. */
  page = -1;
  /** Sending: its caller waits for what is not taken at once, and this is the rest of what he waited with. */
  waits = false;
  resumed = false;
  /** Receiving: `MSG_*` bits about what came. */
  flags = 0;

  constructor(iov: readonly (Uint8Array | null)[] = [], address: SocketAddress | null = null) {
    this.iov = iov;
    this.address = address;
  }
}

/** Adds a control message to what is received, cut to the room that is left (Linux: `put_cmsg`). */
export function putControl(message: Message, level: number, type: number, data: Uint8Array): void {
  const room = message.controlRoom - CMSG_HEADER;
  if (room < 0) {
    message.flags |= MSG_CTRUNC;
    return;
  }
  const cut = data.length > room ? data.subarray(0, room) : data;
  if (cut !== data) message.flags |= MSG_CTRUNC;
  message.control.push({ level, type, data: cut });
  message.controlRoom -= Math.min(CMSG_HEADER + room, CMSG_HEADER + ((data.length + 7) & ~7));
}

/** Adds one that is an int. */
export function putControlInt(message: Message, level: number, type: number, value: number): void {
  putControl(message, level, type, intBytes(value));
}

/** An int as it stands in memory. */
export function intBytes(value: number): Uint8Array {
  return new Uint8Array([value, value >>> 8, value >>> 16, value >>> 24]);
}

/** The int at `at`, signed; bytes behind the end are zero. */
export function readInt(bytes: Uint8Array, at = 0): number {
  return (
    (bytes[at] ?? 0) |
    ((bytes[at + 1] ?? 0) << 8) |
    ((bytes[at + 2] ?? 0) << 16) |
    ((bytes[at + 3] ?? 0) << 24)
  );
}

/** The 32-bit number in network order at `at`, unsigned. */
export function readNetwork32(bytes: Uint8Array, at: number): number {
  return (
    (((bytes[at] ?? 0) << 24) |
      ((bytes[at + 1] ?? 0) << 16) |
      ((bytes[at + 2] ?? 0) << 8) |
      (bytes[at + 3] ?? 0)) >>>
    0
  );
}

/** Writes a 32-bit number in network order. */
export function writeNetwork32(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 24;
  bytes[at + 1] = value >>> 16;
  bytes[at + 2] = value >>> 8;
  bytes[at + 3] = value;
}
