import type { EventEmitter } from 'node:events';
import type * as nodeNet from 'node:net';
import { promisify } from 'node:util';
import type { Net } from './net/net.ts';

/** What all of Node's servers get from `net.Server`. */
interface NodeServer extends EventEmitter {
  readonly allowHalfOpen: boolean;
  readonly pauseOnConnect: boolean;
  readonly noDelay: boolean;
  readonly keepAlive: boolean;
  /** Seconds. */
  readonly keepAliveInitialDelay: number;
  readonly highWaterMark: number;
  maxConnections?: number;
  close(): unknown;
}

type ServerClass = new (...args: never[]) => NodeServer;

const FORWARDED = ['listening', 'drop', 'error', 'close'] as const;

/**
 * A class of servers (`http.Server`, `tls.Server` and the like) that listens on a stack: what it does with connections is Node's, where they
 * come from is a server of the stack's behind it.
 */
export function served<T>(Base: T, net: Net): T {
  class Served extends (Base as ServerClass) {
    readonly #door: nodeNet.Server;

    constructor(...args: never[]) {
      super(...args);
      const { allowHalfOpen, pauseOnConnect, noDelay, keepAlive, highWaterMark } = this;
      const keepAliveInitialDelay = this.keepAliveInitialDelay * 1000;
      const options = {
        allowHalfOpen,
        pauseOnConnect,
        noDelay,
        keepAlive,
        keepAliveInitialDelay,
        highWaterMark,
      };
      this.#door = new net.Server(options);
      for (const event of FORWARDED)
        this.#door.on(event, (...values: unknown[]) => this.emit(event, ...values));
      this.#door.on('connection', (socket) => {
        (socket as { server?: unknown }).server = this;
        this.emit('connection', socket);
      });
      Object.defineProperty(this.#door, 'maxConnections', { get: () => this.maxConnections });
    }

    get listening(): boolean {
      return this.#door.listening;
    }

    listen(...args: unknown[]): this {
      this.#door.listen(...(args as [number]));
      return this;
    }

    address(): ReturnType<nodeNet.Server['address']> {
      return this.#door.address();
    }

    getConnections(callback: (error: Error | null, count: number) => void): this {
      this.#door.getConnections(callback);
      return this;
    }

    /** Accepts no more, and ends what Node's class ends then: connections that are idle, its timers. */
    override close(callback?: (error?: Error) => void): this {
      super.close();
      this.#door.close(callback);
      return this;
    }

    /** Node's own `close` would say so at once, since it has no connections. */
    _emitCloseIfDrained(): void {}

    ref(): this {
      this.#door.ref();
      return this;
    }

    unref(): this {
      this.#door.unref();
      return this;
    }

    async [Symbol.asyncDispose](): Promise<void> {
      if (this.listening) await promisify((done: (error?: Error) => void) => this.close(done))();
    }
  }
  return Served as T;
}
