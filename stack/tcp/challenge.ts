import { MIB } from '../counters.ts';
import { TH_SYN } from '../wire/tcp.ts';
import type { Connection } from './connection.ts';
import { MAX_QUICKACKS } from './constants.ts';
import type { Incoming } from './incoming.ts';
import { enterQuickack } from './quickack.ts';
import { after, before } from './sequence.ts';
import { sendAck } from './transmit.ts';

/**
 * Whether an answer to a segment that can't be is held back, because there was one a moment ago (Linux: `__tcp_oow_rate_limited`).
 * `counter` counts that.
 */
function rateLimited(conn: Connection, counter: number): boolean {
  const { tcb, tcp } = conn;
  const now = tcp.now();
  if (tcb.lastOowAckMs !== 0 && now - tcb.lastOowAckMs < tcp.settings.invalidRatelimitMs.value) {
    tcp.mib.add(counter);
    return true;
  }
  tcb.lastOowAckMs = now;
  return false;
}

/** The same for a given segment: those with data are always answered (Linux: `tcp_oow_rate_limited`). */
export function outOfWindowLimited(conn: Connection, incoming: Incoming, counter: number): boolean {
  if (incoming.seq !== incoming.endSeq && (incoming.flags & TH_SYN) === 0) return false;
  return rateLimited(conn, counter);
}

/** Answers a segment that may be forged with an ACK that tells only the true peer anything (RFC 5961). */
export function challengeAck(conn: Connection): void {
  const { tcp } = conn;
  if (rateLimited(conn, MIB.TcpExtTCPACKSkippedChallenge)) return;
  if (!tcp.mayChallenge()) return;
  tcp.mib.add(MIB.TcpExtTCPChallengeACK);
  sendAck(conn);
}

/** Acknowledges a segment that is not acceptable (RFC 9293, section 3.10.7.4; Linux: `tcp_send_dupack`). */
export function duplicateAck(conn: Connection, incoming: Incoming): void {
  const { tcb, tcp } = conn;
  if (incoming.endSeq !== incoming.seq && before(incoming.seq, tcb.rcvNxt)) {
    tcp.mib.add(MIB.TcpExtDelayedACKLost);
    enterQuickack(tcb, MAX_QUICKACKS);
    setDuplicate(conn, incoming.seq, after(incoming.endSeq, tcb.rcvNxt) ? tcb.rcvNxt : incoming.endSeq);
  }
  sendAck(conn);
}

/** Reports that bytes came twice, if the peer understands it (Linux: `tcp_dsack_set`). */
export function setDuplicate(conn: Connection, start: number, end: number): void {
  const { tcb, tcp } = conn;
  if (tcb.sackOk === 0 || tcp.settings.dsack.value === 0) return;
  tcp.mib.add(before(start, tcb.rcvNxt) ? MIB.TcpExtTCPDSACKOldSent : MIB.TcpExtTCPDSACKOfoSent);
  conn.receiverSack.setDuplicate(start, end);
}

/** The same, added to what is to be reported already (Linux: `tcp_dsack_extend`). */
export function extendDuplicate(conn: Connection, start: number, end: number): void {
  if (!conn.receiverSack.hasDuplicate) setDuplicate(conn, start, end);
  else conn.receiverSack.extendDuplicate(start, end);
}
