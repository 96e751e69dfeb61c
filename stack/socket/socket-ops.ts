import type { SocketAddress } from './address.ts';
import type { Message } from './message.ts';
import type { Socket } from './socket.ts';

/**
 * What a kind of socket does for the system calls (Linux: `struct proto_ops`). Nothing blocks: what would, returns `-EAGAIN` or
 * `-EINPROGRESS`, and the socket's wait queue tells when to try again. Results are 0, a count, or a negated errno.
 */
export interface SocketOps {
  bind(address: Readonly<SocketAddress>): number;
  listen(backlog: number): number;
  /** A connection that waits to be taken; its owner gives it a descriptor. `-EAGAIN`: none. */
  accept(): Socket | number;
  /** `-EINPROGRESS`: it is on its way; `POLLOUT` tells of the end, and {@link connectResult} how it came out. */
  connect(address: Readonly<SocketAddress>): number;
  /** How the last connect came out: `-EINPROGRESS` while it is under way, 0, or its error, which is then taken. */
  connectResult(): number;
  /** Sends what the message's buffers hold; bytes taken. */
  send(message: Message, flags: number): number;
  /** Fills the message's buffers; bytes received. */
  receive(message: Message, flags: number): number;
  /** `how`: `SHUT_RD`, `SHUT_WR`, `SHUT_RDWR`. */
  shutdown(how: number): number;
  getsockname(out: SocketAddress): number;
  getpeername(out: SocketAddress): number;
  /** `value`: the bytes as they stand in memory on x86-64; numbers are four bytes, little-endian. */
  setsockopt(level: number, option: number, value: Uint8Array): number;
  /** Fills `out` with as much of the value as it holds; bytes written. */
  getsockopt(level: number, option: number, out: Uint8Array): number;
  /** The number that an ioctl asks for. */
  ioctl(request: number): number;
}
