import { startSndbufLimited } from './chrono.ts';
import type { Connection } from './connection.ts';
import { ECN_OK, ECN_QUEUE_CWR } from './constants.ts';
import { before } from './sequence.ts';
import {
  packetsInFlight,
  TCP_CA_CWR,
  TCP_CA_OPEN,
  TCP_CA_RECOVERY,
  TCP_CLOSE_WAIT,
  TCP_ESTABLISHED,
  TCP_INFINITE_SSTHRESH,
  TCP_INIT_CWND,
  type Tcb,
} from './tcb.ts';

/** The congestion window itself: how it is used, what idleness does to it, and its reduction. What it grows by is the algorithm's. */

/** Linux: `tcp_in_slow_start`. */
export function inSlowStart(tcb: Tcb): boolean {
  return tcb.sndCwnd < tcb.sndSsthresh;
}

/** Linux: `tcp_in_cwnd_reduction`. */
export function inCwndReduction(tcb: Tcb): boolean {
  return tcb.caState === TCP_CA_CWR || tcb.caState === TCP_CA_RECOVERY;
}

/** Whether it is the congestion window that holds data back, so that it may grow (Linux: `tcp_is_cwnd_limited`). */
export function isCwndLimited(tcb: Tcb): boolean {
  if (tcb.isCwndLimited !== 0) return true;
  return inSlowStart(tcb) && tcb.sndCwnd < 2 * tcb.maxPacketsOut;
}

/** What the threshold would be, were the window as it is now (Linux: `tcp_current_ssthresh`). */
export function currentSsthresh(tcb: Tcb): number {
  if (inCwndReduction(tcb)) return tcb.sndSsthresh;
  return Math.max(tcb.sndSsthresh, (tcb.sndCwnd >> 1) + (tcb.sndCwnd >> 2));
}

/** Segments that a connection on this path begins with (Linux: `tcp_init_cwnd`). */
export function initialCwnd(conn: Connection): number {
  const { path, network, tcb } = conn;
  const metric = path === null ? 0 : (network.metrics(path).initcwnd ?? 0);
  return Math.min(metric > 0 ? metric : TCP_INIT_CWND, tcb.sndCwndClamp);
}

/** Changes the congestion state and tells the algorithm (Linux: `tcp_set_ca_state`). */
export function setCaState(conn: Connection, state: number): void {
  conn.congestion.stateChanges(conn, state);
  conn.tcb.caState = state;
}

/** Segments were sent, or could not be; `limited`: by the congestion window (Linux: `tcp_cwnd_validate`, RFC 7661). */
export function cwndLimited(conn: Connection, limited: boolean): void {
  const { tcb, tcp } = conn;
  if (
    !before(tcb.sndUna, tcb.cwndUsageSeq) ||
    limited ||
    (tcb.isCwndLimited === 0 && tcb.packetsOut > tcb.maxPacketsOut)
  ) {
    tcb.isCwndLimited = limited ? 1 : 0;
    tcb.maxPacketsOut = tcb.packetsOut;
    tcb.cwndUsageSeq = tcb.sndNxt;
  }
  if (isCwndLimited(tcb)) {
    tcb.sndCwndUsed = 0;
    tcb.sndCwndStampMs = tcp.now();
    return;
  }
  if (tcb.packetsOut > tcb.sndCwndUsed) tcb.sndCwndUsed = tcb.packetsOut;
  if (tcp.settings.slowStartAfterIdle.value !== 0 && tcp.now() - tcb.sndCwndStampMs >= tcb.rtoMs)
    applicationLimited(conn);
  const open = tcb.state === TCP_ESTABLISHED || tcb.state === TCP_CLOSE_WAIT;
  if (conn.writeQueue.empty && conn.wantsSpace && open) startSndbufLimited(conn);
}

/** A window that was not used for a while is only half trusted (Linux: `tcp_cwnd_application_limited`). */
function applicationLimited(conn: Connection): void {
  const { tcb, tcp } = conn;
  if (tcb.caState === TCP_CA_OPEN && tcb.orphaned === 0 && !conn.wantsSpace) {
    const used = Math.max(tcb.sndCwndUsed, initialCwnd(conn));
    if (used < tcb.sndCwnd) {
      tcb.sndSsthresh = currentSsthresh(tcb);
      tcb.sndCwnd = (tcb.sndCwnd + used) >> 1;
    }
    tcb.sndCwndUsed = 0;
  }
  tcb.sndCwndStampMs = tcp.now();
}

/** Data is written after a pause: the window may be out of date (RFC 5681, section 4.1; Linux: `tcp_cwnd_restart`). */
export function checkIdle(conn: Connection): void {
  const { tcb, tcp } = conn;
  if (tcp.settings.slowStartAfterIdle.value === 0 || tcb.packetsOut > 0) return;
  const idle = tcp.now() - tcb.lsndtimeMs;
  if (idle <= tcb.rtoMs) return;
  const restart = Math.min(initialCwnd(conn), tcb.sndCwnd);
  tcb.sndSsthresh = currentSsthresh(tcb);
  let cwnd = tcb.sndCwnd;
  for (let left = idle - tcb.rtoMs; left > 0 && cwnd > restart; left -= tcb.rtoMs) cwnd >>= 1;
  tcb.sndCwnd = Math.max(cwnd, restart);
  tcb.sndCwndStampMs = tcp.now();
  tcb.sndCwndUsed = 0;
}

/** Bytes a second that segments would go out at, were they paced; bursts follow it (Linux: `tcp_update_pacing_rate`). */
export function updatePacingRate(conn: Connection): void {
  const { tcb, tcp } = conn;
  const { settings } = tcp;
  const slow = tcb.sndCwnd < tcb.sndSsthresh / 2;
  const ratio = slow ? settings.pacingSsRatio.value : settings.pacingCaRatio.value;
  const bytes = (tcb.mssCache * Math.max(tcb.sndCwnd, tcb.packetsOut) * ratio) / 100;
  const rate = Math.floor((bytes * 8_000_000) / Math.max(tcb.srttUs, 1));
  tcb.pacingRate = Math.min(rate, tcb.maxPacingRate);
}

/** The peer is to be told, with ECN, that we have slowed down (Linux: `tcp_ecn_queue_cwr`). */
export function queueCwr(tcb: Tcb): void {
  if ((tcb.ecnFlags & ECN_OK) !== 0) tcb.ecnFlags |= ECN_QUEUE_CWR;
}

/** A reduction begins (Linux: `tcp_init_cwnd_reduction`). */
export function initCwndReduction(conn: Connection): void {
  const { tcb } = conn;
  tcb.highSeq = tcb.sndNxt;
  tcb.tlpHighSeq = 0;
  tcb.sndCwndCnt = 0;
  tcb.priorCwnd = tcb.sndCwnd;
  tcb.prrDelivered = 0;
  tcb.prrOut = 0;
  tcb.sndSsthresh = conn.congestion.ssthresh(conn);
  queueCwr(tcb);
}

/**
 * Proportional rate reduction (RFC 6937bis; Linux: `tcp_cwnd_reduction`): of what arrives, as much is sent as brings the window to
 * the threshold by the end of recovery. `advanced`: the ACK moved `sndUna`.
 */
export function cwndReduction(
  conn: Connection,
  delivered: number,
  newlyLost: number,
  advanced: boolean,
): void {
  const { tcb } = conn;
  if (delivered <= 0 || tcb.priorCwnd === 0) return;
  const inFlight = packetsInFlight(tcb);
  const delta = tcb.sndSsthresh - inFlight;
  tcb.prrDelivered += delivered;
  let count: number;
  if (delta < 0) {
    const share = Math.floor((tcb.sndSsthresh * tcb.prrDelivered + tcb.priorCwnd - 1) / tcb.priorCwnd);
    count = share - tcb.prrOut;
  } else {
    count = Math.max(tcb.prrDelivered - tcb.prrOut, delivered);
    if (advanced && newlyLost === 0) count++;
    count = Math.min(delta, count);
  }
  count = Math.max(count, tcb.prrOut > 0 ? 0 : 1);
  tcb.sndCwnd = Math.max(inFlight + count, 1);
}

/** The reduction is over (Linux: `tcp_end_cwnd_reduction`). */
export function endCwndReduction(conn: Connection): void {
  const { tcb, tcp } = conn;
  if (tcb.sndSsthresh < TCP_INFINITE_SSTHRESH && (tcb.caState === TCP_CA_CWR || tcb.undoMarker !== 0)) {
    tcb.sndCwnd = tcb.sndSsthresh;
    tcb.sndCwndStampMs = tcp.now();
  }
}

/** A router says, or the device, that there is too much (Linux: `tcp_enter_cwr`). */
export function enterCwr(conn: Connection): void {
  const { tcb } = conn;
  tcb.priorSsthresh = 0;
  if (tcb.caState >= TCP_CA_CWR) return;
  tcb.undoMarker = 0;
  initCwndReduction(conn);
  setCaState(conn, TCP_CA_CWR);
}
