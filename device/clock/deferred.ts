/**
 * Work that waits for the end of the batch or tick in which it was asked for (Linux: softirq and work queues).
 *
 * Made once by its owner; scheduling it again before it ran is no second run. Stage `WORK` runs first, in order of
 * scheduling, together with all the work that it schedules itself; `FLUSH` (transmit rings) runs when no `WORK` is left.
 */
export class Work {
  readonly run: () => void;
  readonly stage: Stage;
  scheduled = false;

  constructor(run: () => void, stage: Stage = WORK) {
    this.run = run;
    this.stage = stage;
  }
}

export const WORK = 0;
export const FLUSH = 1;
export type Stage = typeof WORK | typeof FLUSH;

/** Work done before its entries are cut off a queue that never runs empty. */
const COMPACT_AT = 1024;

export class DeferredQueue {
  readonly #stages: [Work[], Work[]] = [[], []];
  readonly #heads: [number, number] = [0, 0];

  get empty(): boolean {
    return this.#stages[0].length === 0 && this.#stages[1].length === 0;
  }

  push(work: Work): void {
    if (work.scheduled) return;
    work.scheduled = true;
    this.#stages[work.stage].push(work);
  }

  /** Runs up to `budget` pieces of work; returns whether everything was done. */
  run(budget: number): boolean {
    for (let left = budget; left > 0; left--) {
      const work = this.#take(WORK) ?? this.#take(FLUSH);
      if (work === undefined) return true;
      work.scheduled = false;
      work.run();
    }
    return this.empty;
  }

  #take(stage: Stage): Work | undefined {
    const queue = this.#stages[stage];
    if (queue.length === 0) return undefined;
    const work = queue[this.#heads[stage]++]!;
    if (this.#heads[stage] === queue.length) {
      queue.length = 0;
      this.#heads[stage] = 0;
    } else if (this.#heads[stage] === COMPACT_AT) {
      queue.splice(0, COMPACT_AT);
      this.#heads[stage] = 0;
    }
    return work;
  }
}
