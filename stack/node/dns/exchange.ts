import { Work } from '../../../device/clock/deferred.ts';
import { EAGAIN } from '../../../device/errno.ts';
import { AF_INET, SOCK_NONBLOCK } from '../../socket/abi.ts';
import { SocketAddress } from '../../socket/address.ts';
import type { SocketLayer } from '../../socket/layer.ts';
import { Waiter } from '../../socket/wait-queue.ts';
import { type Ipv4, parseIpv4 } from '../../wire/address.ts';
import type { ServerAddress } from './server-address.ts';

/** Hears of what comes on an exchange: messages, or the negated errno that ended it (0: the server did). */
export interface ExchangeUser {
  message(bytes: Uint8Array): void;
  failed(errno: number): void;
}

/** One message to one server, and what comes back on that socket until it is closed. Its socket is its own, and so is its port. */
export abstract class Exchange extends Waiter {
  protected readonly sockets: SocketLayer;
  protected readonly user: ExchangeUser;
  protected fd = -1;
  readonly #work = new Work(() => {
    if (this.fd >= 0) this.ready();
  });

  constructor(sockets: SocketLayer, user: ExchangeUser) {
    super();
    this.sockets = sockets;
    this.user = user;
  }

  /** Something may be done with the socket. */
  protected abstract ready(): void;

  override wake(): boolean {
    this.sockets.context.machine.clock.defer(this.#work);
    return true;
  }

  override released(): void {
    this.fd = -1;
  }

  close(): void {
    const { fd } = this;
    this.fd = -1;
    if (fd < 0) return;
    this.queue?.remove(this);
    this.sockets.close(fd);
  }

  /** Makes a socket, from `local` (0: any), and connects it; 0, `-EINPROGRESS`, or a negated errno. */
  protected connect(type: number, server: ServerAddress, local: Ipv4): number {
    const { sockets } = this;
    const made = sockets.socket(server.family === 4 ? AF_INET : server.family, type | SOCK_NONBLOCK, 0);
    const socket = made < 0 ? made : sockets.lookup(made);
    if (typeof socket === 'number') return socket;
    this.fd = made;
    socket.wait.add(this);
    if (local !== 0) {
      const bound = socket.bind(new SocketAddress(AF_INET, local));
      if (bound < 0) return bound;
    }
    return socket.connect(new SocketAddress(AF_INET, parseIpv4(server.address), server.port));
  }

  /** Receives into a buffer; undefined: there is nothing yet. */
  protected receive(buffer: Uint8Array): number | undefined {
    const got = this.sockets.recv(this.fd, buffer);
    return got === -EAGAIN ? undefined : got;
  }
}
