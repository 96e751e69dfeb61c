import { Work } from '../../device/clock/deferred.ts';
import type { NetDevice } from '../../device/netdevice/netdevice.ts';
import { AF_INET, SIOCINQ, SOCK_DGRAM, SOCK_NONBLOCK, SOL_SOCKET } from '../socket/abi.ts';
import { SocketAddress } from '../socket/address.ts';
import { SO_BINDTOIFINDEX, SO_BROADCAST, SO_REUSEADDR } from '../socket/socket-options.ts';
import { Waiter } from '../socket/wait-queue.ts';
import type { DhcpHost } from './host.ts';

/** A UDP socket on one device and port, whose datagrams are read behind the batch that brought them. */
export class UdpPort extends Waiter {
  readonly #host: DhcpHost;
  readonly #receive: (message: Uint8Array) => void;
  readonly #work = new Work(() => this.#readAll());
  #fd = -1;

  constructor(host: DhcpHost, receive: (message: Uint8Array) => void) {
    super();
    this.#host = host;
    this.#receive = receive;
  }

  get isOpen(): boolean {
    return this.#fd >= 0;
  }

  /** Opens it; 0, or a negated errno such as `-EADDRINUSE`. Opening it twice is fine. */
  open(dev: NetDevice, port: number): number {
    if (this.#fd >= 0) return 0;
    const { sockets } = this.#host;
    const fd = sockets.socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
    const socket = fd < 0 ? fd : sockets.lookup(fd);
    if (typeof socket === 'number') return socket;
    this.#fd = fd;
    sockets.setsockopt(fd, SOL_SOCKET, SO_BINDTOIFINDEX, dev.ifindex);
    sockets.setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, 1);
    sockets.setsockopt(fd, SOL_SOCKET, SO_BROADCAST, 1);
    const bound = sockets.bind(fd, new SocketAddress(AF_INET, 0, port));
    if (bound < 0) this.close();
    else socket.wait.add(this);
    return bound;
  }

  close(): void {
    const fd = this.#fd;
    this.#fd = -1;
    if (fd < 0) return;
    this.queue?.remove(this);
    this.#host.sockets.close(fd);
  }

  override wake(): boolean {
    this.#host.machine.clock.defer(this.#work);
    return true;
  }

  override released(): void {
    this.#fd = -1;
  }

  #readAll(): void {
    const { sockets } = this.#host;
    while (this.#fd >= 0) {
      const bytes = new Uint8Array(Math.max(0, sockets.ioctl(this.#fd, SIOCINQ)));
      if (sockets.recv(this.#fd, bytes) < 0) return;
      this.#receive(bytes);
    }
  }
}
