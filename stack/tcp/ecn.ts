import { TH_CWR, TH_ECE, TH_SYN } from '../wire/tcp.ts';
import type { Connection } from './connection.ts';
import { ACK_NOW, ECN_DEMAND_CWR, ECN_OK, ECN_SEEN } from './constants.ts';
import type { Incoming } from './incoming.ts';
import { enterQuickack } from './quickack.ts';

/** Codepoints of the TOS byte (RFC 3168, section 5). */
const ECN_MASK = 3;
const NOT_ECT = 0;
const CE = 3;

/** ECN is asked for by both of these in a SYN. */
const ECN_SYN = TH_ECE | TH_CWR;
/** `tcp_ecn`: ask for it; take it when asked. */
const ASK = 1;
const TAKE = 2;
const QUICK = 2;

/** What a SYN of ours says: it asks for ECN, if `tcp_ecn` is 1 (Linux: `tcp_ecn_send_syn`). */
export function askForEcn(conn: Connection): number {
  if (conn.tcp.settings.ecn.value !== ASK) return 0;
  conn.tcb.ecnFlags = ECN_OK;
  return ECN_SYN;
}

/** Whether a SYN asks for ECN and gets it (Linux: `tcp_ecn_create_request`). */
export function grantsEcn(setting: number, incoming: Incoming): boolean {
  return (incoming.flags & ECN_SYN) === ECN_SYN && (setting === ASK || setting === TAKE);
}

/** The answer to our SYN: ECN is on when it says ECE alone (Linux: `tcp_ecn_rcv_synack`). */
export function ecnAnswered(conn: Connection, incoming: Incoming): void {
  if ((incoming.flags & ECN_SYN) !== TH_ECE) conn.tcb.ecnFlags &= ~ECN_OK;
}

/** Whether an ACK echoes that there is congestion (Linux: `tcp_ecn_rcv_ecn_echo`). */
export function echoesCongestion(conn: Connection, incoming: Incoming): boolean {
  return (
    (conn.tcb.ecnFlags & ECN_OK) !== 0 && (incoming.flags & TH_ECE) !== 0 && (incoming.flags & TH_SYN) === 0
  );
}

/** The sender has heard our echo (Linux: `tcp_ecn_accept_cwr`). */
export function acceptCwr(conn: Connection, incoming: Incoming): void {
  if ((incoming.flags & TH_CWR) === 0) return;
  const { tcb } = conn;
  tcb.ecnFlags &= ~ECN_DEMAND_CWR;
  if (incoming.seq !== incoming.endSeq) tcb.ackPending |= ACK_NOW;
}

/** Data came: whether a router marked it, which is echoed until the sender answers (Linux: `tcp_data_ecn_check`). */
export function checkMark(conn: Connection, incoming: Incoming): void {
  const { tcb } = conn;
  if ((tcb.ecnFlags & ECN_OK) === 0) return;
  switch (incoming.tos & ECN_MASK) {
    case NOT_ECT:
      // A retransmission, which is never marked: the sender is in trouble.
      if ((tcb.ecnFlags & ECN_SEEN) !== 0) enterQuickack(tcb, QUICK);
      break;
    case CE:
      if ((tcb.ecnFlags & ECN_DEMAND_CWR) === 0) {
        enterQuickack(tcb, QUICK);
        tcb.ecnFlags |= ECN_DEMAND_CWR;
      }
      tcb.ecnFlags |= ECN_SEEN;
      break;
    default:
      tcb.ecnFlags |= ECN_SEEN;
  }
}
