import { Work } from '../../device/clock/deferred.ts';
import { Timer } from '../../device/clock/timer.ts';
import { EAGAIN, EALREADY, EBADF, EINPROGRESS, EINTR } from '../../device/errno.ts';
import {
  MSG_DONTWAIT,
  MSG_ERRQUEUE,
  MSG_FASTOPEN,
  MSG_PEEK,
  MSG_WAITALL,
  O_NONBLOCK,
  POLLERR,
  POLLHUP,
  POLLIN,
  POLLOUT,
  POLLRDHUP,
  SOCK_STREAM,
} from './abi.ts';
import type { SocketAddress } from './address.ts';
import type { EpollEvent } from './epoll.ts';
import type { File } from './file.ts';
import { iovLength } from './iov.ts';
import type { SocketLayer } from './layer.ts';
import type { Message } from './message.ts';
import type { PollEntry } from './poll.ts';
import type { Socket } from './socket.ts';
import { type FileOffset, SPLICE_F_NONBLOCK } from './splice.ts';
import { Waiter } from './wait-queue.ts';

/** Hears the result of a call that waited. */
export type CallDone = (result: number) => void;

/** Tries the call again: its result, undefined while it is still to wait. */
type Attempt = () => number | undefined;

const READABLE = POLLIN | POLLRDHUP | POLLERR | POLLHUP;
const WRITABLE = POLLOUT | POLLERR | POLLHUP;

class CallWaiter extends Waiter {
  readonly #call: BlockedCall;
  readonly #events: number;

  constructor(call: BlockedCall, events: number) {
    super();
    this.#call = call;
    this.#events = events;
  }

  override wake(events: number): boolean {
    if (events !== 0 && (events & this.#events) === 0) return false;
    this.#call.again();
    return true;
  }

  override released(): void {
    this.#call.again();
  }
}

/** A call that waits for events or for its time to be over. It goes on in deferred work, never inside the protocol that woke it. */
export class BlockedCall {
  readonly #calls: Set<BlockedCall>;
  readonly #layer: SocketLayer;
  readonly #attempt: Attempt;
  readonly #late: () => number;
  readonly #done: CallDone;
  readonly #work = new Work(() => this.#try());
  readonly #timer: Timer;
  readonly #waiters: CallWaiter[] = [];

  constructor(
    calls: Set<BlockedCall>,
    layer: SocketLayer,
    attempt: Attempt,
    late: () => number,
    done: CallDone,
  ) {
    this.#calls = calls;
    this.#layer = layer;
    this.#attempt = attempt;
    this.#late = late;
    this.#done = done;
    this.#timer = new Timer(layer.context.machine.clock, () => this.end(this.#late()));
    calls.add(this);
    layer.context.machine.clock.hold();
  }

  get waiting(): boolean {
    return this.#calls.has(this);
  }

  watch(file: File, events: number): void {
    const waiter = new CallWaiter(this, events);
    this.#waiters.push(waiter);
    file.wait.add(waiter);
  }

  /** From now on, at most `ms`; Infinity: as long as it takes. */
  limit(ms: number): void {
    if (Number.isFinite(ms)) this.#timer.start(ms);
  }

  again(): void {
    this.#layer.context.machine.clock.defer(this.#work);
  }

  /** Ends it with `result`; a second time has no effect. */
  end(result: number): void {
    if (!this.#calls.delete(this)) return;
    this.#layer.context.machine.clock.letGo();
    this.#timer.stop();
    for (const waiter of this.#waiters) waiter.queue?.remove(waiter);
    this.#done(result);
  }

  #try(): void {
    if (!this.waiting) return;
    const result = this.#attempt();
    if (result !== undefined) this.end(result);
  }
}

/**
 * The system calls in the form that waits, on the machine's clock. `done` hears the result, at once when nothing is to be waited for:
 * because it succeeds, fails, or the socket is not to block. Timeouts are the socket's (SO_RCVTIMEO, SO_SNDTIMEO).
 */
export class BlockingCalls {
  readonly #layer: SocketLayer;
  readonly #calls = new Set<BlockedCall>();

  constructor(layer: SocketLayer) {
    this.#layer = layer;
  }

  /** Calls that wait now. */
  get waiting(): number {
    return this.#calls.size;
  }

  connect(fd: number, address: Readonly<SocketAddress>, done: CallDone): BlockedCall | null {
    const result = this.#layer.connect(fd, address);
    const socket = this.#layer.lookup(fd);
    if (result !== -EINPROGRESS || typeof socket === 'number' || socket.nonblocking)
      return finished(done, result);
    return this.#wait(
      socket,
      WRITABLE,
      socket.sendTimeoutMs,
      done,
      () => -EINPROGRESS,
      () => {
        if (socket.closed) return -EBADF;
        const outcome = socket.connectResult();
        return outcome === -EINPROGRESS ? undefined : outcome;
      },
    );
  }

  accept(fd: number, address: SocketAddress | null, flags: number, done: CallDone): BlockedCall | null {
    const result = this.#layer.accept(fd, address, flags);
    const socket = this.#layer.lookup(fd);
    if (result !== -EAGAIN || typeof socket === 'number' || socket.nonblocking) return finished(done, result);
    return this.#wait(
      socket,
      READABLE,
      socket.receiveTimeoutMs,
      done,
      () => -EAGAIN,
      () => {
        if (socket.closed) return -EBADF;
        const outcome = this.#layer.accept(fd, address, flags);
        return outcome === -EAGAIN ? undefined : outcome;
      },
    );
  }

  /** A stream's bytes are all sent, unless something comes between: then the result is how many were. */
  sendmsg(fd: number, message: Message, flags: number, done: CallDone): BlockedCall | null {
    const socket = this.#layer.lookup(fd);
    if (typeof socket === 'number') return finished(done, socket);
    message.waits = !waitsNot(socket, flags);
    message.resumed = false;
    const first = this.#layer.sendmsg(fd, message, flags);
    if (!message.waits) return finished(done, first);
    const all = iovLength(message.iov);
    const stream = socket.type === SOCK_STREAM;
    // With Fast Open the connection must stand, whether or not all rode on the SYN.
    let opening = socket.connecting && (first === -EINPROGRESS || first === -EALREADY || first > 0);
    if (!opening && first !== -EAGAIN && (first < 0 || !stream || first >= all)) return finished(done, first);
    let sent = Math.max(0, first);
    const { iov } = message;
    const pending = sent < all ? 1 : 0;
    socket.waitingWriters += pending;
    return this.#wait(
      socket,
      WRITABLE,
      socket.sendTimeoutMs,
      (result) => {
        socket.waitingWriters -= pending;
        if (sent < all) socket.sendGivenUp();
        done(result);
      },
      () => {
        if (sent > 0) return sent;
        return opening ? -EINPROGRESS : -EAGAIN;
      },
      () => {
        if (socket.closed) return sent > 0 ? sent : -EBADF;
        if (opening) {
          const outcome = socket.connectResult();
          if (outcome < 0) return outcome === -EINPROGRESS ? undefined : outcome;
          opening = false;
          if (sent >= all) return sent;
        }
        message.iov = after(iov, sent);
        message.resumed = stream;
        const outcome = socket.send(message, flags & ~MSG_FASTOPEN);
        message.iov = iov;
        if (outcome === -EAGAIN) return undefined;
        if (outcome < 0) return sent > 0 ? sent : outcome;
        sent += outcome;
        return sent >= all || !stream ? sent : undefined;
      },
    );
  }

  /** With MSG_WAITALL a stream's buffers are filled, unless the stream ends before. */
  recvmsg(fd: number, message: Message, flags: number, done: CallDone): BlockedCall | null {
    const first = this.#layer.recvmsg(fd, message, flags);
    const socket = this.#layer.lookup(fd);
    if (typeof socket === 'number' || waitsNot(socket, flags) || (flags & MSG_ERRQUEUE) !== 0)
      return finished(done, first);
    const fills = (flags & MSG_WAITALL) !== 0 && (flags & MSG_PEEK) === 0 && socket.type === SOCK_STREAM;
    const wanted = iovLength(message.iov);
    if (first !== -EAGAIN && (first <= 0 || !fills || first >= wanted)) return finished(done, first);
    let got = Math.max(0, first);
    const { iov } = message;
    return this.#wait(
      socket,
      READABLE,
      socket.receiveTimeoutMs,
      done,
      () => (got > 0 ? got : -EAGAIN),
      () => {
        if (socket.closed) return got > 0 ? got : -EBADF;
        message.iov = after(iov, got);
        const outcome = socket.receive(message, flags);
        message.iov = iov;
        if (outcome === -EAGAIN) return undefined;
        if (outcome <= 0) return got > 0 ? got : outcome;
        got += outcome;
        return got >= wanted || !fills ? got : undefined;
      },
    );
  }

  /** Waits until something can be moved: for what it comes from, or for room where it goes. */
  splice(from: number, to: number, length: number, flags: number, done: CallDone): BlockedCall | null {
    const layer = this.#layer;
    const source = layer.files.get(from);
    const target = layer.files.get(to);
    const first = layer.splice(from, to, length, flags);
    const waits = source !== null && target !== null && (flags & SPLICE_F_NONBLOCK) === 0;
    if (first !== -EAGAIN || !waits || isNonblocking(source)) return finished(done, first);
    const call = new BlockedCall(
      this.#calls,
      layer,
      () => {
        const outcome = layer.splice(from, to, length, flags);
        return outcome === -EAGAIN ? undefined : outcome;
      },
      () => -EAGAIN,
      done,
    );
    call.watch(source, READABLE);
    call.watch(target, WRITABLE);
    return call;
  }

  /** All of a file's bytes are sent, unless something comes between. */
  sendfile(
    to: number,
    from: number,
    at: FileOffset | null,
    count: number,
    done: CallDone,
  ): BlockedCall | null {
    const layer = this.#layer;
    const target = layer.files.get(to);
    let sent = 0;
    const attempt = (): number | undefined => {
      const outcome = layer.sendfile(to, from, at, count - sent);
      if (outcome === -EAGAIN) return undefined;
      if (outcome <= 0) return sent > 0 ? sent : outcome;
      sent += outcome;
      return sent < count ? undefined : sent;
    };
    // The first round ends at the file's end or with the buffer full; the second tells which.
    const first = attempt() ?? attempt();
    if (first !== undefined || target === null) return finished(done, first ?? -EBADF);
    const late = (): number => (sent > 0 ? sent : -EAGAIN);
    if (isNonblocking(target)) return finished(done, late());
    return this.#wait(target, WRITABLE, Number.POSITIVE_INFINITY, done, late, attempt);
  }

  /** `timeoutMs`: negative for as long as it takes. */
  poll(entries: readonly PollEntry[], timeoutMs: number, done: CallDone): BlockedCall | null {
    const layer = this.#layer;
    const first = layer.poll(entries);
    if (first !== 0 || timeoutMs === 0) return finished(done, first);
    const call = new BlockedCall(
      this.#calls,
      layer,
      () => layer.poll(entries) || undefined,
      () => layer.poll(entries),
      done,
    );
    for (const entry of entries) {
      const file = layer.files.get(entry.fd);
      if (file !== null) call.watch(file, entry.events | POLLERR | POLLHUP);
    }
    call.limit(timeoutMs < 0 ? Number.POSITIVE_INFINITY : timeoutMs);
    return call;
  }

  /** `timeoutMs`: negative for as long as it takes. */
  epollWait(
    epfd: number,
    out: EpollEvent[],
    most: number,
    timeoutMs: number,
    done: CallDone,
  ): BlockedCall | null {
    const layer = this.#layer;
    const first = layer.epollWait(epfd, out, most);
    const file = layer.files.get(epfd);
    if (first !== 0 || timeoutMs === 0 || file === null) return finished(done, first);
    const timeout = timeoutMs < 0 ? Number.POSITIVE_INFINITY : timeoutMs;
    const collect = (): number =>
      layer.files.get(epfd) === file ? layer.epollWait(epfd, out, most) : -EBADF;
    return this.#wait(file, POLLIN, timeout, done, collect, () => collect() || undefined);
  }

  /** With a linger time the peer has that long to acknowledge what was sent (Linux: `inet_release`). */
  close(fd: number, done: CallDone): BlockedCall | null {
    const layer = this.#layer;
    const socket = layer.lookup(fd);
    const result = layer.close(fd);
    if (typeof socket === 'number' || result < 0 || socket.lingerOn === 0 || socket.lingerSeconds === 0)
      return finished(done, result);
    const call = new BlockedCall(
      this.#calls,
      layer,
      () => 0,
      () => 0,
      done,
    );
    if (socket.lingering(() => call.again())) call.limit(socket.lingerSeconds * 1000);
    else call.end(0);
    return call.waiting ? call : null;
  }

  /** All calls that wait return `-EINTR`. */
  closeAll(): void {
    for (const call of this.#calls) call.end(-EINTR);
  }

  #wait(
    file: File,
    events: number,
    timeoutMs: number,
    done: CallDone,
    late: () => number,
    attempt: Attempt,
  ): BlockedCall | null {
    if (timeoutMs === 0) return finished(done, late());
    const call = new BlockedCall(this.#calls, this.#layer, attempt, late, done);
    call.watch(file, events);
    call.limit(timeoutMs);
    return call;
  }
}

function isNonblocking(file: File): boolean {
  return (file.statusFlags & O_NONBLOCK) !== 0;
}

function waitsNot(socket: Socket, flags: number): boolean {
  return socket.nonblocking || (flags & MSG_DONTWAIT) !== 0;
}

function finished(done: CallDone, result: number): null {
  done(result);
  return null;
}

/** The buffers behind their first `bytes`. */
function after(iov: readonly (Uint8Array | null)[], bytes: number): readonly (Uint8Array | null)[] {
  if (bytes === 0) return iov;
  const out: (Uint8Array | null)[] = [];
  let left = bytes;
  for (const part of iov) {
    const skipped = Math.min(left, part?.length ?? 0);
    left -= skipped;
    if (part === null) out.push(null);
    else if (skipped < part.length) out.push(part.subarray(skipped));
  }
  return out;
}
