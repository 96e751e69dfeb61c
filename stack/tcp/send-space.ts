import { POLLOUT, POLLWRNORM } from '../socket/abi.ts';
import { stopSndbufLimited } from './chrono.ts';
import type { Connection } from './connection.ts';
import { SEGMENT_OVERHEAD, SNDBUF_LOCK } from './constants.ts';
import { packetsInFlight } from './tcb.ts';

/** Bytes that were written and not sent (Linux: `tcp_notsent_lowat` compares them). */
export function unsentBytes(conn: Connection): number {
  return (conn.tcb.writeSeq - conn.tcb.sndNxt) >>> 0;
}

/** Whether the low-water mark of unsent bytes lets more be written (Linux: `tcp_stream_memory_free`). */
function belowLowat(conn: Connection, wake: number): boolean {
  const { tcb, tcp } = conn;
  const lowat = tcb.notsentLowat !== 0 ? tcb.notsentLowat : tcp.settings.notsentLowat.value;
  return unsentBytes(conn) * 2 ** wake < lowat;
}

/** Whether a write may begin (Linux: `sk_stream_memory_free`). */
export function mayWrite(conn: Connection): boolean {
  return conn.writeMemory < conn.tcb.sndbuf && belowLowat(conn, 0);
}

/** Whether the socket counts as writable: a third of the buffer is free (Linux: `sk_stream_is_writeable`). */
export function isWritable(conn: Connection): boolean {
  const used = conn.writeMemory;
  return conn.tcb.sndbuf - used >= used >> 1 && belowLowat(conn, 1);
}

/** The send buffer grows with the congestion window (Linux: `tcp_sndbuf_expand`). */
export function expandSndbuf(conn: Connection): void {
  const { tcb, tcp } = conn;
  if ((tcb.bufferLocks & SNDBUF_LOCK) !== 0) return;
  const segment = Math.max(tcb.mssClamp, tcb.mssCache) + 320 + SEGMENT_OVERHEAD - 320;
  const rounded = 2 ** Math.ceil(Math.log2(segment));
  const segments = Math.max(10, tcb.sndCwnd, tcb.reordering + 1);
  const wanted = 2 * segments * rounded;
  if (tcb.sndbuf >= wanted) return;
  tcb.sndbuf = Math.min(wanted, tcp.settings.wmem.max);
  conn.owner?.buffersTuned();
}

/** Something was acknowledged: there may be room to write (Linux: `tcp_check_space`). */
export function checkSpace(conn: Connection): void {
  const { tcb, tcp } = conn;
  if (!conn.wantsSpace) return;
  const grows =
    (tcb.bufferLocks & SNDBUF_LOCK) === 0 && !tcp.memory.pressure && packetsInFlight(tcb) < tcb.sndCwnd;
  if (grows) {
    expandSndbuf(conn);
    tcb.sndCwndStampMs = tcp.now();
  }
  if (!isWritable(conn)) return;
  conn.wantsSpace = false;
  stopSndbufLimited(conn);
  conn.notify(POLLOUT | POLLWRNORM);
}
