import { Clock } from './clock.ts';
import { FLUSH, Work } from './deferred.ts';
import type { Timer } from './timer.ts';

/** Deferred work a turn of the event loop (Linux: `net.core.netdev_budget`); the rest goes on in the next turn. */
const BUDGET = 4096;
/** `setTimeout` takes no more than 31 bits. */
const LONGEST_TIMEOUT = 0x7fffffff;

/**
 * The machine's own time. This file and `random.ts` are the only ones below `tools/` that ask the host for anything.
 *
 * One `setTimeout` stands behind the whole wheel. Deferred work runs when a driver's batch ends (`settle`), or else in a
 * microtask at the end of the current tick. Node runs timeouts before it reads: they wait until it has, or the retransmission
 * timers of a process that was not scheduled, or had a long turn, would expire beside the acknowledgements that it is to read.
 */
export class RealClock extends Clock {
  readonly epoch: number;
  readonly standsStill = false;
  readonly #origin: number;
  readonly #onTimeout = (): void => {
    setImmediate(this.#onTurn);
  };
  readonly #onTurn = (): void => this.#fire();
  readonly #onTick = (): void => {
    this.#tickScheduled = false;
    this.settle();
  };
  /** Ends the batch whose time `recent` gave, when nothing else does. */
  readonly #endOfBatch = new Work(() => {}, FLUSH);
  readonly #onNextTurn = (callback: () => void): void => {
    this.#pendingTurns--;
    callback();
  };
  #pendingTurns = 0;
  #recent = 0;
  #recentIsValid = false;
  #timeout: NodeJS.Timeout | undefined;
  #armedFor = Number.POSITIVE_INFINITY;
  #tickScheduled = false;
  #settling = false;
  #referenced = false;
  /** What keeps the process alive while somebody waits. */
  #anchor: NodeJS.Timeout | undefined;

  constructor() {
    super();
    this.#origin = performance.now();
    this.epoch = performance.timeOrigin + this.#origin;
  }

  now(): number {
    return performance.now() - this.#origin;
  }

  recent(): number {
    if (!this.#recentIsValid) {
      this.#recent = this.now();
      this.#recentIsValid = true;
      this.defer(this.#endOfBatch);
    }
    return this.#recent;
  }

  override defer(work: Work): void {
    super.defer(work);
    if (this.#settling || this.#tickScheduled) return;
    this.#tickScheduled = true;
    queueMicrotask(this.#onTick);
  }

  settle(): void {
    if (this.#settling) return;
    this.#settling = true;
    try {
      this.deferred.run(BUDGET);
    } finally {
      this.#settling = false;
      this.#recentIsValid = false;
      if (!this.deferred.empty && !this.#tickScheduled) {
        this.#tickScheduled = true;
        setImmediate(this.#onTick);
      }
    }
  }

  nextTurn(callback: () => void): void {
    this.#pendingTurns++;
    setImmediate(this.#onNextTurn, callback);
  }

  get pendingTurns(): number {
    return this.#pendingTurns;
  }

  override arm(timer: Timer, atMs: number): void {
    super.arm(timer, atMs);
    if (timer.deadline < this.#armedFor) this.#rearm();
  }

  override disarm(timer: Timer): boolean {
    const armed = super.disarm(timer);
    // A timeout behind an empty wheel would keep the process alive for nothing.
    if (armed && this.wheel.pending === 0) this.#rearm();
    return armed;
  }

  /** Fires what is due now, for drivers that poll without giving the event loop a turn. */
  poll(): void {
    if (this.now() * 1000 >= this.#armedFor) this.#fire();
  }

  /** Whether armed timers keep the process alive, too; they don't unless told to. */
  keepAlive(on: boolean): void {
    this.#referenced = on;
    if (on) this.#timeout?.ref();
    else this.#timeout?.unref();
  }

  protected override heldChanged(): void {
    if (this.held === 0) {
      this.#anchor?.unref();
      return;
    }
    this.#anchor ??= setInterval(() => {}, LONGEST_TIMEOUT);
    this.#anchor.ref();
  }

  #fire(): void {
    clearTimeout(this.#timeout);
    this.#timeout = undefined;
    this.#armedFor = Number.NEGATIVE_INFINITY;
    this.#recentIsValid = false;
    try {
      const due = Math.floor(this.now() * 1000);
      for (let timer = this.wheel.takeDue(due); timer !== null; timer = this.wheel.takeDue(due)) {
        timer.callback(timer);
      }
      this.settle();
    } finally {
      this.#rearm();
    }
  }

  #rearm(): void {
    clearTimeout(this.#timeout);
    this.#timeout = undefined;
    this.#armedFor = this.wheel.nextMoment();
    if (this.#armedFor === Number.POSITIVE_INFINITY) return;
    const delay = Math.ceil(this.#armedFor / 1000 - this.now());
    this.#timeout = setTimeout(this.#onTimeout, Math.min(Math.max(delay, 0), LONGEST_TIMEOUT));
    if (!this.#referenced) this.#timeout.unref();
  }
}
