import { ECONNREFUSED, ECONNRESET, EPIPE, ETIMEDOUT } from '../../device/errno.ts';
import { MIB } from '../counters.ts';
import { POLLERR, POLLHUP, POLLIN, POLLOUT, POLLRDHUP } from '../socket/abi.ts';
import { stopBusy } from './chrono.ts';
import type { Connection } from './connection.ts';
import { judgeFastOpen } from './fastopen-blackhole.ts';
import { leaveFastOpenQueue } from './fastopen-queue.ts';
import type { SegmentList } from './segment-list.ts';
import { TCP_CLOSE, TCP_CLOSE_WAIT, TCP_SYN_RECV, TCP_SYN_SENT } from './tcb.ts';

const ALL_EVENTS = POLLIN | POLLOUT | POLLERR | POLLHUP | POLLRDHUP;

/** Forgets all that was written and is not acknowledged (Linux: `tcp_write_queue_purge`). */
export function purgeWriteQueue(conn: Connection): void {
  const { tcb } = conn;
  empty(conn, conn.writeQueue);
  empty(conn, conn.rtxQueue);
  conn.sentOrder.first = null;
  conn.sentOrder.last = null;
  conn.highestSack = null;
  conn.retransmitHint = null;
  conn.sendBuffer.clear();
  conn.lent?.purge(conn);
  tcb.packetsOut = 0;
  tcb.sackedOut = 0;
  tcb.lostOut = 0;
  tcb.retransOut = 0;
  tcb.backoff = 0;
  stopBusy(conn);
}

function empty(conn: Connection, list: SegmentList): void {
  for (let segment = list.head; segment !== null; segment = list.head) {
    list.remove(segment);
    conn.freeSegment(segment);
  }
}

/** The connection is over; what it received can still be read by its owner (Linux: `tcp_done`). */
export function done(conn: Connection): void {
  const { tcb, tcp } = conn;
  if (tcb.state === TCP_SYN_SENT || tcb.state === TCP_SYN_RECV) tcp.mib.add(MIB.TcpAttemptFails);
  conn.setState(TCP_CLOSE);
  conn.stopTimers();
  leaveFastOpenQueue(conn, false);
  tcb.shutdown = 3;
  if (tcb.orphaned === 0) conn.notify(ALL_EVENTS);
  else destroy(conn);
}

/** Gives back all that a connection holds (Linux: `inet_csk_destroy_sock`). */
export function destroy(conn: Connection): void {
  if (conn.destroyed) return;
  conn.destroyed = true;
  leaveFastOpenQueue(conn, false);
  judgeFastOpen(conn);
  conn.setState(TCP_CLOSE);
  conn.stopTimers();
  purgeWriteQueue(conn);
  conn.receiveQueue.clear();
  conn.outOfOrder.clear();
  conn.account();
  conn.tcp.forget(conn);
}

/** Ends with an error that the owner is told (Linux: `tcp_write_err`, `tcp_done_with_error`). `errno`: positive. */
export function doneWithError(conn: Connection, errno: number): void {
  const { tcb } = conn;
  tcb.error = errno;
  purgeWriteQueue(conn);
  done(conn);
}

/** Time ran out (Linux: `tcp_write_err`). */
export function timedOut(conn: Connection): void {
  const { tcb, tcp } = conn;
  tcp.mib.add(MIB.TcpExtTCPAbortOnTimeout);
  doneWithError(conn, tcb.softError !== 0 ? tcb.softError : ETIMEDOUT);
}

/** The peer has reset the connection (Linux: `tcp_reset`). */
export function resetReceived(conn: Connection): void {
  const { state } = conn;
  if (state === TCP_CLOSE) return;
  doneWithError(conn, state === TCP_SYN_SENT ? ECONNREFUSED : state === TCP_CLOSE_WAIT ? EPIPE : ECONNRESET);
}
