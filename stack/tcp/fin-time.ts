import type { Connection } from './connection.ts';

/** Milliseconds that an orphan waits in FIN-WAIT-2 (Linux: `tcp_fin_time`). */
export function finTime(conn: Connection): number {
  const { tcb, tcp } = conn;
  const set = tcb.linger2Ms > 0 ? tcb.linger2Ms : tcp.settings.finTimeout.value * 1000;
  const rto = tcb.rtoMs;
  return Math.max(set, rto * 4 - rto / 2);
}
