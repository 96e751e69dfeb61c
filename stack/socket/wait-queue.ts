/** One that waits for what happens to a file. It is in at most one queue, and made once by its owner. */
export abstract class Waiter {
  queue: WaitQueue | null = null;
  previous: Waiter | null = null;
  next: Waiter | null = null;
  /** Of those, one is enough to be woken (Linux: `WQ_FLAG_EXCLUSIVE`). */
  exclusive = false;

  /**
   * Something happened: `events` are `POLL*` bits. It runs inside the protocol, so it notes and schedules but does not call back into
   * the socket. Returns whether that was what it waited for.
   */
  abstract wake(events: number): boolean;

  /** The file was closed, and the waiter taken off its queue. */
  released(): void {}
}

/** Those who wait for a file's events (Linux: `wait_queue_head_t`). Waking allocates nothing. */
export class WaitQueue {
  #first: Waiter | null = null;
  #last: Waiter | null = null;
  /** The next one to be woken by the walk that is under way. */
  #cursor: Waiter | null = null;

  get empty(): boolean {
    return this.#first === null;
  }

  /** Adds a waiter, exclusive ones behind the others. */
  add(waiter: Waiter): void {
    waiter.queue?.remove(waiter);
    waiter.queue = this;
    if (waiter.exclusive) {
      waiter.previous = this.#last;
      if (this.#last === null) this.#first = waiter;
      else this.#last.next = waiter;
      this.#last = waiter;
      return;
    }
    waiter.next = this.#first;
    if (this.#first === null) this.#last = waiter;
    else this.#first.previous = waiter;
    this.#first = waiter;
  }

  /** Removes a waiter, also during a walk; nothing when it is not here. */
  remove(waiter: Waiter): void {
    if (waiter.queue !== this) return;
    if (this.#cursor === waiter) this.#cursor = waiter.next;
    if (waiter.previous === null) this.#first = waiter.next;
    else waiter.previous.next = waiter.next;
    if (waiter.next === null) this.#last = waiter.previous;
    else waiter.next.previous = waiter.previous;
    waiter.previous = null;
    waiter.next = null;
    waiter.queue = null;
  }

  /** Wakes all waiters, and of the exclusive ones the first that has a use for it. */
  wake(events: number): void {
    for (let waiter = this.#first; waiter !== null; waiter = this.#cursor) {
      this.#cursor = waiter.next;
      if (waiter.wake(events) && waiter.exclusive) break;
    }
    this.#cursor = null;
  }

  /** The file is closed: takes every waiter off and tells it. */
  release(): void {
    for (let waiter = this.#first; waiter !== null; waiter = this.#first) {
      this.remove(waiter);
      waiter.released();
    }
  }
}
