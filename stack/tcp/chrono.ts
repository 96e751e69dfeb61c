import type { Connection } from './connection.ts';

/** What keeps data from being sent (Linux: `enum tcp_chrono`), for `TCP_INFO`. */
const CHRONO_BUSY = 1;
const CHRONO_RWND_LIMITED = 2;
const CHRONO_SNDBUF_LIMITED = 3;

/** Adds the time since the last change to what was the reason then (Linux: `tcp_chrono_set`). */
function set(conn: Connection, kind: number): void {
  const { tcb, tcp } = conn;
  const now = tcp.nowUs();
  const passed = now - tcb.chronoStartUs;
  if (tcb.chronoType >= CHRONO_BUSY) tcb.busyUs += passed;
  if (tcb.chronoType === CHRONO_RWND_LIMITED) tcb.rwndLimitedUs += passed;
  if (tcb.chronoType === CHRONO_SNDBUF_LIMITED) tcb.sndbufLimitedUs += passed;
  tcb.chronoType = kind;
  tcb.chronoStartUs = now;
}

/** A stronger reason replaces a weaker one (Linux: `tcp_chrono_start`). */
function start(conn: Connection, kind: number): void {
  if (kind > conn.tcb.chronoType) set(conn, kind);
}

/** The reason is gone; what is left is that data is on its way, or nothing (Linux: `tcp_chrono_stop`). */
function stop(conn: Connection, kind: number): void {
  if (conn.rtxQueue.empty && conn.writeQueue.empty) {
    if (conn.tcb.chronoType !== 0) set(conn, 0);
  } else if (kind === conn.tcb.chronoType) {
    set(conn, CHRONO_BUSY);
  }
}

export function startBusy(conn: Connection): void {
  start(conn, CHRONO_BUSY);
}
export function stopBusy(conn: Connection): void {
  stop(conn, CHRONO_BUSY);
}
export function startRwndLimited(conn: Connection): void {
  start(conn, CHRONO_RWND_LIMITED);
}
export function stopRwndLimited(conn: Connection): void {
  stop(conn, CHRONO_RWND_LIMITED);
}
export function startSndbufLimited(conn: Connection): void {
  start(conn, CHRONO_SNDBUF_LIMITED);
}
export function stopSndbufLimited(conn: Connection): void {
  stop(conn, CHRONO_SNDBUF_LIMITED);
}

/** Brings the totals up to now, for whoever reads them (Linux: `tcp_get_info_chrono_stats`). */
export function updateChrono(conn: Connection): void {
  if (conn.tcb.chronoType !== 0) set(conn, conn.tcb.chronoType);
}
