import { EAGAIN, EINVAL, ENOTCONN, EPIPE } from '../../device/errno.ts';
import {
  AF_UNSPEC,
  MSG_ERRQUEUE,
  MSG_FASTOPEN,
  MSG_ZEROCOPY,
  POLLERR,
  POLLHUP,
  POLLIN,
  POLLOUT,
  POLLPRI,
  POLLRDHUP,
  POLLRDNORM,
  POLLWRNORM,
  SIOCATMARK,
  SIOCINQ,
  SIOCOUTQ,
  SIOCOUTQNSD,
  SOL_TCP,
} from '../socket/abi.ts';
import type { SocketAddress } from '../socket/address.ts';
import { receiveError } from '../socket/error-queue.ts';
import type { HeldBytes } from '../socket/held-bytes.ts';
import { iovLength } from '../socket/iov.ts';
import { type Message, putControlInt } from '../socket/message.ts';
import { stampsFor } from '../socket/send-parameters.ts';
import type { Socket } from '../socket/socket.ts';
import { putTimestamps } from '../socket/stamp-control.ts';
import { changeTimestamps } from '../socket/timestamping.ts';
import { close, shutdownSend } from './close.ts';
import { PACING_UNLIMITED, RCV_SHUTDOWN, SEND_SHUTDOWN } from './constants.ts';
import { socketToConnection } from './endpoint-fields.ts';
import { isPassiveFastOpen } from './fastopen-queue.ts';
import { limitPacingRate } from './pacing.ts';
import { inqHint, read, readableBytes, readHeld } from './read.ts';
import { isWritable, unsentBytes } from './send-space.ts';
import { getTcpOption, setTcpOption, TCP_INQ } from './sockopt.ts';
import { FIN_UNDER_WAY, OPENING, stateIn } from './states.ts';
import { TCP_CLOSE, TCP_LISTEN, TCP_SYN_SENT } from './tcb.ts';
import { TcpEndpoint } from './tcp-endpoint.ts';
import { idleTime } from './timers.ts';
import { URG_VALID } from './urgent.ts';
import { write } from './write.ts';
import { lendOnSyn } from './zerocopy.ts';

const READABLE = POLLIN | POLLRDNORM;
const WRITABLE = POLLOUT | POLLWRNORM;

/** A stream socket (Linux: `inet_stream_ops` over `tcp_prot`): what its user does with the connection or the listener. */
export class TcpSocket extends TcpEndpoint {
  override poll(): number {
    const { connection, listener } = this;
    const { tcb } = connection;
    if (listener !== null) return listener.accepting.length > 0 ? READABLE : 0;
    this.takeErrors();
    let mask = 0;
    if (tcb.shutdown === (RCV_SHUTDOWN | SEND_SHUTDOWN) || tcb.state === TCP_CLOSE) mask |= POLLHUP;
    if ((tcb.shutdown & RCV_SHUTDOWN) !== 0) mask |= READABLE | POLLRDHUP;
    if (!stateIn(tcb.state, OPENING) || isPassiveFastOpen(connection)) {
      if (connection.receiveQueue.bytes >= tcb.rcvlowat) mask |= READABLE;
      if ((tcb.shutdown & SEND_SHUTDOWN) !== 0 || isWritable(connection)) mask |= WRITABLE;
      else connection.wantsSpace = true;
      if ((tcb.urgData & URG_VALID) !== 0) mask |= POLLPRI;
    } else if (tcb.deferConnect !== 0) {
      mask |= WRITABLE;
    }
    if (this.error !== 0 || this.errors.length > 0) mask |= POLLERR;
    return mask;
  }

  override accept(): Socket | number {
    const { listener } = this;
    if (listener === null) return -EINVAL;
    const connection = listener.accept();
    if (connection === null) return -EAGAIN;
    const socket = new TcpSocket(this.layer, this.tcp, connection);
    socket.#inherit(this);
    return socket;
  }

  /** What a connection takes over from the socket that it came from (Linux: `sk_clone_lock`). */
  #inherit(from: TcpSocket): void {
    this.reuseAddress = from.reuseAddress;
    this.reusePort = from.reusePort;
    this.keepalive = from.keepalive;
    this.oobInline = from.oobInline;
    this.lingerOn = from.lingerOn;
    this.lingerSeconds = from.lingerSeconds;
    this.sndbufLocked = from.sndbufLocked;
    this.rcvbufLocked = from.rcvbufLocked;
    this.rcvlowat = from.rcvlowat;
    this.receiveTimeoutMs = from.receiveTimeoutMs;
    this.sendTimeoutMs = from.sendTimeoutMs;
    this.priority = from.priority;
    this.mark = from.mark;
    this.zerocopy = from.zerocopy;
    this.timestampKey = from.timestampKey;
    changeTimestamps(this, () => {
      this.timestamp = from.timestamp;
      this.timestamping = from.timestamping;
    });
    this.ttl = from.ttl;
    this.minTtl = from.minTtl;
    this.mtuDiscover = from.mtuDiscover;
    this.receiveErrors = from.receiveErrors;
    this.connection.minTtl = from.minTtl;
  }

  override send(message: Message, flags: number): number {
    if ((flags & MSG_FASTOPEN) !== 0 || this.connection.tcb.deferConnect !== 0) {
      const result = this.openWithData(message.iov, message.address);
      if ((flags & MSG_ZEROCOPY) !== 0 && this.zerocopy !== 0 && result !== 0)
        lendOnSyn(this.connection, iovLength(message.iov), result, message.waits);
      if (result !== 0) return result;
    }
    if (this.listener !== null) return -EPIPE;
    this.settle();
    const error = this.takeError();
    if (error < 0) return error;
    const stamps = stampsFor(this, message);
    if (stamps < 0) return stamps;
    const lends = this.zerocopy !== 0;
    return write(this.connection, message, lends ? flags : flags & ~MSG_ZEROCOPY, stamps);
  }

  override receive(message: Message, flags: number): number {
    if ((flags & MSG_ERRQUEUE) !== 0) return receiveError(this, this.family, message);
    if (this.listener !== null) return -ENOTCONN;
    this.settle();
    const { connection } = this;
    const { tcb } = connection;
    if (this.error !== 0 && connection.receiveQueue.bytes === 0) return this.takeError();
    const result = read(connection, message.iov, flags, this.oobInline !== 0, Math.max(this.peekOffset, 0));
    if (result > 0) this.movePeekOffset(flags, result);
    const { arrivedMs } = connection.receiveQueue;
    if (result > 0 && arrivedMs !== 0) putTimestamps(this, message, arrivedMs, false);
    if (result >= 0 && tcb.recvmsgInq !== 0) putControlInt(message, SOL_TCP, TCP_INQ, inqHint(connection));
    if (result >= 0) message.address?.set(AF_UNSPEC, 0, 0);
    return result;
  }

  override sendPage(message: Message): number {
    return this.send(message, 0);
  }

  override receiveHeld(held: HeldBytes): number {
    if (this.listener !== null) return -ENOTCONN;
    this.settle();
    const { connection } = this;
    if (this.error !== 0 && connection.receiveQueue.bytes === 0) return this.takeError();
    return readHeld(connection, held, this.oobInline !== 0);
  }

  /** Linux: `tcp_splice_read`: it stops before the urgent byte, and says there that nothing came. */
  override spliceRead(bytes: Uint8Array): number {
    const { connection } = this;
    const held = connection.receiveQueue.bytes;
    const plain = readableBytes(connection, this.oobInline !== 0);
    if (plain > 0 || held === 0) return super.spliceRead(bytes.subarray(0, Math.max(plain, 1)));
    return this.nonblocking ? -EAGAIN : 0;
  }

  override sendGivenUp(): void {
    this.connection.lent?.end(this.connection);
  }

  override shutdown(how: number): number {
    const mask = this.shutdownBits(how);
    if (mask < 0) return mask;
    const { connection } = this;
    const { tcb } = connection;
    if (this.listener !== null) {
      if ((mask & RCV_SHUTDOWN) !== 0) this.stopListening();
      return 0;
    }
    if (tcb.state === TCP_SYN_SENT) return this.disconnect();
    const result = tcb.state === TCP_CLOSE ? -ENOTCONN : 0;
    tcb.shutdown |= mask;
    if ((mask & SEND_SHUTDOWN) !== 0) shutdownSend(connection);
    this.wait.wake(READABLE | WRITABLE | POLLHUP | POLLRDHUP);
    return result;
  }

  protected override destroy(): void {
    super.destroy();
    const { connection, listener } = this;
    if (listener !== null) {
      this.listener = null;
      listener.close();
    }
    if (this.lingerOn !== 0) connection.tcb.lingerMs = this.lingerSeconds * 1000;
    if (connection.tcb.state === TCP_LISTEN) connection.tcb.state = TCP_CLOSE;
    close(connection);
    this.freePort();
  }

  override lingering(wake: () => void): boolean {
    const { connection } = this;
    if (!stateIn(connection.tcb.state, FIN_UNDER_WAY)) return false;
    connection.lingers = wake;
    return true;
  }

  override ioctl(request: number): number {
    const { connection } = this;
    const { tcb } = connection;
    switch (request) {
      case SIOCINQ:
        return this.listener !== null ? -EINVAL : readableBytes(connection, this.oobInline !== 0);
      case SIOCATMARK:
        return tcb.urgData !== 0 && tcb.urgSeq === tcb.copiedSeq ? 1 : 0;
      case SIOCOUTQ:
        if (this.listener !== null) return -EINVAL;
        return stateIn(tcb.state, OPENING) ? 0 : (tcb.writeSeq - tcb.sndUna) >>> 0;
      case SIOCOUTQNSD:
        if (this.listener !== null) return -EINVAL;
        return stateIn(tcb.state, OPENING) ? 0 : unsentBytes(connection);
      default:
        return super.ioctl(request);
    }
  }

  override buffersChanged(): void {
    socketToConnection(this);
  }

  override keepaliveChanged(): void {
    const { connection } = this;
    const { tcb } = connection;
    tcb.keepOpen = this.keepalive;
    if (tcb.state === TCP_CLOSE || tcb.state === TCP_LISTEN) return;
    if (this.keepalive === 0) connection.keepaliveTimer.stop();
    else connection.keepaliveTimer.start(Math.max(tcb.keepaliveTimeMs - idleTime(connection), 0));
  }

  /** Linux: `tcp_set_rcvlowat`. */
  override setReceiveLowWater(bytes: number): number {
    this.rcvlowat =
      Math.min(bytes, this.rcvbufLocked ? this.rcvbuf >> 1 : this.tcp.settings.rmem.max >> 1) || 1;
    this.connection.tcb.rcvlowat = this.rcvlowat;
    return 0;
  }

  override limitPacing(rate: number): void {
    super.limitPacing(rate);
    limitPacingRate(this.connection.tcb, rate === 0xffffffff ? PACING_UNLIMITED : rate);
  }

  override memoryInfo(): readonly number[] {
    const { connection } = this;
    return [
      connection.receiveMemory,
      this.rcvbuf,
      0,
      this.sndbuf,
      0,
      connection.writeMemory,
      0,
      0,
      this.drops,
    ];
  }

  protected override setProtocolOption(level: number, option: number, value: Uint8Array): number {
    if (level === SOL_TCP) return setTcpOption(this.connection, option, value);
    const result = super.setProtocolOption(level, option, value);
    if (result === 0) {
      const { tcb } = this.connection;
      tcb.tos = this.tos;
      tcb.ttl = Math.max(this.ttl, 0);
      tcb.pmtuDiscover = this.mtuDiscover;
      this.connection.minTtl = this.minTtl;
    }
    return result;
  }

  protected override getProtocolOption(level: number, option: number, out: Uint8Array): number {
    if (level === SOL_TCP) return getTcpOption(this.connection, option, out);
    return super.getProtocolOption(level, option, out);
  }

  override getpeername(out: SocketAddress): number {
    const { tcb } = this.connection;
    if (this.remotePort === 0 || tcb.state === TCP_CLOSE || tcb.state === TCP_SYN_SENT) return -ENOTCONN;
    return super.getpeername(out);
  }
}
