import type { Packet } from '../../device/memory/packet.ts';
import type { HeldBytes } from '../socket/held-bytes.ts';
import { copyPayload, footprint, trimFront } from './payload.ts';

const FIRST = 4;
/** What a queue has that never held anything. */
const NO_SIZES = new Uint32Array(0);

/**
 * Received bytes in order, as the packets that they came in: each begins at its first byte that was not read. It is one run
 * of sequence numbers without holes, from `copiedSeq` to `rcvNxt` (Linux: `sk_receive_queue`).
 */
export class ReceiveQueue {
  #ring: (Packet | null)[] = [];
  #head = 0;
  #count = 0;
  /** Bytes that can be read. */
  bytes = 0;
  /** What the packets count against the receive buffer, by the size that each had when it came. */
  memory = 0;
  /** Memory that they really tie up, in bytes. */
  footprint = 0;
  /** When the packet came that was read last, in milliseconds of the clock; 0: not known. */
  arrivedMs = 0;
  #sizes: Uint32Array = NO_SIZES;

  get length(): number {
    return this.#count;
  }

  /**
   * Appends a packet and takes its ownership; `packet.start` is at its first new byte. `size`: what it counts until all of it was
   * read.
   */
  push(packet: Packet, size: number): void {
    if (this.#count === this.#ring.length) this.#grow();
    const at = (this.#head + this.#count) & (this.#ring.length - 1);
    this.#ring[at] = packet;
    this.#sizes[at] = size;
    this.#count++;
    this.bytes += packet.length;
    this.memory += size;
    this.footprint += footprint(packet);
  }

  /**
   * Copies up to `length` bytes from `skip` bytes on to `target` at `at`; returns how many. Nothing is taken off: see
   * {@link consume}.
   */
  peek(skip: number, target: Uint8Array, at: number, length: number): number {
    const mask = this.#ring.length - 1;
    let offset = skip;
    let copied = 0;
    for (let i = 0; i < this.#count && copied < length; i++) {
      const packet = this.#ring[(this.#head + i) & mask]!;
      const size = packet.length;
      if (offset >= size) {
        offset -= size;
        continue;
      }
      const part = Math.min(size - offset, length - copied);
      copyPayload(packet, offset, target, at + copied, part);
      this.arrivedMs = packet.timestamp;
      copied += part;
      offset = 0;
    }
    return copied;
  }

  /** Takes `bytes` off the front, of which there are that many. */
  consume(bytes: number): void {
    let left = bytes;
    while (left > 0) {
      const packet = this.#ring[this.#head]!;
      const size = packet.length;
      if (left < size) {
        this.#trim(packet, left);
        return;
      }
      left -= size;
      this.#drop(packet, size);
    }
  }

  /** Copies up to `length` bytes to `target` at `at` and takes them off the front; returns how many. */
  read(target: Uint8Array, at: number, length: number): number {
    let copied = 0;
    while (copied < length && this.#count > 0) {
      const packet = this.#ring[this.#head]!;
      const size = packet.length;
      const part = Math.min(size, length - copied);
      copyPayload(packet, 0, target, at + copied, part);
      copied += part;
      if (part === size) {
        this.#drop(packet, size);
      } else {
        this.#trim(packet, part);
      }
    }
    return copied;
  }

  /**
   * Lets `held` hold the first bytes that lie together, `most` at most, and takes them off the front; how many. There are some, and
   * nothing is held by it yet.
   */
  hold(most: number, held: HeldBytes): number {
    const packet = this.#ring[this.#head]!;
    const linear = packet.end - packet.start;
    const bytes = Math.min(most, linear > 0 ? linear : packet.payloadLength);
    held.hold(packet, linear > 0 ? packet.start : packet.payload, bytes);
    packet.retain();
    if (bytes === packet.length) this.#drop(packet, bytes);
    else this.#trim(packet, bytes);
    return bytes;
  }

  /** Releases everything. */
  clear(): void {
    while (this.#count > 0) {
      const packet = this.#ring[this.#head]!;
      this.#drop(packet, packet.length);
    }
  }

  /** All bytes, oldest first: for a snapshot. */
  toBytes(): Buffer {
    const out = Buffer.allocUnsafe(this.bytes);
    this.peek(0, out, 0, this.bytes);
    return out;
  }

  #trim(packet: Packet, bytes: number): void {
    this.arrivedMs = packet.timestamp;
    this.footprint -= footprint(packet);
    trimFront(packet, bytes);
    this.footprint += footprint(packet);
    this.bytes -= bytes;
  }

  #drop(packet: Packet, size: number): void {
    this.arrivedMs = packet.timestamp;
    this.#ring[this.#head] = null;
    this.memory -= this.#sizes[this.#head]!;
    this.#head = (this.#head + 1) & (this.#ring.length - 1);
    this.#count--;
    this.bytes -= size;
    this.footprint -= footprint(packet);
    packet.release();
  }

  #grow(): void {
    const old = this.#ring;
    const size = Math.max(FIRST, old.length * 2);
    const ring = new Array<Packet | null>(size).fill(null);
    const sizes = new Uint32Array(size);
    for (let i = 0; i < this.#count; i++) {
      const from = (this.#head + i) & (old.length - 1);
      ring[i] = old[from]!;
      sizes[i] = this.#sizes[from]!;
    }
    this.#ring = ring;
    this.#sizes = sizes;
    this.#head = 0;
  }
}
