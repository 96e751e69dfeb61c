import type { Moment } from './timeline.ts';

/** The two ways in which a machine moves: nobody says so, or it is announced. */
export type Way = 'silent' | 'notified';

/** What came of one run. */
export interface RunResult {
  readonly way: Way;
  /** Milliseconds from the last answer that the peer got before the machine moved to the first one after. */
  readonly outageMs: number;
  /** No answer came within the cap; the outage is at least so long. */
  readonly capped: boolean;
  /** Echo requests that were not answered. */
  readonly lost: number;
  readonly sent: number;
  /** Frames that the switch still sent to the port that the machine had left. */
  readonly leftBehind: number;
  /** Port on which the switch knew the machine: before it moved, when it had its carrier again, at the end. */
  readonly fdb: { readonly before: string; readonly carrierUp: string; readonly after: string };
  readonly timeline: readonly Moment[];
}

/** A setting that the outage depends on, for the reader. */
export interface Setting {
  readonly name: string;
  readonly value: string;
}

/** Milliseconds to the microsecond, as clocks here have them. */
export function toMicroseconds(ms: number): number {
  return Math.round(ms * 1000) / 1000;
}
