import { EAGAIN } from '../../../device/errno.ts';
import { PagePool } from '../../../device/memory/pages.ts';
import type { PoolBuffer } from '../../../device/memory/pool-buffer.ts';
import {
  AF_INET,
  POLLERR,
  POLLHUP,
  POLLIN,
  POLLOUT,
  POLLRDHUP,
  SOCK_NONBLOCK,
  SOCK_STREAM,
} from '../../../stack/socket/abi.ts';
import { SocketAddress } from '../../../stack/socket/address.ts';
import { HeldBytes } from '../../../stack/socket/held-bytes.ts';
import type { SocketLayer } from '../../../stack/socket/layer.ts';
import { TCP_MAXSEG } from '../../../stack/tcp/sockopt.ts';
import { IPPROTO_TCP } from '../../../stack/wire/ipv4.ts';
import { Handler } from './handler.ts';
import { answerHttp } from './http.ts';

const READABLE = POLLIN | POLLRDHUP | POLLERR | POLLHUP;
const WRITABLE = POLLOUT | POLLERR | POLLHUP;
const ANY = 0;
const BACKLOG = 1024;
const CHUNK = 256 * 1024;

/** What all connections of a service read into: what was read is looked at before the next call. */
const buffer = new Uint8Array(CHUNK);

/** Accepts what comes and gives it to `serve`. */
class Acceptor extends Handler {
  readonly #serve: (fd: number) => void;

  constructor(sockets: SocketLayer, fd: number, serve: (fd: number) => void) {
    super(sockets, fd, READABLE);
    this.#serve = serve;
  }

  protected override ready(): void {
    for (;;) {
      const fd = this.sockets.accept(this.fd, null, SOCK_NONBLOCK);
      if (fd < 0) return;
      this.#serve(fd);
    }
  }
}

/** Serves a TCP port as long as the stack runs. Throws when it is taken. */
export function listen(sockets: SocketLayer, port: number, serve: (fd: number) => void): void {
  const fd = sockets.socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  const result = sockets.bind(fd, new SocketAddress(AF_INET, ANY, port)) || sockets.listen(fd, BACKLOG);
  if (result < 0) throw new Error(`port ${port}: ${result}`);
  new Acceptor(sockets, fd, serve);
}

/** Copies what comes into a recycled buffer, and looks no further at it. */
export class Discard extends Handler {
  constructor(sockets: SocketLayer, fd: number) {
    super(sockets, fd, READABLE);
    this.again();
  }

  protected override ready(): void {
    let got = 0;
    do got = this.sockets.recv(this.fd, buffer);
    while (got > 0);
    if (got !== -EAGAIN) this.close();
  }
}

/** Sends as much as there is room for. */
export class Chargen extends Handler {
  constructor(sockets: SocketLayer, fd: number) {
    super(sockets, fd, WRITABLE);
    this.again();
  }

  protected override ready(): void {
    let sent = 0;
    do sent = this.sockets.send(this.fd, buffer);
    while (sent > 0);
    if (sent !== -EAGAIN) this.close();
  }
}

/** Takes what comes where it lies, and looks no further at it. */
export class HeldDiscard extends Handler {
  readonly #held = new HeldBytes();

  constructor(sockets: SocketLayer, fd: number) {
    super(sockets, fd, READABLE);
    this.again();
  }

  protected override ready(): void {
    let got = 0;
    do {
      got = this.sockets.recvHeld(this.fd, this.#held);
      this.#held.release();
    } while (got > 0);
    if (got !== -EAGAIN) this.close();
  }
}

const option = new Uint8Array(4);

/** Pages that one connection sends from, each again when it is idle. */
const LENT = 64;

/** Sends pages of the pool as they are, as many as are idle and there is room for: of each page as much as whole segments fill. */
export class LentChargen extends Handler {
  readonly #idle: PoolBuffer[] = [];
  readonly #buffers: PoolBuffer[] = [];
  #sent = 0;

  constructor(sockets: SocketLayer, fd: number) {
    super(sockets, fd, WRITABLE);
    const { pool } = sockets.context.machine;
    sockets.getsockopt(fd, IPPROTO_TCP, TCP_MAXSEG, option);
    const mss = new DataView(option.buffer).getInt32(0, true);
    for (let i = 0; i < LENT; i++) {
      const buffer = pool.lend(PagePool.PAGE - (PagePool.PAGE % mss));
      if (buffer === null) break;
      this.#buffers.push(buffer);
      this.#idle.push(buffer);
      buffer.onIdle = () => {
        this.#idle.push(buffer);
        this.again();
      };
    }
    this.again();
  }

  protected override ready(): void {
    let taken = 0;
    while (this.#idle.length > 0) {
      const buffer = this.#idle.at(-1)!;
      taken = this.sockets.sendBuffer(this.fd, buffer, this.#sent);
      if (taken <= 0) break;
      this.#sent += taken;
      if (this.#sent < buffer.bytes.length) continue;
      this.#sent = 0;
      this.#idle.pop();
    }
    if (taken < 0 && taken !== -EAGAIN) this.#end();
  }

  #end(): void {
    for (const buffer of this.#buffers) {
      buffer.onIdle = null;
      buffer.release();
    }
    this.close();
  }
}

const small = new Uint8Array(4096);

/** Sends back what comes; answers are short enough to find room. */
export class Echo extends Handler {
  constructor(sockets: SocketLayer, fd: number) {
    super(sockets, fd, READABLE);
    this.again();
  }

  protected override ready(): void {
    let got = this.sockets.recv(this.fd, small);
    for (; got > 0; got = this.sockets.recv(this.fd, small))
      this.sockets.send(this.fd, small.subarray(0, got));
    if (got !== -EAGAIN) this.close();
  }
}

/** Answers HTTP requests on a connection that stays. */
export class Http extends Handler {
  readonly #answer = answerHttp();

  constructor(sockets: SocketLayer, fd: number) {
    super(sockets, fd, READABLE);
    this.again();
  }

  protected override ready(): void {
    let got = this.sockets.recv(this.fd, small);
    for (; got > 0; got = this.sockets.recv(this.fd, small)) {
      const response = this.#answer(small.subarray(0, got));
      if (response.length > 0) this.sockets.send(this.fd, response);
    }
    if (got !== -EAGAIN) this.close();
  }
}
