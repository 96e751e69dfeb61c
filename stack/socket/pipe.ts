import { EAGAIN, EPIPE } from '../../device/errno.ts';
import { O_NONBLOCK, O_WRONLY, POLLERR, POLLHUP, POLLIN, POLLOUT, POLLRDNORM, POLLWRNORM } from './abi.ts';
import type { File } from './file.ts';
import { WaitQueue } from './wait-queue.ts';

/** Bytes that a pipe holds (Linux: 16 pages). */
const CAPACITY = 65_536;
const PAGE = 4096;

/** A pipe's bytes, between its two ends (Linux: `struct pipe_inode_info`). */
export class Pipe {
  readonly reader: PipeEnd;
  readonly writer: PipeEnd;
  readonly #chunks: Uint8Array[] = [];
  /** Bytes in it. */
  length = 0;

  /** `flags`: `O_NONBLOCK` for both ends. */
  constructor(flags: number) {
    this.reader = new PipeEnd(this, flags & O_NONBLOCK);
    this.writer = new PipeEnd(this, O_WRONLY | (flags & O_NONBLOCK));
  }

  /** Bytes that can be written. */
  get room(): number {
    return CAPACITY - this.length;
  }

  /** Takes as many of `bytes` as there is room for. */
  push(bytes: Uint8Array): number {
    const taken = Math.min(bytes.length, this.room);
    if (taken === 0) return 0;
    this.#chunks.push(bytes.slice(0, taken));
    this.length += taken;
    this.reader.wait.wake(POLLIN | POLLRDNORM);
    return taken;
  }

  /** Up to `most` of the oldest bytes that lie together, which stay. */
  peek(most: number): Uint8Array {
    return this.#chunks[0]?.subarray(0, most) ?? new Uint8Array(0);
  }

  /** Takes `bytes` off the front, of which {@link peek} gave that many. */
  consume(bytes: number): void {
    const [head] = this.#chunks;
    if (head === undefined || bytes === 0) return;
    if (bytes < head.length) this.#chunks[0] = head.subarray(bytes);
    else this.#chunks.shift();
    this.length -= bytes;
    if (this.room >= PAGE) this.writer.wait.wake(POLLOUT | POLLWRNORM);
  }
}

/** One end of a pipe: the one that reads, or the one that writes. */
export class PipeEnd implements File {
  readonly pipe: Pipe;
  readonly wait: WaitQueue = new WaitQueue();
  statusFlags: number;
  closed = false;

  constructor(pipe: Pipe, flags: number) {
    this.pipe = pipe;
    this.statusFlags = flags;
  }

  get writes(): boolean {
    return (this.statusFlags & O_WRONLY) !== 0;
  }

  /** Linux: `pipe_poll`. */
  poll(): number {
    const { pipe } = this;
    if (this.writes) {
      const broken = pipe.reader.closed ? POLLERR : 0;
      return broken | (pipe.room >= PAGE ? POLLOUT | POLLWRNORM : 0);
    }
    const ended = pipe.writer.closed ? POLLHUP : 0;
    return ended | (pipe.length > 0 ? POLLIN | POLLRDNORM : 0);
  }

  /** Reads into `target`: bytes, 0 at the end, `-EAGAIN` for none yet. */
  read(target: Uint8Array): number {
    const { pipe } = this;
    let done = 0;
    while (done < target.length && pipe.length > 0) {
      const part = pipe.peek(target.length - done);
      target.set(part, done);
      done += part.length;
      pipe.consume(part.length);
    }
    if (done > 0 || target.length === 0) return done;
    return pipe.writer.closed ? 0 : -EAGAIN;
  }

  /** Writes what there is room for: bytes, `-EAGAIN` for none, `-EPIPE` when nobody can read them. */
  write(bytes: Uint8Array): number {
    const { pipe } = this;
    if (pipe.reader.closed) return -EPIPE;
    const taken = pipe.push(bytes);
    return taken > 0 || bytes.length === 0 ? taken : -EAGAIN;
  }

  close(): void {
    if (this.closed) return;
    this.closed = true;
    this.wait.release();
    const other = this.writes ? this.pipe.reader : this.pipe.writer;
    other.wait.wake(POLLIN | POLLOUT | POLLERR | POLLHUP);
  }
}
