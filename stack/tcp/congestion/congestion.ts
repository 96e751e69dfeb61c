import type { Connection } from '../connection.ts';

/**
 * How a connection's congestion window grows and shrinks (Linux: `struct tcp_congestion_ops`). One object a connection, whose
 * state are its numbers. It must not send, and must not keep the connection.
 */
export interface Congestion {
  readonly name: string;
  /** The connection is established, or chose this algorithm (`init`). */
  begin(conn: Connection): void;
  /** The threshold after a loss (`ssthresh`). */
  ssthresh(conn: Connection): number;
  /** `acked` segments arrived in order, outside of any reduction (`cong_avoid`). */
  grow(conn: Connection, acked: number): void;
  /** The window to go back to when a reduction was for nothing (`undo_cwnd`). */
  undoCwnd(conn: Connection): number;
  /** An ACK was taken in; `rttUs`: the round-trip time that it shows, -1: none (`pkts_acked`). */
  acked(conn: Connection, rttUs: number): void;
  /** The congestion state becomes `state`, `TCP_CA_*` (`set_state`). */
  stateChanges(conn: Connection, state: number): void;
  /** The first segment goes out after nothing was out (`CA_EVENT_TX_START`). */
  transmissionStarts(conn: Connection): void;
  /** Its numbers, for a snapshot; times are moments of TCP's clock. */
  save(): Record<string, number>;
  /** Puts back what `save` gave; `shiftMs` is added to moments. Throws a `TypeError` for what is none of its numbers. */
  load(saved: Readonly<Record<string, unknown>>, shiftMs: number): void;
}
