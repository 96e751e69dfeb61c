import type { Server } from './server.ts';
import type { Socket } from './socket.ts';

/** A question for the next connection that waits for one. */
interface Wanted {
  readonly resolve: (result: IteratorResult<Socket>) => void;
  readonly reject: (error: Error) => void;
}

/** As many connections wait for a loop as for a server that does not accept. */
const WAITING = 511;

/**
 * The connections of a server, for `for await`: ends when the server has closed, throws what it fails with. A connection that comes while
 * {@link WAITING} wait for the loop is closed, as `drop` tells; so are those that still wait when the loop is left.
 */
export class Connections implements AsyncIterableIterator<Socket> {
  readonly #server: Server;
  readonly #waiting: Socket[] = [];
  readonly #wanted: Wanted[] = [];
  #failure: Error | null = null;
  #ended = false;

  constructor(server: Server) {
    this.#server = server;
    server.on('connection', this.#connected);
    server.on('error', this.#failed);
    server.on('close', this.#closed);
  }

  next(): Promise<IteratorResult<Socket>> {
    const socket = this.#waiting.shift();
    if (socket !== undefined) return Promise.resolve({ value: socket, done: false });
    if (this.#failure !== null) {
      const failure = this.#failure;
      this.#failure = null;
      return Promise.reject(failure);
    }
    if (this.#ended) return Promise.resolve({ value: undefined, done: true });
    return new Promise((resolve, reject) => this.#wanted.push({ resolve, reject }));
  }

  /** The loop is left; the server goes on listening. */
  return(): Promise<IteratorResult<Socket>> {
    this.#end();
    for (const socket of this.#waiting.splice(0)) socket.destroy();
    return Promise.resolve({ value: undefined, done: true });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  readonly #connected = (socket: Socket): void => {
    const wanted = this.#wanted.shift();
    if (wanted !== undefined) {
      wanted.resolve({ value: socket, done: false });
    } else if (this.#waiting.length < WAITING) {
      this.#waiting.push(socket);
    } else {
      const { localAddress, localPort, localFamily, remoteAddress, remotePort, remoteFamily } = socket;
      socket.destroy();
      this.#server.emit('drop', {
        localAddress,
        localPort,
        localFamily,
        remoteAddress,
        remotePort,
        remoteFamily,
      });
    }
  };

  readonly #failed = (error: Error): void => {
    const wanted = this.#wanted.shift();
    if (wanted === undefined) this.#failure = error;
    else wanted.reject(error);
    this.#end();
  };

  readonly #closed = (): void => this.#end();

  #end(): void {
    this.#ended = true;
    this.#server.off('connection', this.#connected);
    this.#server.off('error', this.#failed);
    this.#server.off('close', this.#closed);
    for (const { resolve } of this.#wanted.splice(0)) resolve({ value: undefined, done: true });
  }
}
