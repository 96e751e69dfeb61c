import { EFAULT } from '../../device/errno.ts';
import { copyBytes } from '../../device/memory/copy.ts';
import type { Packet } from '../../device/memory/packet.ts';

type Iov = readonly (Uint8Array | null)[];

/** Bytes of all buffers; `-EFAULT` when one is a pointer to nowhere. */
export function iovLength(iov: Iov): number {
  let length = 0;
  for (let i = 0; i < iov.length; i++) {
    const part = iov[i]!;
    if (part === null) return -EFAULT;
    length += part.length;
  }
  return length;
}

/** Copies `length` bytes, from the `skip`th on, out of the buffers to `at` in `to`; the caller knows that they are there. */
export function gather(iov: Iov, skip: number, length: number, to: Uint8Array, at: number): void {
  let before = skip;
  let done = 0;
  for (let i = 0; i < iov.length && done < length; i++) {
    const part = iov[i];
    if (part === null || part === undefined) continue;
    if (before >= part.length) {
      before -= part.length;
      continue;
    }
    const bytes = Math.min(part.length - before, length - done);
    copyBytes(part, before, to, at + done, bytes);
    done += bytes;
    before = 0;
  }
}

/** Copies `length` bytes at `from` into the buffers, behind the first `skip` bytes of those; returns how many fitted. */
export function scatter(from: Uint8Array, at: number, length: number, iov: Iov, skip = 0): number {
  let before = skip;
  let done = 0;
  for (let i = 0; i < iov.length && done < length; i++) {
    const part = iov[i];
    if (part === null || part === undefined) continue;
    if (before >= part.length) {
      before -= part.length;
      continue;
    }
    const bytes = Math.min(part.length - before, length - done);
    copyBytes(from, at + done, part, before, bytes);
    done += bytes;
    before = 0;
  }
  return done;
}

/** Copies `length` bytes that begin `from` bytes behind `packet.start`, gathered or not; returns how many fitted. */
export function scatterPacket(packet: Packet, from: number, length: number, iov: Iov, skip = 0): number {
  const linear = packet.end - packet.start;
  const { u8 } = packet.pool;
  const first = Math.max(0, Math.min(length, linear - from));
  let done = first > 0 ? scatter(u8, packet.start + from, first, iov, skip) : 0;
  if (done === first && length > first)
    done += scatter(u8, packet.payload + (from + first - linear), length - first, iov, skip + done);
  return done;
}
