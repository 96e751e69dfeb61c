import { MIB } from '../counters.ts';
import { FLAG_DATA_SACKED, FLAG_DSACK_TLP, FLAG_NOT_DUP, FLAG_SND_UNA_ADVANCED } from './ack-flags.ts';
import type { Connection } from './connection.ts';
import { TIME_LOSS_PROBE, TIMEOUT_INIT_MS } from './constants.ts';
import { endCwndReduction, initCwndReduction, setCaState } from './cwnd.ts';
import { TIMEOUT_MIN_US } from './rack.ts';
import { rtoDeltaUs } from './rearm.ts';
import { after, before } from './sequence.ts';
import { TCP_CA_CWR, TCP_CA_OPEN } from './tcb.ts';
import { tryKeepOpen } from './undo.ts';

/** Tail loss probes (RFC 8985, section 7): when they are due, and what their answers say. */

/** Arms the probe in place of the RTO where there is one; `advancing`: the RTO would begin anew (Linux: `tcp_schedule_loss_probe`). */
export function scheduleLossProbe(conn: Connection, advancing: boolean): boolean {
  const { tcb, tcp } = conn;
  const mode = tcp.settings.earlyRetrans.value;
  if (conn.request !== null || (mode !== 3 && mode !== 4)) return false;
  if (tcb.packetsOut === 0 || tcb.sackOk === 0) return false;
  if (tcb.caState !== TCP_CA_OPEN && tcb.caState !== TCP_CA_CWR) return false;
  let delayMs: number = TIMEOUT_INIT_MS;
  if (tcb.srttUs > 0) {
    const more = tcb.packetsOut === 1 ? tcb.rtoMinMs * 1000 : TIMEOUT_MIN_US;
    delayMs = Math.ceil((Math.floor(tcb.srttUs / 4) + more) / 1000);
  }
  const rtoUs = advancing ? tcb.rtoMs * 1000 : rtoDeltaUs(conn);
  if (rtoUs > 0) delayMs = Math.min(delayMs, Math.ceil(rtoUs / 1000));
  conn.armRetransmit(TIME_LOSS_PROBE, delayMs);
  return true;
}

/** An ACK reaches a probe's end: whether the probe repaired a loss (Linux: `tcp_process_tlp_ack`). */
export function processProbeAck(conn: Connection, ack: number, flag: number): void {
  const { tcb, tcp } = conn;
  if (before(ack, tcb.tlpHighSeq)) return;
  if (tcb.tlpRetrans === 0 || (flag & FLAG_DSACK_TLP) !== 0) {
    tcb.tlpHighSeq = 0;
  } else if (after(ack, tcb.tlpHighSeq)) {
    initCwndReduction(conn);
    setCaState(conn, TCP_CA_CWR);
    endCwndReduction(conn);
    tryKeepOpen(conn);
    tcp.mib.add(MIB.TcpExtTCPLossProbeRecovery);
  } else if ((flag & (FLAG_SND_UNA_ADVANCED | FLAG_NOT_DUP | FLAG_DATA_SACKED)) === 0) {
    tcb.tlpHighSeq = 0;
  }
}
