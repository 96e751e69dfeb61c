import {
  EADDRINUSE,
  EADDRNOTAVAIL,
  EAFNOSUPPORT,
  EALREADY,
  ECONNABORTED,
  EFAULT,
  EINPROGRESS,
  EINVAL,
  EISCONN,
  ENETUNREACH,
  EOPNOTSUPP,
} from '../../device/errno.ts';
import type { Packet } from '../../device/memory/packet.ts';
import type { IpOptions } from '../ip/options.ts';
import { AF_UNSPEC, POLLERR, SOCK_STREAM } from '../socket/abi.ts';
import type { SocketAddress } from '../socket/address.ts';
import { queuedError, SO_EE_ORIGIN_ICMP } from '../socket/error-queue.ts';
import { IPV4 } from '../socket/family.ts';
import type { OfferedFlow } from '../socket/forward.ts';
import { InetSocket } from '../socket/inet-socket.ts';
import { iovLength } from '../socket/iov.ts';
import type { SocketLayer } from '../socket/layer.ts';
import { reportStamp, SCM_TSTAMP_ACK } from '../socket/stamp-report.ts';
import { mayLend, reportLent } from '../socket/zerocopy.ts';
import { IPPROTO_TCP } from '../wire/ipv4.ts';
import type { TcpOptions } from '../wire/tcp-options.ts';
import { close, disconnect } from './close.ts';
import { answer, CONNECT_DEFERRED, connect, sendFirstSyn } from './connect.ts';
import type { Connection, ConnectionOwner } from './connection.ts';
import { blankConnection, connectionToSocket, keepOptions, socketToConnection } from './endpoint-fields.ts';
import { TFO_CLIENT_ENABLE, TFO_SERVER_ENABLE, TFO_SERVER_WO_SOCKOPT1 } from './fastopen.ts';
import { SynPayload } from './fastopen-client.ts';
import { allowFastOpen } from './fastopen-sockopt.ts';
import type { Incoming } from './incoming.ts';
import { Listener } from './listener.ts';
import { syncMss } from './mss.ts';
import { PortLease } from './ports.ts';
import { OPENING, stateIn } from './states.ts';
import { TCP_CLOSE, TCP_LISTEN } from './tcb.ts';
import type { Tcp } from './tcp.ts';
import { TimeWait } from './timewait.ts';

/** `SS_*`: how far a connect has come. */
const UNCONNECTED = 0;
const CONNECTING = 1;
const CONNECTED = 2;

/**
 * A stream socket's ends and how they come to be: its connection or listener, its port, and how far a connect has come (Linux:
 * `tcp_v4_connect`, `inet_listen`, `inet_csk_get_port`).
 */
export abstract class TcpEndpoint extends InetSocket implements ConnectionOwner {
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
      this.connection = blankConnection(this);
      return;
    }
    this.connection = connection;
    connection.owner = this;
    this.#stage = CONNECTED;
    connectionToSocket(this);
  }

  override setOptions(options: IpOptions | null): void {
    super.setOptions(options);
    const { connection } = this;
    connection.ipOptions = options;
    if (connection.path !== null) syncMss(connection, connection.tcb.pmtuCookie);
  }

  override get listening(): boolean {
    return this.listener !== null;
  }

  /** See `ConnectionOwner`. */
  get wantsErrors(): boolean {
    return this.receiveErrors !== 0;
  }

  notify(events: number): void {
    this.takeErrors();
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
    this.errors.push(queuedError({ errno, origin: SO_EE_ORIGIN_ICMP, type, code, info, destination, port }));
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

  /** The connection's errors are the socket's. */
  protected takeErrors(): void {
    const { tcb } = this.connection;
    if (tcb.error !== 0) this.error = tcb.error;
    tcb.error = 0;
    this.softError = tcb.softError;
  }

  override takeError(): number {
    this.takeErrors();
    return super.takeError();
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
    socketToConnection(this);
    const { tcb } = this.connection;
    const { fastOpen } = tcp;
    if (
      fastOpen.allows(TFO_SERVER_WO_SOCKOPT1) &&
      fastOpen.allows(TFO_SERVER_ENABLE) &&
      tcb.fastopenMax === 0
    )
      allowFastOpen(this.connection, backlog);
    tcb.state = TCP_LISTEN;
    const made = new Listener(tcp, this.connection, lease);
    made.owner = this;
    made.backlog = backlog;
    this.listener = made;
    this.#lease = null;
    tcp.listeners.add(made);
    return 0;
  }

  /** Answers the SYN of a flow that was offered to the forwarder, as whom it was sent to; 0 or a negated errno. */
  answer(flow: OfferedFlow, incoming: Incoming, options: TcpOptions): number {
    const { connection } = this;
    const { tcb } = connection;
    socketToConnection(this);
    tcb.local = flow.local;
    tcb.localPort = flow.localPort;
    tcb.remote = flow.remote;
    tcb.remotePort = flow.remotePort;
    tcb.transparent = this.tcp.ipv4.isLocal(flow.local) ? 0 : 1;
    const result = answer(connection, incoming, options);
    if (result < 0) return result;
    connectionToSocket(this);
    this.#stage = CONNECTING;
    return 0;
  }

  override connect(address: Readonly<SocketAddress>): number {
    if (address.family === AF_UNSPEC) return this.disconnect();
    if (address.family !== this.domain) return -EAFNOSUPPORT;
    switch (this.#stage) {
      case CONNECTED:
        return -EISCONN;
      case CONNECTING: {
        if (this.connection.tcb.deferConnect !== 0) return -EISCONN;
        const outcome = this.connectResult();
        return outcome === -EINPROGRESS ? -EALREADY : outcome;
      }
      default:
        return this.#open(address, null);
    }
  }

  /** Linux: `tcp_v4_connect`. */
  #open(address: Readonly<SocketAddress>, payload: SynPayload | null): number {
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
    socketToConnection(this);
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
    const result = connect(connection, payload);
    if (result < 0) {
      this.#lease = connection.lease;
      connection.lease = null;
      if (!this.portLocked) this.freePort();
      return result;
    }
    this.local = local;
    this.source = local;
    this.localPort = port;
    this.remote = remote;
    this.remotePort = address.port;
    this.#stage = CONNECTING;
    return result === CONNECT_DEFERRED ? 0 : -EINPROGRESS;
  }

  /**
   * Connects with the first of the data that a writer has (Linux: `tcp_sendmsg_fastopen`). Bytes that went with the SYN,
   * `-EINPROGRESS` for none; 0: the connection stands, write to it; or another negated errno.
   */
  protected openWithData(iov: readonly (Uint8Array | null)[], address: SocketAddress | null): number {
    const { connection, tcp } = this;
    if (!tcp.fastOpen.allows(TFO_CLIENT_ENABLE) || address?.family === AF_UNSPEC) return -EOPNOTSUPP;
    const size = iovLength(iov);
    if (size < 0) return -EFAULT;
    const payload = new SynPayload(iov, size);
    let result: number = -EISCONN;
    if (connection.tcb.deferConnect !== 0) {
      result = sendFirstSyn(connection, payload);
      if (result < 0) connection.setState(TCP_CLOSE);
      else result = -EINPROGRESS;
    } else if (this.#stage === CONNECTING) {
      result = this.connectResult();
      if (result === -EINPROGRESS) result = -EALREADY;
    } else if (this.#stage === UNCONNECTED && connection.tcb.state === TCP_CLOSE) {
      if (address === null) return -EINVAL;
      result = address.family === this.domain ? this.#open(address, payload) : -EAFNOSUPPORT;
    }
    return result === -EINPROGRESS && payload.copied > 0 ? payload.copied : result;
  }

  override get connecting(): boolean {
    const { tcb } = this.connection;
    return this.#stage === CONNECTING && tcb.deferConnect === 0 && stateIn(tcb.state, OPENING);
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
    if (!entry.reusable(loopback, this.localPort !== 0)) return false;
    this.connection.reuses = entry;
    return true;
  }

  /** Gives up the use of its port. */
  protected freePort(): void {
    this.#lease?.release();
    this.#lease = null;
    this.localPort = 0;
  }

  /** A fresh connection in the place of one that is over. */
  #renew(): void {
    const old = this.connection;
    const fresh = blankConnection(this);
    old.owner = null;
    this.#lease ??= old.lease;
    old.lease = null;
    close(old);
    keepOptions(fresh, old);
    this.connection = fresh;
  }

  /** Gives up the connection and, unless they were chosen, its ends (Linux: `tcp_disconnect`). */
  protected disconnect(): number {
    const { connection } = this;
    if (this.listener !== null) return this.stopListening();
    disconnect(connection);
    this.takeErrors();
    this.error = 0;
    this.#renew();
    if (!this.portLocked) this.freePort();
    if (!this.addressLocked) {
      this.local = 0;
      this.source = 0;
    }
    this.remote = 0;
    this.remotePort = 0;
    this.#stage = UNCONNECTED;
    return 0;
  }

  /** Ends the listening; the port stays if it was chosen. */
  protected stopListening(): number {
    const { listener } = this;
    if (listener === null) return 0;
    this.#lease = listener.lease.retain();
    this.#lease.listening = false;
    this.listener = null;
    listener.close();
    this.connection.tcb.state = TCP_CLOSE;
    if (!this.portLocked) this.freePort();
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

  /** A connect that came to its end unasked. */
  protected settle(): void {
    if (
      this.#stage === CONNECTING &&
      !stateIn(this.connection.tcb.state, OPENING) &&
      this.connection.established
    )
      this.#stage = CONNECTED;
  }
}
