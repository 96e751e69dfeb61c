import type { Packet } from '../../device/memory/packet.ts';
import { MIB } from '../counters.ts';
import { POLLIN, POLLRDNORM } from '../socket/abi.ts';
import { TH_ACK, TH_FIN, TH_RST, TH_SYN } from '../wire/tcp.ts';
import type { Connection } from './connection.ts';
import { TIMEOUT_INIT_MS } from './constants.ts';
import { destroy } from './done.ts';
import { FastOpenQueue } from './fastopen-queue.ts';
import type { Incoming } from './incoming.ts';
import { receiveSegment } from './input.ts';
import { DROP_TCP_LISTEN } from './listen-drops.ts';
import type { TcpNetwork } from './network.ts';
import { PortLease } from './ports.ts';
import { receiveCookie } from './receive-cookie.ts';
import { receiveSyn } from './receive-syn.ts';
import { replyReset } from './reply.ts';
import type { Request } from './request.ts';
import { resendSynAck } from './syn-ack.ts';
import { TCP_CLOSE } from './tcb.ts';
import type { Tcp } from './tcp.ts';
import { sendReset } from './transmit.ts';

const READABLE = POLLIN | POLLRDNORM;

/** Who holds a listener: hears that a connection waits. */
export interface ListenerOwner {
  notify(events: number): void;
}

/** A port on which connections are taken (Linux: a socket in `TCP_LISTEN` with its `request_sock_queue`). */
export class Listener {
  readonly tcp: Tcp;
  readonly network: TcpNetwork;
  /** Its options, which its connections take over; never connected. */
  readonly template: Connection;
  readonly lease: PortLease;
  owner: ListenerOwner | null = null;
  backlog = 0;
  /** Handshakes under way, and those of them whose SYN-ACK was not sent again. */
  pendingRequests = 0;
  youngRequests = 0;
  /** Connections that wait to be accepted, oldest first. */
  readonly accepting: Connection[] = [];
  closed = false;
  readonly fastOpen: FastOpenQueue = new FastOpenQueue();
  readonly #requests = new Set<Request>();
  #children: PortLease | null = null;

  constructor(tcp: Tcp, template: Connection, lease: PortLease) {
    this.tcp = tcp;
    this.network = template.network;
    this.template = template;
    this.lease = lease;
  }

  get local(): number {
    return this.lease.local;
  }

  get localPort(): number {
    return this.lease.localPort;
  }

  get boundIfindex(): number {
    return this.template.tcb.boundIfindex;
  }

  /** Linux: `sk_acceptq_is_full`. */
  get acceptFull(): boolean {
    return this.accepting.length > this.backlog;
  }

  /** Linux: `inet_csk_reqsk_queue_is_full`. */
  get requestsFull(): boolean {
    return this.pendingRequests >= this.backlog;
  }

  /** Takes a segment for which there is neither connection nor request, with its ownership (Linux: `tcp_v4_do_rcv`, `TCP_LISTEN`). */
  receive(packet: Packet, incoming: Incoming, timeWaitIsn: number): void {
    const { tcp } = this;
    const { flags } = incoming;
    if ((flags & TH_RST) === 0 && (flags & TH_ACK) !== 0) {
      if ((flags & TH_SYN) === 0 && receiveCookie(this, packet, incoming)) return;
      replyReset(tcp, this.network, packet, incoming);
    } else if ((flags & (TH_RST | TH_FIN)) === 0 && (flags & TH_SYN) !== 0) {
      receiveSyn(this, packet, incoming, timeWaitIsn);
      return;
    }
    tcp.drop(packet, DROP_TCP_LISTEN);
  }

  /** Drops a SYN. */
  refuse(packet: Packet, reason: number): void {
    this.tcp.mib.add(MIB.TcpExtListenDrops);
    this.tcp.drop(packet, reason);
  }

  /** A handshake begins: its segments find it, and its SYN-ACK is sent again until it is answered. */
  addRequest(request: Request): void {
    this.tcp.flows.add(request);
    request.hashed = true;
    this.#requests.add(request);
    this.pendingRequests++;
    this.youngRequests++;
    request.timer.start(TIMEOUT_INIT_MS);
  }

  /** A handshake is over. */
  removeRequest(request: Request): void {
    if (!this.#requests.delete(request)) return;
    request.timer.stop();
    request.hashed = false;
    this.tcp.flows.remove(request);
    this.pendingRequests--;
    if (request.timeouts === 0) this.youngRequests--;
  }

  /** No answer came in time (Linux: `reqsk_timer_handler`). */
  requestTimedOut(request: Request): void {
    const { tcp, template } = this;
    const { settings } = tcp;
    let most = template.tcb.synRetries > 0 ? template.tcb.synRetries : settings.synackRetries.value;
    // The fuller the queue, the sooner old requests go.
    if (this.pendingRequests * 2 > Math.max(8, this.backlog)) {
      for (let young = this.youngRequests * 2; most > 2 && this.pendingRequests >= young; young *= 2) most--;
    }
    const defer = template.tcb.deferAccept;
    const tried = request.timeouts >= most;
    const expired = defer === 0 ? tried : tried && (!request.acked || request.timeouts >= defer);
    const resend = defer === 0 || !request.acked || request.timeouts >= defer - 1;
    tcp.mib.add(MIB.TcpExtTCPTimeouts);
    if (!expired && (!resend || resendSynAck(request) || request.acked)) {
      if (request.timeouts++ === 0) this.youngRequests--;
      request.timer.start(Math.min(TIMEOUT_INIT_MS * 2 ** request.timeouts, settings.rtoMaxMs.value));
      return;
    }
    this.removeRequest(request);
  }

  /** Puts a new connection into the accept queue and gives it the segment that ended the handshake. */
  hand(conn: Connection, packet: Packet, incoming: Incoming): void {
    const { tcp } = this;
    this.enqueue(conn);
    if (!receiveSegment(conn, packet, incoming)) {
      replyReset(tcp, this.network, packet, incoming);
      tcp.drop(packet, DROP_TCP_LISTEN);
    }
  }

  /** Puts a new connection into the accept queue. */
  enqueue(conn: Connection): void {
    const { tcp } = this;
    if (this.#children === null || this.#children.users === 0)
      this.#children = new PortLease(tcp.ports, this.lease, this.localPort, false);
    else this.#children.retain();
    conn.lease = this.#children;
    conn.listener = this;
    conn.tcb.unaccepted = 1;
    this.accepting.push(conn);
    tcp.hash(conn);
    tcp.mib.add(MIB.TcpPassiveOpens);
    conn.account();
    if (conn.tcb.keepOpen !== 0) conn.keepaliveTimer.start(conn.tcb.keepaliveTimeMs);
    this.owner?.notify(READABLE);
  }

  /** An ICMP error came about a SYN-ACK; a hard one ends the handshake (Linux: `tcp_req_err`). */
  requestError(request: Request, seq: number, fatal: boolean): void {
    if (seq !== request.iss) {
      this.tcp.mib.add(MIB.TcpExtOutOfWindowIcmps);
    } else if (fatal) {
      this.removeRequest(request);
      this.tcp.mib.add(MIB.TcpExtListenDrops);
    }
  }

  /** Takes the oldest connection that waits; null: none. */
  accept(): Connection | null {
    const conn = this.accepting.shift() ?? null;
    if (conn === null) return null;
    conn.listener = null;
    conn.tcb.unaccepted = 0;
    return conn;
  }

  /** Ends it: handshakes are forgotten, connections that nobody accepted are reset (Linux: `inet_csk_listen_stop`). */
  close(): void {
    if (this.closed) return;
    this.closed = true;
    for (const request of this.#requests) this.removeRequest(request);
    for (const conn of this.accepting.splice(0)) {
      conn.listener = null;
      conn.tcb.orphaned = 1;
      if (!conn.destroyed) {
        if (conn.tcb.state !== TCP_CLOSE) sendReset(conn);
        destroy(conn);
      }
    }
    this.tcp.removeListener(this);
    this.lease.release();
  }
}
