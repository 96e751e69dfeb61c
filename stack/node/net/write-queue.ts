import { AsyncResource } from 'node:async_hooks';

/** Hears how a write ended: 0 or a negated errno. */
export type WriteDone = (status: number) => void;

/** What was written and not taken at once: the buffers are the writer's, and may not change until it hears of them. */
class PendingWrite {
  readonly iov: Uint8Array[];
  readonly done: WriteDone;
  readonly context: AsyncResource = new AsyncResource('WRITEWRAP', { requireManualDestroy: true });
  next: PendingWrite | null = null;

  constructor(iov: Uint8Array[], done: WriteDone) {
    this.iov = iov;
    this.done = done;
  }
}

/** Sends buffers; bytes taken, or a negated errno. */
type Send = (iov: readonly Uint8Array[]) => number;

/** Writes that wait for room in the send buffer, first come, first served. */
export class WriteQueue {
  #first: PendingWrite | null = null;
  #last: PendingWrite | null = null;
  /** Bytes that wait. */
  bytes = 0;

  get empty(): boolean {
    return this.#first === null;
  }

  /** Adds a write of which the first `taken` bytes are gone already. */
  push(iov: readonly Uint8Array[], taken: number, length: number, done: WriteDone): void {
    const write = new PendingWrite([...iov], done);
    dropFront(write.iov, taken);
    this.bytes += length - taken;
    if (this.#last === null) this.#first = write;
    else this.#last.next = write;
    this.#last = write;
  }

  /** Sends what there is room for and tells those whose bytes are gone; a negated errno ends all, also those behind. */
  flush(send: Send): number {
    for (let write = this.#first; write !== null; write = this.#first) {
      const taken = send(write.iov);
      if (taken < 0) return taken;
      this.bytes -= taken;
      dropFront(write.iov, taken);
      if (write.iov.length > 0) return 0;
      this.#finish(write, 0);
    }
    return 0;
  }

  /** All that wait hear `status`. */
  fail(status: number): void {
    this.bytes = 0;
    for (let write = this.#first; write !== null; write = this.#first) this.#finish(write, status);
  }

  #finish(write: PendingWrite, status: number): void {
    this.#first = write.next;
    if (this.#first === null) this.#last = null;
    write.context.runInAsyncScope(write.done, undefined, status);
    write.context.emitDestroy();
  }
}

/** Takes the first `bytes` off the buffers. */
function dropFront(iov: Uint8Array[], bytes: number): void {
  let left = bytes;
  let whole = 0;
  while (whole < iov.length && iov[whole]!.length <= left) left -= iov[whole++]!.length;
  if (whole > 0) iov.splice(0, whole);
  if (left > 0) iov[0] = iov[0]!.subarray(left);
}
