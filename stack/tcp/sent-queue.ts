import type { Connection } from './connection.ts';
import { LOST, SACKED_ACKED, SACKED_RETRANS, type Segment } from './segment.ts';
import { before } from './sequence.ts';
import type { Tcb } from './tcb.ts';

/**
 * What surrounds the queue of sent segments: hints that spare walks over it, and counts of what is out. A hint is a segment of the
 * queue; whoever takes a segment out does it through {@link dropSent}.
 */

/** Takes a segment out of the sent ones; hints that stand on it move to `heir`, the one that is behind or has swallowed it. */
export function dropSent(conn: Connection, segment: Segment, heir: Segment | null): void {
  conn.sentOrder.remove(segment);
  if (conn.highestSack === segment) conn.highestSack = heir;
  if (conn.retransmitHint === segment) conn.retransmitHint = null;
  conn.rtxQueue.remove(segment);
  conn.freeSegment(segment);
}

/** Where new holes begin: the first segment behind the highest one that the peer has; when it has none, `sndUna`. */
export function highestSackSeq(conn: Connection): number {
  const { tcb, highestSack } = conn;
  if (tcb.sackedOut === 0) return tcb.sndUna;
  return highestSack === null ? tcb.sndNxt : highestSack.seq;
}

/** Segments that the peer has, or that are given up (Linux: `tcp_left_out`). */
export function leftOut(tcb: Tcb): number {
  return tcb.sackedOut + tcb.lostOut;
}

/** Gives a segment up; one that was sent again since is given up again (Linux: `tcp_mark_skb_lost`). */
export function markLost(conn: Connection, segment: Segment): boolean {
  const { tcb } = conn;
  if ((segment.sacked & SACKED_ACKED) !== 0) return false;
  const hint = conn.retransmitHint;
  if (hint !== null && before(segment.seq, hint.seq)) conn.retransmitHint = segment;
  if ((segment.sacked & LOST) === 0) {
    segment.sacked |= LOST;
    tcb.lostOut += segment.pcount;
    tcb.lost += segment.pcount;
    return false;
  }
  if ((segment.sacked & SACKED_RETRANS) === 0) return false;
  segment.sacked &= ~SACKED_RETRANS;
  tcb.retransOut -= segment.pcount;
  tcb.lost += segment.pcount;
  if (hint !== null && !before(hint.seq, segment.seq)) conn.retransmitHint = segment;
  return true;
}
