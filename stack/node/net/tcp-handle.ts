import {
  EADDRINUSE,
  EAGAIN,
  EALREADY,
  EBADF,
  ECANCELED,
  EINPROGRESS,
  EINVAL,
  ENETDOWN,
  ENOTCONN,
} from '../../../device/errno.ts';
import {
  AF_INET,
  POLLERR,
  POLLHUP,
  POLLIN,
  POLLOUT,
  POLLRDHUP,
  SHUT_WR,
  SIOCINQ,
  SOCK_NONBLOCK,
  SOCK_STREAM,
  SOL_SOCKET,
  SOL_TCP,
} from '../../socket/abi.ts';
import { SocketAddress } from '../../socket/address.ts';
import type { SocketLayer } from '../../socket/layer.ts';
import { intBytes, Message } from '../../socket/message.ts';
import type { Socket } from '../../socket/socket.ts';
import { SO_KEEPALIVE, SO_LINGER, SO_REUSEADDR } from '../../socket/socket-options.ts';
import { TCP_KEEPIDLE, TCP_NODELAY } from '../../tcp/sockopt.ts';
import { Handle } from '../handle.ts';
import { type Endpoint, endpoint, socketAddress } from './address.ts';
import { CHUNK_MOST, Chunks } from './chunks.ts';
import { type WriteDone, WriteQueue } from './write-queue.ts';

/** What {@link TcpHandle.onread} is told at the end of the stream, as libuv does. */
export const EOF = -4095;
/** What {@link TcpHandle.write} gives when the bytes must wait. */
export const PENDING = 1;

const READABLE = POLLIN | POLLRDHUP | POLLERR | POLLHUP;
const WRITABLE = POLLOUT | POLLERR | POLLHUP;
/** Chunks that are read before others have their turn. */
const CHUNKS_A_TURN = 32;

/** Hears how something ended: 0 or a negated errno. */
type Done = (status: number) => void;

/** Fills chunks of all handles of the thread, which run one after the other. */
const chunks = new Chunks();
/** Reads what has no bytes: the end, or an error. */
const nothing = Buffer.alloc(1);
const name = new SocketAddress();

/** A connection, or a socket that may become one (libuv: `uv_tcp_t`). Calls give 0 or a negated errno. */
export class TcpHandle extends Handle {
  /** Bytes that came or arrived in `buffer`; or a negated errno or {@link EOF}. */
  onread: (bytes: number, buffer: Buffer | Uint8Array | null) => void = () => {};
  /** The stack has ended under it. */
  ongone: () => void = () => {};
  /** Whether it is to read. */
  reading = false;
  bytesRead = 0;
  /** Bytes that were written, those that wait included. */
  bytesWritten = 0;
  readonly #writes = new WriteQueue();
  readonly #incoming = new Message();
  readonly #outgoing = new Message();
  readonly #room: (Uint8Array | null)[] = [null];
  readonly #send = (iov: readonly Uint8Array[]): number => this.#sendNow(iov);
  #userBuffer: Uint8Array | null = null;
  #connectDone: Done | null = null;
  #shutdownDone: Done | null = null;
  #shut = false;
  /** Nothing more is read: the end or an error was told. */
  #ended = false;
  /** What bind said of an address in use: told when it is used, as libuv does. */
  #bindError = 0;

  /** Without a socket it makes one. */
  constructor(sockets: SocketLayer, socket: Socket | null = null) {
    super(sockets, 'TCPWRAP');
    this.#incoming.iov = this.#room;
    if (socket !== null) this.watch(socket);
  }

  protected override get busy(): boolean {
    return (
      this.socket !== null &&
      ((this.reading && !this.#ended) ||
        this.#connectDone !== null ||
        this.#shutdownDone !== null ||
        !this.#writes.empty)
    );
  }

  get writeQueueSize(): number {
    return this.#writes.bytes;
  }

  override wake(events: number): boolean {
    const wanted =
      (this.reading ? READABLE : 0) | (this.#connectDone !== null || !this.#writes.empty ? WRITABLE : 0);
    if ((events & wanted) === 0) return false;
    this.again();
    return true;
  }

  /** The socket, made when there is none yet; or a negated errno. */
  #open(): Socket | number {
    if (this.socket !== null) return this.socket;
    const fd = this.sockets.socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    if (fd < 0) return fd;
    const socket = this.sockets.lookup(fd);
    if (typeof socket !== 'number') this.watch(socket);
    return socket;
  }

  bind(address: string, port: number): number {
    const local = socketAddress(address, port);
    if (typeof local === 'number') return local;
    const socket = this.#open();
    if (typeof socket === 'number') return socket;
    socket.setsockopt(SOL_SOCKET, SO_REUSEADDR, intBytes(1));
    const result = socket.bind(local);
    this.#bindError = result === -EADDRINUSE ? result : 0;
    return result === -EADDRINUSE ? 0 : result;
  }

  /** Connects; `done` hears of it unless the result is an error at once. */
  connect(address: string, port: number, done: Done): number {
    const remote = socketAddress(address, port);
    if (typeof remote === 'number') return remote;
    if (this.#connectDone !== null) return -EALREADY;
    const socket = this.#open();
    if (typeof socket === 'number') return socket;
    const result = this.#bindError < 0 ? this.#bindError : socket.connect(remote);
    if (result < 0 && result !== -EINPROGRESS && result !== -EADDRINUSE) return result;
    if (result === -EADDRINUSE) this.#bindError = result;
    this.#connectDone = done;
    this.busyChanged();
    this.again();
    return 0;
  }

  /** Begins to read: into `buffer` again and again when one is set, else into chunks that are the reader's. */
  readStart(): number {
    if (this.socket === null) return -EBADF;
    this.reading = true;
    this.busyChanged();
    if (!this.#ended) this.again();
    return 0;
  }

  readStop(): number {
    this.reading = false;
    this.busyChanged();
    return 0;
  }

  /** What is received goes here from now on. */
  useUserBuffer(buffer: Uint8Array): void {
    this.#userBuffer = buffer;
  }

  /**
   * Writes buffers, one behind the other. 0: all was taken; {@link PENDING}: the buffers must stay as they are until `done` hears of
   * them; or a negated errno.
   */
  write(iov: readonly Uint8Array[], length: number, done: WriteDone): number {
    if (this.socket === null) return -EBADF;
    let taken = 0;
    if (this.#writes.empty && this.#connectDone === null) {
      taken = this.#sendNow(iov);
      if (taken < 0) return taken;
    }
    this.bytesWritten += length;
    if (taken === length) return 0;
    this.#writes.push(iov, taken, length, done);
    this.busyChanged();
    return PENDING;
  }

  #sendNow(iov: readonly Uint8Array[]): number {
    const message = this.#outgoing;
    message.iov = iov;
    const taken = this.socket!.send(message, 0);
    message.iov = [];
    return taken === -EAGAIN ? 0 : taken;
  }

  /** Ends what is sent, behind all that was written. */
  shutdown(done: Done): number {
    if (this.socket === null) return -EBADF;
    if (this.#shut || this.#connectDone !== null) return -ENOTCONN;
    this.#shut = true;
    this.#shutdownDone = done;
    this.busyChanged();
    this.again();
    return 0;
  }

  setNoDelay(enable: boolean): number {
    return this.socket?.setsockopt(SOL_TCP, TCP_NODELAY, intBytes(enable ? 1 : 0)) ?? -EBADF;
  }

  /** `initialDelay`: seconds of silence before the first probe, 0: as it is. */
  setKeepAlive(enable: boolean, initialDelay: number): number {
    const { socket } = this;
    if (socket === null) return -EBADF;
    const result = socket.setsockopt(SOL_SOCKET, SO_KEEPALIVE, intBytes(enable ? 1 : 0));
    if (result < 0 || !enable || initialDelay === 0) return result;
    return socket.setsockopt(SOL_TCP, TCP_KEEPIDLE, intBytes(initialDelay));
  }

  /** Its own end; a negated errno when it has none. */
  getsockname(): Endpoint | number {
    const result = this.socket?.getsockname(name) ?? -EBADF;
    return result < 0 ? result : endpoint(name);
  }

  getpeername(): Endpoint | number {
    const result = this.socket?.getpeername(name) ?? -EBADF;
    return result < 0 ? result : endpoint(name);
  }

  /** Closes with a reset instead of a FIN; `-EINVAL` while it shuts down. */
  reset(done?: () => void): number {
    const { socket } = this;
    if (socket === null) return -EBADF;
    if (this.#shutdownDone !== null) return -EINVAL;
    const linger = new Uint8Array(8);
    linger[0] = 1;
    socket.setsockopt(SOL_SOCKET, SO_LINGER, linger);
    this.close(done);
    return 0;
  }

  protected override gone(): void {
    this.again();
  }

  protected override canceled(): void {
    this.#endAll(-ECANCELED);
  }

  #endAll(status: number): void {
    this.#tellConnect(status);
    this.#writes.fail(status);
    this.#tellShutdown(status);
  }

  #tellConnect(status: number): void {
    const done = this.#connectDone;
    this.#connectDone = null;
    this.busyChanged();
    done?.(status);
  }

  #tellShutdown(status: number): void {
    const done = this.#shutdownDone;
    this.#shutdownDone = null;
    this.busyChanged();
    done?.(status);
  }

  protected override turn(): void {
    if (this.socket === null) {
      if (this.closing) return;
      // Who is destroyed first takes what failed for no error.
      this.ongone();
      this.#endAll(-ENETDOWN);
      return;
    }
    if (this.#connectDone !== null) {
      this.#finishConnect();
      return;
    }
    try {
      if (this.reading && !this.#ended) this.#read();
    } finally {
      // A listener that throws keeps nobody else from writing.
      if (this.socket !== null) this.#writeOn();
    }
  }

  #finishConnect(): void {
    const result = this.#bindError < 0 ? this.#bindError : this.socket!.connectResult();
    if (result === -EINPROGRESS) return;
    if (result < 0) this.#writes.fail(-ECANCELED);
    this.#tellConnect(result);
    if (this.socket !== null && (this.reading || !this.#writes.empty)) this.again();
  }

  #writeOn(): void {
    const writes = this.#writes;
    if (!writes.empty) {
      const result = writes.flush(this.#send);
      if (result < 0) writes.fail(result);
      this.busyChanged();
    }
    const { socket } = this;
    if (socket === null || !writes.empty || this.#shutdownDone === null) return;
    this.#tellShutdown(socket.shutdown(SHUT_WR));
  }

  #read(): void {
    let more = true;
    try {
      for (let left = CHUNKS_A_TURN; more && left > 0 && this.reading && this.socket !== null; left--)
        more = this.#readChunk(this.socket);
    } finally {
      // Also when the reader threw.
      if (more && this.reading) this.again();
    }
  }

  /** Reads once; whether there may be more. */
  #readChunk(socket: Socket): boolean {
    const readable = socket.ioctl(SIOCINQ);
    let buffer = this.#userBuffer;
    if (buffer === null)
      buffer = readable > 0 ? chunks.take(readable < CHUNK_MOST ? readable : CHUNK_MOST) : nothing;
    this.#room[0] = buffer;
    const got = socket.receive(this.#incoming, 0);
    this.#room[0] = null;
    if (got === -EAGAIN) return false;
    if (got > 0) {
      this.bytesRead += got;
      this.onread(got, buffer === nothing ? Buffer.from(nothing) : buffer);
      return true;
    }
    this.#ended = true;
    this.busyChanged();
    this.onread(got === 0 ? EOF : got, null);
    return false;
  }
}
