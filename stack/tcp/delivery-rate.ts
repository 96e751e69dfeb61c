import type { Connection } from './connection.ts';
import { SACKED_ACKED, type Segment } from './segment.ts';
import { sentAfter } from './sent-order.ts';
import { packetsInFlight } from './tcb.ts';

/**
 * How fast the path delivers, by what each acknowledgment tells (draft-cheng-iccrg-delivery-rate-estimation; Linux: `tcp_rate.c`).
 */

/** What one acknowledgment shows (Linux: `struct rate_sample`). One is enough: an acknowledgment is done before the next. */
export class RateSample {
  priorDelivered = 0;
  priorUs = 0;
  lastEndSeq = 0;
  intervalUs = -1;
  appLimited = 0;
  /** Round-trip time of the segment delivered last, microseconds, -1: none was measured. */
  rttUs = -1;

  reset(): void {
    this.priorDelivered = 0;
    this.priorUs = 0;
    this.lastEndSeq = 0;
    this.intervalUs = -1;
    this.appLimited = 0;
    this.rttUs = -1;
  }
}

/** A segment left (Linux: `tcp_rate_skb_sent`). */
export function rateSent(conn: Connection, segment: Segment): void {
  const { tcb } = conn;
  if (tcb.packetsOut === 0) {
    tcb.firstTxUs = segment.sentUs;
    tcb.deliveredUs = segment.sentUs;
  }
  segment.txFirstTxUs = tcb.firstTxUs;
  segment.txDeliveredUs = tcb.deliveredUs;
  segment.txDelivered = tcb.delivered;
  segment.txAppLimited = tcb.appLimited > 0 ? 1 : 0;
}

/** A segment arrived (Linux: `tcp_rate_skb_delivered`). */
export function rateDelivered(conn: Connection, segment: Segment, rate: RateSample): void {
  const { tcb } = conn;
  if (segment.txDeliveredUs === 0) return;
  if (
    rate.priorDelivered === 0 ||
    sentAfter(segment.sentUs, tcb.firstTxUs, segment.endSeq, rate.lastEndSeq)
  ) {
    rate.priorDelivered = segment.txDelivered;
    rate.priorUs = segment.txDeliveredUs;
    rate.appLimited = segment.txAppLimited;
    rate.lastEndSeq = segment.endSeq;
    tcb.firstTxUs = segment.sentUs;
    rate.intervalUs = segment.sentUs - segment.txFirstTxUs;
  }
  if ((segment.sacked & SACKED_ACKED) !== 0) segment.txDeliveredUs = 0;
}

/** The acknowledgment has been taken in: `delivered` segments more arrived (Linux: `tcp_rate_gen`). */
export function rateDone(conn: Connection, delivered: number, reneged: boolean, rate: RateSample): void {
  const { tcb, tcp } = conn;
  const nowUs = tcp.nowUs();
  if (tcb.appLimited !== 0 && tcb.delivered > tcb.appLimited) tcb.appLimited = 0;
  if (delivered > 0) tcb.deliveredUs = nowUs;
  if (rate.priorUs === 0 || reneged) return;
  const segments = tcb.delivered - rate.priorDelivered;
  const interval = Math.max(rate.intervalUs, nowUs - rate.priorUs);
  if (interval < tcb.minRttUs || interval <= 0) return;
  if (rate.appLimited === 0 || segments * tcb.rateIntervalUs >= tcb.rateDelivered * interval) {
    tcb.rateDelivered = segments;
    tcb.rateIntervalUs = interval;
    tcb.rateAppLimited = rate.appLimited;
  }
}

/** The application had no more to send: what is delivered next says little of the path (Linux: `tcp_rate_check_app_limited`). */
export function checkAppLimited(conn: Connection): void {
  const { tcb } = conn;
  if (
    (tcb.writeSeq - tcb.sndNxt) >>> 0 < tcb.mssCache &&
    packetsInFlight(tcb) < tcb.sndCwnd &&
    tcb.lostOut <= tcb.retransOut
  )
    tcb.appLimited = tcb.delivered + packetsInFlight(tcb) || 1;
}

/** Bytes a second (Linux: `tcp_compute_delivery_rate`), 0: not known. */
export function deliveryRate(conn: Connection): number {
  const { tcb } = conn;
  if (tcb.rateDelivered === 0 || tcb.rateIntervalUs === 0) return 0;
  return Math.floor((tcb.rateDelivered * tcb.mssCache * 1_000_000) / tcb.rateIntervalUs);
}
