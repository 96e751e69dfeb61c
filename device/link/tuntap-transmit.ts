import type { Packet } from '../memory/packet.ts';
import { RING_FIRST, RING_STATUS, type TapQueue, TX_WORDS } from '../native.ts';

/** Frames that one native call writes at most. */
const DEPTH = 64;

/** The sending half of a TUN/TAP link: packets that wait for the native call at the end of the batch, in order. */
export class TransmitRing {
  /** The ring that the native side shares. */
  readonly words: Uint32Array = new Uint32Array(RING_FIRST + DEPTH * TX_WORDS);
  readonly #packets: (Packet | null)[] = new Array<Packet | null>(DEPTH).fill(null);
  /** Waiting packets are those from `#head` up to `#tail`. */
  #head = 0;
  #tail = 0;

  get empty(): boolean {
    return this.#head === this.#tail;
  }

  get full(): boolean {
    return this.#tail === DEPTH;
  }

  /** Takes a packet, which the caller knows to be of the registered pool; the ring is not full. */
  push(packet: Packet): void {
    const at = RING_FIRST + this.#tail * TX_WORDS;
    const { words } = this;
    words[at] = packet.start;
    words[at + 1] = packet.end - packet.start;
    words[at + 2] = packet.payload;
    words[at + 3] = packet.payloadLength;
    this.#packets[this.#tail++] = packet;
  }

  /** Writes what waits, in one call, and releases what went out. Returns 0, or the errno with which the next was refused. */
  write(queue: TapQueue): number {
    const written = queue.flush(this.#head, this.#tail - this.#head);
    const end = this.#head + written;
    for (let i = this.#head; i < end; i++) {
      const packet = this.#packets[i]!;
      this.#packets[i] = null;
      packet.release();
    }
    this.#head = end;
    if (end < this.#tail) return this.words[RING_STATUS]!;
    this.#head = 0;
    this.#tail = 0;
    return 0;
  }

  /** Takes the oldest packet back, with its ownership; null when none waits. */
  shift(): Packet | null {
    if (this.empty) return null;
    const packet = this.#packets[this.#head]!;
    this.#packets[this.#head++] = null;
    if (this.empty) {
      this.#head = 0;
      this.#tail = 0;
    }
    return packet;
  }
}
