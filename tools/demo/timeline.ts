/** One line of a timeline. */
export interface Moment {
  /** Milliseconds since the machine began to move; negative before. */
  readonly at: number;
  /** Who: `vm`, `switch`, `peer`. */
  readonly who: string;
  readonly what: string;
}

/** What happened, in order. */
export class Timeline {
  /** The moment that counts as 0, in milliseconds of the clock. */
  origin = 0;
  readonly #now: () => number;
  readonly #moments: Moment[] = [];
  #ended = false;

  constructor(now: () => number) {
    this.#now = now;
  }

  add(who: string, what: string): void {
    if (!this.#ended) this.#moments.push({ at: this.#now() - this.origin, who, what });
  }

  /** What there is by now; later moments, those of taking all down, are no part of the story. */
  end(): readonly Moment[] {
    this.#ended = true;
    return this.#moments;
  }

  /** Adds a moment that was seen earlier, at `time` of the clock, in its place. */
  insert(time: number, who: string, what: string): void {
    const at = time - this.origin;
    const place = this.#moments.findIndex((moment) => moment.at > at);
    this.#moments.splice(place < 0 ? this.#moments.length : place, 0, { at, who, what });
  }
}

/** `   +50.000 ms  vm      carrier on`. */
export function formatMoment({ at, who, what }: Moment): string {
  const ms = `${at < 0 ? '' : '+'}${at.toFixed(3)} ms`;
  return `${ms.padStart(15)}  ${who.padEnd(6)}  ${what}`;
}
