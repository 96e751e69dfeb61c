/**
 * Work that waits for the end of the batch or tick in which it was asked for (Linux: softirq and work queues).
 *
 * Made once by its owner; scheduling it again before it ran is no second run. Stage `INPUT` (what was held of a batch goes up)
 * runs first; then `WORK`, in order of scheduling, together with all the work that it schedules itself; `FLUSH` (transmit
 * rings) when no `WORK` is left.
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

export const INPUT = 0;
export const WORK = 1;
export const FLUSH = 2;
export type Stage = typeof INPUT | typeof WORK | typeof FLUSH;

/** First in, first out; its ring grows when it must and never shrinks, so that a steady state allocates nothing. */
class WorkRing {
  #ring: (Work | null)[] = new Array<Work | null>(16).fill(null);
  #head = 0;
  #length = 0;

  get empty(): boolean {
    return this.#length === 0;
  }

  push(work: Work): void {
    if (this.#length === this.#ring.length) this.#grow();
    this.#ring[(this.#head + this.#length++) & (this.#ring.length - 1)] = work;
  }

  shift(): Work | null {
    if (this.#length === 0) return null;
    const work = this.#ring[this.#head]!;
    this.#ring[this.#head] = null;
    this.#head = (this.#head + 1) & (this.#ring.length - 1);
    this.#length--;
    return work;
  }

  #grow(): void {
    const old = this.#ring;
    this.#ring = [
      ...old.slice(this.#head),
      ...old.slice(0, this.#head),
      ...new Array<null>(old.length).fill(null),
    ];
    this.#head = 0;
  }
}

/** What is deferred; bounded, since each piece of work is queued at most once. */
export class DeferredQueue {
  readonly #input: WorkRing = new WorkRing();
  readonly #work: WorkRing = new WorkRing();
  readonly #flush: WorkRing = new WorkRing();

  /** Pieces of work that ran. */
  runs = 0;

  get empty(): boolean {
    return this.#input.empty && this.#work.empty && this.#flush.empty;
  }

  push(work: Work): void {
    if (work.scheduled) return;
    work.scheduled = true;
    if (work.stage === WORK) this.#work.push(work);
    else if (work.stage === INPUT) this.#input.push(work);
    else this.#flush.push(work);
  }

  /** Runs up to `budget` pieces of work; returns whether everything was done. */
  run(budget: number): boolean {
    for (let left = budget; left > 0; left--) {
      const work = this.#input.shift() ?? this.#work.shift() ?? this.#flush.shift();
      if (work === null) return true;
      work.scheduled = false;
      this.runs++;
      work.run();
    }
    return this.empty;
  }
}
