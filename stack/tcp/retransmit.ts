import { EAGAIN, EINVAL } from '../../device/errno.ts';
import { MIB } from '../counters.ts';
import { TH_CWR, TH_ECE, TH_FIN, TH_SYN } from '../wire/tcp.ts';
import type { Connection } from './connection.ts';
import { TIME_REO_TIMEOUT, TIME_RETRANS } from './constants.ts';
import { inCwndReduction } from './cwnd.ts';
import { adjustPcount, segmentBytes, setPcount, splitSegment } from './fragment.ts';
import { currentMss } from './mss.ts';
import { mustWait, pushFrames, tsoSegs } from './output.ts';
import { pacingHolds } from './pacing.ts';
import { EVER_RETRANS, LOST, SACKED_ACKED, SACKED_RETRANS, type Segment } from './segment.ts';
import { windowEnd } from './send-queue.ts';
import { dropSent } from './sent-queue.ts';
import { before, distance } from './sequence.ts';
import { joinStamps } from './stamps.ts';
import { SENDS_QUEUED, stateIn } from './states.ts';
import { packetsInFlight, TCP_CA_LOSS } from './tcb.ts';
import { transmitSegment } from './transmit.ts';

/**
 * Sends a segment of the retransmit queue again, up to `segs` times the segment size of it (Linux: `__tcp_retransmit_skb`). 0, or
 * a negated errno or positive drop.
 */
export function retransmitBytes(conn: Connection, segment: Segment, segs: number): number {
  const { tcb, tcp } = conn;
  // Whether an MTU probe that is out gets through is not known any more.
  tcb.mtupProbeSize = 0;
  if (before(segment.seq, tcb.sndUna)) {
    if ((segment.flags & TH_SYN) !== 0) {
      segment.flags &= ~TH_SYN;
      segment.seq = (segment.seq + 1) | 0;
    }
    if (before(segment.endSeq, tcb.sndUna)) return -EINVAL;
    if (before(segment.seq, tcb.sndUna)) segment.seq = tcb.sndUna;
  }
  const mss = currentMss(conn);
  let room = distance(segment.seq, windowEnd(tcb));
  if (room <= 0) {
    if (segment.seq !== tcb.sndUna) return -EAGAIN;
    room = mss;
  }
  let length = mss * segs;
  if (length > room) length = room - (room % mss) || room;
  const bytes = segmentBytes(segment);
  if ((segment.flags & TH_SYN) === 0 && bytes > length) {
    splitSegment(conn, conn.rtxQueue, segment, length, mss);
  } else {
    const counted = segment.pcount;
    setPcount(segment, mss);
    adjustPcount(conn, segment, counted - segment.pcount);
    if (bytes < Math.min(room, mss)) collapse(conn, segment, Math.min(room, mss));
  }
  // A router that drops what asks for ECN is given no second chance to (RFC 3168, section 6.1.1.1).
  if ((segment.flags & TH_SYN) !== 0 && tcp.settings.ecnFallback.value !== 0)
    segment.flags &= ~(TH_ECE | TH_CWR);
  const sent = segment.pcount;
  tcp.mib.add(MIB.TcpRetransSegs, sent);
  if ((segment.flags & TH_SYN) !== 0) tcp.mib.add(MIB.TcpExtTCPSynRetrans);
  tcb.totalRetrans += sent;
  if ((segment.flags & TH_SYN) === 0) tcb.bytesRetrans += segmentBytes(segment);
  segment.transmissions++;
  const result = transmitSegment(conn, segment);
  segment.sacked |= EVER_RETRANS;
  if (result !== 0) tcp.mib.add(MIB.TcpExtTCPRetransFail, sent);
  return result;
}

/** Joins small segments that follow one another into one (Linux: `tcp_retrans_try_collapse`). */
function collapse(conn: Connection, segment: Segment, space: number): void {
  const { tcb, tcp } = conn;
  if (tcp.settings.retransCollapse.value === 0 || (segment.flags & (TH_SYN | TH_FIN)) !== 0) return;
  let left = space - segmentBytes(segment);
  for (let next = segment.next; next !== null; next = segment.next) {
    if (segment.eor !== 0 || next.pcount > 1 || (next.flags & TH_SYN) !== 0) return;
    if ((segment.fragments | next.fragments) !== 0) return;
    if ((next.sacked & SACKED_ACKED) !== 0) return;
    left -= segmentBytes(next);
    if (left < 0 || segmentBytes(next) === 0) return;
    if (before(windowEnd(tcb), next.endSeq)) return;
    segment.endSeq = next.endSeq;
    segment.flags |= next.flags;
    segment.eor = next.eor;
    segment.sacked |= next.sacked & EVER_RETRANS;
    joinStamps(segment, next);
    adjustPcount(conn, next, next.pcount);
    dropSent(conn, next, segment);
  }
}

/** Sends a segment again and counts it as out twice (Linux: `tcp_retransmit_skb`). */
export function retransmitSegment(conn: Connection, segment: Segment, segs: number): number {
  const { tcb, tcp } = conn;
  const result = retransmitBytes(conn, segment, segs);
  if (result === 0) {
    // After an undo it may still count as retransmitted, without being lost.
    if ((segment.sacked & SACKED_RETRANS) === 0) tcb.retransOut += segment.pcount;
    segment.sacked |= SACKED_RETRANS | EVER_RETRANS;
  }
  if (tcb.retransStampMs === 0) tcb.retransStampMs = tcp.tsClock(segment.sentUs);
  if (tcb.undoRetrans < 0) tcb.undoRetrans = 0;
  tcb.undoRetrans += segment.pcount;
  return result;
}

/** Sends again what is believed lost, as far as the congestion window lets it (Linux: `tcp_xmit_retransmit_queue`). */
export function retransmitLost(conn: Connection): void {
  const { tcb, tcp, rtxQueue } = conn;
  if (tcb.packetsOut === 0) return;
  const maxSegs = tsoSegs(conn, currentMss(conn));
  let rearm = false;
  let hole = false;
  for (let segment = conn.retransmitHint ?? rtxQueue.head; segment !== null; segment = segment.next) {
    if (pacingHolds(conn)) break;
    if (!hole) conn.retransmitHint = segment;
    const quota = tcb.sndCwnd - packetsInFlight(tcb);
    if (quota <= 0 || tcb.retransOut >= tcb.lostOut) break;
    if ((segment.sacked & LOST) === 0) {
      if ((segment.sacked & (SACKED_RETRANS | SACKED_ACKED)) === 0) hole = true;
      continue;
    }
    if ((segment.sacked & (SACKED_ACKED | SACKED_RETRANS)) !== 0) continue;
    if (mustWait(conn)) break;
    if (retransmitSegment(conn, segment, Math.min(quota, maxSegs)) !== 0) break;
    const counter = tcb.caState === TCP_CA_LOSS ? MIB.TcpExtTCPSlowStartRetrans : MIB.TcpExtTCPFastRetrans;
    tcp.mib.add(counter, segment.pcount);
    if (inCwndReduction(tcb)) tcb.prrOut += segment.pcount;
    if (segment === rtxQueue.head && tcb.pending !== TIME_REO_TIMEOUT) rearm = true;
  }
  if (rearm) conn.armRetransmit(TIME_RETRANS, tcb.rtoMs);
}

/**
 * Goes on where it had to wait: the device can take more, or the next paced segment's time has come (Linux: `tcp_tsq_write`,
 * `tcp_pace_kick`).
 */
export function sendQueued(conn: Connection): void {
  const { tcb } = conn;
  if (!stateIn(tcb.state, SENDS_QUEUED)) return;
  if (tcb.lostOut > tcb.retransOut && packetsInFlight(tcb) < tcb.sndCwnd) retransmitLost(conn);
  pushFrames(conn);
  conn.account();
}
