import { EAGAIN, EBADF } from '../../../device/errno.ts';
import {
  AF_INET,
  POLLERR,
  POLLHUP,
  POLLIN,
  SOCK_NONBLOCK,
  SOCK_STREAM,
  SOL_SOCKET,
} from '../../socket/abi.ts';
import { SocketAddress } from '../../socket/address.ts';
import type { SocketLayer } from '../../socket/layer.ts';
import { intBytes } from '../../socket/message.ts';
import { SO_REUSEADDR } from '../../socket/socket-options.ts';
import { Handle } from '../handle.ts';
import { type Endpoint, endpoint, socketAddress } from './address.ts';
import { TcpHandle } from './tcp-handle.ts';

const EVENTS = POLLIN | POLLERR | POLLHUP;
/** Connections that are accepted before others have their turn. */
const CONNECTIONS_A_TURN = 128;

/** A socket that listens (libuv: `uv_tcp_t` behind `uv_listen`). */
export class ListenHandle extends Handle {
  /** A connection, or the negated errno that kept one from being accepted. */
  onconnection: (error: number, connection?: TcpHandle) => void = () => {};
  /** The stack has ended under it. */
  ongone: () => void = () => {};
  #listens = false;

  constructor(sockets: SocketLayer) {
    super(sockets, 'TCPSERVERWRAP');
  }

  protected override get busy(): boolean {
    return this.#listens && this.socket !== null;
  }

  override wake(events: number): boolean {
    if ((events & EVENTS) === 0) return false;
    this.again();
    return true;
  }

  /** Takes an address and a port (0: any); 0 or a negated errno. */
  bind(address: string, port: number): number {
    const local = socketAddress(address, port);
    if (typeof local === 'number') return local;
    const fd = this.sockets.socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    if (fd < 0) return fd;
    const socket = this.sockets.lookup(fd);
    if (typeof socket === 'number') return socket;
    this.watch(socket);
    socket.setsockopt(SOL_SOCKET, SO_REUSEADDR, intBytes(1));
    return socket.bind(local);
  }

  /** 0 or a negated errno. */
  listen(backlog: number): number {
    const { socket } = this;
    if (socket === null) return -EBADF;
    const result = this.sockets.listen(socket.fd, backlog);
    if (result < 0) return result;
    this.#listens = true;
    this.busyChanged();
    this.again();
    return 0;
  }

  getsockname(): Endpoint | number {
    const name = new SocketAddress();
    const result = this.socket?.getsockname(name) ?? -EBADF;
    return result < 0 ? result : endpoint(name);
  }

  protected override gone(): void {
    this.again();
  }

  protected override turn(): void {
    if (this.socket === null) {
      if (!this.closing) this.ongone();
      return;
    }
    let more = true;
    try {
      for (let left = CONNECTIONS_A_TURN; more && left > 0; left--) more = this.#accept();
    } finally {
      // Also when a listener threw.
      if (more) this.again();
    }
  }

  /** Accepts one connection; whether there may be more. */
  #accept(): boolean {
    const { socket, sockets } = this;
    if (socket === null) return false;
    const fd = sockets.accept(socket.fd, null, SOCK_NONBLOCK);
    if (fd === -EAGAIN) return false;
    const connection = fd < 0 ? fd : sockets.lookup(fd);
    if (typeof connection === 'number') this.onconnection(connection);
    else this.onconnection(0, new TcpHandle(sockets, connection));
    return fd >= 0;
  }
}
