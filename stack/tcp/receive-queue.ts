import type { Packet } from '../../device/memory/packet.ts';
import { copyPayload, trimFront, truesize } from './payload.ts';

/**
 * Received bytes in order, as the packets that they came in: each begins at its first byte that was not read. It is one run
 * of sequence numbers without holes, from `copiedSeq` to `rcvNxt` (Linux: `sk_receive_queue`).
 */
export class ReceiveQueue {
  #ring: (Packet | null)[] = [null, null, null, null];
  #head = 0;
  #count = 0;
  /** Bytes that can be read. */
  bytes = 0;
  /** Memory that the packets tie up, in bytes. */
  memory = 0;

  get length(): number {
    return this.#count;
  }

  /** Appends a packet and takes its ownership; `packet.start` is at its first new byte. */
  push(packet: Packet): void {
    if (this.#count === this.#ring.length) this.#grow();
    this.#ring[(this.#head + this.#count) & (this.#ring.length - 1)] = packet;
    this.#count++;
    this.bytes += packet.length;
    this.memory += truesize(packet);
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
        this.memory -= truesize(packet);
        trimFront(packet, left);
        this.memory += truesize(packet);
        this.bytes -= left;
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
        this.memory -= truesize(packet);
        trimFront(packet, part);
        this.memory += truesize(packet);
        this.bytes -= part;
      }
    }
    return copied;
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

  #drop(packet: Packet, size: number): void {
    this.#ring[this.#head] = null;
    this.#head = (this.#head + 1) & (this.#ring.length - 1);
    this.#count--;
    this.bytes -= size;
    this.memory -= truesize(packet);
    packet.release();
  }

  #grow(): void {
    const old = this.#ring;
    const ring = new Array<Packet | null>(old.length * 2).fill(null);
    for (let i = 0; i < this.#count; i++) ring[i] = old[(this.#head + i) & (old.length - 1)]!;
    this.#ring = ring;
    this.#head = 0;
  }
}
