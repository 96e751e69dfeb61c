import { MIB } from '../counters.ts';
import { FLAG_ACKED, FLAG_ECE, FLAG_NOT_DUP, FLAG_SND_UNA_ADVANCED } from './ack-flags.ts';
import type { Connection } from './connection.ts';
import { ECN_OK, ECN_QUEUE_CWR, RTO_MIN_MS } from './constants.ts';
import { LOST, SACKED_RETRANS, type Segment } from './segment.ts';
import { before } from './sequence.ts';
import {
  packetsInFlight,
  TCP_CA_CWR,
  TCP_CA_LOSS,
  TCP_CA_OPEN,
  TCP_CA_RECOVERY,
  TCP_INFINITE_SSTHRESH,
  TCP_INIT_CWND,
  type Tcb,
} from './tcb.ts';

/**
 * What the core asks of loss recovery and congestion control: the one place where they meet. NewReno (RFC 6582) with the
 * estimator of RFC 6298.
 */

const DUPACKS = 3;

/** A connection begins (Linux: `tcp_init_transfer`, `tcp_init_metrics`). `initcwnd`: a route's, 0: the default. */
export function initSender(conn: Connection, initcwnd: number): void {
  const { tcb, tcp } = conn;
  tcb.sndCwnd = initcwnd > 0 ? initcwnd : TCP_INIT_CWND;
  if (tcb.totalRetrans > 1 && tcb.retransStampMs !== 0) tcb.sndCwnd = 1;
  tcb.sndSsthresh = TCP_INFINITE_SSTHRESH;
  tcb.sndCwndStampMs = tcp.now();
  tcb.reordering = tcp.settings.reordering.value;
}

/** A segment left (Linux: `tcp_rate_skb_sent`). */
export function segmentSent(conn: Connection, segment: Segment): void {
  const { tcb, tcp } = conn;
  if (tcb.packetsOut === 0) {
    tcb.firstTxUs = tcp.nowUs();
    tcb.deliveredUs = tcb.firstTxUs;
  }
  segment.txFirstTxUs = tcb.firstTxUs;
  segment.txDeliveredUs = tcb.deliveredUs;
  segment.txDelivered = tcb.delivered;
  segment.txAppLimited = tcb.appLimited > 0 ? 1 : 0;
}

/** The first segment after nothing was out (Linux: `CA_EVENT_TX_START`). */
export function transmissionStarts(_conn: Connection): void {}

/** The device could not take a segment (Linux: `tcp_enter_cwr`). */
export function enterCwr(conn: Connection): void {
  const { tcb } = conn;
  if (tcb.caState >= TCP_CA_CWR) return;
  tcb.sndSsthresh = Math.max(tcb.sndCwnd >> 1, 2);
  tcb.caState = TCP_CA_CWR;
  if ((tcb.ecnFlags & ECN_OK) !== 0) tcb.ecnFlags |= ECN_QUEUE_CWR;
  tcb.highSeq = tcb.sndNxt;
}

/** Linux: `tcp_in_cwnd_reduction`. */
export function inCwndReduction(tcb: Tcb): boolean {
  return tcb.caState === TCP_CA_CWR || tcb.caState === TCP_CA_RECOVERY;
}

/** Segments were sent; `limited`: by the congestion window (Linux: `tcp_cwnd_validate`). */
export function cwndLimited(conn: Connection, limited: boolean): void {
  const { tcb } = conn;
  if (
    !before(tcb.sndUna, tcb.cwndUsageSeq) ||
    limited ||
    (tcb.isCwndLimited === 0 && tcb.packetsOut > tcb.maxPacketsOut)
  ) {
    tcb.isCwndLimited = limited ? 1 : 0;
    tcb.maxPacketsOut = tcb.packetsOut;
    tcb.cwndUsageSeq = tcb.sndNxt;
  }
}

/** Tail loss probes (RFC 8985) are the recovery's. */
export function scheduleLossProbe(_conn: Connection, _advancing: boolean): boolean {
  return false;
}

/** The loss probe's time has come. */
export function onLossProbe(_conn: Connection): void {}

/** A hole has been open for longer than reordering explains. */
export function onReorderingTimeout(_conn: Connection): void {}

/** Data is written after a pause: the congestion window may be out of date (Linux: `tcp_slow_start_after_idle_check`). */
export function checkIdle(conn: Connection): void {
  const { tcb, tcp } = conn;
  if (tcp.settings.slowStartAfterIdle.value === 0 || tcb.packetsOut > 0) return;
  const idle = tcp.now() - tcb.lsndtimeMs;
  if (idle <= tcb.rtoMs) return;
  const restart = Math.min(TCP_INIT_CWND, tcb.sndCwnd);
  let cwnd = tcb.sndCwnd;
  for (let left = idle - tcb.rtoMs; left > 0 && cwnd > restart; left -= tcb.rtoMs) cwnd >>= 1;
  tcb.sndCwnd = Math.max(cwnd, restart);
  tcb.sndCwndStampMs = tcp.now();
  tcb.sndCwndUsed = 0;
}

/** Bytes a second that segments would go out at, were they paced; bursts follow it (Linux: `tcp_update_pacing_rate`). */
export function updatePacingRate(conn: Connection): void {
  const { tcb, tcp } = conn;
  const { settings } = tcp;
  const slow = tcb.sndCwnd < tcb.sndSsthresh / 2;
  const ratio = slow ? settings.pacingSsRatio.value : settings.pacingCaRatio.value;
  const bytes = (tcb.mssCache * Math.max(tcb.sndCwnd, tcb.packetsOut) * ratio) / 100;
  tcb.pacingRate = tcb.srttUs > 0 ? Math.floor((bytes * 8_000_000) / tcb.srttUs) : 0;
}

/** Takes a round-trip time in microseconds into the estimate and sets the RTO by it (RFC 6298; Linux: `tcp_rtt_estimator`). */
export function rttSample(conn: Connection, sampleUs: number): void {
  const { tcb, tcp } = conn;
  const minUs = Math.min(tcb.rtoMinMs, RTO_MIN_MS) * 1000;
  let m = Math.max(sampleUs, 1);
  if (tcb.srttUs !== 0) {
    m -= tcb.srttUs / 8;
    tcb.srttUs = Math.max(tcb.srttUs + m, 1);
    if (m < 0) {
      m = -m - tcb.mdevUs / 4;
      if (m > 0) m /= 8;
    } else {
      m -= tcb.mdevUs / 4;
    }
    tcb.mdevUs += m;
    if (tcb.mdevUs > tcb.mdevMaxUs) {
      tcb.mdevMaxUs = tcb.mdevUs;
      if (tcb.mdevMaxUs > tcb.rttvarUs) tcb.rttvarUs = tcb.mdevMaxUs;
    }
    if (!before(tcb.sndUna, tcb.rttSeq) && tcb.sndUna !== tcb.rttSeq) {
      if (tcb.mdevMaxUs < tcb.rttvarUs) tcb.rttvarUs -= (tcb.rttvarUs - tcb.mdevMaxUs) / 4;
      tcb.rttSeq = tcb.sndNxt;
      tcb.mdevMaxUs = minUs;
    }
  } else {
    tcb.srttUs = m * 8;
    tcb.mdevUs = m * 2;
    tcb.rttvarUs = Math.max(tcb.mdevUs, minUs);
    tcb.mdevMaxUs = tcb.rttvarUs;
    tcb.rttSeq = tcb.sndNxt;
  }
  tcb.minRttUs = Math.min(tcb.minRttUs, sampleUs);
  tcb.rtoMs = Math.min(Math.ceil((tcb.srttUs / 8 + tcb.rttvarUs) / 1000), tcp.settings.rtoMaxMs.value);
  tcb.backoff = 0;
}

/** The retransmit timer fired: everything that is out counts as lost (Linux: `tcp_enter_loss`). */
export function enterLoss(conn: Connection): void {
  const { tcb, rtxQueue } = conn;
  if (tcb.caState <= TCP_CA_CWR || !before(tcb.sndUna, tcb.highSeq)) {
    tcb.sndSsthresh = Math.max(tcb.sndCwnd >> 1, 2);
  }
  tcb.lostOut = 0;
  tcb.retransOut = 0;
  tcb.sackedOut = 0;
  for (let segment = rtxQueue.head; segment !== null; segment = segment.next) {
    segment.sacked = (segment.sacked | LOST) & ~SACKED_RETRANS;
    tcb.lostOut += segment.pcount;
  }
  tcb.sndCwnd = packetsInFlight(tcb) + 1;
  tcb.sndCwndCnt = 0;
  tcb.caState = TCP_CA_LOSS;
  tcb.highSeq = tcb.sndNxt;
}

/** An acknowledgment was taken in: `flags` tell what it did, `acked` how many segments it took off (Linux: the end of `tcp_ack`). */
export function acknowledged(conn: Connection, flags: number, acked: number, priorInFlight: number): void {
  react(conn, flags, acked, priorInFlight);
  updatePacingRate(conn);
}

function react(conn: Connection, flags: number, acked: number, priorInFlight: number): void {
  const { tcb, tcp } = conn;
  const advanced = (flags & FLAG_SND_UNA_ADVANCED) !== 0;
  if ((flags & FLAG_ECE) !== 0) enterCwr(conn);
  tcb.delivered += acked;
  if (tcb.caState === TCP_CA_OPEN) {
    if (!advanced && (flags & FLAG_NOT_DUP) === 0 && tcb.packetsOut > 0) {
      tcb.sackedOut = Math.min(tcb.sackedOut + 1, tcb.packetsOut - 1);
      if (tcb.sackedOut >= DUPACKS) {
        enterRecovery(conn);
        return;
      }
    } else if (advanced) {
      tcb.sackedOut = 0;
    }
  } else if (!before(tcb.sndUna, tcb.highSeq)) {
    tcb.caState = TCP_CA_OPEN;
    tcb.sackedOut = 0;
    tcb.retransStampMs = 0;
    tcb.sndCwnd = Math.max(Math.min(tcb.sndCwnd, tcb.sndSsthresh), 1);
  } else if (tcb.caState === TCP_CA_RECOVERY) {
    if (advanced) markHeadLost(conn);
    else tcb.sackedOut = Math.min(tcb.sackedOut + 1, Math.max(tcb.packetsOut - tcb.lostOut, 0));
    tcp.retransmitLost(conn);
    return;
  }
  if ((flags & FLAG_ACKED) !== 0 && tcb.caState !== TCP_CA_CWR) grow(tcb, acked, priorInFlight);
  if (tcb.caState === TCP_CA_LOSS) tcp.retransmitLost(conn);
}

function enterRecovery(conn: Connection): void {
  const { tcb, tcp } = conn;
  tcb.sndSsthresh = Math.max(tcb.sndCwnd >> 1, 2);
  tcb.sndCwnd = tcb.sndSsthresh;
  tcb.caState = TCP_CA_RECOVERY;
  tcb.highSeq = tcb.sndNxt;
  tcp.mib.add(MIB.TcpExtTCPRenoRecovery);
  markHeadLost(conn);
  tcp.retransmitLost(conn);
}

function markHeadLost(conn: Connection): void {
  const { tcb, rtxQueue } = conn;
  const { head } = rtxQueue;
  if (head === null || (head.sacked & LOST) !== 0) return;
  head.sacked |= LOST;
  tcb.lostOut += head.pcount;
}

/** Slow start and congestion avoidance (RFC 5681). */
function grow(tcb: Tcb, acked: number, priorInFlight: number): void {
  if (tcb.isCwndLimited === 0 && tcb.sndCwnd > 2 * Math.max(tcb.maxPacketsOut, priorInFlight)) return;
  let left = acked;
  if (tcb.sndCwnd < tcb.sndSsthresh) {
    const cwnd = Math.min(tcb.sndCwnd + left, tcb.sndSsthresh);
    left -= cwnd - tcb.sndCwnd;
    tcb.sndCwnd = cwnd;
  }
  if (left <= 0) return;
  tcb.sndCwndCnt += left;
  if (tcb.sndCwndCnt >= tcb.sndCwnd) {
    const steps = Math.floor(tcb.sndCwndCnt / tcb.sndCwnd);
    tcb.sndCwndCnt -= steps * tcb.sndCwnd;
    tcb.sndCwnd += steps;
  }
}

/** Segments became smaller: those too long for the path are lost (Linux: `tcp_simple_retransmit`). */
export function retransmitLostAfterMtu(conn: Connection): void {
  const { tcb, tcp, rtxQueue } = conn;
  const mss = tcb.mssCache;
  let lost = false;
  for (let segment = rtxQueue.head; segment !== null; segment = segment.next) {
    if (segment.gsoSize <= mss || (segment.sacked & LOST) !== 0) continue;
    if ((segment.endSeq - segment.seq) >>> 0 <= mss) continue;
    if ((segment.sacked & SACKED_RETRANS) !== 0) {
      segment.sacked &= ~SACKED_RETRANS;
      tcb.retransOut -= segment.pcount;
    }
    segment.sacked |= LOST;
    tcb.lostOut += segment.pcount;
    lost = true;
  }
  if (!lost) return;
  if (tcb.caState < TCP_CA_LOSS) {
    tcb.highSeq = tcb.sndNxt;
    tcb.sndSsthresh = tcb.sndCwnd;
    tcb.caState = TCP_CA_LOSS;
  }
  tcp.retransmitLost(conn);
}
