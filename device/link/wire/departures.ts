/**
 * When the frames that wait for serialisation will have left, in order: what a drop-tail queue needs to know to tell how
 * long it is, without a timer a frame. A ring that grows to the next power of two and never shrinks.
 */
export class Departures {
  #times = new Float64Array(16);
  #head = 0;
  #length = 0;

  /** Frames that have not left at `now`; forgets those that have. */
  waiting(now: number): number {
    const mask = this.#times.length - 1;
    while (this.#length > 0 && this.#times[this.#head]! <= now) {
      this.#head = (this.#head + 1) & mask;
      this.#length--;
    }
    return this.#length;
  }

  /** Adds a frame that leaves at `time`, which is not before the last one. */
  add(time: number): void {
    if (this.#length === this.#times.length) this.#grow();
    this.#times[(this.#head + this.#length) & (this.#times.length - 1)] = time;
    this.#length++;
  }

  clear(): void {
    this.#length = 0;
  }

  #grow(): void {
    const grown = new Float64Array(this.#times.length * 2);
    for (let i = 0; i < this.#length; i++)
      grown[i] = this.#times[(this.#head + i) & (this.#times.length - 1)]!;
    this.#times = grown;
    this.#head = 0;
  }
}
