/** Turns that brought exactly one frame each, behind which the next one is expected to do so too. */
const SETTLED = 8;
/** Turns that rely on that before one looks for more again. */
const RELIED = 8;

/**
 * How many frames a turn of the event loop reads. All that are there, and finding that there are no more takes a system call of its own.
 * Where question follows answer each turn brings one frame: then one is read and no more; should there be more after all, the event
 * loop comes back at once.
 */
export class ReceivePace {
  #alone = 0;

  /** Whether this turn reads one frame only. */
  get single(): boolean {
    return this.#alone >= SETTLED;
  }

  /** A turn has read so many frames; one that finds none says nothing. */
  turn(frames: number): void {
    if (frames === 0) return;
    if (this.#alone >= SETTLED)
      this.#alone = this.#alone < SETTLED + RELIED - 1 ? this.#alone + 1 : SETTLED - 1;
    else this.#alone = frames === 1 ? this.#alone + 1 : 0;
  }
}
