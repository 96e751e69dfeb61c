import type { Packet } from './packet.ts';

/**
 * A first-in, first-out queue of packets with a cap in packets. Its ring grows to the next power of two when it must, up
 * to the cap, and never shrinks: in a steady state it allocates nothing.
 */
export class PacketQueue {
  /** The most packets it takes. */
  cap: number;
  /** Bytes queued. */
  bytes = 0;
  #ring: (Packet | null)[];
  #head = 0;
  #length = 0;

  constructor(cap: number) {
    this.cap = cap;
    this.#ring = new Array<Packet | null>(8).fill(null);
  }

  get length(): number {
    return this.#length;
  }

  /** Appends `packet` and takes its ownership; returns false, and takes nothing, when the queue is full. */
  push(packet: Packet): boolean {
    if (this.#length >= this.cap) return false;
    if (this.#length === this.#ring.length) this.#grow();
    this.#ring[(this.#head + this.#length) & (this.#ring.length - 1)] = packet;
    this.#length++;
    this.bytes += packet.length;
    return true;
  }

  /** Puts `packet` back in front, cap or not: for one that was just taken. */
  unshift(packet: Packet): void {
    if (this.#length === this.#ring.length) this.#grow();
    this.#head = (this.#head - 1) & (this.#ring.length - 1);
    this.#ring[this.#head] = packet;
    this.#length++;
    this.bytes += packet.length;
  }

  /** Takes the oldest packet, with its ownership; null when empty. */
  shift(): Packet | null {
    if (this.#length === 0) return null;
    const packet = this.#ring[this.#head]!;
    this.#ring[this.#head] = null;
    this.#head = (this.#head + 1) & (this.#ring.length - 1);
    this.#length--;
    this.bytes -= packet.length;
    return packet;
  }

  /** The oldest packet, which stays queued; null when empty. */
  peek(): Packet | null {
    return this.#length === 0 ? null : this.#ring[this.#head]!;
  }

  /** The packet behind `index` others, which stays queued; null when there are no more. */
  at(index: number): Packet | null {
    return index < this.#length ? this.#ring[(this.#head + index) & (this.#ring.length - 1)]! : null;
  }

  /** Releases everything; returns how many packets that were. */
  purge(): number {
    const count = this.#length;
    for (let packet = this.shift(); packet !== null; packet = this.shift()) packet.release();
    return count;
  }

  #grow(): void {
    const old = this.#ring;
    const ring = new Array<Packet | null>(old.length * 2).fill(null);
    for (let i = 0; i < this.#length; i++) ring[i] = old[(this.#head + i) & (old.length - 1)]!;
    this.#ring = ring;
    this.#head = 0;
  }
}
