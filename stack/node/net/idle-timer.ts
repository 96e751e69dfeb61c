import { AsyncResource } from 'node:async_hooks';
import type { Clock } from '../../../device/clock/clock.ts';
import { Timer } from '../../../device/clock/timer.ts';

/** A time of silence on the stack's clock, which keeps no process alive. */
export class IdleTimer {
  readonly #timer: Timer;
  readonly #context = new AsyncResource('Timeout', { requireManualDestroy: true });
  #ms: number;

  /** Runs from now on. */
  constructor(clock: Clock, ms: number, expired: () => void) {
    this.#ms = ms;
    this.#timer = new Timer(clock, () => this.#context.runInAsyncScope(expired));
    this.#timer.start(ms);
  }

  /** There was activity: the time begins anew. */
  refresh(): void {
    this.#timer.start(this.#ms);
  }

  stop(): void {
    this.#timer.stop();
  }
}
