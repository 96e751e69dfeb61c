import { EINVAL, ENOPROTOOPT, ENOTCONN, ENOTTY, EOPNOTSUPP } from '../../device/errno.ts';
import type { Packet } from '../../device/memory/packet.ts';
import { type PacketOwner, STAMP_QUEUED } from '../../device/memory/packet-owner.ts';
import {
  MSG_PEEK,
  O_NONBLOCK,
  O_RDWR,
  POLLERR,
  POLLOUT,
  POLLWRBAND,
  POLLWRNORM,
  RCV_SHUTDOWN,
  SEND_SHUTDOWN,
  SHUT_RDWR,
  SOL_SOCKET,
} from './abi.ts';
import type { SocketAddress } from './address.ts';
import { ErrorQueue } from './error-queue.ts';
import type { File } from './file.ts';
import type { HeldBytes } from './held-bytes.ts';
import type { SocketLayer } from './layer.ts';
import { Message } from './message.ts';
import type { SocketOps } from './socket-ops.ts';
import { getSocketOption, setSocketOption } from './socket-options.ts';
import { reportStamp, SCM_TSTAMP_SCHED, SCM_TSTAMP_SND } from './stamp-report.ts';
import { wantsArrivals } from './timestamping.ts';
import { WaitQueue } from './wait-queue.ts';

/**
 * A socket (Linux: `struct sock`): the fields and calls that all kinds have in common. The operations here are those of a kind
 * that does not know them.
 */
export abstract class Socket implements SocketOps, File, PacketOwner {
  readonly layer: SocketLayer;
  /** `AF_*`, `SOCK_*`, `IPPROTO_*`. */
  readonly domain: number;
  readonly type: number;
  readonly protocol: number;
  readonly wait: WaitQueue = new WaitQueue();
  readonly errors: ErrorQueue = new ErrorQueue();
  statusFlags: number = O_RDWR;
  /** Its descriptor, -1: none, as for a connection that nobody accepted yet. */
  fd = -1;
  closed = false;
  /** Number that tells sockets apart, never reused (Linux: SO_COOKIE). */
  readonly cookie: number;

  /** Pending error, positive, 0: none (Linux: `sk_err`); and one that is only told when all else failed. */
  error = 0;
  softError = 0;
  /** `RCV_SHUTDOWN`, `SEND_SHUTDOWN`. */
  shutdownMask = 0;
  /** Bytes of memory that received packets hold (Linux: `sk_rmem_alloc`). */
  receiveMemory = 0;
  /** Bytes of memory that packets on their way out hold (Linux: `sk_wmem_alloc`). */
  writeMemory = 0;
  /** Packets dropped because there was no room (Linux: `sk_drops`). */
  drops = 0;

  /** Interface that it is bound to, 0: any. */
  boundIfindex = 0;
  /** Bytes; limits are doubled as Linux does. */
  sndbuf: number;
  rcvbuf: number;
  /** Set by the user, so that nothing tunes it. */
  sndbufLocked = false;
  rcvbufLocked = false;
  rcvlowat = 1;
  reuseAddress = 0;
  reusePort = 0;
  keepalive = 0;
  broadcast = 0;
  dontRoute = 0;
  oobInline = 0;
  noChecksum = 0;
  zerocopy = 0;
  debug = 0;
  lingerOn = 0;
  lingerSeconds = 0;
  /** Milliseconds, Infinity: for ever. */
  receiveTimeoutMs: number = Number.POSITIVE_INFINITY;
  sendTimeoutMs: number = Number.POSITIVE_INFINITY;
  priority = 0;
  mark = 0;
  /** 0 none, 1 SO_TIMESTAMP, 2 SO_TIMESTAMPNS. */
  timestamp = 0;
  /** `SOF_TIMESTAMPING_*` (SO_TIMESTAMPING), and the number of the next datagram or of a stream's first byte. */
  timestamping = 0;
  timestampKey = 0;
  receiveOverflow = 0;
  /** Where MSG_PEEK goes on (SO_PEEK_OFF), negative: always at the front. */
  peekOffset = -1;
  selectErrorQueue = 0;
  maxPacingRate: number = 0xffffffff;
  incomingCpu = -1;
  /** Calls that wait for a connection or for room to send (Linux: `sk_write_pending`). */
  waitingWriters = 0;

  constructor(layer: SocketLayer, domain: number, type: number, protocol: number) {
    this.layer = layer;
    this.domain = domain;
    this.type = type;
    this.protocol = protocol;
    this.cookie = layer.nextCookie();
    this.sndbuf = layer.core.sendDefault.value;
    this.rcvbuf = layer.core.receiveDefault.value;
  }

  get nonblocking(): boolean {
    return (this.statusFlags & O_NONBLOCK) !== 0;
  }

  /** Whether it accepts connections (SO_ACCEPTCONN). */
  get listening(): boolean {
    return false;
  }

  /** Whether its connection is being made. */
  get connecting(): boolean {
    return false;
  }

  /** What is true of it now, as `POLL*` bits. */
  abstract poll(): number;

  /** Gives back all that it holds. Called once, by {@link close}. */
  protected abstract destroy(): void;

  close(): void {
    if (this.closed) return;
    this.closed = true;
    this.wait.release();
    if (wantsArrivals(this)) this.layer.context.ns.timestamps--;
    this.errors.clear();
    this.destroy();
  }

  /** Asked after {@link close}: whether the end is still under way; if so, `wake` hears of it (Linux: `sk_stream_wait_close`). */
  lingering(_wake: () => void): boolean {
    return false;
  }

  /** Takes the pending error: its negated errno, 0 for none (Linux: `sock_error`). */
  takeError(): number {
    const { error } = this;
    this.error = 0;
    return -error;
  }

  /** Sets the pending error and wakes those who wait. */
  reportError(errno: number): void {
    this.error = errno;
    this.wait.wake(POLLERR);
  }

  /** Whether another datagram may be written (Linux: `sock_writeable`). */
  get writable(): boolean {
    return this.writeMemory < this.sndbuf >> 1;
  }

  /** See `PacketOwner` (Linux: `sock_wfree`). */
  packetGone(charge: number): void {
    this.writeMemory -= charge;
    if (charge > 0 && this.writable) this.wait.wake(POLLOUT | POLLWRNORM | POLLWRBAND);
  }

  packetStamped(packet: Packet, moment: number, key: number): void {
    const kind = moment === STAMP_QUEUED ? SCM_TSTAMP_SCHED : SCM_TSTAMP_SND;
    reportStamp(this, kind, key, () => packet.bytes());
  }

  /**
   * What the numbers of stamped bytes count from, when OPT_ID is set: nothing for datagrams. `written`: from what was written, not
   * what was acknowledged. A negated errno refuses.
   */
  timestampOrigin(_written: boolean): number {
    return 0;
  }

  /** A call that sends and waits was given up before all was sent. */
  sendGivenUp(): void {}

  bind(_address: Readonly<SocketAddress>): number {
    return -EOPNOTSUPP;
  }

  listen(_backlog: number): number {
    return -EOPNOTSUPP;
  }

  accept(): Socket | number {
    return -EOPNOTSUPP;
  }

  connect(_address: Readonly<SocketAddress>): number {
    return -EOPNOTSUPP;
  }

  connectResult(): number {
    return this.takeError();
  }

  send(_message: Message, _flags: number): number {
    return -EOPNOTSUPP;
  }

  receive(_message: Message, _flags: number): number {
    return -EOPNOTSUPP;
  }

  /** Sends the one buffer of `message`, which lies in the page of the pool that it names, without a copy. */
  sendPage(_message: Message): number {
    return -EOPNOTSUPP;
  }

  /** Receives the next bytes that lie together where they are, into `held`; how many, 0 at the end, or a negated errno. */
  receiveHeld(_held: HeldBytes): number {
    return -EOPNOTSUPP;
  }

  /** `bytes` were read, or looked at with MSG_PEEK (Linux: `sk_peek_offset_fwd`, `sk_peek_offset_bwd`). */
  protected movePeekOffset(flags: number, bytes: number): void {
    if (this.peekOffset < 0) return;
    this.peekOffset = Math.max(this.peekOffset + ((flags & MSG_PEEK) !== 0 ? bytes : -bytes), 0);
  }

  /** Takes what splice moves into a pipe: bytes, 0 at the end, `-EAGAIN` for none yet. */
  spliceRead(bytes: Uint8Array): number {
    return this.receive(new Message([bytes]), 0);
  }

  /** Linux: `inet_shutdown` for a kind without connections. */
  shutdown(how: number): number {
    if (how < 0 || how > SHUT_RDWR) return -EINVAL;
    return -ENOTCONN;
  }

  getsockname(_out: SocketAddress): number {
    return -EOPNOTSUPP;
  }

  getpeername(_out: SocketAddress): number {
    return -EOPNOTSUPP;
  }

  setsockopt(level: number, option: number, value: Uint8Array): number {
    return level === SOL_SOCKET
      ? setSocketOption(this, option, value)
      : this.setProtocolOption(level, option, value);
  }

  getsockopt(level: number, option: number, out: Uint8Array): number {
    return level === SOL_SOCKET
      ? getSocketOption(this, option, out)
      : this.getProtocolOption(level, option, out);
  }

  ioctl(_request: number): number {
    return -ENOTTY;
  }

  /** Linux: `sk_get_meminfo`; by the numbers `SK_MEMINFO_*`. */
  memoryInfo(): readonly number[] {
    return [this.receiveMemory, this.rcvbuf, this.writeMemory, this.sndbuf, 0, 0, 0, 0, this.drops];
  }

  /** Bound to interface `ifindex` (0: any); kinds that keep tables by it move in them. 0 or a negated errno. */
  bindToInterface(ifindex: number): number {
    this.boundIfindex = ifindex;
    return 0;
  }

  /** SO_SNDBUF or SO_RCVBUF were set; a kind with windows looks at it. */
  buffersChanged(): void {}

  /** SO_KEEPALIVE was set or cleared. */
  keepaliveChanged(): void {}

  /** SO_RCVLOWAT was set; a kind that can't hold so much says what it takes. */
  setReceiveLowWater(bytes: number): number {
    this.rcvlowat = bytes;
    return 0;
  }

  /** SO_MAX_PACING_RATE was set: `rate` bytes a second, 2^32-1 for no limit. */
  limitPacing(rate: number): void {
    this.maxPacingRate = rate;
  }

  protected setProtocolOption(_level: number, _option: number, _value: Uint8Array): number {
    return -ENOPROTOOPT;
  }

  protected getProtocolOption(_level: number, _option: number, _out: Uint8Array): number {
    return -ENOPROTOOPT;
  }

  /** `SHUT_*` as a mask, `-EINVAL` for another number. */
  protected shutdownBits(how: number): number {
    if (how < 0 || how > SHUT_RDWR) return -EINVAL;
    return (how + 1) & (RCV_SHUTDOWN | SEND_SHUTDOWN);
  }
}
