import { MIB } from '../counters.ts';
import type { Connection } from './connection.ts';
import { TIME_REO_TIMEOUT } from './constants.ts';
import type { RateSample } from './delivery-rate.ts';
import { EVER_RETRANS, LOST, SACKED_RETRANS, type Segment } from './segment.ts';
import { sentAfter } from './sent-order.ts';
import { markLost } from './sent-queue.ts';
import { TCP_CA_RECOVERY } from './tcb.ts';

/** RACK (RFC 8985, section 6): what was sent well before something that arrived is lost. */

/** Bits of `tcp_recovery`. */
const STATIC_REO_WND = 2;
const NO_DUPTHRESH = 4;
/** Recoveries for which a widened reordering window stays (Linux: `TCP_RACK_RECOVERY_THRESH`). */
export const RACK_RECOVERY_THRESH = 16;
/** Linux: `TCP_TIMEOUT_MIN_US`. */
export const TIMEOUT_MIN_US = 2000;

const RETRANSMITTED = SACKED_RETRANS | EVER_RETRANS;

/** A segment arrived that was sent at `sentUs` (Linux: `tcp_rack_advance`). */
export function rackAdvance(conn: Connection, sacked: number, endSeq: number, sentUs: number): void {
  const { tcb, tcp } = conn;
  const rttUs = tcp.nowUs() - sentUs;
  // Sooner than any round trip: what arrived was an earlier transmission.
  if (rttUs < tcb.minRttUs && (sacked & RETRANSMITTED) !== 0) return;
  tcb.rackAdvanced = 1;
  tcb.rackRttUs = rttUs;
  if (!sentAfter(sentUs, tcb.rackMstampUs, endSeq, tcb.rackEndSeq)) return;
  tcb.rackMstampUs = sentUs;
  tcb.rackEndSeq = endSeq;
}

/** How long a segment may be overtaken before it counts as lost, microseconds (Linux: `tcp_rack_reo_wnd`). */
function reorderingWindow(conn: Connection): number {
  const { tcb, tcp } = conn;
  if (tcb.reordSeen === 0) {
    if (tcb.caState >= TCP_CA_RECOVERY) return 0;
    if (tcb.sackedOut >= tcb.reordering && (tcp.settings.recovery.value & NO_DUPTHRESH) === 0) return 0;
  }
  return Math.min(Math.floor(tcb.minRttUs / 4) * tcb.rackReoWndSteps, Math.floor(tcb.srttUs / 8));
}

/** Microseconds until a segment counts as lost; 0 and less: it does (Linux: `tcp_rack_skb_timeout`). */
export function rackRemaining(conn: Connection, segment: Segment, reoWnd: number): number {
  return conn.tcb.rackRttUs + reoWnd - (conn.tcp.nowUs() - segment.sentUs);
}

/** Gives up what is overdue; returns how long the latest of the others may take, 0: none (Linux: `tcp_rack_detect_loss`). */
export function detectLoss(conn: Connection): number {
  const { tcb, tcp, sentOrder } = conn;
  const reoWnd = reorderingWindow(conn);
  let timeout = 0;
  for (let segment = sentOrder.first; segment !== null; ) {
    const next: Segment | null = segment.sentAfter;
    if ((segment.sacked & LOST) === 0 || (segment.sacked & SACKED_RETRANS) !== 0) {
      if (!sentAfter(tcb.rackMstampUs, segment.sentUs, tcb.rackEndSeq, segment.endSeq)) break;
      const remaining = rackRemaining(conn, segment, reoWnd);
      if (remaining <= 0) {
        if (markLost(conn, segment)) tcp.mib.add(MIB.TcpExtTCPLostRetransmit, segment.pcount);
        sentOrder.remove(segment);
      } else {
        timeout = Math.max(timeout, remaining);
      }
    }
    segment = next;
  }
  return timeout;
}

/** After an ACK: true when the reordering timer was armed, in place of the others (Linux: `tcp_rack_mark_lost`). */
export function rackMarkLost(conn: Connection): boolean {
  const { tcb } = conn;
  if (tcb.rackAdvanced === 0) return false;
  tcb.rackAdvanced = 0;
  const timeout = detectLoss(conn);
  if (timeout === 0) return false;
  conn.armRetransmit(TIME_REO_TIMEOUT, Math.ceil((timeout + TIMEOUT_MIN_US) / 1000));
  return true;
}

/** DSACKs widen the window, a step a round trip at most (RFC 8985, section 6.2, step 4; Linux: `tcp_rack_update_reo_wnd`). */
export function updateReorderingWindow(conn: Connection, rate: RateSample): void {
  const { tcb, tcp } = conn;
  if ((tcp.settings.recovery.value & STATIC_REO_WND) !== 0 || rate.priorDelivered === 0) return;
  if (rate.priorDelivered < tcb.rackLastDelivered) tcb.rackDsackSeen = 0;
  if (tcb.rackDsackSeen !== 0) {
    tcb.rackReoWndSteps = Math.min(255, tcb.rackReoWndSteps + 1);
    tcb.rackDsackSeen = 0;
    tcb.rackLastDelivered = tcb.delivered;
    tcb.rackReoWndPersist = RACK_RECOVERY_THRESH;
  } else if (tcb.rackReoWndPersist === 0) {
    tcb.rackReoWndSteps = 1;
  }
}
