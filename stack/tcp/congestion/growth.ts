import type { Tcb } from '../tcb.ts';

/** Slow start (RFC 5681, section 3.1; Linux: `tcp_slow_start`); returns the segments that are left over at the threshold. */
export function slowStart(tcb: Tcb, acked: number): number {
  const cwnd = Math.min(tcb.sndCwnd + acked, tcb.sndSsthresh);
  const left = acked - (cwnd - tcb.sndCwnd);
  tcb.sndCwnd = Math.min(cwnd, tcb.sndCwndClamp);
  return left;
}

/** One segment more for each `window` that arrive (Linux: `tcp_cong_avoid_ai`). */
export function additiveIncrease(tcb: Tcb, window: number, acked: number): void {
  if (tcb.sndCwndCnt >= window) {
    tcb.sndCwndCnt = 0;
    tcb.sndCwnd++;
  }
  tcb.sndCwndCnt += acked;
  if (tcb.sndCwndCnt >= window) {
    const steps = Math.floor(tcb.sndCwndCnt / window);
    tcb.sndCwndCnt -= steps * window;
    tcb.sndCwnd += steps;
  }
  tcb.sndCwnd = Math.min(tcb.sndCwnd, tcb.sndCwndClamp);
}
