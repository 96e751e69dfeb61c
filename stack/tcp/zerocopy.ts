import { EINPROGRESS, ENOBUFS } from '../../device/errno.ts';
import type { Connection } from './connection.ts';
import { segmentBytes } from './fragment.ts';
import type { Segment } from './segment.ts';
import { after } from './sequence.ts';

/** Pieces that one segment of lent buffers can have, and bytes of the largest piece (Linux: `MAX_SKB_FRAGS`, `PAGE_SIZE`). */
const MOST_FRAGMENTS = 17;
const PAGE = 4096;
/** Bytes and calls that are told of as one while they wait behind each other (Linux: `msg_zerocopy_realloc`). */
const MOST_BYTES = 1 << 19;
const MOST_CALLS = 0xfffe;

/** Calls with MSG_ZEROCOPY, numbered one after the other, that end together (Linux: `struct ubuf_info_msgzc`). */
export interface LentCalls {
  readonly first: number;
  count: number;
  bytes: number;
  /** Behind their last byte. */
  endSeq: number;
  /** The newest is still being made, so that they can't end: where its bytes begin. */
  held: boolean;
  from: number;
}

/**
 * The buffers that callers have lent to a connection (MSG_ZEROCOPY). The bytes are copied all the same, as Linux copies them
 * for a device whose receiver is on the same machine; the callers hear, as there, when the peer has acknowledged them.
 */
export class LentBuffers {
  readonly calls: LentCalls[] = [];

  /**
   * Begins a call with `bytes` bytes; the number of the next one is in the control block. `-ENOBUFS`: too many calls wait to be
   * told of.
   */
  begin(conn: Connection, bytes: number): number {
    const { tcb, owner } = conn;
    const last = this.calls.at(-1);
    const number = tcb.zerocopyNext;
    if (last !== undefined && joins(conn, last, number, bytes)) {
      last.count++;
      last.bytes += bytes;
      last.held = true;
      last.from = tcb.writeSeq;
    } else {
      if (owner === null || !owner.mayLend(this.calls.length)) return -ENOBUFS;
      const from = tcb.writeSeq;
      this.calls.push({ first: number, count: 1, bytes, endSeq: from, held: true, from });
    }
    tcb.zerocopyNext = (number + 1) >>> 0;
    return 0;
  }

  /** The call that is being made, if there is one, has taken all that it will. One that took nothing has no number. */
  end(conn: Connection): void {
    const { tcb } = conn;
    const last = this.calls.at(-1);
    if (last?.held !== true) return;
    last.held = false;
    if (tcb.writeSeq !== last.from) {
      last.endSeq = tcb.writeSeq;
    } else {
      // Linux: `msg_zerocopy_put_abort`.
      tcb.zerocopyNext = (tcb.zerocopyNext - 1) >>> 0;
      if (--last.count === 0) this.calls.pop();
    }
    this.acknowledged(conn);
  }

  /** Tells the owner of calls whose last byte was acknowledged (Linux: `__msg_zerocopy_callback`). */
  acknowledged(conn: Connection): void {
    for (let head = this.calls[0]; head !== undefined; head = this.calls[0]) {
      if (head.held || after(head.endSeq, conn.tcb.sndUna)) return;
      this.#tell(conn);
    }
  }

  /** Tells the owner of all: nothing will be sent any more. */
  purge(conn: Connection): void {
    while (this.calls.length > 0) this.#tell(conn);
  }

  #tell(conn: Connection): void {
    const { first, count } = this.calls.shift()!;
    if (count > 0) conn.owner?.lentBack(first, count);
  }
}

/**
 * A call with MSG_ZEROCOPY has opened its connection, and `taken` bytes of its `total` ride on the SYN; or it goes on when the
 * connection stands, with `waits` (Linux: `tcp_sendmsg_fastopen`).
 */
export function lendOnSyn(conn: Connection, total: number, taken: number, waits: boolean): void {
  if (total <= 0 || (taken < 0 && taken !== -EINPROGRESS)) return;
  conn.lent ??= new LentBuffers();
  const { lent } = conn;
  if (lent.begin(conn, total) < 0) return;
  lent.calls.at(-1)!.from = (conn.tcb.writeSeq - Math.max(taken, 0)) | 0;
  if (!waits || taken >= total) lent.end(conn);
}

/** Whether a call is told of with the one before it: that is the newest, and its bytes still wait to be sent. */
function joins(conn: Connection, last: LentCalls, number: number, bytes: number): boolean {
  const { tail } = conn.writeQueue;
  if (tail === null || !after(last.endSeq, tail.seq)) return false;
  if ((last.first + last.count) >>> 0 !== number) return false;
  return last.count < MOST_CALLS && last.bytes + bytes <= MOST_BYTES;
}

/** Whether bytes of the newest lent buffer can go behind those of `segment`, which is the last one (Linux: `-EEXIST`, `-EMSGSIZE`). */
export function takesLent(conn: Connection, segment: Segment): boolean {
  if (segment.fragments === 0) return true;
  if (segment.fragments >= MOST_FRAGMENTS) return false;
  const calls = conn.lent!.calls;
  return calls.length < 2 || !after(calls.at(-2)!.endSeq, segment.seq);
}

/** How many of `bytes` of a lent buffer, from `offset` on, a segment can take in whole pieces. */
export function lentRoom(segment: Segment, offset: number, bytes: number): number {
  return Math.min(bytes, (MOST_FRAGMENTS - segment.fragments) * PAGE - (offset % PAGE));
}

/** `bytes` of a lent buffer, from `offset` on, were put into a segment; `goesOn`: behind others of the same buffer. */
export function countFragments(segment: Segment, offset: number, bytes: number, goesOn: boolean): void {
  const begun = goesOn ? Math.ceil(offset / PAGE) : Math.floor(offset / PAGE);
  // What was copied into it before is a piece, too.
  if (segment.fragments === 0 && segmentBytes(segment) > bytes) segment.fragments = 1;
  segment.fragments += Math.ceil((offset + bytes) / PAGE) - begun;
}
