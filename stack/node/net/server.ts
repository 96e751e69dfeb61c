import { addAbortListener, captureRejectionSymbol, EventEmitter } from 'node:events';
import { nextTick } from 'node:process';
import { getDefaultHighWaterMark } from 'node:stream';
import { EINVAL, EOPNOTSUPP } from '../../../device/errno.ts';
import { codedError, invalidArgType } from '../errors.ts';
import { errnoError, explainedHostPortError } from '../system-error.ts';
import { validateAbortSignal, validateNumber } from '../validate.ts';
import type { Endpoint } from './address.ts';
import { listenTrace, serverSockets } from './channels.ts';
import { type ListenCall, listenArguments, listenCall } from './listen-arguments.ts';
import { ListenHandle } from './listen-handle.ts';
import type { NetSeam } from './seam.ts';
import { Socket } from './socket.ts';
import type { TcpHandle } from './tcp-handle.ts';
import { type TcpOptions, tcpSettings } from './tcp-settings.ts';

/** Node's default. */
const BACKLOG = 511;
const ANY4 = '0.0.0.0';
const ANY6 = '::';

export interface ServerOptions extends TcpOptions {
  allowHalfOpen?: boolean;
  pauseOnConnect?: boolean;
  highWaterMark?: number;
}

type ConnectionListener = (socket: Socket) => void;
type CloseCallback = (error?: Error) => void;

/** Makes the socket of a connection; the class of the stack's sockets. */
export type SocketClass = new (options: ConstructorParameters<typeof Socket>[1]) => Socket;

/** A port that connections are accepted on: `net.Server` over a stack. */
export class Server extends EventEmitter {
  maxConnections: number | undefined;
  allowHalfOpen: boolean;
  pauseOnConnect: boolean;
  noDelay: boolean;
  keepAlive: boolean;
  /** Seconds, as Node has it here. */
  keepAliveInitialDelay: number;
  highWaterMark: number;
  _connections = 0;
  _handle: ListenHandle | null = null;
  _unref = false;
  /** Family, address and port that it was told. */
  _connectionKey: string | undefined;
  readonly #net: NetSeam;
  readonly #socketClass: SocketClass;
  /** `listen` has been called, and what it led to is not known yet. */
  #starting: symbol | null = null;

  constructor(
    net: NetSeam,
    socketClass: SocketClass,
    given?: ServerOptions | ConnectionListener | null,
    connectionListener?: ConnectionListener,
  ) {
    if (typeof given !== 'function' && given != null && typeof given !== 'object')
      throw invalidArgType('options', 'of type object', given);
    super();
    const options = typeof given === 'function' ? {} : { ...given };
    const listener = typeof given === 'function' ? given : connectionListener;
    const { highWaterMark } = options;
    if (highWaterMark !== undefined) validateNumber(highWaterMark, 'options.highWaterMark');
    const tcp = tcpSettings(options);
    this.#net = net;
    this.#socketClass = socketClass;
    this.allowHalfOpen = options.allowHalfOpen || false;
    this.pauseOnConnect = Boolean(options.pauseOnConnect);
    this.noDelay = tcp.noDelay;
    this.keepAlive = tcp.keepAlive;
    this.keepAliveInitialDelay = tcp.keepAliveSeconds;
    this.highWaterMark =
      highWaterMark === undefined || highWaterMark < 0 ? getDefaultHighWaterMark(false) : highWaterMark;
    if (typeof listener === 'function') this.on('connection', listener);
  }

  /** Listens, in one of the forms of {@link listenCall}; `listening` or `error` tells how it went. */
  listen(...args: readonly unknown[]): this {
    const given = listenArguments(args);
    if (this._handle !== null || this.#starting !== null)
      throw codedError(
        Error,
        'ERR_SERVER_ALREADY_LISTEN',
        'Listen method has been called more than once without closing.',
      );
    if (given.callback !== null) this.once('listening', given.callback as () => void);
    const call = listenCall(given);
    this.#closeOnAbort(call.signal);
    listenTrace.asyncStart.publish({ server: this, options: call.options });
    this.#listenAt(call);
    return this;
  }

  #closeOnAbort(signal: unknown): void {
    if (signal === undefined) return;
    validateAbortSignal(signal, 'options.signal');
    const abort = (): void => {
      this.close();
    };
    if (signal.aborted) {
      nextTick(abort);
      return;
    }
    const watch = addAbortListener(signal, abort);
    this.once('close', () => watch[Symbol.dispose]());
  }

  #listenAt({ place, backlog }: ListenCall): void {
    switch (place.kind) {
      case 'handle':
        this.#listenOn(place.handle, { backlog, address: null, port: -1, type: -1 });
        break;
      case 'descriptor':
        this.#failLater(explainedHostPortError(-EINVAL, 'listen', null, 0));
        break;
      case 'path':
        this.#failLater(explainedHostPortError(-EOPNOTSUPP, 'listen', place.path, -1));
        break;
      case 'port':
        if (place.host === null) this.#listenAnywhere(place.port, backlog);
        else this.#lookup(place.host, place.port, backlog);
    }
  }

  #lookup(host: string, port: number, backlog: number): void {
    const mine = Symbol('lookup');
    this.#starting = mine;
    this.#net.lookup(host, {}, (error, address, family) => {
      if (this.#starting !== mine) return;
      this.#starting = null;
      if (error) {
        listenTrace.error.publish({ server: this, error });
        this.emit('error', error);
      } else {
        this.#bind(address as string, port, family ?? 4, backlog);
      }
    });
  }

  /** On all addresses: of both families where there are two, else of the one that there is. */
  #listenAnywhere(port: number, backlog: number): void {
    const handle = new ListenHandle(this.#net.sockets);
    if (handle.bind(ANY6, port) === 0) {
      this.#listenOn(handle, { backlog, address: ANY6, port, type: 6 });
      return;
    }
    handle.close();
    this.#bind(ANY4, port, 4, backlog);
  }

  #bind(address: string, port: number, type: number, backlog: number): void {
    const handle = new ListenHandle(this.#net.sockets);
    const result = handle.bind(address, port);
    if (result === 0) {
      this.#listenOn(handle, { backlog, address, port, type });
      return;
    }
    handle.close();
    this.#failLater(explainedHostPortError(result, 'listen', address, port));
  }

  #listenOn(
    handle: ListenHandle,
    at: {
      readonly backlog: number;
      readonly address: string | null;
      readonly port: number;
      readonly type: number;
    },
  ): void {
    const { backlog, address, port, type } = at;
    const result = handle.listen(backlog || BACKLOG);
    if (result < 0) {
      handle.close();
      this.#failLater(explainedHostPortError(result, 'listen', address, port));
      return;
    }
    this._handle = handle;
    handle.onconnection = (error, connection) => this.#accepted(error, connection);
    handle.ongone = () => void this.close();
    this._connectionKey = `${type}:${address}:${port}`;
    if (this._unref) handle.unref();
    nextTick(() => {
      // It may have been closed at once.
      if (this._handle === null) return;
      listenTrace.asyncEnd.publish({ server: this });
      this.emit('listening');
    });
  }

  #failLater(error: Error): void {
    listenTrace.error.publish({ server: this, error });
    nextTick(() => this.emit('error', error));
  }

  #accepted(error: number, connection: TcpHandle | undefined): void {
    if (connection === undefined) {
      this.emit('error', errnoError(error, 'accept'));
      return;
    }
    if (this.maxConnections && this._connections >= this.maxConnections) {
      this.#drop(connection);
      return;
    }
    const socket = new this.#socketClass({
      handle: connection,
      allowHalfOpen: this.allowHalfOpen,
      pauseOnCreate: this.pauseOnConnect,
      readable: true,
      writable: true,
      readableHighWaterMark: this.highWaterMark,
      writableHighWaterMark: this.highWaterMark,
    });
    const { noDelay, keepAlive, keepAliveInitialDelay: keepAliveSeconds } = this;
    socket._inherit({ noDelay, keepAlive, keepAliveSeconds });
    this._connections++;
    socket.server = this;
    socket._server = this;
    this.emit('connection', socket);
    serverSockets.publish({ socket });
  }

  /** More connections than are wanted: the peer sees it closed. */
  #drop(connection: TcpHandle): void {
    const local = connection.getsockname();
    const remote = connection.getpeername();
    const data =
      typeof local === 'number' || typeof remote === 'number'
        ? {}
        : {
            localAddress: local.address,
            localPort: local.port,
            localFamily: local.family,
            remoteAddress: remote.address,
            remotePort: remote.port,
            remoteFamily: remote.family,
          };
    connection.close();
    this.emit('drop', data);
  }

  get listening(): boolean {
    return this._handle !== null;
  }

  /** Where it listens; null when it doesn't. */
  address(): Endpoint | null {
    if (this._handle === null) return null;
    const name = this._handle.getsockname();
    if (typeof name === 'number') throw errnoError(name, 'address');
    return name;
  }

  /** Calls `callback` with the number of its connections that are open. */
  getConnections(callback: (error: Error | null, count: number) => void): this {
    const count = this._connections;
    nextTick(callback, null, count);
    return this;
  }

  /** Accepts no more; `close` is emitted when all its connections have ended. */
  close(callback?: CloseCallback): this {
    if (typeof callback === 'function') {
      if (this._handle === null)
        this.once('close', () =>
          callback(codedError(Error, 'ERR_SERVER_NOT_RUNNING', 'Server is not running.')),
        );
      else this.once('close', callback);
    }
    this.#starting = null;
    this._handle?.close();
    this._handle = null;
    this._emitCloseIfDrained();
    return this;
  }

  /** A connection of its is no more. */
  _connectionEnded(): void {
    this._connections--;
    this._emitCloseIfDrained();
  }

  _emitCloseIfDrained(): void {
    if (this._handle === null && this._connections === 0) nextTick(() => this.emit('close'));
  }

  ref(): this {
    this._unref = false;
    this._handle?.ref();
    return this;
  }

  unref(): this {
    this._unref = true;
    this._handle?.unref();
    return this;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this._handle === null) return;
    await new Promise<void>((resolve, reject) => {
      this.close((error) => (error ? reject(error) : resolve()));
    });
  }

  /** A listener failed in an `async` function. */
  override [captureRejectionSymbol](error: Error, event: string, ...args: unknown[]): void {
    const [socket] = args;
    if (event === 'connection' && socket instanceof Socket) socket.destroy(error);
    else this.emit('error', error);
  }
}
