import type { Clock } from '../../../device/clock/clock.ts';
import type { Answer } from './answer.ts';
import type { DnsCounters } from './counters.ts';

/** Seconds that answers are kept at most: that there is something, and that there is nothing (RFC 2308, section 5). */
const POSITIVE_MOST = 86_400;
const NEGATIVE_MOST = 10_800;

interface Entry {
  readonly answer: Answer;
  /** Milliseconds of the clock. */
  readonly since: number;
  readonly until: number;
}

/** Answers that are still good, the least recently used one first to go. */
export class AnswerCache {
  readonly #clock: Clock;
  readonly #counters: DnsCounters;
  readonly #most: number;
  readonly #entries = new Map<string, Entry>();

  constructor(clock: Clock, counters: DnsCounters, most: number) {
    this.#clock = clock;
    this.#counters = counters;
    this.#most = most;
  }

  get size(): number {
    return this.#entries.size;
  }

  clear(): void {
    this.#entries.clear();
  }

  /** What is known of a question, with the lifetimes that are left; undefined: nothing. */
  get(key: string): Answer | undefined {
    const entry = this.#entries.get(key);
    const now = this.#clock.now();
    if (entry === undefined || entry.until <= now) {
      this.#entries.delete(key);
      this.#counters.cacheMisses++;
      return undefined;
    }
    this.#entries.delete(key);
    this.#entries.set(key, entry);
    if (entry.answer.code === undefined) this.#counters.cacheHits++;
    else this.#counters.negativeHits++;
    const age = Math.floor((now - entry.since) / 1000);
    const records = entry.answer.records.map((record) => ({ ...record, ttl: Math.max(0, record.ttl - age) }));
    return { ...entry.answer, records };
  }

  /** Keeps an answer for its lifetime; one without a lifetime is not kept (RFC 2308, section 5: negative ones need an SOA). */
  put(key: string, answer: Answer): void {
    const most = answer.code === undefined ? POSITIVE_MOST : NEGATIVE_MOST;
    const seconds = Math.min(answer.ttl, most);
    if (seconds <= 0 || this.#most <= 0) return;
    const since = this.#clock.now();
    this.#entries.delete(key);
    this.#entries.set(key, { answer, since, until: since + seconds * 1000 });
    if (this.#entries.size <= this.#most) return;
    for (const oldest of this.#entries.keys()) {
      this.#entries.delete(oldest);
      this.#counters.cacheEvictions++;
      return;
    }
  }
}
