import { AsyncResource } from 'node:async_hooks';
import type { Clock } from '../../device/clock/clock.ts';
import type { SocketLayer } from '../socket/layer.ts';
import type { Socket } from '../socket/socket.ts';
import { Waiter } from '../socket/wait-queue.ts';

/**
 * What Node's objects hold of a socket, as they hold handles of libuv: it turns readiness into callbacks, each in a turn of the event
 * loop of its own and in the asynchronous context in which it was made, and keeps the process alive while it is busy.
 */
export abstract class Handle extends Waiter {
  readonly sockets: SocketLayer;
  /** The socket, null before it is made and when it is closed. */
  socket: Socket | null = null;
  closing = false;
  protected readonly clock: Clock;
  readonly #context: AsyncResource;
  readonly #onTurn = (): void => {
    this.#turnComes = false;
    this.#context.runInAsyncScope(this.#run);
  };
  readonly #run = (): void => this.turn();
  #turnComes = false;
  #referenced = true;
  #holds = false;

  /** `kind`: what `async_hooks` calls it. */
  constructor(sockets: SocketLayer, kind: string) {
    super();
    this.sockets = sockets;
    this.clock = sockets.context.machine.clock;
    this.#context = new AsyncResource(kind, { requireManualDestroy: true });
  }

  /** Its descriptor in the stack; -1: none. */
  get fd(): number {
    return this.socket?.fd ?? -1;
  }

  /** Its number in `async_hooks`. */
  getAsyncId(): number {
    return this.#context.asyncId();
  }

  /** Whether something is under way that a process is to stay alive for. */
  protected abstract get busy(): boolean;

  /** Does what there is to do. */
  protected abstract turn(): void;

  /** The socket was taken away by the end of the stack. */
  protected abstract gone(): void;

  /** Takes a socket over. */
  protected watch(socket: Socket): void {
    this.socket = socket;
    socket.wait.add(this);
  }

  /** Has {@link turn} run in the next turn of the event loop. */
  protected again(): void {
    if (this.#turnComes) return;
    this.#turnComes = true;
    this.clock.nextTurn(this.#onTurn);
  }

  /** To be called when {@link busy} may have changed. */
  protected busyChanged(): void {
    const holds = this.#referenced && this.busy;
    if (holds === this.#holds) return;
    this.#holds = holds;
    if (holds) this.clock.hold();
    else this.clock.letGo();
  }

  override released(): void {
    if (this.socket === null) return;
    this.socket = null;
    this.gone();
    this.busyChanged();
  }

  hasRef(): boolean {
    return this.#referenced;
  }

  ref(): void {
    this.#referenced = true;
    this.busyChanged();
  }

  unref(): void {
    this.#referenced = false;
    this.busyChanged();
  }

  /** Closes the socket; `done` is called in a later turn, after all that waits for something. A second time does nothing. */
  close(done?: () => void): void {
    if (this.closing) return;
    this.closing = true;
    const { socket } = this;
    this.socket = null;
    if (socket !== null) this.sockets.close(socket.fd);
    this.busyChanged();
    this.clock.nextTurn(() => {
      this.#context.runInAsyncScope(() => {
        this.canceled();
        done?.();
      });
      this.#context.emitDestroy();
    });
  }

  /** Closed: those who wait for something hear that nothing comes of it. */
  protected canceled(): void {}
}
