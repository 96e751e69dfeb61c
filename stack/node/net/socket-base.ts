import { emitWarning } from 'node:process';
import { Duplex, type DuplexOptions } from 'node:stream';
import { validateDuration, validateFunction } from '../validate.ts';
import type { Endpoint } from './address.ts';
import { IdleTimer } from './idle-timer.ts';
import { byteLength, type Piece } from './piece.ts';
import type { NetSeam } from './seam.ts';
import type { TcpHandle } from './tcp-handle.ts';
import type { TcpSettings } from './tcp-settings.ts';

/** What a socket is set to and what it tells of itself, apart from the stream that it is. */
export abstract class SocketBase extends Duplex {
  connecting = false;
  /** Milliseconds of silence after which `timeout` is emitted. */
  timeout: number | undefined;
  /** A socket that this one carries: its silence ends with ours. */
  _parent: SocketBase | null = null;
  _handle: TcpHandle | null = null;
  protected readonly net: NetSeam;
  /** What was written before the connection stood. */
  protected unsent: readonly Piece[] = [];
  /** Bytes that waited when something was written last: whether they become fewer tells a slow peer from a dead one. */
  protected waited = 0;
  #idle: IdleTimer | null = null;
  #tcp: TcpSettings;
  /** Counts of a handle that is gone. */
  #bytesRead = 0;
  #bytesDispatched = 0;
  #local: Endpoint | null = null;
  #remote: Endpoint | null = null;

  constructor(net: NetSeam, options: DuplexOptions, tcp: TcpSettings) {
    super(options);
    this.net = net;
    this.#tcp = tcp;
  }

  /** Puts the settings on the connection, which stands. */
  protected applySettings(handle: TcpHandle): void {
    const { noDelay, keepAlive, keepAliveSeconds } = this.#tcp;
    if (noDelay) handle.setNoDelay(true);
    if (keepAlive) handle.setKeepAlive(true, keepAliveSeconds);
  }

  /** Begins with the settings of its server. */
  _inherit(settings: TcpSettings): void {
    this.#tcp = settings;
    if (this._handle !== null) this.applySettings(this._handle);
  }

  setNoDelay(noDelay?: boolean): this {
    const enable = noDelay === undefined || Boolean(noDelay);
    if (enable === this.#tcp.noDelay) return this;
    this.#tcp = { ...this.#tcp, noDelay: enable };
    this._handle?.setNoDelay(enable);
    return this;
  }

  setKeepAlive(setting?: boolean, msecs = 0): this {
    const keepAlive = Boolean(setting);
    const keepAliveSeconds = Math.trunc(msecs / 1000) | 0;
    const changes =
      keepAlive !== this.#tcp.keepAlive || (keepAlive && keepAliveSeconds !== this.#tcp.keepAliveSeconds);
    this.#tcp = { ...this.#tcp, keepAlive, keepAliveSeconds };
    if (changes) this._handle?.setKeepAlive(keepAlive, keepAliveSeconds);
    return this;
  }

  /** There was activity: the time of silence begins anew, also for what carries this socket. */
  _unrefTimer(): void {
    this.#idle?.refresh();
    this._parent?._unrefTimer();
  }

  setTimeout(msecs: number, callback?: () => void): this {
    if (this.destroyed) return this;
    this.timeout = msecs;
    const ms = validateDuration(msecs, 'msecs', warnOfOverflow);
    this.#idle?.stop();
    this.#idle = null;
    if (callback !== undefined) validateFunction(callback, 'callback');
    if (ms > 0)
      this.#idle = new IdleTimer(this.net.sockets.context.machine.clock, ms, () => this._onTimeout());
    if (callback === undefined) return this;
    return ms > 0 ? this.once('timeout', callback) : this.removeListener('timeout', callback);
  }

  _onTimeout(): void {
    const waits = this._handle?.writeQueueSize ?? 0;
    if (this._handle !== null && this.waited > 0 && this.waited !== waits) {
      // The peer takes what is written, though slowly.
      this.waited = waits;
      this._unrefTimer();
      return;
    }
    this.emit('timeout');
  }

  protected stopTimers(): void {
    this.#idle?.stop();
    this._parent?.stopTimers();
  }

  ref(): this {
    if (this._handle === null) this.once('connect', () => this.ref());
    else this._handle.ref();
    return this;
  }

  unref(): this {
    if (this._handle === null) this.once('connect', () => this.unref());
    else this._handle.unref();
    return this;
  }

  /** The handle is given up: what it counted is kept. */
  protected letHandleGo(handle: TcpHandle): void {
    this.#bytesRead = handle.bytesRead;
    this.#bytesDispatched = handle.bytesWritten;
    this._handle = null;
    this.#local = null;
  }

  /** Forgets its ends. */
  protected forgetNames(): void {
    this.#local = null;
    this.#remote = null;
  }

  get _connecting(): boolean {
    return this.connecting;
  }

  get pending(): boolean {
    return this._handle === null || this.connecting;
  }

  get readyState(): string {
    if (this.connecting) return 'opening';
    if (this.readable) return this.writable ? 'open' : 'readOnly';
    return this.writable ? 'writeOnly' : 'closed';
  }

  /** Bytes that wait to be written; undefined without a connection. Node has deprecated it for `writableLength`. */
  get bufferSize(): number | undefined {
    return this._handle === null ? undefined : this.writableLength;
  }

  get bytesRead(): number {
    return this._handle?.bytesRead ?? this.#bytesRead;
  }

  get _bytesDispatched(): number {
    return this._handle?.bytesWritten ?? this.#bytesDispatched;
  }

  /** Bytes written, those that the stream still holds included; undefined for what is no stream, as the prototype. */
  get bytesWritten(): number | undefined {
    const { writableBuffer } = this as unknown as { writableBuffer: readonly Piece[] | undefined };
    if (writableBuffer === undefined) return undefined;
    let bytes = this._bytesDispatched;
    for (const piece of writableBuffer) bytes += byteLength(piece);
    for (const piece of this.unsent) bytes += byteLength(piece);
    return bytes;
  }

  _getpeername(): Partial<Endpoint> {
    const handle = this._handle;
    if (handle !== null && !this.connecting) this.#remote ??= known(handle.getpeername());
    return this.#remote ?? {};
  }

  _getsockname(): Partial<Endpoint> {
    const handle = this._handle;
    if (handle === null) return {};
    this.#local ??= known(handle.getsockname());
    return this.#local ?? {};
  }

  address(): Partial<Endpoint> {
    return this._getsockname();
  }

  get remoteAddress(): string | undefined {
    return this._getpeername().address;
  }

  get remoteFamily(): string | undefined {
    return this._getpeername().family;
  }

  get remotePort(): number | undefined {
    return this._getpeername().port;
  }

  get localAddress(): string | undefined {
    return this._getsockname().address;
  }

  get localFamily(): string | undefined {
    return this._getsockname().family;
  }

  get localPort(): number | undefined {
    return this._getsockname().port;
  }
}

function known(name: Endpoint | number): Endpoint | null {
  return typeof name === 'number' ? null : name;
}

function warnOfOverflow(ms: number): void {
  emitWarning(
    `${ms} does not fit into a 32-bit signed integer.\nTimer duration was truncated to 2147483647.`,
    'TimeoutOverflowWarning',
  );
}
