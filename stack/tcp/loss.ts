import { MIB } from '../counters.ts';
import { FLAG_DATA_SACKED, FLAG_ORIG_SACK_ACKED, FLAG_SND_UNA_ADVANCED } from './ack-flags.ts';
import type { Connection } from './connection.ts';
import { currentSsthresh, queueCwr, setCaState } from './cwnd.ts';
import { rackRemaining } from './rack.ts';
import { addRenoSack, resetRenoSack } from './reno-sack.ts';
import { SACKED_ACKED } from './segment.ts';
import { markLost } from './sent-queue.ts';
import { after, before } from './sequence.ts';
import { packetsInFlight, TCP_CA_DISORDER, TCP_CA_LOSS, TCP_CA_RECOVERY } from './tcb.ts';
import { initUndo, tryUndoLoss, tryUndoRecovery } from './undo.ts';

/** What an ACK wants sent once it has been taken in. */
export const REXMIT_NONE = 0;
export const REXMIT_LOST = 1;
export const REXMIT_NEW = 2;

/** The retransmit timer fired (RFC 5681, section 3.1; Linux: `tcp_enter_loss`). */
export function enterLoss(conn: Connection): void {
  const { tcb, tcp } = conn;
  const { settings } = tcp;
  const fresh = tcb.caState < TCP_CA_RECOVERY;
  markTimedOut(conn);
  if (
    tcb.caState <= TCP_CA_DISORDER ||
    !after(tcb.highSeq, tcb.sndUna) ||
    (tcb.caState === TCP_CA_LOSS && tcb.retransmits === 0)
  ) {
    tcb.priorSsthresh = currentSsthresh(tcb);
    tcb.priorCwnd = tcb.sndCwnd;
    tcb.sndSsthresh = conn.congestion.ssthresh(conn);
    initUndo(conn);
  }
  tcb.sndCwnd = packetsInFlight(tcb) + 1;
  tcb.sndCwndCnt = 0;
  tcb.sndCwndStampMs = tcp.now();
  const reordering = settings.reordering.value;
  if (tcb.caState <= TCP_CA_DISORDER && tcb.sackedOut >= reordering)
    tcb.reordering = Math.min(tcb.reordering, reordering);
  setCaState(conn, TCP_CA_LOSS);
  tcb.highSeq = tcb.sndNxt;
  tcb.tlpHighSeq = 0;
  queueCwr(tcb);
  tcb.frto = settings.frto.value !== 0 && (fresh || tcb.retransmits > 0) ? 1 : 0;
}

/** Gives up what is out, but for what was sent only lately; a peer that took SACKs back gets all again (Linux: `tcp_timeout_mark_lost`). */
function markTimedOut(conn: Connection): void {
  const { tcb, tcp, rtxQueue } = conn;
  const { head } = rtxQueue;
  const reneged = head !== null && (head.sacked & SACKED_ACKED) !== 0;
  if (reneged) {
    tcp.mib.add(MIB.TcpExtTCPSACKReneging);
    tcb.sackedOut = 0;
    tcb.sackReneged = 1;
  } else if (tcb.sackOk === 0) {
    resetRenoSack(tcb);
  }
  for (let segment = head; segment !== null; segment = segment.next) {
    if (reneged) segment.sacked &= ~SACKED_ACKED;
    else if (segment !== head && rackRemaining(conn, segment, 0) > 0) continue;
    if (markLost(conn, segment)) tcp.mib.add(MIB.TcpExtTCPLostRetransmit, segment.pcount);
  }
  conn.retransmitHint = null;
}

/** An ACK after a timeout, with F-RTO (RFC 5682, section 3.1; Linux: `tcp_process_loss`); what is to be sent, `REXMIT_*`. */
export function processLoss(conn: Connection, flag: number, duplicates: number, windowEnd: number): number {
  const { tcb } = conn;
  const recovered = !before(tcb.sndUna, tcb.highSeq);
  const advanced = (flag & FLAG_SND_UNA_ADVANCED) !== 0;
  if (advanced && tryUndoLoss(conn, false)) return REXMIT_NONE;
  if (tcb.frto !== 0) {
    if ((flag & FLAG_ORIG_SACK_ACKED) !== 0 && tryUndoLoss(conn, true)) return REXMIT_NONE;
    if (after(tcb.sndNxt, tcb.highSeq)) {
      if ((flag & FLAG_DATA_SACKED) !== 0 || duplicates > 0) tcb.frto = 0;
    } else if (advanced && !recovered) {
      tcb.highSeq = tcb.sndNxt;
      if (conn.sendHead !== null && after(windowEnd, tcb.sndNxt)) return REXMIT_NEW;
      tcb.frto = 0;
    }
  }
  if (recovered) {
    tryUndoRecovery(conn);
    return REXMIT_NONE;
  }
  if (tcb.sackOk === 0) {
    if (after(tcb.sndNxt, tcb.highSeq) && duplicates > 0) addRenoSack(conn, duplicates);
    else if (advanced) resetRenoSack(tcb);
  }
  return REXMIT_LOST;
}
