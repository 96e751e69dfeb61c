import { copyBytes } from '../../device/memory/copy.ts';
import type { Packet } from '../../device/memory/packet.ts';

/** Bytes of a packet's record (Linux: `sizeof(struct sk_buff)`). */
const RECORD = 256;
/** Bytes around a packet's payload in its buffer: headers, headroom, `struct skb_shared_info`. */
const AROUND = 424;
const LEAST_BUFFER = 512;
/** Larger buffers are made of pages. */
const LARGEST_KMALLOC = 8192;
const PAGE = 4096;

/**
 * What a queued packet counts against the receive buffer, in bytes: what Linux's `skb->truesize` would be of one that came by a
 * TUN device, in a buffer of the next power of two, so that windows are those that Linux would announce.
 */
export function truesize(packet: Packet): number {
  const bytes = packet.length + AROUND;
  if (bytes > LARGEST_KMALLOC) return ((bytes + PAGE - 1) & -PAGE) + RECORD;
  return Math.max(LEAST_BUFFER, 1 << (32 - Math.clz32(bytes - 1))) + RECORD;
}

/** Memory that a queued packet really ties up, in bytes: its slot, and what it points to. */
export function footprint(packet: Packet): number {
  return packet.limit - packet.base + packet.payloadLength;
}

/** Takes `bytes` off the front of a packet, of which it has more than that, wherever they lie. */
export function trimFront(packet: Packet, bytes: number): void {
  const linear = packet.end - packet.start;
  if (bytes <= linear) {
    packet.start += bytes;
    return;
  }
  packet.start = packet.end;
  packet.payload += bytes - linear;
  packet.payloadLength -= bytes - linear;
}

/** Copies `length` bytes that begin `from` bytes into a packet to `at` in `to`. */
export function copyPayload(packet: Packet, from: number, to: Uint8Array, at: number, length: number): void {
  const { u8 } = packet.pool;
  const linear = packet.end - packet.start;
  const first = Math.max(0, Math.min(length, linear - from));
  if (first > 0) copyBytes(u8, packet.start + from, to, at, first);
  if (length > first) copyBytes(u8, packet.payload + from + first - linear, to, at + first, length - first);
}
