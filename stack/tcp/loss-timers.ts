import { MIB } from '../counters.ts';
import type { Connection } from './connection.ts';
import { NAGLE_OFF, TIME_RETRANS } from './constants.ts';
import { cwndReduction } from './cwnd.ts';
import { segmentBytes, splitSegment } from './fragment.ts';
import { currentMss } from './mss.ts';
import { fitsWindow, PUSH_PROBE, writeXmit } from './output.ts';
import { detectLoss } from './rack.ts';
import { rearmRto } from './rearm.ts';
import { enterRecovery } from './recovery.ts';
import { retransmitBytes, retransmitLost } from './retransmit.ts';
import { packetsInFlight, TCP_CA_RECOVERY } from './tcb.ts';

/** The loss probe's time has come: new data if there is some, else the last segment again (Linux: `tcp_send_loss_probe`). */
export function sendLossProbe(conn: Connection): void {
  const { tcb, tcp } = conn;
  if (tcb.tlpHighSeq === 0 && probe(conn)) {
    tcb.tlpHighSeq = tcb.sndNxt;
    tcp.mib.add(MIB.TcpExtTCPLossProbes);
    tcb.pending = 0;
  }
  rearmRto(conn);
}

function probe(conn: Connection): boolean {
  const { tcb, rtxQueue } = conn;
  const mss = currentMss(conn);
  tcb.tlpRetrans = 0;
  const head = conn.sendHead;
  if (head !== null && fitsWindow(tcb, head, mss)) {
    const before = tcb.packetsOut;
    writeXmit(conn, mss, NAGLE_OFF, PUSH_PROBE);
    return tcb.packetsOut > before;
  }
  let last = rtxQueue.tail;
  if (last === null) return false;
  const { pcount } = last;
  if (pcount > 1 && segmentBytes(last) > (pcount - 1) * mss)
    last = splitSegment(conn, rtxQueue, last, (pcount - 1) * mss, mss);
  if (retransmitBytes(conn, last, 1) !== 0) return false;
  tcb.tlpRetrans = 1;
  return true;
}

/** A hole has been open for longer than reordering explains (Linux: `tcp_rack_reo_timeout`). */
export function onReorderingTimeout(conn: Connection): void {
  const { tcb } = conn;
  const inFlight = packetsInFlight(tcb);
  const lost = tcb.lost;
  detectLoss(conn);
  if (inFlight !== packetsInFlight(tcb)) {
    if (tcb.caState !== TCP_CA_RECOVERY) {
      enterRecovery(conn, false);
      cwndReduction(conn, 1, tcb.lost - lost, false);
    }
    retransmitLost(conn);
  }
  if (tcb.pending !== TIME_RETRANS) rearmRto(conn);
}
