import { Work } from '../../../device/clock/deferred.ts';
import type { SocketLayer } from '../../../stack/socket/layer.ts';
import { Waiter } from '../../../stack/socket/wait-queue.ts';

/** Something that is done whenever a socket is ready, as by an event loop: it allocates nothing a call. */
export abstract class Handler extends Waiter {
  protected readonly sockets: SocketLayer;
  protected readonly fd: number;
  readonly #interest: number;
  readonly #work = new Work(() => this.ready());

  /** `interest`: `POLL*` bits. */
  constructor(sockets: SocketLayer, fd: number, interest: number) {
    super();
    this.sockets = sockets;
    this.fd = fd;
    this.#interest = interest;
    const socket = sockets.lookup(fd);
    if (typeof socket === 'number') throw new Error(`descriptor ${fd}: ${socket}`);
    socket.wait.add(this);
  }

  override wake(events: number): boolean {
    if (events !== 0 && (events & this.#interest) === 0) return false;
    this.again();
    return true;
  }

  /** The socket may be ready: does what there is to do, until the socket says EAGAIN. */
  protected abstract ready(): void;

  /** Calls {@link ready} at the end of what happens now. */
  protected again(): void {
    this.sockets.context.machine.clock.defer(this.#work);
  }

  protected close(): void {
    this.sockets.close(this.fd);
  }
}
