import type { Connection } from './connection.ts';
import { TCP_SYN_RECV } from './tcb.ts';

/** How long a connection that its client has reset still counts, ms. */
const RESET_HOLD_MS = 60_000;

/**
 * Connections of a listener that were opened by data in a SYN and whose handshake is not over. Only so many may be, for any host can
 * have sent such a SYN under another's address; that it gave rise to a reset tells of it, so that those count on for a minute
 * (RFC 7413, section 5.1; Linux: `struct fastopen_queue`).
 */
export class FastOpenQueue {
  /** With those that were reset. */
  length = 0;
  /** When each of those stops to count, ms, oldest first. */
  readonly #resets: number[] = [];

  /** Whether one more has room among `most` (Linux: `tcp_fastopen_queue_check`). */
  hasRoom(most: number, nowMs: number): boolean {
    if (this.length < most) return true;
    const oldest = this.#resets[0];
    if (oldest === undefined || oldest > nowMs) return false;
    this.#resets.shift();
    this.length--;
    return true;
  }

  /** One that was reset counts on. */
  hold(nowMs: number): void {
    this.#resets.push(nowMs + RESET_HOLD_MS);
    this.length++;
  }
}

/** Whether a connection is open by the data of a SYN, before the handshake is over (Linux: `tcp_passive_fastopen`). */
export function isPassiveFastOpen(conn: Connection): boolean {
  return conn.request !== null && conn.tcb.state === TCP_SYN_RECV;
}

/** The handshake of a connection that a SYN's data opened is over; `reset`: by a reset (Linux: `reqsk_fastopen_remove`). */
export function leaveFastOpenQueue(conn: Connection, reset: boolean): void {
  const { request } = conn;
  if (request === null) return;
  conn.request = null;
  const { listener } = request;
  if (listener === null) return;
  listener.fastOpen.length--;
  const accepted = conn.listener === null;
  if (reset && accepted && !listener.closed) listener.fastOpen.hold(conn.tcp.now());
}
