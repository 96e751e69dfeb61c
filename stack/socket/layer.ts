import {
  EAFNOSUPPORT,
  EBADF,
  EINVAL,
  EMFILE,
  ENOTSOCK,
  EPROTONOSUPPORT,
  ESOCKTNOSUPPORT,
} from '../../device/errno.ts';
import type { PoolBuffer } from '../../device/memory/pool-buffer.ts';
import type { IpContext } from '../ip/context.ts';
import {
  AF_INET,
  F_GETFD,
  F_GETFL,
  F_SETFD,
  F_SETFL,
  FD_CLOEXEC,
  FIONBIO,
  O_NONBLOCK,
  SOCK_CLOEXEC,
  SOCK_MAX,
  SOCK_NONBLOCK,
  SOCK_TYPE_MASK,
} from './abi.ts';
import type { SocketAddress } from './address.ts';
import { BlockingCalls } from './blocking.ts';
import { BytesFile } from './bytes-file.ts';
import { addCoreSettings, type CoreSettings } from './core-settings.ts';
import { Epoll, type EpollEvent } from './epoll.ts';
import { FdTable } from './fd-table.ts';
import { Forwarder } from './forward.ts';
import type { HeldBytes } from './held-bytes.ts';
import { HostGroups } from './memberships.ts';
import { intBytes, Message } from './message.ts';
import { Pipe, PipeEnd } from './pipe.ts';
import { type PollEntry, pollFiles } from './poll.ts';
import { EphemeralPorts } from './ports.ts';
import { ReceiveBudget } from './receive-budget.ts';
import { SipHash } from './siphash.ts';
import { Socket } from './socket.ts';
import { type FileOffset, sendfile, splice } from './splice.ts';

/** Makes a socket of a kind for the protocol that was asked for. */
export type SocketFactory = (layer: SocketLayer, protocol: number) => Socket;

interface SocketKind {
  readonly domain: number;
  readonly type: number;
  /** 0: any but 0. */
  readonly protocol: number;
  readonly factory: SocketFactory;
}

/** Protocol numbers of sockets are below this; the highest one is no IP protocol, but MPTCP. */
const IPPROTO_MAX = 263;

/** In the registry: the kind takes every protocol number, 0 included. */
export const ANY_PROTOCOL = -1;

/**
 * The system calls of a stack's sockets. All are synchronous and none blocks: a result is 0, a count, a descriptor, or a negated
 * errno; what would block is `-EAGAIN` or `-EINPROGRESS`. The forms that wait are in {@link blocking}.
 */
export class SocketLayer {
  readonly context: IpContext;
  readonly core: CoreSettings;
  readonly files: FdTable;
  readonly groups: HostGroups;
  readonly ephemeral: EphemeralPorts;
  readonly budget: ReceiveBudget;
  /** Offers flows that no socket wants. */
  readonly forwarder: Forwarder;
  /** The calls that wait. */
  readonly blocking: BlockingCalls;
  /** Keyed for ephemeral ports; protocols make their own for other purposes. */
  readonly portHash: SipHash;
  #kinds: readonly SocketKind[] = [];
  #cookie = 0;
  readonly #message = new Message();
  readonly #buffers: (Uint8Array | null)[] = [null];

  constructor(context: IpContext) {
    const { machine, ns, sysctl } = context;
    const entropy = ns.entropy.fork();
    this.context = context;
    this.core = addCoreSettings(sysctl);
    this.files = new FdTable(this.core.nrOpen);
    this.groups = new HostGroups(context);
    this.ephemeral = new EphemeralPorts(entropy.fork(), sysctl);
    this.portHash = SipHash.random(entropy);
    this.budget = new ReceiveBudget(machine.pool);
    this.forwarder = new Forwarder(this);
    this.blocking = new BlockingCalls(this);
  }

  /**
   * Registers a kind of socket (Linux: `inet_register_protosw`). `protocol`: its number, which is also the type's default; 0: any but
   * 0; {@link ANY_PROTOCOL}: any.
   */
  addProtocol(type: number, protocol: number, factory: SocketFactory, domain: number = AF_INET): void {
    this.#kinds = [...this.#kinds, { domain, type, protocol, factory }];
  }

  /** A number that no other socket of the stack has had. */
  nextCookie(): number {
    return ++this.#cookie;
  }

  /** Makes a socket; its descriptor. `type` may have `SOCK_NONBLOCK` and `SOCK_CLOEXEC` with it (Linux: `inet_create`). */
  socket(domain: number, type: number, protocol: number): number {
    const flags = type & ~SOCK_TYPE_MASK;
    const kind = type & SOCK_TYPE_MASK;
    if ((flags & ~(SOCK_NONBLOCK | SOCK_CLOEXEC)) !== 0 || kind >= SOCK_MAX) return -EINVAL;
    if (domain === AF_INET && (protocol < 0 || protocol >= IPPROTO_MAX)) return -EINVAL;
    let error: number = -EAFNOSUPPORT;
    for (const known of this.#kinds) {
      if (known.domain !== domain) continue;
      if (known.type !== kind) {
        if (error === -EAFNOSUPPORT) error = -ESOCKTNOSUPPORT;
        continue;
      }
      error = -EPROTONOSUPPORT;
      const wanted = protocolOf(known, protocol);
      if (wanted < 0) continue;
      if (!this.files.hasRoom) return -EMFILE;
      return this.install(known.factory(this, wanted), flags);
    }
    return error;
  }

  /** Gives a socket a descriptor, as accept does; closes it when there is none. */
  install(socket: Socket, flags = 0): number {
    if ((flags & SOCK_NONBLOCK) !== 0) socket.statusFlags |= O_NONBLOCK;
    const fd = this.files.add(socket);
    if (fd < 0) {
      socket.close();
      return fd;
    }
    socket.fd = fd;
    if ((flags & SOCK_CLOEXEC) !== 0) this.files.setCloseOnExec(fd, true);
    return fd;
  }

  /** The socket of a descriptor, or `-EBADF`, `-ENOTSOCK`. */
  lookup(fd: number): Socket | number {
    const file = this.files.get(fd);
    if (file === null) return -EBADF;
    return file instanceof Socket ? file : -ENOTSOCK;
  }

  bind(fd: number, address: Readonly<SocketAddress>): number {
    const socket = this.lookup(fd);
    return typeof socket === 'number' ? socket : socket.bind(address);
  }

  /** A backlog beyond `net.core.somaxconn`, or a negative one, is that. */
  listen(fd: number, backlog: number): number {
    const socket = this.lookup(fd);
    if (typeof socket === 'number') return socket;
    return socket.listen(Math.min(backlog >>> 0, this.core.somaxconn.value));
  }

  /** Takes a connection; its descriptor. `address` is filled with the peer's. */
  accept(fd: number, address: SocketAddress | null = null, flags = 0): number {
    if ((flags & ~(SOCK_NONBLOCK | SOCK_CLOEXEC)) !== 0) return -EINVAL;
    const socket = this.lookup(fd);
    if (typeof socket === 'number') return socket;
    if (!this.files.hasRoom) return -EMFILE;
    const connection = socket.accept();
    if (typeof connection === 'number') return connection;
    if (address !== null) connection.getpeername(address);
    return this.install(connection, flags);
  }

  connect(fd: number, address: Readonly<SocketAddress>): number {
    const socket = this.lookup(fd);
    return typeof socket === 'number' ? socket : socket.connect(address);
  }

  sendmsg(fd: number, message: Message, flags = 0): number {
    const socket = this.lookup(fd);
    return typeof socket === 'number' ? socket : socket.send(message, flags);
  }

  /** Receives; `message.control` and `message.flags` are set anew. */
  recvmsg(fd: number, message: Message, flags = 0): number {
    const socket = this.lookup(fd);
    if (typeof socket === 'number') return socket;
    message.flags = 0;
    if (message.control.length > 0) message.control = [];
    return socket.receive(message, flags);
  }

  send(fd: number, bytes: Uint8Array, flags = 0): number {
    return this.sendto(fd, bytes, flags, null);
  }

  sendto(fd: number, bytes: Uint8Array, flags: number, address: SocketAddress | null): number {
    const result = this.sendmsg(fd, this.#scratch(bytes, address), flags);
    this.#buffers[0] = null;
    return result;
  }

  /**
   * Sends bytes of a page of the pool where they lie, which may not change until the buffer is idle again: `length` of them from
   * `from` on. Only TCP does: others give `-EOPNOTSUPP`.
   */
  sendBuffer(fd: number, buffer: PoolBuffer, from = 0, length: number = buffer.bytes.length - from): number {
    const socket = this.lookup(fd);
    if (typeof socket === 'number') return socket;
    if (buffer.released || from < 0 || length < 0 || from + length > buffer.bytes.length) return -EINVAL;
    const { bytes } = buffer;
    const part = length === bytes.length ? bytes : bytes.subarray(from, from + length);
    const message = this.#scratch(part, null);
    message.page = buffer.page;
    const result = socket.sendPage(message);
    message.page = -1;
    this.#buffers[0] = null;
    return result;
  }

  /**
   * Receives without a copy: the next bytes that lie together, which `held` then holds; their number, 0 at the end, or a negated
   * errno. Only TCP does: others give `-EOPNOTSUPP`. In front of an urgent byte it gives `-EINVAL`.
   */
  recvHeld(fd: number, held: HeldBytes): number {
    const socket = this.lookup(fd);
    return typeof socket === 'number' ? socket : socket.receiveHeld(held);
  }

  recv(fd: number, buffer: Uint8Array, flags = 0): number {
    return this.recvfrom(fd, buffer, flags, null);
  }

  recvfrom(fd: number, buffer: Uint8Array, flags: number, address: SocketAddress | null): number {
    const result = this.recvmsg(fd, this.#scratch(buffer, address), flags);
    this.#buffers[0] = null;
    return result;
  }

  shutdown(fd: number, how: number): number {
    const socket = this.lookup(fd);
    return typeof socket === 'number' ? socket : socket.shutdown(how);
  }

  close(fd: number): number {
    const file = this.files.remove(fd);
    if (file === null) return -EBADF;
    file.close();
    return 0;
  }

  getsockname(fd: number, out: SocketAddress): number {
    const socket = this.lookup(fd);
    return typeof socket === 'number' ? socket : socket.getsockname(out);
  }

  getpeername(fd: number, out: SocketAddress): number {
    const socket = this.lookup(fd);
    return typeof socket === 'number' ? socket : socket.getpeername(out);
  }

  /** `value`: an int, or the bytes as they stand in memory on x86-64. */
  setsockopt(fd: number, level: number, option: number, value: number | Uint8Array): number {
    const socket = this.lookup(fd);
    if (typeof socket === 'number') return socket;
    return socket.setsockopt(level, option, typeof value === 'number' ? intBytes(value) : value);
  }

  /** Fills `out` with the value, or as much as it holds; bytes written. */
  getsockopt(fd: number, level: number, option: number, out: Uint8Array): number {
    const socket = this.lookup(fd);
    return typeof socket === 'number' ? socket : socket.getsockopt(level, option, out);
  }

  /** `F_GETFL`, `F_SETFL` (of which only O_NONBLOCK has an effect), `F_GETFD`, `F_SETFD`. */
  fcntl(fd: number, command: number, value = 0): number {
    const file = this.files.get(fd);
    if (file === null) return -EBADF;
    switch (command) {
      case F_GETFL:
        return file.statusFlags;
      case F_SETFL:
        file.statusFlags = (file.statusFlags & ~O_NONBLOCK) | (value & O_NONBLOCK);
        return 0;
      case F_GETFD:
        return this.files.closeOnExec(fd) ? FD_CLOEXEC : 0;
      case F_SETFD:
        return this.files.setCloseOnExec(fd, (value & FD_CLOEXEC) !== 0);
      default:
        return -EINVAL;
    }
  }

  /** The number that `request` asks for; `FIONBIO` takes `value`. */
  ioctl(fd: number, request: number, value = 0): number {
    const socket = this.lookup(fd);
    if (typeof socket === 'number') return socket;
    if (request !== FIONBIO) return socket.ioctl(request);
    socket.statusFlags = value === 0 ? socket.statusFlags & ~O_NONBLOCK : socket.statusFlags | O_NONBLOCK;
    return 0;
  }

  /** Reads from any file into one buffer: bytes, 0 at the end, `-EAGAIN` for none yet. */
  read(fd: number, buffer: Uint8Array): number {
    const file = this.files.get(fd);
    if (file instanceof BytesFile) return file.read(buffer);
    if (file instanceof PipeEnd) return file.writes ? -EBADF : file.read(buffer);
    return this.recv(fd, buffer);
  }

  /** Writes to a socket or a pipe: bytes taken, `-EAGAIN` for none. */
  write(fd: number, bytes: Uint8Array): number {
    const file = this.files.get(fd);
    if (file instanceof BytesFile) return -EBADF;
    if (file instanceof PipeEnd) return file.writes ? file.write(bytes) : -EBADF;
    return this.send(fd, bytes);
  }

  /** Makes a pipe; its descriptors, the one to read from first, or a negated errno. `flags`: `O_NONBLOCK`. */
  pipe(flags = 0): readonly [number, number] | number {
    if ((flags & ~O_NONBLOCK) !== 0) return -EINVAL;
    const { reader, writer } = new Pipe(flags);
    const first = this.files.add(reader);
    if (first < 0) return first;
    const second = this.files.add(writer);
    if (second >= 0) return [first, second];
    this.files.remove(first);
    return second;
  }

  /** Gives bytes a descriptor, as a file that was opened for reading. */
  open(bytes: Uint8Array): number {
    return this.files.add(new BytesFile(bytes));
  }

  /** Moves bytes from one descriptor to another, of which one is a pipe. `flags`: `SPLICE_F_*`. */
  splice(from: number, to: number, length: number, flags = 0): number {
    return splice(this.files.get(from), this.files.get(to), length, flags);
  }

  /** Sends bytes of a file; `at`: where they begin, null: at the file's own position. */
  sendfile(to: number, from: number, at: FileOffset | null, count: number): number {
    return sendfile(this.files.get(to), this.files.get(from), at, count);
  }

  /** Fills in `revents`; how many entries have some. */
  poll(entries: readonly PollEntry[]): number {
    return pollFiles(this.files, entries);
  }

  epollCreate(flags = 0): number {
    if ((flags & ~SOCK_CLOEXEC) !== 0) return -EINVAL;
    const fd = this.files.add(new Epoll());
    if (fd >= 0 && flags !== 0) this.files.setCloseOnExec(fd, true);
    return fd;
  }

  /** `EPOLL_CTL_ADD`, `_MOD`, `_DEL`. */
  epollCtl(epfd: number, operation: number, fd: number, event: Readonly<EpollEvent>): number {
    const epoll = this.files.get(epfd);
    const file = this.files.get(fd);
    if (epoll === null || file === null) return -EBADF;
    return epoll instanceof Epoll ? epoll.control(operation, fd, file, event) : -EINVAL;
  }

  /** Puts up to `most` events into `out`, emptied before; how many. */
  epollWait(epfd: number, out: EpollEvent[], most: number): number {
    out.length = 0;
    const epoll = this.files.get(epfd);
    if (epoll === null) return -EBADF;
    return epoll instanceof Epoll ? epoll.collect(out, most) : -EINVAL;
  }

  /** Ends everything: calls that wait return `-EINTR`, all descriptors are closed. */
  closeAll(): void {
    this.blocking.closeAll();
    this.forwarder.setHandler(null);
    for (const fd of this.files.numbers()) this.close(fd);
  }

  #scratch(bytes: Uint8Array, address: SocketAddress | null): Message {
    const message = this.#message;
    this.#buffers[0] = bytes;
    message.iov = this.#buffers;
    message.address = address;
    message.controlRoom = 0;
    if (message.control.length > 0) message.control = [];
    return message;
  }
}

/** The protocol number that a kind would have for the one asked for; -1: none. */
function protocolOf(kind: SocketKind, protocol: number): number {
  if (kind.protocol === ANY_PROTOCOL) return protocol;
  if (kind.protocol === 0) return protocol > 0 && protocol < 256 ? protocol : -1;
  return protocol === 0 || protocol === kind.protocol ? kind.protocol : -1;
}
