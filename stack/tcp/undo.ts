import { MIB } from '../counters.ts';
import type { Connection } from './connection.ts';
import { ECN_QUEUE_CWR } from './constants.ts';
import { setCaState } from './cwnd.ts';
import { RACK_RECOVERY_THRESH } from './rack.ts';
import { checkSackReordering } from './reordering.ts';
import { EVER_RETRANS, LOST } from './segment.ts';
import { leftOut } from './sent-queue.ts';
import { before } from './sequence.ts';
import { TCP_CA_DISORDER, TCP_CA_LOSS, TCP_CA_OPEN, TCP_SYN_SENT } from './tcb.ts';

/** Takes back reductions that were for nothing, as duplicates (RFC 3708) and timestamps (RFC 3522, RFC 4015) show. */

/** Notes where a recovery begins (Linux: `tcp_init_undo`). */
export function initUndo(conn: Connection): void {
  const { tcb } = conn;
  tcb.undoMarker = tcb.sndUna;
  tcb.undoRetrans = tcb.retransOut + (tcb.tlpHighSeq !== 0 && tcb.tlpRetrans !== 0 ? 1 : 0);
  if (tcb.undoRetrans === 0) tcb.undoRetrans = -1;
}

/** Whether anything of what is out was sent again (Linux: `tcp_any_retrans_done`). */
export function anyRetransmitted(conn: Connection): boolean {
  if (conn.tcb.retransOut > 0) return true;
  const { head } = conn.rtxQueue;
  return head !== null && (head.sacked & EVER_RETRANS) !== 0;
}

/** Whether the timestamp echoed is older than `stamp`: it is the first transmission's (Linux: `tcp_tsopt_ecr_before`). */
export function echoIsBefore(conn: Connection, stamp: number): boolean {
  const { tcb } = conn;
  return tcb.sawTstamp !== 0 && tcb.rcvTsecr !== 0 && before(tcb.rcvTsecr, stamp);
}

/** Whether what was acknowledged was late rather than lost (Linux: `tcp_packet_delayed`). */
function packetDelayed(conn: Connection): boolean {
  const { tcb } = conn;
  if (tcb.retransStampMs !== 0) return echoIsBefore(conn, tcb.retransStampMs);
  if (tcb.sackOk === 0 && !before(tcb.sndUna, tcb.highSeq)) return false;
  return tcb.state !== TCP_SYN_SENT;
}

/** Linux: `tcp_may_undo`. */
function mayUndo(conn: Connection): boolean {
  const { tcb } = conn;
  return tcb.undoMarker !== 0 && (tcb.undoRetrans === 0 || packetDelayed(conn));
}

/** Linux: `tcp_undo_cwnd_reduction`. */
function undoReduction(conn: Connection, unmarkLost: boolean): void {
  const { tcb, tcp } = conn;
  if (unmarkLost) {
    for (let segment = conn.rtxQueue.head; segment !== null; segment = segment.next) segment.sacked &= ~LOST;
    tcb.lostOut = 0;
    conn.retransmitHint = null;
  }
  if (tcb.priorSsthresh !== 0) {
    tcb.sndCwnd = conn.congestion.undoCwnd(conn);
    if (tcb.priorSsthresh > tcb.sndSsthresh) {
      tcb.sndSsthresh = tcb.priorSsthresh;
      tcb.ecnFlags &= ~ECN_QUEUE_CWR;
    }
  }
  tcb.sndCwndStampMs = tcp.now();
  tcb.undoMarker = 0;
  tcb.rackAdvanced = 1;
}

/** Without SACK a recovery's end waits for something new, or old duplicates would begin the next (RFC 6582, section 4.1). */
function preventsReopening(conn: Connection): boolean {
  const { tcb } = conn;
  if (tcb.sndUna !== tcb.highSeq || tcb.sackOk !== 0) return false;
  if (!anyRetransmitted(conn)) tcb.retransStampMs = 0;
  return true;
}

/** Recovery ends; true: the state stays for now (Linux: `tcp_try_undo_recovery`). */
export function tryUndoRecovery(conn: Connection): boolean {
  const { tcb, tcp } = conn;
  if (mayUndo(conn)) {
    const counter = tcb.caState === TCP_CA_LOSS ? MIB.TcpExtTCPLossUndo : MIB.TcpExtTCPFullUndo;
    undoReduction(conn, false);
    tcp.mib.add(counter);
  } else if (tcb.rackReoWndPersist > 0) {
    tcb.rackReoWndPersist--;
  }
  if (preventsReopening(conn)) return true;
  setCaState(conn, TCP_CA_OPEN);
  tcb.sackReneged = 0;
  return false;
}

/** All that was sent again came twice (Linux: `tcp_try_undo_dsack`). */
export function tryUndoDsack(conn: Connection): boolean {
  const { tcb, tcp } = conn;
  if (tcb.undoMarker === 0 || tcb.undoRetrans !== 0) return false;
  tcb.rackReoWndPersist = Math.min(RACK_RECOVERY_THRESH, tcb.rackReoWndPersist + 1);
  undoReduction(conn, false);
  tcp.mib.add(MIB.TcpExtTCPDSACKUndo);
  return true;
}

/** The timeout came too early, as `byFrto` or a timestamp shows (Linux: `tcp_try_undo_loss`). */
export function tryUndoLoss(conn: Connection, byFrto: boolean): boolean {
  const { tcb, tcp } = conn;
  if (!byFrto && !mayUndo(conn)) return false;
  undoReduction(conn, true);
  tcp.mib.add(MIB.TcpExtTCPLossUndo);
  if (byFrto) tcp.mib.add(MIB.TcpExtTCPSpuriousRTOs);
  tcb.retransmits = 0;
  if (preventsReopening(conn)) return true;
  if (byFrto || tcb.sackOk !== 0) {
    setCaState(conn, TCP_CA_OPEN);
    tcb.sackReneged = 0;
  }
  return true;
}

/** A partial ACK in recovery; true: nothing is to be sent again for now (Linux: `tcp_try_undo_partial`). */
export function tryUndoPartial(conn: Connection, priorUna: number): boolean {
  const { tcb, tcp } = conn;
  if (tcb.undoMarker === 0 || !packetDelayed(conn)) return false;
  checkSackReordering(conn, priorUna, true);
  if (tcb.retransOut > 0) return true;
  if (!anyRetransmitted(conn)) tcb.retransStampMs = 0;
  undoReduction(conn, true);
  tcp.mib.add(MIB.TcpExtTCPPartialUndo);
  tryKeepOpen(conn);
  return false;
}

/** Open, or disordered while something is missing (Linux: `tcp_try_keep_open`). */
export function tryKeepOpen(conn: Connection): void {
  const { tcb } = conn;
  const state = leftOut(tcb) > 0 || anyRetransmitted(conn) ? TCP_CA_DISORDER : TCP_CA_OPEN;
  if (tcb.caState === state) return;
  setCaState(conn, state);
  tcb.highSeq = tcb.sndNxt;
}
