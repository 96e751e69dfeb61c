import { createHash } from 'node:crypto';
import { EAGAIN } from '../../device/errno.ts';
import { POLLIN, POLLOUT, SHUT_WR } from '../../stack/socket/abi.ts';
import type { Stack } from '../../stack/stack.ts';
import { TcpSocket } from '../../stack/tcp/tcp-socket.ts';

/** How an endpoint uses its socket. Sizes in bytes, times in ms. */
export interface Habits {
  /** Bytes to send. */
  total: number;
  /** Most bytes of a write and of a read; after each it rests for a while, 0: it goes on at once. */
  writeSize: number;
  writePause: number;
  readSize: number;
  readPause: number;
  /** It resets the connection at this moment, as a crashed program does; Infinity: never. */
  abortAt: number;
  /** It sends only when it has heard all that the peer says. */
  lastToSpeak: boolean;
}

/** Sends and receives as fast as it may. */
export const EAGER: Omit<Habits, 'total'> = {
  writeSize: 65_536,
  writePause: 0,
  readSize: 262_144,
  readPause: 0,
  abortAt: Number.POSITIVE_INFINITY,
  lastToSpeak: false,
};

const PATTERN = 1 << 20;

/** One end of a connection: what it writes and reads, and how far it has come. */
export class Endpoint {
  readonly stack: Stack;
  readonly fd: number;
  readonly habits: Habits;
  sent = 0;
  received = 0;
  /** It has read the end of the stream, or an error. */
  ended = false;
  /** Its FIN is asked for, or its half is lost. */
  finished = false;
  /** Errno of what ended it, negated; 0: nothing did. */
  error = 0;
  aborted = false;
  /** Runs on each write with a number that grows, for options that change on the way. */
  onWrite: ((write: number) => void) | null = null;
  readonly #out = createHash('sha1');
  readonly #in = createHash('sha1');
  readonly #pattern: Uint8Array;
  readonly #buffer: Uint8Array;
  #writeAt = 0;
  #readAt = 0;
  #writes = 0;

  constructor(stack: Stack, fd: number, habits: Habits, salt: number) {
    this.stack = stack;
    this.fd = fd;
    this.habits = habits;
    this.#pattern = pattern(salt);
    this.#buffer = new Uint8Array(habits.readSize);
  }

  get done(): boolean {
    return this.ended && this.finished;
  }

  get #now(): number {
    return this.stack.machine.clock.now();
  }

  /** The moment `ms` from now, to the microsecond: what the clock can stand at. */
  #after(ms: number): number {
    return Math.round((this.#now + ms) * 1000) / 1000;
  }

  get #maySpeak(): boolean {
    return !this.finished && (!this.habits.lastToSpeak || this.ended);
  }

  /** When it wants to be woken although nothing happens on the network. */
  get wakeAt(): number {
    const now = this.#now;
    let at = this.aborted ? Number.POSITIVE_INFINITY : this.habits.abortAt;
    if (!this.ended && this.#readAt > now) at = Math.min(at, this.#readAt);
    if (this.#maySpeak && this.#writeAt > now) at = Math.min(at, this.#writeAt);
    return at;
  }

  /** Whether {@link step} would get anywhere. */
  get ready(): boolean {
    if (this.aborted) return false;
    const now = this.#now;
    if (now >= this.habits.abortAt) return true;
    const socket = this.stack.sockets.lookup(this.fd);
    if (!(socket instanceof TcpSocket)) return false;
    const events = socket.poll();
    if (!this.ended && now >= this.#readAt && (events & POLLIN) !== 0) return true;
    return this.#maySpeak && now >= this.#writeAt && (events & POLLOUT) !== 0;
  }

  step(): void {
    if (this.aborted) return;
    if (this.#now >= this.habits.abortAt) {
      this.aborted = true;
      this.ended = true;
      this.finished = true;
      this.stack.sockets.close(this.fd);
      return;
    }
    this.#read();
    this.#write();
  }

  #read(): void {
    const { sockets } = this.stack;
    const { readPause } = this.habits;
    while (!this.ended && this.#now >= this.#readAt) {
      const got = sockets.recv(this.fd, this.#buffer);
      if (got === -EAGAIN) return;
      if (got <= 0) {
        this.ended = true;
        if (got < 0) this.#fail(got);
        return;
      }
      this.#in.update(this.#buffer.subarray(0, got));
      this.received += got;
      if (readPause > 0) this.#readAt = this.#after(readPause);
    }
  }

  #write(): void {
    const { sockets } = this.stack;
    const { total, writeSize, writePause } = this.habits;
    while (this.#maySpeak && this.sent < total && this.#now >= this.#writeAt) {
      this.onWrite?.(this.#writes++);
      const at = this.sent % PATTERN;
      const length = Math.min(writeSize, total - this.sent, PATTERN - at);
      const taken = sockets.send(this.fd, this.#pattern.subarray(at, at + length));
      if (taken === -EAGAIN) return;
      if (taken < 0) {
        this.#fail(taken);
        return;
      }
      this.#out.update(this.#pattern.subarray(at, at + taken));
      this.sent += taken;
      if (writePause > 0) this.#writeAt = this.#after(writePause);
    }
    if (this.sent === total && this.#maySpeak) {
      this.finished = true;
      const result = sockets.shutdown(this.fd, SHUT_WR);
      if (result < 0) this.#fail(result);
    }
  }

  #fail(error: number): void {
    if (this.error === 0) this.error = error;
    this.finished = true;
  }

  /** Hash of what was written, as far as `digestIn` of the peer can have it. */
  digests(): { out: string; in: string } {
    return { out: this.#out.digest('hex'), in: this.#in.digest('hex') };
  }

  /** Closes the socket, unless it is closed. */
  close(): void {
    if (!this.aborted) this.stack.sockets.close(this.fd);
  }
}

const patterns = new Map<number, Uint8Array>();

/** A megabyte that repeats nothing of a segment's size. */
function pattern(salt: number): Uint8Array {
  let bytes = patterns.get(salt);
  if (bytes === undefined) {
    bytes = new Uint8Array(PATTERN);
    let x = salt | 1;
    for (let i = 0; i < PATTERN; i++) {
      x = (Math.imul(x, 1_664_525) + 1_013_904_223) >>> 0;
      bytes[i] = x >>> 24;
    }
    patterns.set(salt, bytes);
  }
  return bytes;
}
