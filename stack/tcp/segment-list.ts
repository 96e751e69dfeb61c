import { Segment } from './segment.ts';

/**
 * A doubly linked list of {@link Segment}s in sequence order: what is written and not sent (Linux: `sk_write_queue`), or sent
 * and not acknowledged (Linux: `tcp_rtx_queue`).
 */
export class SegmentList {
  head: Segment | null = null;
  tail: Segment | null = null;
  length = 0;

  get empty(): boolean {
    return this.head === null;
  }

  append(segment: Segment): void {
    segment.previous = this.tail;
    segment.next = null;
    if (this.tail === null) this.head = segment;
    else this.tail.next = segment;
    this.tail = segment;
    this.length++;
  }

  /** Puts `segment` behind `previous`, which is in this list. */
  insertAfter(previous: Segment, segment: Segment): void {
    const { next } = previous;
    segment.previous = previous;
    segment.next = next;
    previous.next = segment;
    if (next === null) this.tail = segment;
    else next.previous = segment;
    this.length++;
  }

  /** Takes `segment`, which is in this list, out of it. */
  remove(segment: Segment): void {
    if (segment.previous === null) this.head = segment.next;
    else segment.previous.next = segment.next;
    if (segment.next === null) this.tail = segment.previous;
    else segment.next.previous = segment.previous;
    segment.previous = null;
    segment.next = null;
    this.length--;
  }
}

/** Segments that are not in use, linked by `next`; one a stack. */
export class SegmentPool {
  #free: Segment | null = null;
  /** Segments handed out and not given back. */
  inUse = 0;

  /** A blank segment. */
  take(): Segment {
    this.inUse++;
    const segment = this.#free;
    if (segment === null) return new Segment();
    this.#free = segment.next;
    segment.next = null;
    return segment;
  }

  /** Gives back a segment that is in no list. */
  give(segment: Segment): void {
    segment.seq = 0;
    segment.endSeq = 0;
    segment.flags = 0;
    segment.sacked = 0;
    segment.pcount = 1;
    segment.gsoSize = 0;
    segment.sentUs = 0;
    segment.transmissions = 0;
    segment.eor = 0;
    segment.fragments = 0;
    segment.stamps = 0;
    segment.stampSeq = 0;
    segment.txDelivered = 0;
    segment.txDeliveredUs = 0;
    segment.txFirstTxUs = 0;
    segment.txAppLimited = 0;
    segment.previous = null;
    segment.sentBefore = null;
    segment.sentAfter = null;
    segment.inSentOrder = false;
    segment.next = this.#free;
    this.#free = segment;
    this.inUse--;
  }
}
