import type { Sample } from './family.ts';

/** Counts things by two labels. */
export class Tally {
  readonly #names: readonly [string, string];
  readonly #counts = new Map<string, { readonly labels: Readonly<Record<string, string>>; count: number }>();

  constructor(first: string, second: string) {
    this.#names = [first, second];
  }

  add(first: string, second: string): void {
    const key = `${first} ${second}`;
    const known = this.#counts.get(key);
    if (known !== undefined) known.count++;
    else this.#counts.set(key, { labels: { [this.#names[0]]: first, [this.#names[1]]: second }, count: 1 });
  }

  samples(): Sample[] {
    return [...this.#counts.values()].map(({ labels, count }) => [labels, count] as const);
  }
}
