import { nextTick } from 'node:process';
import { addAbortSignal, Duplex, type DuplexOptions } from 'node:stream';
import { ENOENT, ENOTCONN } from '../../../device/errno.ts';
import { codedError, invalidArgValue, missingArgs, socketClosed } from '../errors.ts';
import { errnoError, hostPortError } from '../system-error.ts';
import { validateInt32, validateString } from '../validate.ts';
import { isNormalized, normalizeArguments } from './arguments.ts';
import { Connecting } from './connecting.ts';
import { bytesOf, type Piece } from './piece.ts';
import type { NetSeam } from './seam.ts';
import type { Server } from './server.ts';
import { SocketBase } from './socket-base.ts';
import { EOF, PENDING, TcpHandle } from './tcp-handle.ts';
import { type TcpOptions, tcpSettings } from './tcp-settings.ts';
import { UserBuffer } from './user-buffer.ts';

type WriteCallback = (error?: Error | null) => void;

export interface SocketOptions extends Omit<DuplexOptions, 'signal'>, TcpOptions {
  fd?: number;
  /** A connection that is there already. */
  handle?: TcpHandle;
  /** With a handle: nothing is read until it is resumed. */
  pauseOnCreate?: boolean;
  manualStart?: boolean;
  readable?: boolean;
  writable?: boolean;
  onread?: unknown;
  signal?: AbortSignal;
}

const MODES = ['objectMode', 'readableObjectMode', 'writableObjectMode'] as const;
const CLOSED_BEFORE_CONNECTION = 'Socket closed before the connection was established';
const ENDED_BY_PEER = 'This socket has been ended by the other party';

const noop = (): void => {};

/** A TCP connection as a stream: `net.Socket` over a stack. */
export class Socket extends SocketBase {
  /** The server that accepted it. */
  server: Server | null = null;
  _server: Server | null = null;
  /** The name that it connects to. */
  _host: string | null = null;
  autoSelectFamilyAttemptedAddresses: string[] | undefined;
  readonly #userBuffer: UserBuffer | null;
  #resets = false;

  constructor(net: NetSeam, given: SocketOptions | number = {}) {
    const options: SocketOptions = typeof given === 'number' ? { fd: given } : (given ?? {});
    for (const mode of MODES)
      if (options[mode]) throw invalidArgValue(`options.${mode}`, options[mode], 'is not supported');
    const tcp = tcpSettings(options);
    const { handle = null, fd, signal, onread, ...stream } = options;
    if (handle === null && fd !== undefined) refuseDescriptor(fd);
    if (handle !== null && !(handle instanceof TcpHandle)) throw invalidHandle();
    const allowHalfOpen = Boolean(options.allowHalfOpen);
    super(net, { ...stream, allowHalfOpen, emitClose: false, autoDestroy: true, decodeStrings: false }, tcp);
    this.#userBuffer = UserBuffer.from(onread, this);
    this.on('end', peerEnded);
    if (handle !== null) this.#begin(handle, options);
    if (signal !== undefined) addAbortSignal(signal, this);
  }

  /** Takes a connection over, and reads unless it is to wait. */
  #begin(handle: TcpHandle, options: SocketOptions): void {
    this._adopt(handle);
    if (options.readable === false) return;
    if (options.pauseOnCreate) {
      handle.readStop();
      (this as unknown as { _readableState: { flowing: boolean } })._readableState.flowing = false;
    } else if (!options.manualStart) {
      this.read(0);
    }
  }

  /** Takes a handle, in the place of the one that it has. */
  _adopt(handle: TcpHandle): void {
    const old = this._handle;
    if (old !== null) {
      if (!old.hasRef()) handle.unref();
      old.close();
    }
    this._handle = handle;
    handle.onread = (bytes, buffer) => this.#received(bytes, buffer);
    handle.ongone = () => void this.destroy();
    if (this.#userBuffer !== null) handle.useUserBuffer(this.#userBuffer.current);
  }

  override _read(size: number): void {
    const handle = this._handle;
    if (this.connecting || handle === null) this.once('connect', () => this._read(size));
    else if (!handle.reading) this.#startReading(handle);
  }

  override read(size?: number): Buffer | string | null {
    this.#fillUserBuffer();
    return super.read(size) as Buffer | string | null;
  }

  override pause(): this {
    if (this.#userBuffer !== null && !this.connecting && this._handle?.reading) this._handle.readStop();
    return super.pause();
  }

  override resume(): this {
    this.#fillUserBuffer();
    return super.resume();
  }

  /** With a buffer of the user's the stream wants nothing by itself, since it never sees what comes. */
  #fillUserBuffer(): void {
    const handle = this._handle;
    if (this.#userBuffer !== null && !this.connecting && handle !== null && !handle.reading)
      this.#startReading(handle);
  }

  #startReading(handle: TcpHandle): void {
    const result = handle.readStart();
    if (result < 0) this.destroy(errnoError(result, 'read'));
  }

  #received(bytes: number, buffer: Uint8Array | null): void {
    this._unrefTimer();
    if (bytes > 0) {
      if (!this.destroyed && !this.#take(bytes, buffer!)) this._handle?.readStop();
    } else if (bytes !== EOF) {
      this.destroy(errnoError(bytes, 'read'));
    } else {
      this.push(null);
      this.read(0);
    }
  }

  /** Hands bytes on; whether more are wanted. */
  #take(bytes: number, buffer: Uint8Array): boolean {
    const user = this.#userBuffer;
    if (user === null) return this.push(buffer);
    const wanted = user.read(bytes, buffer);
    this._handle?.useUserBuffer(user.current);
    return wanted;
  }

  override _write(chunk: Buffer | string, encoding: BufferEncoding, done: WriteCallback): void {
    this.#writePieces([{ chunk, encoding }], done);
  }

  override _writev(pieces: readonly Piece[], done: WriteCallback): void {
    this.#writePieces(pieces, done);
  }

  #writePieces(pieces: readonly Piece[], done: WriteCallback): void {
    if (this.connecting) {
      this.#writeLater(pieces, done);
      return;
    }
    this.unsent = [];
    const handle = this._handle;
    if (handle === null) {
      done(socketClosed());
      return;
    }
    this._unrefTimer();
    const iov = pieces.map(bytesOf);
    let length = 0;
    for (const part of iov) length += part.length;
    const result = handle.write(iov, length, (status) => this.#written(status, done));
    if (result < 0) done(errnoError(result, 'write'));
    else if (result === PENDING) this.waited = handle.writeQueueSize;
    else done();
  }

  /** Writes when the connection stands. */
  #writeLater(pieces: readonly Piece[], done: WriteCallback): void {
    this.unsent = pieces;
    const closed = (): void =>
      done(codedError(Error, 'ERR_SOCKET_CLOSED_BEFORE_CONNECTION', CLOSED_BEFORE_CONNECTION));
    this.once('connect', () => {
      this.off('close', closed);
      this.#writePieces(pieces, done);
    });
    this.once('close', closed);
  }

  /** What had to wait is gone, or never will be. */
  #written(status: number, done: WriteCallback): void {
    if (this.destroyed) {
      done(null);
    } else if (status < 0) {
      done(errnoError(status, 'write'));
    } else {
      this._unrefTimer();
      this.waited = 0;
      done();
    }
  }

  override _final(done: WriteCallback): void {
    if (this.connecting) {
      this.once('connect', () => this._final(done));
      return;
    }
    const ended = (status: number): void =>
      done(status === 0 || status === -ENOTCONN || this.destroyed ? null : errnoError(status, 'shutdown'));
    const result = this._handle?.shutdown(ended) ?? -ENOTCONN;
    if (result < 0) ended(result);
  }

  /** Destroys it when all that was written is gone. */
  destroySoon(): void {
    if (this.writable) this.end();
    if (this.writableFinished) this.destroy();
    else this.once('finish', () => this.destroy());
  }

  /** Closes it with a reset. */
  resetAndDestroy(): this {
    if (this._handle === null) return this.destroy(socketClosed());
    if (this.connecting) this.once('connect', () => this._reset());
    else this._reset();
    return this;
  }

  _reset(): this {
    this.#resets = true;
    return this.destroy();
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.connecting = false;
    this.stopTimers();
    const handle = this._handle;
    const hadError = error !== null && error !== undefined;
    if (handle === null) {
      done(error);
      nextTick(() => this.emit('close', hadError));
    } else {
      this.#closeHandle(handle, () => this.emit('close', hadError));
      handle.onread = noop;
      this.letHandleGo(handle);
      done(error);
    }
    const server = this._server;
    this._server = null;
    server?._connectionEnded();
  }

  #closeHandle(handle: TcpHandle, closed: () => void): void {
    if (this.#resets) {
      this.#resets = false;
      const result = handle.reset(closed);
      if (result === 0) return;
      this.emit('error', errnoError(result, 'reset'));
    }
    handle.close(closed);
  }

  /** Connects: `(options[, listener])`, `(port[, host][, listener])`; a path leads nowhere, since a stack has no pipes. */
  connect(...args: readonly unknown[]): this {
    const [options, callback] = isNormalized(args[0]) ? args[0] : normalizeArguments(args);
    const { path, port } = options;
    if (port === undefined && path == null) throw missingArgs('options', 'port', 'path');
    if (this.write !== Duplex.prototype.write) Reflect.deleteProperty(this, 'write');
    if (this.destroyed) this.#startOver();
    if (this._handle === null) this._adopt(new TcpHandle(this.net.sockets));
    if (callback !== null) this.once('connect', callback as () => void);
    this._unrefTimer();
    this.connecting = true;
    if (path != null && path !== '') this.#refusePath(path);
    else new Connecting(this, this.net, options).start();
    return this;
  }

  /** A destroyed socket is used again. */
  #startOver(): void {
    (this as unknown as { _undestroy(): void })._undestroy();
    this._handle = null;
    this.forgetNames();
  }

  #refusePath(path: unknown): void {
    validateString(path, 'options.path');
    nextTick(() => {
      if (this.connecting) this.destroy(hostPortError(-ENOENT, 'connect', path, undefined));
    });
  }

  /** The connection stands. */
  _connected(): void {
    const handle = this._handle!;
    this.connecting = false;
    this.forgetNames();
    this._unrefTimer();
    this.applySettings(handle);
    this.emit('connect');
    this.emit('ready');
    if (!this.isPaused()) this.read(0);
  }
}

/** The peer has ended: what is written to a socket that ends with it fails (see {@link writeAfterEnd}). */
function peerEnded(this: Socket): void {
  if (!this.allowHalfOpen) this.write = writeAfterEnd;
}

function writeAfterEnd(
  this: Socket,
  chunk: unknown,
  encoding?: BufferEncoding | WriteCallback,
  callback?: WriteCallback,
): boolean {
  if (!this.writableEnded)
    return Duplex.prototype.write.call(this, chunk, encoding as BufferEncoding, callback as WriteCallback);
  const done = typeof encoding === 'function' ? encoding : callback;
  const error = Object.assign(new Error(ENDED_BY_PEER), { code: 'EPIPE' });
  if (typeof done === 'function') nextTick(done, error);
  this.destroy(error);
  return false;
}

/** The host's descriptors lead to its own sockets. */
function refuseDescriptor(fd: unknown): never {
  validateInt32(fd, 'fd', 0);
  throw codedError(TypeError, 'ERR_INVALID_FD_TYPE', 'Unsupported fd type: a stack has none of the host');
}

function invalidHandle(): Error {
  return codedError(TypeError, 'ERR_INVALID_HANDLE_TYPE', 'This handle type cannot be sent');
}
