import type { TripleSetting } from './settings.ts';

const PAGE = 4096;

/** What all connections of a stack hold in queues (Linux: `tcp_memory_allocated` under `tcp_mem`). */
export class TcpMemory {
  /** Bytes. */
  used = 0;
  /** Above the second number of `tcp_mem`, until below the first again. */
  pressure = false;
  readonly #limits: TripleSetting;

  constructor(limits: TripleSetting) {
    this.#limits = limits;
  }

  charge(bytes: number): void {
    this.used += bytes;
    if (this.pressure) this.pressure = this.used > this.#limits.min * PAGE;
    else this.pressure = this.used > this.#limits.initial * PAGE;
  }

  /** Whether `bytes` more stay below the third number. */
  admits(bytes: number): boolean {
    return this.used + bytes <= this.#limits.max * PAGE;
  }

  /** Whether so much is used that orphans have to go (Linux: `tcp_out_of_memory`). */
  get exhausted(): boolean {
    return this.used > this.#limits.max * PAGE;
  }
}
