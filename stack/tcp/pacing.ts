import type { Connection } from './connection.ts';
import { PACING_UNLIMITED } from './constants.ts';
import type { Tcb } from './tcb.ts';

/**
 * Pacing: segments leave at `pacingRate`, not in bursts (Linux: `sk_pacing_rate`, `tcp_wstamp_ns`). A connection is paced that
 * was given a rate (SO_MAX_PACING_RATE), or whose device paces its flows. The wait is always TCP's own, as Linux's is when the
 * device's queue does not do it, so that what waits stays in the send queue.
 */

/** Segments that go out before pacing begins, so that the first window is not stretched. */
const UNPACED_SEGMENTS = 10;

/** Whether a connection's segments are spread out (Linux: `sk_pacing_status`). */
export function isPaced(conn: Connection): boolean {
  return conn.tcb.paced !== 0 || conn.path?.dev.discipline.paces === true;
}

/** The connection may send no faster than `rate` bytes a second, {@link PACING_UNLIMITED}: as it likes (Linux: `SO_MAX_PACING_RATE`). */
export function limitPacingRate(tcb: Tcb, rate: number): void {
  if (rate !== PACING_UNLIMITED) tcb.paced = 1;
  tcb.maxPacingRate = rate;
  tcb.pacingRate = Math.min(tcb.pacingRate, rate);
}

/** Whether the next segment's time has not come; the timer then sends it (Linux: `tcp_pacing_check`). */
export function pacingHolds(conn: Connection): boolean {
  const { tcb, tcp } = conn;
  if (!isPaced(conn)) return false;
  const wait = Math.ceil(tcb.departureUs) - tcp.nowUs();
  if (wait <= 0) return false;
  if (!conn.pacingTimer.pending) conn.pacingTimer.start(wait / 1000);
  return true;
}

/** `bytes` of data were sent: when the next may go (Linux: `tcp_update_skb_after_send`). Time that went unused is made up for in part. */
export function pace(conn: Connection, bytes: number): void {
  const { tcb, tcp } = conn;
  const before = tcb.departureUs;
  tcb.departureUs = Math.max(before, tcp.nowUs());
  const { pacingRate } = tcb;
  if (bytes === 0 || pacingRate === 0 || pacingRate === PACING_UNLIMITED) return;
  if (tcb.dataSegsOut < UNPACED_SEGMENTS || !isPaced(conn)) return;
  const length = (bytes * 1_000_000) / pacingRate;
  tcb.departureUs += length - Math.min(length / 2, tcb.departureUs - before);
}
