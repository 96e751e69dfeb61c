import {
  EADDRINUSE,
  EADDRNOTAVAIL,
  EAFNOSUPPORT,
  EAGAIN,
  EALREADY,
  ECONNABORTED,
  EINPROGRESS,
  EINVAL,
  EISCONN,
  ENETUNREACH,
  ENOTCONN,
  EPIPE,
} from '../../device/errno.ts';
import type { Packet } from '../../device/memory/packet.ts';
import {
  AF_UNSPEC,
  MSG_ERRQUEUE,
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
  SOCK_STREAM,
  SOL_TCP,
} from '../socket/abi.ts';
import type { SocketAddress } from '../socket/address.ts';
import { queuedError, receiveError, SO_EE_ORIGIN_ICMP } from '../socket/error-queue.ts';
import { IPV4 } from '../socket/family.ts';
import type { OfferedFlow } from '../socket/forward.ts';
import { InetSocket } from '../socket/inet-socket.ts';
import type { SocketLayer } from '../socket/layer.ts';
import { type Message, putControlInt } from '../socket/message.ts';
import { stampsFor } from '../socket/send-parameters.ts';
import type { Socket } from '../socket/socket.ts';
import { putTimestamps } from '../socket/stamp-control.ts';
import { reportStamp, SCM_TSTAMP_ACK } from '../socket/stamp-report.ts';
import { changeTimestamps } from '../socket/timestamping.ts';
import { mayLend, reportLent } from '../socket/zerocopy.ts';
import { IPPROTO_TCP } from '../wire/ipv4.ts';
import type { TcpOptions } from '../wire/tcp-options.ts';
import { close, disconnect, shutdownSend } from './close.ts';
import { answer, connect } from './connect.ts';
import { Connection, type ConnectionOwner } from './connection.ts';
import { RCV_SHUTDOWN, RCVBUF_LOCK, SEND_SHUTDOWN, SNDBUF_LOCK } from './constants.ts';
import type { Incoming } from './incoming.ts';
import { Listener } from './listener.ts';
import { PortLease } from './ports.ts';
import { inqHint, read, readableBytes } from './read.ts';
import { isWritable, unsentBytes } from './send-space.ts';
import { getTcpOption, setTcpOption, TCP_INQ } from './sockopt.ts';
import { FIN_UNDER_WAY, stateIn } from './states.ts';
import { TCP_CLOSE, TCP_LISTEN, TCP_SYN_RECV, TCP_SYN_SENT } from './tcb.ts';
import type { Tcp } from './tcp.ts';
import { idleTime } from './timers.ts';
import { TimeWait } from './timewait.ts';
import { URG_VALID } from './urgent.ts';
import { write } from './write.ts';

const READABLE = POLLIN | POLLRDNORM;
const WRITABLE = POLLOUT | POLLWRNORM;
const OPENING = (1 << TCP_SYN_SENT) | (1 << TCP_SYN_RECV);

/** `SS_*`: how far a connect has come. */
const UNCONNECTED = 0;
const CONNECTING = 1;
const CONNECTED = 2;

/** A stream socket (Linux: `inet_stream_ops` over `tcp_prot`): a connection, or a listener, and what its user has set. */
export class TcpSocket extends InetSocket implements ConnectionOwner {
  readonly tcp: Tcp;
  /** Its connection; while it listens, the one whose options its children take over. */
  connection: Connection;
  listener: Listener | null = null;
  #stage = UNCONNECTED;
  #lease: PortLease | null = null;

  constructor(layer: SocketLayer, tcp: Tcp, connection: Connection | null = null) {
    super(layer, IPV4, SOCK_STREAM, IPPROTO_TCP);
    const { settings } = tcp;
    this.tcp = tcp;
    this.sndbuf = settings.wmem.initial;
    this.rcvbuf = settings.rmem.initial;
    if (connection === null) {
      this.connection = this.#blank();
      return;
    }
    this.connection = connection;
    connection.owner = this;
    this.#stage = CONNECTED;
    this.#mirror();
  }

  /** A connection of this socket that was never opened. */
  #blank(): Connection {
    const { tcp } = this;
    const { settings } = tcp;
    const connection = new Connection(tcp, tcp.ipv4);
    const { tcb } = connection;
    tcb.sndbuf = this.sndbuf;
    tcb.rcvbuf = this.rcvbuf;
    tcb.keepaliveTimeMs = settings.keepaliveTime.value * 1000;
    tcb.keepaliveIntvlMs = settings.keepaliveIntvl.value * 1000;
    tcb.keepaliveCount = settings.keepaliveProbes.value;
    tcb.reordering = settings.reordering.value;
    tcp.setCongestion(connection, tcp.congestion);
    connection.owner = this;
    return connection;
  }

  /** Brings the socket's fields to what its connection says. */
  #mirror(): void {
    const { tcb } = this.connection;
    this.local = tcb.local;
    this.source = tcb.local;
    this.localPort = tcb.localPort;
    this.remote = tcb.remote;
    this.remotePort = tcb.remotePort;
    this.sndbuf = tcb.sndbuf;
    this.rcvbuf = tcb.rcvbuf;
    this.boundIfindex = tcb.boundIfindex;
    this.tos = tcb.tos;
  }

  /** Gives the connection what was set on the socket. */
  #apply(): void {
    const { tcb } = this.connection;
    tcb.tos = this.tos;
    tcb.ttl = Math.max(this.ttl, 0);
    tcb.pmtuDiscover = this.mtuDiscover;
    tcb.boundIfindex = this.boundIfindex;
    tcb.rcvlowat = this.rcvlowat;
    tcb.keepOpen = this.keepalive;
    tcb.lingerMs = this.lingerOn !== 0 ? this.lingerSeconds * 1000 : -1;
    tcb.sndbuf = this.sndbuf;
    tcb.rcvbuf = this.rcvbuf;
    tcb.bufferLocks = (this.sndbufLocked ? SNDBUF_LOCK : 0) | (this.rcvbufLocked ? RCVBUF_LOCK : 0);
    this.connection.minTtl = this.minTtl;
  }

  override get listening(): boolean {
    return this.listener !== null;
  }

  /** See `ConnectionOwner`. */
  get wantsErrors(): boolean {
    return this.receiveErrors !== 0;
  }

  notify(events: number): void {
    this.#takeErrors();
    this.wait.wake(this.error !== 0 ? events | POLLERR : events);
  }

  buffersTuned(): void {
    this.sndbuf = this.connection.tcb.sndbuf;
    this.rcvbuf = this.connection.tcb.rcvbuf;
  }

  icmpError(errno: number, type: number, code: number, info: number): void {
    if (this.receiveErrors === 0) return;
    const { tcb } = this.connection;
    const { remote: destination, remotePort: port } = tcb;
    this.errors.push(
      queuedError({ errno, origin: SO_EE_ORIGIN_ICMP, type, code, info, destination, port }),
    );
  }

  mayLend(waiting: number): boolean {
    return mayLend(this, waiting);
  }

  lentBack(first: number, count: number): void {
    reportLent(this, first, count);
  }

  acknowledgedStamp(seq: number, sent: () => Uint8Array): void {
    reportStamp(this, SCM_TSTAMP_ACK, this.#stampKey(seq), sent);
  }

  override packetStamped(packet: Packet, moment: number, seq: number): void {
    super.packetStamped(packet, moment, this.#stampKey(seq));
  }

  /** A byte's number as its user counts. */
  #stampKey(seq: number): number {
    return (seq - this.timestampKey) >>> 0;
  }

  override timestampOrigin(written: boolean): number {
    const { state, writeSeq, sndUna } = this.connection.tcb;
    if (state === TCP_CLOSE || this.listener !== null) return -EINVAL;
    return written ? writeSeq : sndUna;
  }

  override sendGivenUp(): void {
    this.connection.lent?.end(this.connection);
  }

  /** The connection's errors are the socket's. */
  #takeErrors(): void {
    const { tcb } = this.connection;
    if (tcb.error !== 0) this.error = tcb.error;
    tcb.error = 0;
    this.softError = tcb.softError;
  }

  override takeError(): number {
    this.#takeErrors();
    return super.takeError();
  }

  override poll(): number {
    const { connection, listener } = this;
    const { tcb } = connection;
    if (listener !== null) return listener.accepting.length > 0 ? READABLE : 0;
    this.#takeErrors();
    let mask = 0;
    if (tcb.shutdown === (RCV_SHUTDOWN | SEND_SHUTDOWN) || tcb.state === TCP_CLOSE) mask |= POLLHUP;
    if ((tcb.shutdown & RCV_SHUTDOWN) !== 0) mask |= READABLE | POLLRDHUP;
    if (!stateIn(tcb.state, OPENING)) {
      if (connection.receiveQueue.bytes >= tcb.rcvlowat) mask |= READABLE;
      if ((tcb.shutdown & SEND_SHUTDOWN) !== 0 || isWritable(connection)) mask |= WRITABLE;
      else connection.wantsSpace = true;
      if ((tcb.urgData & URG_VALID) !== 0) mask |= POLLPRI;
    }
    if (this.error !== 0 || this.errors.length > 0) mask |= POLLERR;
    return mask;
  }

  protected override mayBind(): boolean {
    return this.localPort === 0 && this.listener === null && this.connection.tcb.state === TCP_CLOSE;
  }

  protected override takePort(port: number): number {
    const { ports } = this.tcp;
    const chosen = ports.choose(this, port);
    if (chosen < 0) return chosen;
    this.localPort = chosen;
    this.#lease = new PortLease(ports, this, chosen, false);
    return 0;
  }

  override listen(backlog: number): number {
    const { tcp, listener } = this;
    if (listener !== null) {
      listener.backlog = backlog;
      return 0;
    }
    if (this.#stage !== UNCONNECTED || this.connection.tcb.state !== TCP_CLOSE) return -EINVAL;
    if (this.autobind() < 0) return -EADDRINUSE;
    const lease = this.#lease!;
    lease.listening = true;
    lease.reuseAddress = this.reuseAddress;
    lease.reusePort = this.reusePort;
    if (!tcp.ports.isFree(lease, lease.localPort)) {
      lease.listening = false;
      return -EADDRINUSE;
    }
    this.#apply();
    this.connection.tcb.state = TCP_LISTEN;
    const made = new Listener(tcp, this.connection, lease);
    made.owner = this;
    made.backlog = backlog;
    this.listener = made;
    this.#lease = null;
    tcp.listeners.add(made);
    return 0;
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

  /** Answers the SYN of a flow that was offered to the forwarder, as whom it was sent to; 0 or a negated errno. */
  answer(flow: OfferedFlow, incoming: Incoming, options: TcpOptions): number {
    const { connection } = this;
    const { tcb } = connection;
    this.#apply();
    tcb.local = flow.local;
    tcb.localPort = flow.localPort;
    tcb.remote = flow.remote;
    tcb.remotePort = flow.remotePort;
    tcb.transparent = this.tcp.ipv4.isLocal(flow.local) ? 0 : 1;
    const result = answer(connection, incoming, options);
    if (result < 0) return result;
    this.#mirror();
    this.#stage = CONNECTING;
    return 0;
  }

  override connect(address: Readonly<SocketAddress>): number {
    if (address.family === AF_UNSPEC) return this.#disconnect();
    if (address.family !== this.domain) return -EAFNOSUPPORT;
    switch (this.#stage) {
      case CONNECTED:
        return -EISCONN;
      case CONNECTING: {
        const outcome = this.connectResult();
        return outcome === -EINPROGRESS ? -EALREADY : outcome;
      }
      default:
        return this.#open(address);
    }
  }

  /** Linux: `tcp_v4_connect`. */
  #open(address: Readonly<SocketAddress>): number {
    const { tcp, family } = this;
    if (this.listener !== null) return -EISCONN;
    if (this.connection.tcb.state !== TCP_CLOSE) return -EISCONN;
    if (this.connection.destroyed || this.connection.tcb.iss !== 0) this.#renew();
    const { connection } = this;
    const remote = family.isAny(address.address) ? family.loopback : address.address;
    const network = tcp.ipv4;
    if (!network.isUnicast(remote)) return -ENETUNREACH;
    const path = network.route(this.local, remote, this.boundIfindex, this.tos);
    if (typeof path === 'number') return path;
    const local = this.source !== 0 ? this.source : network.sourceFor(path, remote);
    if (local === 0) return -EADDRNOTAVAIL;
    this.#apply();
    const { tcb } = connection;
    tcb.local = local;
    tcb.remote = remote;
    tcb.remotePort = address.port;
    const port = this.#connectPort(local, remote, address.port);
    if (port < 0) return port;
    tcb.localPort = port;
    connection.lease = this.#lease;
    connection.keepsPort = this.portLocked;
    this.#lease = null;
    const result = connect(connection);
    if (result < 0) {
      this.#lease = connection.lease;
      connection.lease = null;
      if (!this.portLocked) this.#freePort();
      return result;
    }
    this.local = local;
    this.source = local;
    this.localPort = port;
    this.remote = remote;
    this.remotePort = address.port;
    this.#stage = CONNECTING;
    return -EINPROGRESS;
  }

  /** The port of a connection to be opened, its own or an ephemeral one (Linux: `inet_hash_connect`). */
  #connectPort(local: number, remote: number, remotePort: number): number {
    const { tcp, layer } = this;
    if (this.localPort !== 0) {
      if (this.#lease === null) return -EADDRNOTAVAIL;
      return this.#flowFree(local, this.localPort, remote, remotePort) ? this.localPort : -EADDRNOTAVAIL;
    }
    const low = layer.portHash.words4(local | 0, remote | 0, remotePort, 0);
    const port = layer.ephemeral.forConnect(low, layer.portHash.high, (candidate) => {
      const users = tcp.ports.users(candidate);
      for (let i = 0; i < users.length; i++) if (!users[i]!.shared) return false;
      return this.#flowFree(local, candidate, remote, remotePort);
    });
    if (port < 0) return port;
    this.#lease = new PortLease(tcp.ports, this, port, true);
    return port;
  }

  /** Whether nobody has these ends, or only what may give way (Linux: `__inet_check_established`). */
  #flowFree(local: number, localPort: number, remote: number, remotePort: number): boolean {
    const { tcp } = this;
    const entry = tcp.flows.find(local, localPort, remote, remotePort, this.boundIfindex);
    if (entry === null) return true;
    if (!(entry instanceof TimeWait)) return false;
    const loopback = this.family.isLoopback(remote) || tcp.ipv4.isLocal(remote);
    if (!entry.reusable(loopback)) return false;
    this.connection.reuses = entry;
    return true;
  }

  #freePort(): void {
    this.#lease?.release();
    this.#lease = null;
    this.localPort = 0;
  }

  /** A fresh connection in the place of one that is over. */
  #renew(): void {
    const old = this.connection;
    const fresh = this.#blank();
    old.owner = null;
    this.#lease ??= old.lease;
    old.lease = null;
    close(old);
    fresh.tcb.nonagle = old.tcb.nonagle;
    fresh.tcb.userMss = old.tcb.userMss;
    fresh.tcb.zerocopyNext = old.tcb.zerocopyNext;
    this.connection = fresh;
  }

  #disconnect(): number {
    const { connection } = this;
    if (this.listener !== null) return this.#stopListening();
    disconnect(connection);
    this.#takeErrors();
    this.error = 0;
    this.#renew();
    if (!this.portLocked) this.#freePort();
    if (!this.addressLocked) {
      this.local = 0;
      this.source = 0;
    }
    this.remote = 0;
    this.remotePort = 0;
    this.#stage = UNCONNECTED;
    return 0;
  }

  #stopListening(): number {
    const { listener } = this;
    if (listener === null) return 0;
    this.#lease = listener.lease.retain();
    this.#lease.listening = false;
    this.listener = null;
    listener.close();
    this.connection.tcb.state = TCP_CLOSE;
    if (!this.portLocked) this.#freePort();
    return 0;
  }

  override connectResult(): number {
    const { connection } = this;
    const { state } = connection.tcb;
    if (this.#stage !== CONNECTING) return this.takeError();
    if (stateIn(state, OPENING)) return -EINPROGRESS;
    if (state === TCP_CLOSE) {
      const error = this.takeError();
      this.#stage = UNCONNECTED;
      return error !== 0 ? error : -ECONNABORTED;
    }
    this.#stage = CONNECTED;
    return 0;
  }

  override send(message: Message, flags: number): number {
    if (this.listener !== null) return -EPIPE;
    this.#settle();
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
    this.#settle();
    const { connection } = this;
    const { tcb } = connection;
    if (this.error !== 0 && connection.receiveQueue.bytes === 0) return this.takeError();
    const result = read(connection, message.iov, flags, this.oobInline !== 0);
    const { arrivedMs } = connection.receiveQueue;
    if (result > 0 && arrivedMs !== 0) putTimestamps(this, message, arrivedMs, false);
    if (result >= 0 && tcb.recvmsgInq !== 0)
      putControlInt(message, SOL_TCP, TCP_INQ, inqHint(connection));
    if (result >= 0) message.address?.set(AF_UNSPEC, 0, 0);
    return result;
  }

  /** A connect that came to its end unasked. */
  #settle(): void {
    if (
      this.#stage === CONNECTING &&
      !stateIn(this.connection.tcb.state, OPENING) &&
      this.connection.established
    )
      this.#stage = CONNECTED;
  }

  override shutdown(how: number): number {
    const mask = this.shutdownBits(how);
    if (mask < 0) return mask;
    const { connection } = this;
    const { tcb } = connection;
    if (this.listener !== null) {
      if ((mask & RCV_SHUTDOWN) !== 0) this.#stopListening();
      return 0;
    }
    if (tcb.state === TCP_SYN_SENT) return this.#disconnect();
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
    this.#freePort();
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
    this.#apply();
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
