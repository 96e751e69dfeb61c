import type { Packet } from '../../memory/packet.ts';

/** One frame under way. Recycled: the heap below never lets one go. */
interface Slot {
  due: number;
  order: number;
  packet: Packet | null;
}

/** Frames under way, the next one to arrive first, those of one moment in order of insertion: a binary heap. */
export class Flight {
  readonly #heap: Slot[] = [];
  #length = 0;
  #order = 0;

  get length(): number {
    return this.#length;
  }

  /** When the next frame arrives, Infinity when none is under way. */
  get nextDue(): number {
    return this.#length === 0 ? Number.POSITIVE_INFINITY : this.#heap[0]!.due;
  }

  /** Takes the ownership of `packet`, which arrives at `due`. */
  add(packet: Packet, due: number): void {
    const heap = this.#heap;
    let at = this.#length++;
    if (at === heap.length) heap.push({ due: 0, order: 0, packet: null });
    const slot = heap[at]!;
    slot.due = due;
    slot.order = this.#order++;
    slot.packet = packet;
    while (at > 0) {
      const parent = (at - 1) >>> 1;
      const above = heap[parent]!;
      if (!before(slot, above)) break;
      heap[at] = above;
      at = parent;
    }
    heap[at] = slot;
  }

  /** Takes the next frame that is due at or before `now`, with its ownership; null when none is. */
  takeDue(now: number): Packet | null {
    return this.nextDue <= now ? this.take() : null;
  }

  /** Takes the next frame whenever it is due; null when none is under way. */
  take(): Packet | null {
    if (this.#length === 0) return null;
    const heap = this.#heap;
    const first = heap[0]!;
    const packet = first.packet;
    first.packet = null;
    const last = heap[--this.#length]!;
    heap[this.#length] = first;
    if (this.#length > 0) this.#sink(last);
    return packet;
  }

  #sink(slot: Slot): void {
    const heap = this.#heap;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= this.#length) break;
      if (child + 1 < this.#length && before(heap[child + 1]!, heap[child]!)) child++;
      if (!before(heap[child]!, slot)) break;
      heap[at] = heap[child]!;
      at = child;
    }
    heap[at] = slot;
  }
}

function before(a: Slot, b: Slot): boolean {
  return a.due < b.due || (a.due === b.due && a.order < b.order);
}
