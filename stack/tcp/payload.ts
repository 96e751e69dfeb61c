import type { Packet } from '../../device/memory/packet.ts';
import { copyBytes } from '../../device/memory/pool.ts';

/** Bytes of bookkeeping that a queued packet is charged beside its slot (Linux: `sizeof(struct sk_buff)`). */
const PACKET_OVERHEAD = 256;

/** Memory that a queued packet ties up, in bytes (Linux: `skb->truesize`). */
export function truesize(packet: Packet): number {
  return packet.limit - packet.base + packet.payloadLength + PACKET_OVERHEAD;
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

/** Cuts a packet to its first `bytes`, wherever they lie. */
export function trimEnd(packet: Packet, bytes: number): void {
  const linear = packet.end - packet.start;
  if (bytes <= linear) {
    packet.end = packet.start + bytes;
    packet.payloadLength = 0;
  } else {
    packet.payloadLength = bytes - linear;
  }
}

/** Copies `length` bytes that begin `from` bytes into a packet to `at` in `to`. */
export function copyPayload(packet: Packet, from: number, to: Uint8Array, at: number, length: number): void {
  const { u8 } = packet.pool;
  const linear = packet.end - packet.start;
  const first = Math.max(0, Math.min(length, linear - from));
  if (first > 0) copyBytes(u8, packet.start + from, to, at, first);
  if (length > first) copyBytes(u8, packet.payload + from + first - linear, to, at + first, length - first);
}
