/**
 * The configuration lock (Linux: RTNL) as JavaScript needs it: a synchronous critical section with a depth, whose end
 * completes what was put off. All notifiers run inside it; nothing in it may `await`.
 */
export class Rtnl {
  #depth = 0;
  readonly #todo: (() => void)[] = [];

  /** Whether a configuration change is under way. */
  get held(): boolean {
    return this.#depth > 0;
  }

  /** Runs `change` inside the section; sections nest. */
  run<T>(change: () => T): T {
    this.#depth++;
    try {
      return change();
    } finally {
      this.#depth--;
      if (this.#depth === 0) this.#drain();
    }
  }

  /** Puts `work` off until the outermost section ends (Linux: `net_todo_list`). */
  afterwards(work: () => void): void {
    if (this.#depth === 0) work();
    else this.#todo.push(work);
  }

  #drain(): void {
    for (let work = this.#todo.shift(); work !== undefined; work = this.#todo.shift()) work();
  }
}
