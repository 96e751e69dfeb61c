import { TH_CWR, TH_FIN, TH_PSH } from '../wire/tcp.ts';
import type { Connection } from './connection.ts';
import { LOST, SACKED_ACKED, SACKED_RETRANS, type Segment } from './segment.ts';
import type { SegmentList } from './segment-list.ts';
import { before } from './sequence.ts';
import { splitStamps } from './stamps.ts';

/** Bytes of data in a segment that carries no SYN, FIN counted in `endSeq` taken off. */
export function segmentBytes(segment: Segment): number {
  return ((segment.endSeq - segment.seq) >>> 0) - (segment.flags & TH_FIN);
}

/** How many segments of `mss` bytes a segment makes on the wire (Linux: `tcp_set_skb_tso_segs`). */
export function setPcount(segment: Segment, mss: number): number {
  const bytes = (segment.endSeq - segment.seq) >>> 0;
  segment.gsoSize = mss;
  segment.pcount = bytes <= mss ? 1 : Math.ceil(segmentBytes(segment) / mss) || 1;
  return segment.pcount;
}

/** Takes `count` off what is out, for a segment that is counted less from now on (Linux: `tcp_adjust_pcount`). */
export function adjustPcount(conn: Connection, segment: Segment, count: number): void {
  const { tcb } = conn;
  if (count === 0) return;
  tcb.packetsOut -= count;
  if ((segment.sacked & SACKED_ACKED) !== 0) tcb.sackedOut -= count;
  if ((segment.sacked & SACKED_RETRANS) !== 0) tcb.retransOut -= count;
  if ((segment.sacked & LOST) !== 0) tcb.lostOut -= count;
  if (tcb.sackOk === 0 && count > 0) tcb.sackedOut -= Math.min(tcb.sackedOut, count);
}

/**
 * Cuts a segment of `list` behind its first `bytes`; the rest is a segment of its own behind it, which is returned
 * (Linux: `tcp_fragment`, `tso_fragment`). What is counted as out follows, when it was sent.
 */
export function splitSegment(
  conn: Connection,
  list: SegmentList,
  segment: Segment,
  bytes: number,
  mss: number,
): Segment {
  const { tcb, tcp } = conn;
  const rest = tcp.segments.take();
  const counted = segment.pcount;
  rest.seq = (segment.seq + bytes) | 0;
  rest.endSeq = segment.endSeq;
  segment.endSeq = rest.seq;
  rest.flags = segment.flags & ~TH_CWR;
  segment.flags &= ~(TH_FIN | TH_PSH);
  rest.sacked = segment.sacked;
  rest.eor = segment.eor;
  segment.eor = 0;
  rest.fragments = segment.fragments;
  splitStamps(segment, rest);
  rest.sentUs = segment.sentUs;
  rest.transmissions = segment.transmissions;
  rest.txDelivered = segment.txDelivered;
  rest.txDeliveredUs = segment.txDeliveredUs;
  rest.txFirstTxUs = segment.txFirstTxUs;
  rest.txAppLimited = segment.txAppLimited;
  setPcount(segment, mss);
  setPcount(rest, mss);
  list.insertAfter(segment, rest);
  if (segment.inSentOrder) conn.sentOrder.split(segment, rest);
  if (!before(tcb.sndNxt, rest.endSeq)) adjustPcount(conn, segment, counted - segment.pcount - rest.pcount);
  return rest;
}
