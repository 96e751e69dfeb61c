import type { Socket } from 'node:net';
import { NetError } from '../../device/errno.ts';
import { LineReader } from './lines.ts';
import type { Call, MethodTable } from './method.ts';
import { ControlError, type ControlLimits, type Reply, type Request, type RequestId } from './protocol.ts';

/** A client that asks too fast, or reads too slowly, waits; one that writes nonsense gets an error; none gets further. */
export class Connection<Subject> {
  /** Events dropped because this client read too slowly. */
  eventsDropped = 0;
  readonly #socket: Socket;
  readonly #subject: Subject;
  readonly #methods: MethodTable<Subject>;
  readonly #limits: ControlLimits;
  readonly #reader: LineReader;
  readonly #underWay = new Map<RequestId, AbortController>();

  constructor(socket: Socket, subject: Subject, methods: MethodTable<Subject>, limits: ControlLimits) {
    this.#socket = socket;
    this.#subject = subject;
    this.#methods = methods;
    this.#limits = limits;
    this.#reader = new LineReader(limits.line, {
      line: (line) => this.#line(line),
      tooLong: () => this.#refuseLine(`a request is longer than ${limits.line} bytes`),
    });
    socket.on('data', (chunk: Buffer) => this.#reader.push(chunk));
    socket.on('drain', () => this.#goOn());
    socket.on('error', () => socket.destroy());
    socket.on('close', () => {
      this.#reader.stop();
      this.#cancelAll();
    });
  }

  /** Ends the connection and whatever was under way on it. */
  close(): void {
    this.#cancelAll();
    this.#socket.destroy();
  }

  #line(line: string): void {
    if (this.#socket.destroyed || line.trim() === '') return;
    let request: Request;
    try {
      request = parseRequest(line);
    } catch (cause) {
      this.#send({ id: idOf(cause), error: errorOf(cause).body });
      return;
    }
    try {
      this.#run(request);
    } catch (cause) {
      this.#send({ id: request.id, error: errorOf(cause).body });
    }
  }

  #run({ id, method: name, params }: Request): void {
    if (name === 'cancel') {
      this.#send({ id, result: this.#cancel(params) });
      return;
    }
    const method = Object.hasOwn(this.#methods, name) ? this.#methods[name] : undefined;
    if (method === undefined) throw new ControlError('EMETHOD', `no method ${JSON.stringify(name)}`);
    if (this.#underWay.has(id)) throw new ControlError('EPROTO', `request ${id} is still under way`);
    if (this.#underWay.size >= this.#limits.inFlight)
      throw new ControlError('EBUSY', `more than ${this.#limits.inFlight} requests under way`);
    const controller = new AbortController();
    const result = method.invoke(this.#subject, params, this.#call(id, controller.signal));
    if (!(result instanceof Promise)) {
      this.#send({ id, result: result ?? null });
      return;
    }
    this.#underWay.set(id, controller);
    this.#send({ id, started: true });
    result
      .then(
        (value: unknown) => this.#send({ id, result: value ?? null }),
        (cause: unknown) => this.#send({ id, error: errorOf(cause).body }),
      )
      .finally(() => this.#underWay.delete(id));
  }

  #call(id: RequestId, signal: AbortSignal): Call {
    let dropped = 0;
    return {
      signal,
      emit: (event) => {
        if (signal.aborted) return;
        if (this.#socket.writableLength > this.#limits.output) {
          dropped++;
          this.eventsDropped++;
          return;
        }
        if (dropped > 0) this.#send({ id, dropped });
        dropped = 0;
        this.#send({ id, event });
      },
    };
  }

  #cancel(params: Request['params']): boolean {
    const target = params['id'];
    if (Object.keys(params).length !== 1 || !isId(target))
      throw new ControlError('EPARAM', 'parameter "id": is not the id of a request', 'id');
    const controller = this.#underWay.get(target);
    controller?.abort();
    return controller !== undefined;
  }

  #cancelAll(): void {
    for (const controller of this.#underWay.values()) controller.abort();
  }

  #refuseLine(message: string): void {
    this.#send({ id: null, error: { code: 'EPROTO', message } });
    this.#socket.end();
    this.#socket.resume();
    this.#cancelAll();
  }

  /** The client has read what waited for him. */
  #goOn(): void {
    this.#reader.resume();
    if (this.#socket.writableLength <= this.#limits.output) this.#socket.resume();
  }

  #send(reply: Reply): void {
    const socket = this.#socket;
    if (socket.destroyed || socket.writableEnded) return;
    socket.write(`${JSON.stringify(reply)}\n`);
    if (socket.writableLength <= this.#limits.output) return;
    socket.pause();
    this.#reader.pause();
  }
}

/** Carries the id along, so that a half-good request still gets its error under its own id. */
class RequestError extends ControlError {
  readonly id: RequestId | null;

  constructor(id: RequestId | null, message: string) {
    super('EPROTO', message);
    this.id = id;
  }
}

function parseRequest(line: string): Request {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    throw new RequestError(null, 'a request is one JSON object on a line');
  }
  if (!isObject(value)) throw new RequestError(null, 'a request is one JSON object on a line');
  const { id, method, params = {}, ...rest } = value;
  if (!isId(id)) throw new RequestError(null, 'a request has an "id": a whole number or a short text');
  if (typeof method !== 'string') throw new RequestError(id, 'a request has a "method": a text');
  if (!isObject(params)) throw new RequestError(id, '"params" is an object');
  const [unknown] = Object.keys(rest);
  if (unknown !== undefined) throw new RequestError(id, `unknown field ${JSON.stringify(unknown)}`);
  return { id, method, params };
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isId(value: unknown): value is RequestId {
  return typeof value === 'string' ? value.length <= 64 : Number.isSafeInteger(value);
}

function idOf(cause: unknown): RequestId | null {
  return cause instanceof RequestError ? cause.id : null;
}

function errorOf(cause: unknown): ControlError {
  if (cause instanceof ControlError) return cause;
  if (cause instanceof NetError) return new ControlError(cause.code, cause.message);
  return new ControlError('EFAULT', cause instanceof Error ? cause.message : String(cause));
}
