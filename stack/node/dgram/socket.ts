import type { BindOptions, RemoteInfo, SocketOptions } from 'node:dgram';
import { channel } from 'node:diagnostics_channel';
import { addAbortListener, EventEmitter } from 'node:events';
import { nextTick } from 'node:process';
import { errnoError, hostPortError } from '../system-error.ts';
import { validateAbortSignal, validateNumber, validateString } from '../validate.ts';
import * as errors from './errors.ts';
import { type UdpHandle, UV_UDP_IPV6ONLY, UV_UDP_REUSEADDR, UV_UDP_REUSEPORT } from './handle.ts';
import type { DgramHost, LookupFunction } from './host.ts';
import { kindOfDescriptor, newHandle } from './new-handle.ts';
import { destinationPort, type SendArguments, type SendCallback, sendArguments } from './send-arguments.ts';
import { bufferSize, check, running, SocketSettings } from './socket-settings.ts';
import * as states from './state.ts';
import { kStateSymbol, type SocketState } from './state.ts';

const created = channel('udp.socket');

/** Everything that `createSocket` can be asked for. */
export interface DgramOptions extends Omit<SocketOptions, 'lookup'> {
  reusePort?: boolean | undefined;
  lookup?: LookupFunction | undefined;
}

/** What `bind` can be asked for in an object. */
type Binding = BindOptions & { recvStart?: unknown };

/** A socket of Node's `dgram`, over a UDP socket of the stack. */
export class DgramSocket extends SocketSettings {
  readonly type: 'udp4' | 'udp6';
  [kStateSymbol]: SocketState;
  readonly #host: DgramHost;

  constructor(host: DgramHost, given: unknown, listener?: unknown) {
    super();
    const options: Partial<DgramOptions> =
      given !== null && typeof given === 'object' ? given : { type: given as 'udp4' };
    const handle = newHandle(host, options.type, options.lookup);
    this.#host = host;
    this.type = options.type!;
    if (typeof listener === 'function') this.on('message', listener as () => void);
    this[kStateSymbol] = {
      handle,
      receiving: false,
      bindState: states.UNBOUND,
      connectState: states.DISCONNECTED,
      queue: undefined,
      reuseAddr: options.reuseAddr ?? false,
      reusePort: options.reusePort ?? false,
      ipv6Only: options.ipv6Only ?? false,
      recvBufferSize: options.recvBufferSize,
      sendBufferSize: options.sendBufferSize,
    };
    if (options.signal !== undefined) this.#closeOn(options.signal);
    if (created.hasSubscribers) created.publish({ socket: this });
  }

  /**
   * Binds: `(port, address, callback)`, of which all may be left out, or `(options, callback)`; `options.fd` is a descriptor of the stack.
   * Throws ERR_SOCKET_ALREADY_BOUND; what the stack refuses is an 'error' event.
   */
  bind(...args: unknown[]): this {
    const [first, second] = args;
    running(this);
    const state = this[kStateSymbol];
    if (state.bindState !== states.UNBOUND) throw errors.alreadyBound();
    state.bindState = states.BINDING;
    const callback = args.at(-1);
    if (typeof callback === 'function') this.#onceBound(callback as () => void);
    const options = first !== null && typeof first === 'object' ? (first as Binding) : undefined;
    if (typeof options?.recvStart === 'function') {
      this.#take(first as UdpHandle);
    } else if (Number.isInteger(options?.fd) && options!.fd! > 0) {
      this.#open(options!.fd!);
    } else {
      const given = options ?? { port: first, address: second };
      const port = typeof given.port === 'function' ? 0 : Number(given.port ?? 0);
      this.#bindTo(port, typeof given.address === 'function' ? undefined : (given.address as string));
    }
    return this;
  }

  /** Gives it a peer: `(port, address, callback)`; address and callback may be left out. Throws ERR_SOCKET_DGRAM_IS_CONNECTED. */
  connect(port: unknown, address?: unknown, callback?: unknown): void {
    const to = destinationPort(port);
    const done = typeof address === 'function' ? address : callback;
    const name = address === undefined || typeof address === 'function' ? '' : address;
    validateString(name, 'address');
    const state = this[kStateSymbol];
    if (state.connectState !== states.DISCONNECTED) throw errors.alreadyConnected();
    state.connectState = states.CONNECTING;
    this.#whenBound(() => this.#connect(to, name, done as ((error?: Error) => void) | undefined));
  }

  /** Takes the peer away. Throws ERR_SOCKET_DGRAM_NOT_CONNECTED. */
  disconnect(): void {
    const state = this[kStateSymbol];
    if (state.connectState !== states.CONNECTED) throw errors.notConnected();
    check(this, (handle) => handle.disconnect(), 'connect');
    state.connectState = states.DISCONNECTED;
  }

  /**
   * Sends a datagram, in any of the forms that {@link sendArguments} takes; binds the socket first when it is not. Without a callback what
   * the stack refuses is lost, but for a name that is not found.
   */
  send(...args: unknown[]): void {
    const connected = this[kStateSymbol].connectState === states.CONNECTED;
    const given = sendArguments(args, connected);
    const port = connected ? undefined : destinationPort(given.port);
    const { address } = given;
    if (address !== undefined && address !== null) validateString(address, 'address');
    running(this);
    this.#whenBound(() => this.#send(given, port, address ?? undefined));
  }

  /** The older form, in which nothing may be left out. */
  sendto(
    bytes: unknown,
    offset: unknown,
    length: unknown,
    port: unknown,
    address: unknown,
    callback?: SendCallback,
  ): void {
    validateNumber(offset, 'offset');
    validateNumber(length, 'length');
    validateNumber(port, 'port');
    validateString(address, 'address');
    this.send(bytes, offset, length, port, address, callback);
  }

  /** Closes it, once it is bound if it is being bound; 'close' comes later. Throws ERR_SOCKET_DGRAM_NOT_RUNNING when it is closed. */
  close(callback?: () => void): this {
    if (typeof callback === 'function') this.on('close', callback);
    const state = this[kStateSymbol];
    if (state.queue !== undefined) {
      state.queue.push(() => this.close());
      return this;
    }
    const handle = running(this);
    this.stopReceiving();
    handle.close();
    state.handle = null;
    nextTick(() => this.emit('close'));
    return this;
  }

  /** Closes it unless it is closed, and waits for that. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this[kStateSymbol].handle === null) return;
    await new Promise<void>((resolve) => {
      this.close(resolve);
    });
  }

  /** Stops receiving, which nothing but closing and Node's old interface asks for. */
  stopReceiving(): void {
    const state = this[kStateSymbol];
    if (!state.receiving) return;
    state.handle?.recvStop();
    state.receiving = false;
  }

  #closeOn(signal: AbortSignal): void {
    validateAbortSignal(signal, 'options.signal');
    const abort = (): void => {
      if (this[kStateSymbol].handle !== null) this.close();
    };
    if (signal.aborted) {
      abort();
      return;
    }
    const listening = addAbortListener(signal, abort);
    this.once('close', () => listening[Symbol.dispose]());
  }

  #onceBound(callback: () => void): void {
    const remove = (): void => {
      this.off('error', remove);
      this.off('listening', listening);
    };
    const listening = (): void => {
      remove();
      callback.call(this);
    };
    this.on('error', remove);
    this.on('listening', listening);
  }

  #take(handle: UdpHandle): void {
    const state = this[kStateSymbol];
    const old = running(this);
    if (!old.hasRef()) handle.unref();
    handle.lookup = old.lookup;
    old.close();
    state.handle = handle;
    this.#listen(handle);
  }

  #open(fd: number): void {
    const kind = kindOfDescriptor(this.#host, fd);
    if (kind !== 'UDP') throw errors.badFdType(kind);
    check(this, (handle) => handle.open(fd), 'open');
    this.#listen(running(this));
  }

  #bindTo(port: number, address: string | undefined): void {
    const state = this[kStateSymbol];
    running(this).lookup(address || (this.type === 'udp4' ? '0.0.0.0' : '::'), (error, ip) => {
      const { handle } = state;
      if (error) {
        state.bindState = states.UNBOUND;
        this.emit('error', error);
        return;
      }
      if (handle === null) return;
      const result = handle.bind(ip, port, this.#flags());
      if (result < 0) {
        state.bindState = states.UNBOUND;
        this.emit('error', hostPortError(result, 'bind', ip, port || undefined));
        return;
      }
      this.#listen(handle);
    });
  }

  #flags(): number {
    const { reuseAddr, reusePort, ipv6Only } = this[kStateSymbol];
    return (
      (reuseAddr ? UV_UDP_REUSEADDR : 0) |
      (reusePort ? UV_UDP_REUSEPORT : 0) |
      (ipv6Only ? UV_UDP_IPV6ONLY : 0)
    );
  }

  #listen(handle: UdpHandle): void {
    const state = this[kStateSymbol];
    handle.onmessage = (nread, _handle, bytes, rinfo) => this.#received(nread, bytes, rinfo);
    handle.ongone = () => {
      if (state.handle === handle) this.close();
    };
    handle.recvStart();
    state.receiving = true;
    state.bindState = states.BOUND;
    if (state.recvBufferSize) bufferSize(this, state.recvBufferSize, true);
    if (state.sendBufferSize) bufferSize(this, state.sendBufferSize, false);
    this.emit('listening');
  }

  #received(nread: number, bytes: Buffer | null, rinfo: RemoteInfo | null): void {
    if (nread < 0) this.emit('error', errnoError(nread, 'recvmsg'));
    else this.emit('message', bytes, rinfo);
  }

  /** Binds it unless it is, and then does `task`, which is forgotten when that fails. */
  #whenBound(task: () => void): void {
    const state = this[kStateSymbol];
    if (state.bindState === states.UNBOUND) this.bind({ port: 0, exclusive: true }, null);
    if (state.bindState === states.BOUND) {
      task();
      return;
    }
    if (state.queue === undefined) {
      state.queue = [];
      const failed = (): void => {
        this.off('listening', succeeded);
        state.queue = undefined;
      };
      const succeeded = (): void => {
        this.off(EventEmitter.errorMonitor, failed);
        const tasks = state.queue ?? [];
        state.queue = undefined;
        for (const waiting of tasks) waiting();
      };
      this.once(EventEmitter.errorMonitor, failed);
      this.once('listening', succeeded);
    }
    state.queue.push(task);
  }

  #connect(port: number, address: string, callback: ((error?: Error) => void) | undefined): void {
    const state = this[kStateSymbol];
    if (callback) this.once('connect', callback);
    running(this).lookup(address, (error, ip) => {
      if (state.handle === null) return;
      const result = error ? 0 : state.handle.connect(ip, port);
      const failure = result < 0 ? hostPortError(result, 'connect', address, port) : error;
      state.connectState = failure ? states.DISCONNECTED : states.CONNECTED;
      nextTick(() => {
        if (!failure) {
          this.emit('connect');
        } else if (callback) {
          this.off('connect', callback);
          callback(failure);
        } else {
          this.emit('error', failure);
        }
      });
    });
  }

  #send({ list, callback }: SendArguments, port: number | undefined, address: string | undefined): void {
    if (port === undefined) {
      this.#transmit(list, undefined, address, undefined, callback);
      return;
    }
    running(this).lookup(address, (error, ip) => {
      if (!error) this.#transmit(list, port, address, ip, callback);
      else if (callback) nextTick(() => callback(error, 0));
      else nextTick(() => this.emit('error', error));
    });
  }

  #transmit(
    list: Uint8Array[],
    port: number | undefined,
    address: string | undefined,
    ip: string | undefined,
    callback: SendCallback | undefined,
  ): void {
    const { handle } = this[kStateSymbol];
    if (handle === null) return;
    const request = {
      list,
      address,
      port,
      callback,
      oncomplete: (status: number, bytes: number) =>
        callback?.(status < 0 ? sendError(status, address, port) : null, bytes),
    };
    const result =
      port === undefined
        ? handle.send(request, list, list.length)
        : handle.send(request, list, list.length, port, ip);
    if (result === 0 || callback === undefined) return;
    const failure = result < 0 ? sendError(result, address, port) : null;
    nextTick(() => callback(failure, Math.max(0, result - 1)));
  }
}

/** A connected socket says nothing of its peer. */
function sendError(result: number, address: string | undefined, port: number | undefined): Error {
  if (port === undefined) return errnoError(result, 'send');
  const error = hostPortError(result, 'send', `${address}`, port);
  return Object.assign(error, { address });
}
