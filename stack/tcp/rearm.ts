import type { Connection } from './connection.ts';
import { TIME_LOSS_PROBE, TIME_REO_TIMEOUT, TIME_RETRANS } from './constants.ts';

/** Microseconds until the oldest segment has been out for an RTO (Linux: `tcp_rto_delta_us`). */
export function rtoDeltaUs(conn: Connection): number {
  const { tcb, tcp } = conn;
  const { head } = conn.rtxQueue;
  return head === null ? tcb.rtoMs * 1000 : head.sentUs + tcb.rtoMs * 1000 - tcp.nowUs();
}

/** Arms the retransmit timer anew, or stops it when nothing is out (Linux: `tcp_rearm_rto`). */
export function rearmRto(conn: Connection): void {
  const { tcb } = conn;
  // The timer stands for the SYN-ACK until that is answered.
  if (conn.request !== null) return;
  if (tcb.packetsOut === 0) {
    conn.clearRetransmit();
    return;
  }
  let delayMs = tcb.rtoMs;
  if (tcb.pending === TIME_REO_TIMEOUT || tcb.pending === TIME_LOSS_PROBE)
    delayMs = Math.max(rtoDeltaUs(conn) / 1000, 1);
  conn.armRetransmit(TIME_RETRANS, delayMs);
}
