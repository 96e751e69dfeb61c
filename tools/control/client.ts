import { connect, type Socket } from 'node:net';
import { LineReader } from './lines.ts';
import { ControlError, type Reply } from './protocol.ts';
import { isOwnSocket } from './socket-path.ts';

/** Longest line that a server may send in bytes: a table of many thousand routes fits. */
const LONGEST_REPLY = 64 * 1024 * 1024;

/** What is heard of a method that goes on. */
export interface StreamHandlers {
  /** It has begun: events from now on are not missed. */
  readonly started?: () => void;
  readonly event?: (event: unknown) => void;
  /** So many events were lost, because they came faster than they were read. */
  readonly dropped?: (count: number) => void;
}

interface Pending {
  readonly resolve: (result: unknown) => void;
  readonly reject: (error: Error) => void;
  readonly handlers: StreamHandlers;
}

/** A method under way that sends events. */
export interface Stream {
  /** The method's result, when it has ended. */
  readonly done: Promise<unknown>;
  /** Asks for the end; `done` resolves with what the method answers to that. */
  cancel(): void;
}

/** The other end of the control socket. */
export class ControlClient {
  readonly #socket: Socket;
  readonly #pending = new Map<number, Pending>();
  #lastId = 0;

  private constructor(socket: Socket) {
    this.#socket = socket;
    const reader = new LineReader(LONGEST_REPLY, {
      line: (line) => this.#reply(JSON.parse(line) as Reply),
      tooLong: () => this.#fail(new Error('the answer is too long')),
    });
    socket.on('data', (chunk: Buffer) => reader.push(chunk));
    socket.on('error', (error) => this.#fail(error));
    socket.on('close', () => this.#fail(new Error('the stack went away')));
  }

  /** Connects; a socket that belongs to another user than root or the caller is refused. */
  static connect(path: string): Promise<ControlClient> {
    return new Promise((resolve, reject) => {
      const socket = connect(path);
      socket.once('error', (error: NodeJS.ErrnoException) => {
        const reason = error.code === 'ECONNREFUSED' ? 'nobody serves it' : error.message;
        reject(new Error(`control socket ${path}: ${reason}`));
      });
      socket.once('connect', () => {
        socket.removeAllListeners('error');
        if (isOwnSocket(path)) {
          resolve(new ControlClient(socket));
          return;
        }
        socket.destroy();
        reject(new Error(`control socket ${path}: belongs to another user`));
      });
    });
  }

  /** Asks and waits for the answer; an error is thrown as {@link ControlError}. */
  call(method: string, params: Readonly<Record<string, unknown>> = {}): Promise<unknown> {
    return this.stream(method, params).done;
  }

  /** Asks for a method that sends events before it answers. */
  stream(
    method: string,
    params: Readonly<Record<string, unknown>> = {},
    handlers: StreamHandlers = {},
  ): Stream {
    const id = ++this.#lastId;
    const done = new Promise<unknown>((resolve, reject) => {
      this.#pending.set(id, { resolve, reject, handlers });
      this.#write({ id, method, params });
    });
    return { done, cancel: () => this.#write({ id: ++this.#lastId, method: 'cancel', params: { id } }) };
  }

  close(): void {
    this.#socket.destroy();
  }

  #write(request: object): void {
    if (!this.#socket.destroyed) this.#socket.write(`${JSON.stringify(request)}\n`);
  }

  #reply(reply: Reply): void {
    if (reply.id === null) {
      if ('error' in reply) this.#fail(new ControlError(reply.error.code, reply.error.message));
      return;
    }
    const pending = this.#pending.get(Number(reply.id));
    if (pending === undefined) return;
    if ('started' in reply) pending.handlers.started?.();
    else if ('event' in reply) pending.handlers.event?.(reply.event);
    else if ('dropped' in reply) pending.handlers.dropped?.(reply.dropped);
    else {
      this.#pending.delete(Number(reply.id));
      if ('error' in reply) {
        const { code, message, param } = reply.error;
        pending.reject(new ControlError(code, message, param));
      } else pending.resolve(reply.result);
    }
  }

  #fail(error: Error): void {
    for (const pending of this.#pending.values()) pending.reject(error);
    this.#pending.clear();
    this.#socket.destroy();
  }
}
