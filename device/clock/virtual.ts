import { Clock } from './clock.ts';

/** Deferred work in one piece of virtual time that must be an endless loop. */
const RUNAWAY = 10_000_000;

/**
 * A clock that stands still until it is moved. With it and a seed, the same inputs give a byte-identical trace.
 *
 * The clock is where its wheel is: microseconds are exact, and timers that share one fire in order of insertion.
 */
export class VirtualClock extends Clock {
  readonly epoch: number;
  readonly standsStill = true;
  #turns: (() => void)[] = [];

  /** `epoch`: milliseconds since the Unix epoch that this clock's 0 stands for in captures. */
  constructor(epoch = 0) {
    super();
    this.epoch = epoch;
  }

  now(): number {
    return this.wheel.elapsed / 1000;
  }

  recent(): number {
    return this.wheel.elapsed / 1000;
  }

  /** Moves on by `ms`, firing every timer on the way at its own moment, with deferred work after each. */
  advance(ms: number): void {
    const target = this.wheel.elapsed + Math.round(ms * 1000);
    this.settle();
    for (let timer = this.wheel.takeDue(target); timer !== null; timer = this.wheel.takeDue(target)) {
      timer.callback(timer);
      this.settle();
    }
  }

  /** Runs deferred work, and timers due at this very moment, until neither is left; time does not move. */
  drain(): void {
    this.advance(0);
  }

  /** Advances from timer to timer until `done()` holds or `limitMs` have passed; returns whether it held. */
  advanceUntil(done: () => boolean, limitMs: number): boolean {
    const end = this.wheel.elapsed + Math.round(limitMs * 1000);
    this.drain();
    while (!done()) {
      const next = this.wheel.nextMoment();
      if (next > end) {
        this.advance((end - this.wheel.elapsed) / 1000);
        return done();
      }
      this.advance((next - this.wheel.elapsed) / 1000);
    }
    return true;
  }

  /** Such callbacks wait for {@link turn}, wherever the time is moved to. */
  get pendingTurns(): number {
    return this.#turns.length;
  }

  nextTurn(callback: () => void): void {
    this.#turns.push(callback);
  }

  /** One turn of an event loop that is not there; returns how many callbacks waited for it. */
  turn(): number {
    const callbacks = this.#turns;
    this.#turns = [];
    for (const callback of callbacks) callback();
    this.settle();
    return callbacks.length;
  }

  settle(): void {
    if (!this.deferred.run(RUNAWAY)) throw new Error('deferred work never ends: a loop between devices?');
  }
}
