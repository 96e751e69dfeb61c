import { TH_ACK, TH_FIN, TH_PSH } from '../wire/tcp.ts';
import { startRwndLimited, stopRwndLimited } from './chrono.ts';
import type { Connection } from './connection.ts';
import { GSO_MAX_SIZE, NAGLE_CORK, NAGLE_OFF, NAGLE_PUSH, RTO_MIN_MS, TIME_PROBE0 } from './constants.ts';
import { cwndLimited, inCwndReduction } from './cwnd.ts';
import { segmentBytes, setPcount, splitSegment } from './fragment.ts';
import { currentMss } from './mss.ts';
import { MTU_PROBE_SENT, MTU_PROBE_WAITS, probeMtu } from './mtu-probe-send.ts';
import { pacingHolds } from './pacing.ts';
import type { Segment } from './segment.ts';
import { growSegment, newDataSent, windowEnd } from './send-queue.ts';
import { after } from './sequence.ts';
import { scheduleLossProbe } from './tail-loss-probe.ts';
import { packetsInFlight, TCP_CA_RECOVERY, TCP_CLOSE, type Tcb } from './tcb.ts';
import { packetReach, transmitSegment } from './transmit.ts';

/** Everything that may go; one segment; one segment even if the congestion window is full. */
export const PUSH_ALL = 0;
export const PUSH_ONE = 1;
export const PUSH_PROBE = 2;

/** Bits to shift the pacing rate by for a burst of about a millisecond (Linux: `sk_pacing_shift`). */
const PACING_SHIFT = 10;

/** What stops a run of transmissions. */
let cwndStops = false;
let rwndStops = false;

/**
 * Sends what waits, as far as window, congestion window, Nagle's rule and bursts allow (Linux: `tcp_write_xmit`). True: data waits,
 * nothing is out, so that only a probe can bring the window's opening.
 */
export function writeXmit(conn: Connection, mss: number, nonagle: number, push: number): boolean {
  const { tcb } = conn;
  const maxSegs = tsoSegs(conn, mss);
  let sent = 0;
  cwndStops = false;
  rwndStops = false;
  if (push === PUSH_ALL && tcb.mtupEnabled !== 0) {
    const probed = probeMtu(conn, mss);
    if (probed === MTU_PROBE_WAITS) return false;
    if (probed === MTU_PROBE_SENT) sent = 1;
  }
  for (let segment = conn.sendHead; segment !== null; segment = conn.sendHead) {
    if (pacingHolds(conn)) break;
    let quota = cwndQuota(tcb);
    if (quota === 0) {
      if (push !== PUSH_PROBE) break;
      quota = 1;
    }
    quota = Math.min(quota, maxSegs);
    growSegment(conn, segment, quota * mss - segmentBytes(segment));
    const segs = setPcount(segment, mss);
    if (!fitsWindow(tcb, segment, mss)) {
      rwndStops = true;
      break;
    }
    if (segs === 1) {
      const rule = segment.next === null ? nonagle : NAGLE_PUSH;
      if (!nagleAllows(tcb, segment, mss, rule)) break;
    } else if (push === PUSH_ALL && shouldDefer(conn, segment, maxSegs)) {
      break;
    }
    const urgent = tcb.sndUp !== tcb.sndUna && after(tcb.sndUp, tcb.sndUna);
    const fits = segs > 1 && !urgent ? splitPoint(conn, segment, mss, quota, nonagle) : mss;
    const reach = fits > mss && segment.fragments === 0 ? packetReach(conn, segment.seq, mss, fits) : fits;
    const limit = Math.min(fits, reach);
    if (segmentBytes(segment) > limit) splitSegment(conn, conn.writeQueue, segment, limit, mss);
    if (mustWait(conn)) break;
    if (transmitSegment(conn, segment) !== 0) break;
    newDataSent(conn, segment);
    if (segmentBytes(segment) < segment.pcount * mss) tcb.sndSml = segment.endSeq;
    sent += segment.pcount;
    if (push !== PUSH_ALL || (reach < fits && waitsForMore(conn))) break;
  }
  if (rwndStops) startRwndLimited(conn);
  else stopRwndLimited(conn);
  const limited = cwndStops || packetsInFlight(tcb) >= tcb.sndCwnd;
  if (sent > 0 || limited) cwndLimited(conn, limited);
  if (sent > 0) {
    if (inCwndReduction(tcb)) tcb.prrOut += sent;
    if (push !== PUSH_PROBE) scheduleLossProbe(conn, false);
    return false;
  }
  return tcb.packetsOut === 0 && conn.sendHead !== null;
}

/** Sends what may go (Linux: `__tcp_push_pending_frames`). */
export function pushPending(conn: Connection, mss: number, nonagle: number): void {
  if (conn.tcb.state === TCP_CLOSE) return;
  if (writeXmit(conn, mss, nonagle, PUSH_ALL)) checkProbeTimer(conn);
}

/** The same with the connection's own rule (Linux: `tcp_push_pending_frames`). */
export function pushFrames(conn: Connection): void {
  if (conn.sendHead !== null) pushPending(conn, currentMss(conn), conn.tcb.nonagle);
}

/** Sends one segment while more is being written (Linux: `tcp_push_one`). */
export function pushOne(conn: Connection, mss: number): void {
  writeXmit(conn, mss, NAGLE_PUSH, PUSH_ONE);
}

/** Marks the newest segment so that the peer hands it up at once (Linux: `tcp_mark_push`). */
export function markPush(tcb: Tcb, segment: Segment): void {
  segment.flags |= TH_PSH;
  tcb.pushedSeq = tcb.writeSeq;
}

/** Whether so much was written since the last push that it is time for one (Linux: `forced_push`). */
export function forcedPush(tcb: Tcb): boolean {
  return after(tcb.writeSeq, (tcb.pushedSeq + (tcb.maxWindow >>> 1)) | 0);
}

/** A window that is closed, with nothing out, is probed (Linux: `tcp_check_probe_timer`). */
export function checkProbeTimer(conn: Connection): void {
  const { tcb } = conn;
  if (tcb.packetsOut === 0 && tcb.pending === 0)
    conn.armRetransmit(TIME_PROBE0, Math.max(tcb.rtoMs, RTO_MIN_MS));
}

/** Sends the FIN, behind or on the last data (Linux: `tcp_send_fin`). */
export function sendFin(conn: Connection): void {
  const { tcb, tcp } = conn;
  const tail = conn.writeQueue.tail;
  if (tail !== null) {
    tail.flags |= TH_FIN;
    tail.endSeq = (tail.endSeq + 1) | 0;
  } else {
    const segment = tcp.segments.take();
    segment.seq = tcb.writeSeq;
    segment.endSeq = (tcb.writeSeq + 1) | 0;
    segment.flags = TH_ACK | TH_FIN;
    conn.writeQueue.append(segment);
  }
  tcb.writeSeq = (tcb.writeSeq + 1) | 0;
  pushPending(conn, currentMss(conn), NAGLE_OFF);
}

/**
 * Whether the device has enough of us to send; it is then told to call (Linux: `tcp_small_queue_check`). Who has nothing out goes
 * on, or nothing might ever wake it.
 */
export function mustWait(conn: Connection): boolean {
  const { path, tcb } = conn;
  if (path === null || !path.dev.room.crowded || tcb.packetsOut === 0) return false;
  path.dev.room.wait(conn);
  return true;
}

/**
 * Whether what a page's end has cut off is all that waits, so that it had better go together with what is written later in this batch;
 * it goes when the device has passed on what it collected.
 */
function waitsForMore(conn: Connection): boolean {
  const { path, writeQueue } = conn;
  if (path === null || !path.dev.collecting || writeQueue.head !== writeQueue.tail) return false;
  path.dev.room.wait(conn);
  return true;
}

/** Segments that the congestion window lets out now, of which at most half at once (Linux: `tcp_cwnd_test`). */
function cwndQuota(tcb: Tcb): number {
  const inFlight = packetsInFlight(tcb);
  if (inFlight >= tcb.sndCwnd) return 0;
  return Math.min(Math.max(tcb.sndCwnd >> 1, 1), tcb.sndCwnd - inFlight);
}

/** Segments of a super-segment: about a millisecond's worth (Linux: `tcp_tso_segs`). */
export function tsoSegs(conn: Connection, mss: number): number {
  const { tcb, tcp } = conn;
  const { settings } = tcp;
  let bytes = tcb.pacingRate / 2 ** PACING_SHIFT;
  const shift = tcb.minRttUs === 0xffffffff ? 32 : tcb.minRttUs >>> Math.min(settings.tsoRttLog.value, 31);
  if (shift < 17) bytes += GSO_MAX_SIZE >>> shift;
  bytes = Math.min(bytes, GSO_MAX_SIZE);
  return Math.max(Math.floor(bytes / mss), settings.minTsoSegs.value, 1);
}

/** Linux: `tcp_snd_wnd_test`. */
export function fitsWindow(tcb: Tcb, segment: Segment, mss: number): boolean {
  const end = segmentBytes(segment) > mss ? (segment.seq + mss) | 0 : segment.endSeq;
  return !after(end, windowEnd(tcb));
}

/** Whether a partial segment is held back (Linux: `tcp_nagle_check`). */
function nagleHolds(partial: boolean, tcb: Tcb, nonagle: number): boolean {
  if (!partial) return false;
  if ((nonagle & NAGLE_CORK) !== 0) return true;
  if (nonagle !== 0 || tcb.packetsOut === 0) return false;
  return after(tcb.sndSml, tcb.sndUna) && !after(tcb.sndSml, tcb.sndNxt);
}

/** Linux: `tcp_nagle_test`. */
function nagleAllows(tcb: Tcb, segment: Segment, mss: number, nonagle: number): boolean {
  if ((nonagle & NAGLE_PUSH) !== 0) return true;
  if (after(tcb.sndUp, tcb.sndUna) || (segment.flags & TH_FIN) !== 0) return true;
  return !nagleHolds(segmentBytes(segment) < mss, tcb, nonagle);
}

/** Where a segment is cut that does not fit as it is (Linux: `tcp_mss_split_point`). */
function splitPoint(conn: Connection, segment: Segment, mss: number, segs: number, nonagle: number): number {
  const { tcb } = conn;
  const window = (windowEnd(tcb) - segment.seq) >>> 0;
  const most = mss * segs;
  if (most <= window && segment.next !== null) return most;
  const needed = Math.min(segmentBytes(segment), window);
  if (most <= needed) return most;
  const partial = needed % mss;
  return nagleHolds(partial !== 0, tcb, nonagle) ? needed - partial : needed;
}

/** Whether to wait for an ACK that lets more go at once (Linux: `tcp_tso_should_defer`). */
function shouldDefer(conn: Connection, segment: Segment, maxSegs: number): boolean {
  const { tcb, tcp } = conn;
  if (tcb.caState >= TCP_CA_RECOVERY) return false;
  const nowUs = tcp.nowUs();
  if (nowUs - tcb.lsndtimeMs * 1000 > 1000) return false;
  const sendWindow = (windowEnd(tcb) - segment.seq) >>> 0;
  const congestionWindow = (tcb.sndCwnd - packetsInFlight(tcb)) * tcb.mssCache;
  const limit = Math.min(sendWindow, congestionWindow);
  const bytes = segmentBytes(segment);
  if (limit >= maxSegs * tcb.mssCache) return false;
  if (segment.next !== null && limit >= bytes) return false;
  const divisor = tcp.settings.tsoWinDivisor.value;
  if (divisor > 0) {
    const chunk = Math.min(tcb.sndWnd, tcb.sndCwnd * tcb.mssCache);
    if (limit >= Math.floor(chunk / divisor)) return false;
  } else if (limit > 3 * tcb.mssCache) {
    return false;
  }
  const { head } = conn.rtxQueue;
  if (head === null) return false;
  const srtt = tcb.srttUs / 8;
  if (head.sentUs + srtt - nowUs > Math.min(srtt / 2, 1000)) return false;
  if (congestionWindow < sendWindow) {
    if (congestionWindow <= bytes) {
      cwndStops = true;
      return true;
    }
  } else if (sendWindow <= bytes) {
    rwndStops = true;
    return true;
  }
  return (segment.flags & TH_FIN) === 0 && segment.eor === 0;
}
