import { MIB } from '../counters.ts';
import { TH_FIN } from '../wire/tcp.ts';
import type { Connection } from './connection.ts';
import { TIME_LOSS_PROBE } from './constants.ts';
import { segmentBytes } from './fragment.ts';
import { rearmRto } from './rearm.ts';
import type { Segment } from './segment.ts';
import { joinStamps } from './stamps.ts';
import type { Tcb } from './tcb.ts';

/** The queue of what is to be sent, as its readers see it: its limit, its head, and the step from it to what is out. */

/** The end of the window that the peer offers (Linux: `tcp_wnd_end`). */
export function windowEnd(tcb: Tcb): number {
  return (tcb.sndUna + tcb.sndWnd) | 0;
}

/** A segment left for the first time (Linux: `tcp_event_new_data_sent`). */
export function newDataSent(conn: Connection, segment: Segment): void {
  const { tcb, tcp } = conn;
  const before = tcb.packetsOut;
  tcb.sndNxt = segment.endSeq;
  conn.writeQueue.remove(segment);
  conn.rtxQueue.append(segment);
  segment.transmissions = 1;
  tcb.packetsOut += segment.pcount;
  if (before === 0 || tcb.pending === TIME_LOSS_PROBE) rearmRto(conn);
  tcp.mib.add(MIB.TcpExtTCPOrigDataSent, segment.pcount);
}

/** Fills a segment from the one behind it, up to what may go at once (Linux: `tcp_grow_skb`). */
export function growSegment(conn: Connection, segment: Segment, missing: number): void {
  const { next } = segment;
  if (missing <= 0 || next === null || segment.eor !== 0 || (segment.flags & TH_FIN) !== 0) return;
  // As in Linux, what was lent stays where it is.
  if ((segment.fragments | next.fragments) !== 0) return;
  const bytes = segmentBytes(next);
  if (bytes === 0) return;
  if (bytes > missing) {
    segment.endSeq = (segment.endSeq + missing) | 0;
    next.seq = segment.endSeq;
    return;
  }
  segment.endSeq = next.endSeq;
  segment.flags |= next.flags;
  segment.eor = next.eor;
  joinStamps(segment, next);
  conn.writeQueue.remove(next);
  conn.freeSegment(next);
}
