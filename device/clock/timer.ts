import type { Clock } from './clock.ts';

/** A microsecond: the resolution of every clock. */
const TICK_MS = 0.001;

/**
 * One timer, made once by its owner and armed as often as needed; arming allocates nothing.
 *
 * Its deadline is kept in whole microseconds of the clock, so that a snapshot can save `remaining` and a restored
 * owner can `start(remaining)`.
 */
export class Timer {
  readonly clock: Clock;
  readonly callback: (timer: Timer) => void;
  /** Microseconds of the clock at which it fires; meaningful while `pending`. */
  deadline = 0;
  /** Index of the wheel's slot that holds it, or -1: not armed. */
  slot = -1;
  previous: Timer | null = null;
  next: Timer | null = null;

  constructor(clock: Clock, callback: (timer: Timer) => void) {
    this.clock = clock;
    this.callback = callback;
  }

  get pending(): boolean {
    return this.slot >= 0;
  }

  /** Milliseconds until it fires, 0 when overdue, -1 when not armed. */
  get remaining(): number {
    return this.slot < 0 ? -1 : Math.max(0, this.deadline / 1000 - this.clock.now());
  }

  /**
   * Arms it `delayMs` from now, replacing an earlier deadline (Linux: `mod_timer`). A delay is never rounded to none: who waits
   * for the last picosecond of what has fractions would wait for ever, at one moment of a virtual clock.
   */
  start(delayMs: number): void {
    const delay = delayMs > 0 ? Math.max(delayMs, TICK_MS) : delayMs;
    this.clock.arm(this, this.clock.now() + delay);
  }

  /** Arms it for the moment `atMs` of its clock; a moment in the past fires as soon as timers run. */
  startAt(atMs: number): void {
    this.clock.arm(this, atMs);
  }

  /** Disarms it; returns whether it was armed (Linux: `timer_delete`). */
  stop(): boolean {
    return this.clock.disarm(this);
  }
}
