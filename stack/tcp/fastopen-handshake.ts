import { MIB } from '../counters.ts';
import type { Connection } from './connection.ts';
import { TIME_RETRANS, TIMEOUT_INIT_MS } from './constants.ts';
import { timedOut } from './done.ts';
import { leaveFastOpenQueue } from './fastopen-queue.ts';
import { enterLoss } from './loss.ts';
import { rearmRto } from './rearm.ts';
import type { Request } from './request.ts';
import { resendSynAck } from './syn-ack.ts';
import { TCP_CA_LOSS } from './tcb.ts';
import { tryUndoRecovery } from './undo.ts';

/** The SYN-ACK of a connection that a SYN's data opened is sent again, and nothing else until it is answered. */

/** No answer came to the SYN-ACK in time (Linux: `tcp_fastopen_synack_timer`). */
export function synAckTimeout(conn: Connection, request: Request): void {
  const { tcb, tcp } = conn;
  const most = tcb.synRetries > 0 ? tcb.synRetries : tcp.settings.synackRetries.value + 1;
  tcp.mib.add(MIB.TcpExtTCPTimeouts);
  if (request.timeouts >= most) {
    timedOut(conn);
    return;
  }
  if (tcb.retransmits === 1) enterLoss(conn);
  sendAgain(conn, request);
  request.timeouts++;
  tcb.retransmits++;
  if (tcb.retransStampMs === 0) tcb.retransStampMs = tcp.tsClock(tcp.nowUs());
  conn.armRetransmit(TIME_RETRANS, TIMEOUT_INIT_MS * 2 ** request.timeouts);
}

/** The SYN came again: so does the SYN-ACK. */
export function sendAgain(conn: Connection, request: Request): void {
  if (!resendSynAck(request)) return;
  conn.tcb.totalRetrans++;
  conn.synAckSentUs = 0;
}

/** The SYN-ACK was answered (Linux: `tcp_rcv_synrecv_state_fastopen`). */
export function endFastOpenHandshake(conn: Connection): void {
  const { tcb } = conn;
  if (tcb.caState === TCP_CA_LOSS && tcb.packetsOut === 0) tryUndoRecovery(conn);
  tcb.retransStampMs = 0;
  tcb.retransmits = 0;
  leaveFastOpenQueue(conn, false);
  rearmRto(conn);
}
