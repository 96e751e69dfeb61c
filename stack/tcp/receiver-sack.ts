import { TCP_NUM_SACKS } from '../wire/tcp-options.ts';
import { after, before } from './sequence.ts';

/** Those of a connection that never had any. */
const NO_BLOCKS = new Int32Array(TCP_NUM_SACKS * 2);

/**
 * The blocks of out-of-order data that this end reports, newest first (RFC 2018, section 4), and the duplicate that it
 * reports once (RFC 2883). Linux: `selective_acks`, `duplicate_sack`.
 */
export class ReceiverSack {
  /** Pairs of start and end. */
  blocks: Int32Array = NO_BLOCKS;
  count = 0;
  /** Whether a duplicate is to be reported, and which. */
  hasDuplicate = false;
  duplicateStart = 0;
  duplicateEnd = 0;

  /** Blocks to report, the duplicate included. */
  get reported(): number {
    return this.count + (this.hasDuplicate ? 1 : 0);
  }

  /** Copies up to `most` blocks, the duplicate first, as pairs to `out`. */
  report(out: Int32Array, most: number): void {
    let at = 0;
    if (this.hasDuplicate) {
      out[at++] = this.duplicateStart;
      out[at++] = this.duplicateEnd;
    }
    for (let i = 0; at < most * 2; i++) out[at++] = this.blocks[i]!;
  }

  /** Data from `start` to `end` came out of order (Linux: `tcp_sack_new_ofo_skb`). */
  add(start: number, end: number): void {
    for (let i = 0; i < this.count; i++) {
      if (!this.#extend(i, start, end)) continue;
      this.#toFront(i);
      this.#coalesce();
      return;
    }
    if (this.blocks === NO_BLOCKS) this.blocks = new Int32Array(TCP_NUM_SACKS * 2);
    if (this.count === TCP_NUM_SACKS) this.count--;
    this.blocks.copyWithin(2, 0, this.count * 2);
    this.blocks[0] = start;
    this.blocks[1] = end;
    this.count++;
  }

  /** Everything before `rcvNxt` has been received in order (Linux: `tcp_sack_remove`). */
  remove(rcvNxt: number, outOfOrderEmpty: boolean): void {
    if (outOfOrderEmpty) {
      this.count = 0;
      return;
    }
    for (let i = 0; i < this.count; ) {
      if (before(rcvNxt, this.blocks[i * 2]!)) {
        i++;
      } else {
        this.blocks.copyWithin(i * 2, i * 2 + 2, this.count * 2);
        this.count--;
      }
    }
  }

  /** Takes pairs of start and end, newest first, from a snapshot. */
  restore(pairs: readonly number[]): void {
    this.count = Math.min(pairs.length >> 1, TCP_NUM_SACKS);
    if (this.count === 0) return;
    this.blocks = new Int32Array(TCP_NUM_SACKS * 2);
    this.blocks.set(pairs.slice(0, this.count * 2));
  }

  /** Forgets what was to be reported (Linux: `tcp_sack_reset`). */
  reset(): void {
    this.count = 0;
    this.hasDuplicate = false;
  }

  /** Data from `start` to `end` came twice (Linux: `tcp_dsack_set`). */
  setDuplicate(start: number, end: number): void {
    this.hasDuplicate = true;
    this.duplicateStart = start | 0;
    this.duplicateEnd = end | 0;
  }

  /** As {@link setDuplicate}, added to the one that waits if they touch; false: it was the first. */
  extendDuplicate(start: number, end: number): boolean {
    if (!this.hasDuplicate) {
      this.setDuplicate(start, end);
      return false;
    }
    if (!after(start, this.duplicateEnd) && !after(this.duplicateStart, end)) {
      if (before(start, this.duplicateStart)) this.duplicateStart = start | 0;
      if (after(end, this.duplicateEnd)) this.duplicateEnd = end | 0;
    }
    return true;
  }

  /** Linux: `tcp_sack_extend`. */
  #extend(i: number, start: number, end: number): boolean {
    const { blocks } = this;
    if (after(start, blocks[i * 2 + 1]!) || after(blocks[i * 2]!, end)) return false;
    if (before(start, blocks[i * 2]!)) blocks[i * 2] = start;
    if (after(end, blocks[i * 2 + 1]!)) blocks[i * 2 + 1] = end;
    return true;
  }

  #toFront(i: number): void {
    const { blocks } = this;
    const start = blocks[i * 2]!;
    const end = blocks[i * 2 + 1]!;
    blocks.copyWithin(2, 0, i * 2);
    blocks[0] = start;
    blocks[1] = end;
  }

  /** Linux: `tcp_sack_maybe_coalesce`. */
  #coalesce(): void {
    for (let i = 1; i < this.count; ) {
      if (this.#extend(0, this.blocks[i * 2]!, this.blocks[i * 2 + 1]!)) {
        this.blocks.copyWithin(i * 2, i * 2 + 2, this.count * 2);
        this.count--;
      } else {
        i++;
      }
    }
  }
}
