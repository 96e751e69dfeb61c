import { type Ipv4, maskOf } from '../wire/address.ts';
import type { FibEntry } from './fib-entry.ts';

/** A count of changes to what packets' ways are found with. */
export interface RouteGeneration {
  value: number;
}

const MASKS: readonly number[] = Array.from({ length: 33 }, (_, length) => maskOf(length) | 0);

/**
 * One routing table (Linux: `struct fib_table`): for each prefix length in use a hash of the prefixes, longest first. A
 * lookup allocates nothing; its cost is one hash probe a length in use.
 *
 * Keys are signed 32-bit integers, which the engine keeps unboxed.
 */
export class FibTable {
  readonly id: number;
  /** Lengths in use, longest first. */
  lengths: readonly number[] = [];
  readonly #prefixes: (Map<number, readonly FibEntry[]> | null)[] = new Array<null>(33).fill(null);

  readonly #generation: RouteGeneration;

  /** `generation` grows with every change of the table. */
  constructor(id: number, generation: RouteGeneration) {
    this.id = id;
    this.#generation = generation;
  }

  /** The routes to the prefix of `length` bits that `address` is in, in order of preference; undefined: none. */
  at(address: Ipv4, length: number): readonly FibEntry[] | undefined {
    return this.#prefixes[length]!.get(address & MASKS[length]!);
  }

  /** The routes to exactly this prefix, in order of preference: higher TOS first, then smaller metric, then age. */
  exactly(destination: Ipv4, length: number): readonly FibEntry[] {
    return this.#prefixes[length]?.get(destination | 0) ?? [];
  }

  /** All routes: longest prefixes last, as `ip route` lists them, then by address. */
  entries(): FibEntry[] {
    const all: FibEntry[] = [];
    for (const length of [...this.lengths].reverse()) {
      const byAddress = [...this.#prefixes[length]!].sort((a, b) => (a[0] >>> 0) - (b[0] >>> 0));
      for (const [, entries] of byAddress) all.push(...entries);
    }
    return all;
  }

  /** Adds a route behind its equals, or in front of them. */
  insert(entry: FibEntry, beforeEquals: boolean): void {
    const entries = this.exactly(entry.destination, entry.prefixLength);
    const at = entries.findIndex((other) =>
      beforeEquals ? preference(entry, other) <= 0 : preference(entry, other) < 0,
    );
    this.#store(entry, entries.toSpliced(at < 0 ? entries.length : at, 0, entry));
  }

  /** Puts `entry` in the place of `old`, which has the same prefix, TOS and metric. */
  replace(old: FibEntry, entry: FibEntry): void {
    const entries = this.exactly(old.destination, old.prefixLength);
    this.#store(
      entry,
      entries.map((other) => (other === old ? entry : other)),
    );
  }

  remove(entry: FibEntry): void {
    const entries = this.exactly(entry.destination, entry.prefixLength);
    this.#store(
      entry,
      entries.filter((other) => other !== entry),
    );
  }

  #store(entry: FibEntry, entries: readonly FibEntry[]): void {
    this.#generation.value++;
    const { prefixLength: length } = entry;
    const map = this.#prefixes[length] ?? new Map<number, readonly FibEntry[]>();
    if (entries.length === 0) map.delete(entry.destination | 0);
    else map.set(entry.destination | 0, entries);
    this.#prefixes[length] = map.size === 0 ? null : map;
    this.lengths = this.#prefixes
      .map((prefixes, index) => (prefixes === null ? -1 : index))
      .filter((used) => used >= 0)
      .reverse();
  }
}

/** Negative: `a` comes before `b`; 0: equals. */
function preference(a: FibEntry, b: FibEntry): number {
  return b.tos - a.tos || a.metric - b.metric;
}
