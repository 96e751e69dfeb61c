import { EAGAIN } from '../../../device/errno.ts';
import {
  AF_INET,
  POLLIN,
  POLLOUT,
  SOCK_DGRAM,
  SOCK_NONBLOCK,
  SOL_SOCKET,
} from '../../../stack/socket/abi.ts';
import { SocketAddress } from '../../../stack/socket/address.ts';
import type { SocketLayer } from '../../../stack/socket/layer.ts';
import { SO_RCVBUF } from '../../../stack/socket/socket-options.ts';
import { Handler } from './handler.ts';

const ANY = 0;
const RECEIVE_BUFFER = 4 * 1024 * 1024;
/** Datagrams sent between two looks at the clock and at what comes. */
const BATCH = 64;

const buffer = new Uint8Array(65_536);
const from = new SocketAddress();

/** A UDP socket on a port. Throws when it is taken. */
function bound(sockets: SocketLayer, port: number): number {
  const fd = sockets.socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
  sockets.setsockopt(fd, SOL_SOCKET, SO_RCVBUF, RECEIVE_BUFFER);
  const result = sockets.bind(fd, new SocketAddress(AF_INET, ANY, port));
  if (result < 0) throw new Error(`port ${port}: ${result}`);
  return fd;
}

/** Counts datagrams; one of a single byte is answered with the count, 64 bits in network order. */
export class Counter extends Handler {
  #count = 0;

  constructor(sockets: SocketLayer, port: number) {
    super(sockets, bound(sockets, port), POLLIN);
  }

  protected override ready(): void {
    for (;;) {
      const got = this.sockets.recvfrom(this.fd, buffer, 0, from);
      if (got < 0) return;
      if (got !== 1) this.#count++;
      else this.#answer();
    }
  }

  #answer(): void {
    const answer = Buffer.alloc(8);
    answer.writeBigUInt64BE(BigInt(this.#count));
    this.sockets.sendto(this.fd, answer, 0, from);
  }
}

/** Asked for so many milliseconds (32 bits, network order) of datagrams of so many bytes (the same), sends them to the asker. */
export class Flood extends Handler {
  readonly #to = new SocketAddress();
  #datagram = buffer.subarray(0, 0);
  #until = 0;

  constructor(sockets: SocketLayer, port: number) {
    super(sockets, bound(sockets, port), POLLIN | POLLOUT);
  }

  protected override ready(): void {
    const got = this.sockets.recvfrom(this.fd, buffer, 0, from);
    if (got === 8) {
      const asked = Buffer.from(buffer.subarray(0, 8));
      this.#until = performance.now() + asked.readUInt32BE(0);
      this.#datagram = new Uint8Array(Math.min(1472, asked.readUInt32BE(4)));
      this.#to.set(AF_INET, from.address, from.port);
      this.#send();
    }
  }

  readonly #send = (): void => {
    for (let i = 0; i < BATCH; i++) {
      if (this.sockets.sendto(this.fd, this.#datagram, 0, this.#to) === -EAGAIN) break;
    }
    this.sockets.context.machine.clock.settle();
    if (performance.now() < this.#until) setImmediate(this.#send);
  };
}
