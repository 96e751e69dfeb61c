/** Ranges of whole numbers, kept apart and in order: which bytes of a stream have arrived. */
export class Intervals {
  /** Start and end of each, in turn. */
  readonly #bounds: number[] = [];

  /** End of the range that begins at or before `from`; `from` when it is in none. */
  endFrom(from: number): number {
    for (let i = 0; i < this.#bounds.length; i += 2)
      if (this.#bounds[i]! <= from && from < this.#bounds[i + 1]!) return this.#bounds[i + 1]!;
    return from;
  }

  /** Whether `[from, to)` lies in one of them. */
  covers(from: number, to: number): boolean {
    return this.endFrom(from) >= to;
  }

  add(from: number, to: number): void {
    if (to <= from) return;
    const bounds = this.#bounds;
    // From the end: what arrives is mostly new.
    let at = bounds.length;
    while (at > 0 && bounds[at - 2]! > from) at -= 2;
    if (at > 0 && bounds[at - 1]! >= from) {
      at -= 2;
      if (bounds[at + 1]! >= to) return;
      bounds[at + 1] = to;
    } else {
      bounds.splice(at, 0, from, to);
    }
    let behind = at + 2;
    while (behind < bounds.length && bounds[behind]! <= bounds[at + 1]!) {
      bounds[at + 1] = Math.max(bounds[at + 1]!, bounds[behind + 1]!);
      behind += 2;
    }
    bounds.splice(at + 2, behind - at - 2);
  }
}
