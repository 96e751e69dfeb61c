import type { Segment } from './segment.ts';
import { after } from './sequence.ts';

/**
 * The segments that are out, in the order in which they were last sent (Linux: `tsorted_sent_queue`), which is what RACK goes by.
 * What was selectively acknowledged is not in it, nor what RACK has given up, until it is sent again.
 */
export class SentOrder {
  first: Segment | null = null;
  last: Segment | null = null;

  /** A segment was sent, for the first time or again: it is the newest. */
  sent(segment: Segment): void {
    if (segment.inSentOrder) this.remove(segment);
    segment.inSentOrder = true;
    segment.sentBefore = this.last;
    segment.sentAfter = null;
    if (this.last === null) this.first = segment;
    else this.last.sentAfter = segment;
    this.last = segment;
  }

  /** `rest` was cut off `segment`: it was sent just after it. */
  split(segment: Segment, rest: Segment): void {
    if (!segment.inSentOrder) return;
    rest.inSentOrder = true;
    rest.sentBefore = segment;
    rest.sentAfter = segment.sentAfter;
    if (segment.sentAfter === null) this.last = rest;
    else segment.sentAfter.sentBefore = rest;
    segment.sentAfter = rest;
  }

  /** Takes a segment out, if it is in. */
  remove(segment: Segment): void {
    if (!segment.inSentOrder) return;
    if (segment.sentBefore === null) this.first = segment.sentAfter;
    else segment.sentBefore.sentAfter = segment.sentAfter;
    if (segment.sentAfter === null) this.last = segment.sentBefore;
    else segment.sentAfter.sentBefore = segment.sentBefore;
    segment.sentBefore = null;
    segment.sentAfter = null;
    segment.inSentOrder = false;
  }
}

/** Whether what was sent at `timeA` and ends at `endA` was sent later than the other (Linux: `tcp_skb_sent_after`). */
export function sentAfter(timeA: number, timeB: number, endA: number, endB: number): boolean {
  return timeA > timeB || (timeA === timeB && after(endA, endB));
}
