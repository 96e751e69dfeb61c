import type { Connection } from './connection.ts';
import { segmentBytes, setPcount, splitSegment } from './fragment.ts';
import { mssToMtu, mtuToMss } from './mss.ts';
import { probeAgain } from './mtu-probe.ts';
import { pacingHolds } from './pacing.ts';
import type { Segment } from './segment.ts';
import { growSegment, newDataSent, windowEnd } from './send-queue.ts';
import { after } from './sequence.ts';
import { packetsInFlight, TCP_CA_OPEN } from './tcb.ts';
import { transmitSegment } from './transmit.ts';

/** Nothing is in the way of sending as ever; one was sent; one is about to be, so that the rest waits. */
export const MTU_PROBE_NONE = -1;
export const MTU_PROBE_SENT = 1;
export const MTU_PROBE_WAITS = 0;

/** Windows below this are not risked. */
const LEAST_CWND = 11;

/**
 * Sends a segment longer than any that is known to pass, when there is enough behind it that its loss would show (RFC 4821,
 * section 7; Linux: `tcp_mtu_probe`). `mss`: of other segments now.
 */
export function probeMtu(conn: Connection, mss: number): number {
  const { tcb, tcp, receiverSack } = conn;
  if (tcb.mtupProbeSize !== 0 || tcb.caState !== TCP_CA_OPEN || tcb.sndCwnd < LEAST_CWND)
    return MTU_PROBE_NONE;
  if (receiverSack.reported > 0) return MTU_PROBE_NONE;
  const { mtupSearchHigh: high, mtupSearchLow: low } = tcb;
  const size = mtuToMss(conn, (high + low) >> 1);
  const needed = size + (tcb.reordering + 1) * tcb.mssCache;
  if (size > mtuToMss(conn, high) || high - low < tcp.settings.probeThreshold.value) {
    probeAgain(conn);
    return MTU_PROBE_NONE;
  }
  if ((tcb.writeSeq - tcb.sndNxt) >>> 0 < needed || tcb.sndWnd < needed) return MTU_PROBE_NONE;
  if (after((tcb.sndNxt + needed) | 0, windowEnd(tcb))) return MTU_PROBE_WAITS;
  const inFlight = packetsInFlight(tcb);
  if (inFlight + 2 > tcb.sndCwnd) return inFlight === 0 ? MTU_PROBE_NONE : MTU_PROBE_WAITS;
  const head = conn.sendHead;
  if (head === null || !canJoin(head, size) || pacingHolds(conn)) return MTU_PROBE_NONE;
  takeFront(conn, head, size, mss);
  if (transmitSegment(conn, head) !== 0) return MTU_PROBE_NONE;
  tcb.sndCwnd--;
  newDataSent(conn, head);
  tcb.mtupProbeSize = mssToMtu(conn, size);
  tcb.mtupProbeStart = head.seq;
  tcb.mtupProbeEnd = head.endSeq;
  return MTU_PROBE_SENT;
}

/** Whether the first `size` bytes may stand in one segment (Linux: `tcp_can_coalesce_send_queue_head`). */
function canJoin(head: Segment, size: number): boolean {
  let left = size;
  for (let segment: Segment | null = head; segment !== null; segment = segment.next) {
    left -= segmentBytes(segment);
    if (left <= 0) return true;
    if (segment.eor !== 0 || segment.fragments !== 0 || (segment.next?.fragments ?? 0) !== 0) return false;
  }
  return false;
}

/** Makes `head` hold the first `size` bytes, whole. */
function takeFront(conn: Connection, head: Segment, size: number, mss: number): void {
  while (segmentBytes(head) < size) {
    const before = head.endSeq;
    growSegment(conn, head, size - segmentBytes(head));
    if (head.endSeq === before) break;
  }
  if (segmentBytes(head) > size) splitSegment(conn, conn.writeQueue, head, size, mss);
  setPcount(head, size);
}
