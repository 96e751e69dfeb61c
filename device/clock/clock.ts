import { DeferredQueue, type Work } from './deferred.ts';
import type { Timer } from './timer.ts';
import { TimerWheel } from './wheel.ts';

/**
 * Where a stack takes its time from. Everything that waits, waits on a clock: timers on its wheel, and deferred work at the
 * end of its current batch. Two kinds exist: {@link VirtualClock}, which a test moves, and {@link RealClock}.
 */
export abstract class Clock {
  protected readonly wheel: TimerWheel = new TimerWheel();
  protected readonly deferred: DeferredQueue = new DeferredQueue();
  /** Milliseconds between the Unix epoch and this clock's 0, for timestamps that people read. */
  abstract readonly epoch: number;

  /** Whether time stands still while something runs: nobody may wait by looking again and again. */
  abstract readonly standsStill: boolean;

  /** Milliseconds since the clock began: monotonic, with fractions, of microsecond resolution. */
  abstract now(): number;

  /**
   * The time when the current batch began, in ms like {@link now}: what packets' paths read instead of asking the host for
   * each packet (Linux: `jiffies`).
   */
  abstract recent(): number;

  #watchedFrom = 0;

  /** Begins a turn whose length matters to {@link turnIsLong}. */
  beginTurn(): void {
    this.#watchedFrom = this.now();
  }

  /** Whether the turn has lasted for `ms`. To ask allocates nothing, as to pass moments about would. */
  turnIsLong(ms: number): boolean {
    return this.now() - this.#watchedFrom >= ms;
  }

  /** Runs `work` at the end of the current batch; a second request before that changes nothing. Allocates nothing. */
  defer(work: Work): void {
    this.deferred.push(work);
  }

  /** Runs deferred work now: what a driver calls at the end of a batch of received frames. */
  abstract settle(): void;

  /** Calls `callback` once when the event loop comes round again: for what goes on and on, but leaves others their turn. */
  abstract nextTurn(callback: () => void): void;

  /** Callbacks that wait for the event loop to come round. */
  abstract readonly pendingTurns: number;

  /** How often {@link hold} was called and not yet {@link letGo}. */
  held = 0;

  /**
   * Something waits that a program would be ended too soon without: the process stays alive until {@link letGo}. Timers alone keep
   * none, as a kernel's don't.
   */
  hold(): void {
    if (this.held++ === 0) this.heldChanged();
  }

  /** Ends one {@link hold}. */
  letGo(): void {
    if (--this.held === 0) this.heldChanged();
  }

  /** Somebody began to wait, or nobody does any more. */
  protected heldChanged(): void {}

  /** Number of armed timers. */
  pendingTimers(): number {
    return this.wheel.pending;
  }

  /** Pieces of deferred work that ran so far. */
  deferredRuns(): number {
    return this.deferred.runs;
  }

  /**
   * Used by {@link Timer}: arms it for `atMs` of this clock, rounded to the microsecond; later than 285 years, Infinity
   * included, is then. Throws a RangeError for NaN.
   */
  arm(timer: Timer, atMs: number): void {
    const deadline = Math.min(Math.max(0, Math.round(atMs * 1000)), Number.MAX_SAFE_INTEGER);
    if (Number.isNaN(deadline)) throw new RangeError('a timer needs a moment, not NaN');
    this.wheel.remove(timer);
    timer.deadline = deadline;
    this.wheel.insert(timer);
  }

  /** Used by {@link Timer}: disarms it; returns whether it was armed. */
  disarm(timer: Timer): boolean {
    return this.wheel.remove(timer);
  }
}
