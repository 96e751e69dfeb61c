import { MIB } from '../counters.ts';
import {
  FLAG_CA_ALERT,
  FLAG_DATA_ACKED,
  FLAG_ECE,
  FLAG_FORWARD_PROGRESS,
  FLAG_LOST_RETRANS,
  FLAG_NOT_DUP,
  FLAG_SACK_RENEGING,
  FLAG_SET_XMIT_TIMER,
  FLAG_SND_UNA_ADVANCED,
} from './ack-flags.ts';
import type { Connection } from './connection.ts';
import { TIME_RETRANS } from './constants.ts';
import {
  currentSsthresh,
  cwndReduction,
  endCwndReduction,
  enterCwr,
  inCwndReduction,
  initCwndReduction,
  setCaState,
  updatePacingRate,
} from './cwnd.ts';
import { segmentBytes, splitSegment } from './fragment.ts';
import { processLoss, REXMIT_LOST, REXMIT_NONE } from './loss.ts';
import { currentMss } from './mss.ts';
import { mtuProbeLost } from './mtu-probe.ts';
import { rackMarkLost } from './rack.ts';
import { addRenoSack, limitRenoSacked, resetRenoSack } from './reno-sack.ts';
import { LOST } from './segment.ts';
import { markLost } from './sent-queue.ts';
import { before } from './sequence.ts';
import { TCP_CA_CWR, TCP_CA_DISORDER, TCP_CA_LOSS, TCP_CA_OPEN, TCP_CA_RECOVERY } from './tcb.ts';
import {
  anyRetransmitted,
  initUndo,
  tryKeepOpen,
  tryUndoDsack,
  tryUndoPartial,
  tryUndoRecovery,
} from './undo.ts';

/** `flag` of the ACK that {@link fastRetransmitAlert} looked at, less what it has settled. */
export let alertFlag = 0;

/** Whether an ACK needs a closer look (Linux: `tcp_ack_is_dubious`). */
export function isDubious(conn: Connection, flag: number): boolean {
  return (flag & FLAG_NOT_DUP) === 0 || (flag & FLAG_CA_ALERT) !== 0 || conn.tcb.caState !== TCP_CA_OPEN;
}

/** Fast recovery begins (Linux: `tcp_enter_recovery`). */
export function enterRecovery(conn: Connection, echoed: boolean): void {
  const { tcb, tcp } = conn;
  if (!anyRetransmitted(conn)) tcb.retransStampMs = 0;
  tcp.mib.add(tcb.sackOk === 0 ? MIB.TcpExtTCPRenoRecovery : MIB.TcpExtTCPSackRecovery);
  tcb.priorSsthresh = 0;
  initUndo(conn);
  if (!inCwndReduction(tcb)) {
    if (!echoed) tcb.priorSsthresh = currentSsthresh(tcb);
    initCwndReduction(conn);
  }
  setCaState(conn, TCP_CA_RECOVERY);
}

/**
 * The congestion states' machine, for an ACK that is dubious (Linux: `tcp_fastretrans_alert`). What is to be sent, `REXMIT_*`;
 * {@link alertFlag} is what remains of `flag`.
 */
export function fastRetransmitAlert(
  conn: Connection,
  priorUna: number,
  duplicates: number,
  flag: number,
  windowEnd: number,
): number {
  const { tcb } = conn;
  alertFlag = flag;
  const echoed = (flag & FLAG_ECE) !== 0;
  const advanced = (flag & FLAG_SND_UNA_ADVANCED) !== 0;
  if (tcb.packetsOut === 0 && tcb.sackedOut > 0) tcb.sackedOut = 0;
  if (echoed) tcb.priorSsthresh = 0;
  if (renegedNow(conn)) return REXMIT_NONE;
  if (tcb.caState === TCP_CA_OPEN) tcb.retransStampMs = 0;
  else if (!before(tcb.sndUna, tcb.highSeq) && leaveState(conn)) return REXMIT_NONE;
  switch (tcb.caState) {
    case TCP_CA_RECOVERY:
      if (!advanced) {
        if (tcb.sackOk === 0) addRenoSack(conn, duplicates);
      } else if (tryUndoPartial(conn, priorUna)) {
        return REXMIT_NONE;
      }
      if (tryUndoDsack(conn)) tryKeepOpen(conn);
      identifyLoss(conn);
      if (tcb.caState !== TCP_CA_RECOVERY) {
        if (tcb.lostOut === 0) return REXMIT_NONE;
        enterRecovery(conn, echoed);
      }
      return REXMIT_LOST;
    case TCP_CA_LOSS: {
      const rexmit = processLoss(conn, flag, duplicates, windowEnd);
      addTimeoutTime(conn);
      identifyLoss(conn);
      const state: number = tcb.caState;
      if (state !== TCP_CA_OPEN && (alertFlag & FLAG_LOST_RETRANS) === 0) return rexmit;
      return otherwise(conn, duplicates, flag, rexmit);
    }
    default:
      return otherwise(conn, duplicates, flag, REXMIT_NONE);
  }
}

/** A timeout's recovery is over: the time that it took is added up (Linux: `tcp_update_rto_time`). */
function addTimeoutTime({ tcb, tcp }: Connection): void {
  const state: number = tcb.caState;
  if (state === TCP_CA_LOSS || tcb.rtoStampMs === 0) return;
  tcb.totalRtoTimeMs += tcp.now() - tcb.rtoStampMs;
  tcb.rtoStampMs = 0;
}

/** Neither in recovery nor waiting for a timeout's end. */
function otherwise(conn: Connection, duplicates: number, flag: number, rexmit: number): number {
  const { tcb } = conn;
  if (tcb.sackOk === 0) {
    if ((flag & FLAG_SND_UNA_ADVANCED) !== 0) resetRenoSack(tcb);
    addRenoSack(conn, duplicates);
  }
  if (tcb.caState <= TCP_CA_DISORDER) tryUndoDsack(conn);
  identifyLoss(conn);
  if (tcb.lostOut === 0) {
    tryToOpen(conn, flag);
    return rexmit;
  }
  if (tcb.caState < TCP_CA_CWR && tcb.mtupProbeSize !== 0 && tcb.sndUna === tcb.mtupProbeStart) {
    mtuProbeLost(conn);
    return markTooLong(conn, currentMss(conn)) ? REXMIT_LOST : REXMIT_NONE;
  }
  enterRecovery(conn, (flag & FLAG_ECE) !== 0);
  return REXMIT_LOST;
}

/** What ends a state when `highSeq` is acknowledged; true: nothing more is to be done. */
function leaveState(conn: Connection): boolean {
  const { tcb } = conn;
  if (tcb.caState === TCP_CA_CWR) {
    // It is held until the peer has got the CWR bit.
    if (tcb.sndUna !== tcb.highSeq) {
      endCwndReduction(conn);
      setCaState(conn, TCP_CA_OPEN);
    }
  } else if (tcb.caState === TCP_CA_RECOVERY) {
    if (tcb.sackOk === 0) resetRenoSack(tcb);
    if (tryUndoRecovery(conn)) return true;
    endCwndReduction(conn);
  }
  return false;
}

/** The peer took a SACK back, it seems: if it stays so, a timeout comes soon (Linux: `tcp_check_sack_reneging`). */
function renegedNow(conn: Connection): boolean {
  const both = FLAG_SACK_RENEGING | FLAG_SND_UNA_ADVANCED;
  if ((alertFlag & both) !== both) return false;
  conn.armRetransmit(TIME_RETRANS, Math.max(Math.ceil(conn.tcb.srttUs / 16_000), 10));
  alertFlag &= ~FLAG_SET_XMIT_TIMER;
  return true;
}

/** Linux: `tcp_identify_packet_loss`. */
function identifyLoss(conn: Connection): void {
  const { tcb } = conn;
  if (conn.rtxQueue.empty) return;
  if (tcb.sackOk === 0) {
    markNewRenoLost(conn);
    return;
  }
  const before = tcb.retransOut;
  if (rackMarkLost(conn)) alertFlag &= ~FLAG_SET_XMIT_TIMER;
  if (before > tcb.retransOut) alertFlag |= FLAG_LOST_RETRANS;
}

/** Without SACK only the first segment can be known to be lost (RFC 6582; Linux: `tcp_newreno_mark_lost`). */
function markNewRenoLost(conn: Connection): void {
  const { tcb, rtxQueue } = conn;
  const partial = tcb.caState === TCP_CA_RECOVERY && (alertFlag & FLAG_SND_UNA_ADVANCED) !== 0;
  if (!partial && !(tcb.caState < TCP_CA_RECOVERY && tcb.sackedOut >= tcb.reordering)) return;
  const head = rtxQueue.head!;
  if ((head.sacked & LOST) !== 0) return;
  const mss = head.gsoSize;
  if (head.pcount > 1 && segmentBytes(head) > mss) splitSegment(conn, rtxQueue, head, mss, mss);
  markLost(conn, head);
}

/** Linux: `tcp_try_to_open`. */
function tryToOpen(conn: Connection, flag: number): void {
  const { tcb } = conn;
  if (!anyRetransmitted(conn)) tcb.retransStampMs = 0;
  if ((flag & FLAG_ECE) !== 0) enterCwr(conn);
  if (tcb.caState !== TCP_CA_CWR) tryKeepOpen(conn);
}

/** The window follows what was delivered and lost (Linux: `tcp_cong_control`). */
export function congestionControl(conn: Connection, delivered: number, lost: number, flag: number): void {
  const { tcb, tcp } = conn;
  if (inCwndReduction(tcb)) {
    cwndReduction(conn, delivered, lost, (flag & FLAG_SND_UNA_ADVANCED) !== 0);
  } else {
    const wanted = tcb.reordering > tcp.settings.reordering.value ? FLAG_FORWARD_PROGRESS : FLAG_DATA_ACKED;
    if ((flag & wanted) !== 0) conn.congestion.grow(conn, delivered);
  }
  updatePacingRate(conn);
}

/**
 * Segments became smaller: those too long for the path are given up; true when there are some, which are to be sent again (Linux:
 * `tcp_simple_retransmit`).
 */
export function markTooLong(conn: Connection, mss: number): boolean {
  const { tcb, rtxQueue } = conn;
  for (let segment = rtxQueue.head; segment !== null; segment = segment.next) {
    const longest = segment.pcount > 1 ? segment.gsoSize : segmentBytes(segment);
    if (longest > mss) markLost(conn, segment);
  }
  conn.retransmitHint = null;
  if (tcb.lostOut === 0) return false;
  if (tcb.sackOk === 0) limitRenoSacked(tcb);
  loseWithoutCongestion(conn);
  return true;
}

/** What is marked lost was not lost to congestion (Linux: `tcp_non_congestion_loss_retransmit`). */
export function loseWithoutCongestion(conn: Connection): void {
  const { tcb } = conn;
  if (tcb.caState === TCP_CA_LOSS) return;
  tcb.highSeq = tcb.sndNxt;
  tcb.sndSsthresh = currentSsthresh(tcb);
  tcb.priorSsthresh = 0;
  tcb.undoMarker = 0;
  setCaState(conn, TCP_CA_LOSS);
}
