import { Intervals } from './intervals.ts';

/** Retransmissions of one kind with nothing heard in between: their distances may only grow. */
export class BackOff {
  #lastAt = -1;
  #gap = 0;

  /** Something was heard, or the link changed: the next distance says nothing. */
  reset(): void {
    this.#lastAt = -1;
    this.#gap = 0;
  }

  /** Notes a retransmission; the two distances when the newer one is the shorter, else null. */
  note(now: number): readonly [number, number] | null {
    const gap = this.#lastAt < 0 ? 0 : now - this.#lastAt;
    const before = this.#gap;
    this.#lastAt = now;
    this.#gap = gap;
    return gap < before - 1 ? [before, gap] : null;
  }
}

/**
 * What is known of one direction of a connection from the frames alone. Positions count from the first SYN, which is 0, so
 * that the first byte is 1.
 */
export class StreamTrack {
  /** Initial sequence number, -1: not seen. */
  iss = -1;
  /** End of what was sent. */
  next = 0;
  /** Position of the FIN, -1: none was sent. */
  fin = -1;
  /** Window scale that this side's SYN offered, -1: none. */
  scale = -1;
  /** What the sender was told: the highest acknowledgment in a segment that it must take, and the furthest right edge in any. */
  acknowledged = 0;
  edge = 0;
  /** What the receiver said: its highest acknowledgment, and the right edge that it must keep to. */
  ackSent = 0;
  edgeSent = 0;
  /** The furthest right edge that it has ever said. */
  furthest = 0;
  /** The sender has sent an RST, or got one that it must take. */
  over = '';
  readonly delivered: Intervals = new Intervals();
  readonly retransmissions: BackOff = new BackOff();
  readonly probes: BackOff = new BackOff();
  readonly #ring: Buffer;
  /** What the ring knows: all that was sent, unless some was lost before it came by. */
  readonly #seen: Intervals = new Intervals();

  /** `memory`: bytes of the stream that are kept for comparison, a power of two greater than any window. */
  constructor(memory: number) {
    this.#ring = Buffer.alloc(memory);
  }

  /** A sequence number as a position. */
  position(seq: number): number {
    return (seq - this.iss) | 0;
  }

  /** End of what has arrived without a hole. */
  get arrived(): number {
    return this.delivered.endFrom(0);
  }

  /** Nothing that was heard before says anything of the timers now. */
  disturb(): void {
    this.retransmissions.reset();
    this.probes.reset();
  }

  /** Keeps what is new of `bytes[at, at + length)`, which begins at `position`; whether what is not is as it was. */
  compare(position: number, bytes: Uint8Array, at: number, length: number): boolean {
    const known = this.#seen.covers(position, Math.min(position + length, this.next));
    const old = known ? Math.min(Math.max(this.next - position, 0), length) : 0;
    this.#seen.add(position, position + length);
    const same = this.#each(
      position,
      old,
      (ring, offset, count) =>
        this.#ring.compare(bytes, at + offset, at + offset + count, ring, ring + count) === 0,
    );
    this.#each(position + old, length - old, (ring, offset, count) => {
      this.#ring.set(bytes.subarray(at + old + offset, at + old + offset + count), ring);
      return true;
    });
    return same;
  }

  /** Calls back for each run of the ring that `length` bytes from `position` on take, until one is false. */
  #each(
    position: number,
    length: number,
    visit: (ring: number, offset: number, count: number) => boolean,
  ): boolean {
    const size = this.#ring.length;
    for (let done = 0; done < length; ) {
      const ring = (position + done) & (size - 1);
      const count = Math.min(length - done, size - ring);
      if (!visit(ring, done, count)) return false;
      done += count;
    }
    return true;
  }
}
