import type { Timer } from './timer.ts';

/**
 * Hierarchical timer wheel (Varghese and Lauck): 9 levels of 64 slots over 54 bits of microseconds.
 *
 * A timer stands at the level of the highest 6-bit digit in which its deadline differs from `elapsed`, so everything at a
 * lower level fires before anything at a higher one, and insertion and removal cost the same however many timers there are.
 * Timers of one microsecond fire in order of insertion: a slot is a list that is only ever appended to, and a cascade
 * empties a slot before anything can be inserted directly into the slots below it.
 */
const DIGIT = 6;
const SLOTS = 1 << DIGIT;
const LOW_LEVELS = 5;
const LEVELS = 9;
/** Deadlines are split here, since JavaScript's bit operations end at 32 bits. */
const LOW_SPAN = 2 ** (DIGIT * LOW_LEVELS);

export class TimerWheel {
  /** Microseconds up to which everything has fired. */
  elapsed = 0;
  /** How many timers are armed. */
  pending = 0;
  readonly #head: (Timer | null)[] = new Array<Timer | null>(LEVELS * SLOTS).fill(null);
  readonly #tail: (Timer | null)[] = new Array<Timer | null>(LEVELS * SLOTS).fill(null);
  /** Two words a level: which of its 64 slots hold a timer. */
  readonly #occupied = new Int32Array(LEVELS * 2);

  /** Arms `timer` for its `deadline`, which is raised to `elapsed` when it lies in the past. */
  insert(timer: Timer): void {
    if (timer.deadline < this.elapsed) timer.deadline = this.elapsed;
    const slot = this.#slotOf(timer.deadline);
    const last = this.#tail[slot]!;
    timer.slot = slot;
    timer.previous = last;
    timer.next = null;
    if (last === null) {
      this.#head[slot] = timer;
      this.#occupied[slot >>> 5]! |= 1 << (slot & 31);
    } else {
      last.next = timer;
    }
    this.#tail[slot] = timer;
    this.pending++;
  }

  /** Disarms `timer`; returns whether it was armed. */
  remove(timer: Timer): boolean {
    const slot = timer.slot;
    if (slot < 0) return false;
    if (timer.previous === null) this.#head[slot] = timer.next;
    else timer.previous.next = timer.next;
    if (timer.next === null) this.#tail[slot] = timer.previous;
    else timer.next.previous = timer.previous;
    if (this.#head[slot] === null) this.#occupied[slot >>> 5]! &= ~(1 << (slot & 31));
    timer.slot = -1;
    timer.previous = null;
    timer.next = null;
    this.pending--;
    return true;
  }

  /**
   * Microseconds of the next moment at which this wheel has work (a timer or a cascade), never later than the next
   * deadline; Infinity when nothing is armed.
   */
  nextMoment(): number {
    for (let level = 0; level < LEVELS; level++) {
      const digit = this.#firstOccupied(level);
      if (digit >= 0) return this.#startOf(level, digit);
    }
    return Number.POSITIVE_INFINITY;
  }

  /**
   * Moves on to the first timer due at or before `target` microseconds, disarms and returns it; null when none is left,
   * with `elapsed` then at `target`.
   */
  takeDue(target: number): Timer | null {
    for (;;) {
      const moment = this.nextMoment();
      if (moment > target) {
        if (target > this.elapsed) this.elapsed = target;
        return null;
      }
      if (moment > this.elapsed) this.elapsed = moment;
      const slot = this.#slotOf(this.elapsed);
      const due = this.#head[slot];
      if (due) {
        this.remove(due);
        return due;
      }
      this.#cascade(moment);
    }
  }

  #cascade(moment: number): void {
    for (let level = 1; level < LEVELS; level++) {
      const digit = this.#firstOccupied(level);
      if (digit < 0) continue;
      if (this.#startOf(level, digit) !== moment) return;
      const slot = level * SLOTS + digit;
      let timer = this.#head[slot]!;
      this.#head[slot] = null;
      this.#tail[slot] = null;
      this.#occupied[slot >>> 5]! &= ~(1 << (slot & 31));
      while (timer) {
        const next = timer.next;
        this.pending--;
        this.insert(timer);
        timer = next!;
      }
      return;
    }
  }

  #slotOf(deadline: number): number {
    const high = Math.floor(deadline / LOW_SPAN);
    const elapsedHigh = Math.floor(this.elapsed / LOW_SPAN);
    if (high !== elapsedHigh) {
      const level = Math.floor((31 - Math.clz32(high ^ elapsedHigh)) / DIGIT);
      return (LOW_LEVELS + level) * SLOTS + ((high >>> (level * DIGIT)) & (SLOTS - 1));
    }
    const low = deadline - high * LOW_SPAN;
    const differing = low ^ (this.elapsed - elapsedHigh * LOW_SPAN);
    const level = differing === 0 ? 0 : Math.floor((31 - Math.clz32(differing)) / DIGIT);
    return level * SLOTS + ((low >>> (level * DIGIT)) & (SLOTS - 1));
  }

  /** The lowest occupied digit of a level: all occupied digits lie at or after `elapsed`'s own. */
  #firstOccupied(level: number): number {
    const low = this.#occupied[level * 2]!;
    if (low !== 0) return 31 - Math.clz32(low & -low);
    const high = this.#occupied[level * 2 + 1]!;
    return high === 0 ? -1 : 63 - Math.clz32(high & -high);
  }

  #startOf(level: number, digit: number): number {
    const span = 2 ** (DIGIT * level);
    const above = span * SLOTS;
    return Math.floor(this.elapsed / above) * above + digit * span;
  }
}
