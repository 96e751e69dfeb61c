import { dropReason } from '../../device/drop.ts';
import type { Packet } from '../../device/memory/packet.ts';
import { MIB } from '../counters.ts';
import { POLLIN, POLLRDNORM } from '../socket/abi.ts';
import { TCP_HLEN, TH_ACK, TH_ECE, TH_FIN, TH_RST, TH_SYN } from '../wire/tcp.ts';
import {
  OPTION_MSS,
  OPTION_SACK_ADVERTISE,
  OPTION_TS,
  OPTION_WSCALE,
  parseTcpOptions,
  TCP_MAX_WSCALE,
  TCPOLEN_TSTAMP_ALIGNED,
  TcpOptions,
} from '../wire/tcp-options.ts';
import { openChild } from './child.ts';
import type { Connection } from './connection.ts';
import { TIMEOUT_INIT_MS } from './constants.ts';
import { destroy } from './done.ts';
import { grantsEcn } from './ecn.ts';
import type { Incoming } from './incoming.ts';
import { receiveSegment } from './input.ts';
import { pathAdvmss } from './mss.ts';
import type { NetworkPath, TcpNetwork } from './network.ts';
import { PortLease } from './ports.ts';
import { Reply, replyReset, sendReply } from './reply.ts';
import { Request } from './request.ts';
import { after, before } from './sequence.ts';
import { cookieEcn, cookieSack, cookieWscale } from './syncookie.ts';
import { TCP_CLOSE } from './tcb.ts';
import type { Tcp } from './tcp.ts';
import { sendReset } from './transmit.ts';
import { fullSpace, type InitialWindow, selectInitialWindow } from './window.ts';

/** The accept queue is full. */
export const DROP_TCP_LISTEN_OVERFLOW: number = dropReason('tcp_listen_overflow');
/** Too many handshakes are under way, and cookies are off. */
export const DROP_TCP_SYN_QUEUE: number = dropReason('tcp_syn_queue');
/** The path back to the sender of a SYN is not known, or no packet was free. */
export const DROP_TCP_NO_PATH: number = dropReason('tcp_no_path');
/** A segment that a listener has no use for: a reset, a FIN, a SYN answered already. */
export const DROP_TCP_LISTEN: number = dropReason('tcp_listen');

const READABLE = POLLIN | POLLRDNORM;

const options = new TcpOptions();
const reply = new Reply();
const initial: InitialWindow = { rcvWnd: 0, rcvWscale: 0, windowClamp: 0 };

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
      if ((flags & TH_SYN) === 0 && this.#receiveCookie(packet, incoming)) return;
      replyReset(tcp, this.network, packet, incoming);
    } else if ((flags & (TH_RST | TH_FIN)) === 0 && (flags & TH_SYN) !== 0) {
      this.#receiveSyn(packet, incoming, timeWaitIsn);
      return;
    }
    tcp.drop(packet, DROP_TCP_LISTEN);
  }

  /** Linux: `tcp_conn_request`. */
  #receiveSyn(packet: Packet, incoming: Incoming, timeWaitIsn: number): void {
    const { tcp, network } = this;
    const { settings, mib } = tcp;
    const mode = settings.syncookies.value;
    let cookie = false;
    if ((mode === 2 || this.requestsFull) && timeWaitIsn === 0) {
      cookie = mode !== 0;
      mib.add(cookie ? MIB.TcpExtTCPReqQFullDoCookies : MIB.TcpExtTCPReqQFullDrop);
      if (!cookie) {
        this.#refuse(packet, DROP_TCP_SYN_QUEUE);
        return;
      }
    }
    if (this.acceptFull) {
      mib.add(MIB.TcpExtListenOverflows);
      this.#refuse(packet, DROP_TCP_LISTEN_OVERFLOW);
      return;
    }
    const few = settings.maxSynBacklog.value - this.pendingRequests < settings.maxSynBacklog.value >> 2;
    const path = network.route(incoming.local, incoming.remote, this.boundIfindex, 0);
    if (typeof path === 'number' || (mode === 0 && timeWaitIsn === 0 && few)) {
      this.#refuse(packet, typeof path === 'number' ? DROP_TCP_NO_PATH : DROP_TCP_SYN_QUEUE);
      return;
    }
    const request = new Request(this);
    this.#fill(request, packet, incoming, cookie);
    this.#receiveWindow(request, path);
    if (cookie) {
      request.iss = tcp.cookies.make(incoming, request.mss, tcp.now());
      mib.add(MIB.TcpExtSyncookiesSent);
    } else {
      request.iss = timeWaitIsn !== 0 ? timeWaitIsn : tcp.secrets.initialSequence(request);
      this.#add(request);
    }
    this.#sendSynAck(request, path, cookie);
    packet.release();
  }

  /** What a SYN says (Linux: `tcp_openreq_init`). */
  #fill(request: Request, packet: Packet, incoming: Incoming, cookie: boolean): void {
    const { tcp, template } = this;
    const { settings } = tcp;
    parseTcpOptions(
      packet.pool.view,
      incoming.at + TCP_HLEN,
      incoming.headerLength - TCP_HLEN,
      true,
      options,
    );
    const userMss = template.tcb.userMss;
    const mss = options.mss > 0 ? options.mss : tcp.mssDefault;
    request.mss = userMss > 0 ? Math.min(userMss, mss) : mss;
    const stamped = options.sawTimestamp !== 0 && settings.timestamps.value !== 0;
    // A cookie has room for the other options only in the timestamp that comes back.
    const others = stamped || !cookie;
    request.ecnOk = others && grantsEcn(settings.ecn.value, incoming) ? 1 : 0;
    request.tstampOk = stamped ? 1 : 0;
    request.tsRecent = stamped ? options.tsval : 0;
    request.sackOk = others && options.sackPermitted !== 0 && settings.sack.value !== 0 ? 1 : 0;
    request.wscaleOk = others && options.windowScale >= 0 && settings.windowScaling.value !== 0 ? 1 : 0;
    request.sndWscale = request.wscaleOk !== 0 ? Math.min(options.windowScale, TCP_MAX_WSCALE) : 0;
    request.local = incoming.local;
    request.localPort = incoming.localPort;
    request.remote = incoming.remote;
    request.remotePort = incoming.remotePort;
    request.boundIfindex = this.boundIfindex;
    request.irs = incoming.seq;
    request.tos = template.tcb.tos;
    request.tsOffset = stamped ? tcp.timestampOffset(incoming.local, incoming.remote) : 0;
  }

  /** Linux: `tcp_openreq_init_rwin`. */
  #receiveWindow(request: Request, path: NetworkPath): void {
    const { tcp, template, network } = this;
    const { settings } = tcp;
    const { tcb } = template;
    const metrics = network.metrics(path);
    const advmss = pathAdvmss(template, path);
    request.advmss = tcb.userMss > 0 ? Math.min(tcb.userMss, advmss) : advmss;
    const space = fullSpace(template);
    let clamp = tcb.windowClamp > 0 ? tcb.windowClamp : (metrics.window ?? 0);
    if ((tcb.bufferLocks & 2) !== 0 && (clamp > space || clamp === 0)) clamp = space;
    selectInitialWindow(
      space,
      request.advmss - (request.tstampOk !== 0 ? TCPOLEN_TSTAMP_ALIGNED : 0),
      clamp,
      request.wscaleOk !== 0,
      metrics.initrwnd ?? 0,
      Math.max(settings.rmem.max, tcb.rcvbuf),
      settings.workaroundSignedWindows.value !== 0,
      initial,
    );
    request.rcvWnd = initial.rcvWnd;
    request.rcvWscale = initial.rcvWscale;
    request.windowClamp = initial.windowClamp;
  }

  #refuse(packet: Packet, reason: number): void {
    this.tcp.mib.add(MIB.TcpExtListenDrops);
    this.tcp.drop(packet, reason);
  }

  #add(request: Request): void {
    this.tcp.flows.add(request);
    request.hashed = true;
    this.#requests.add(request);
    this.pendingRequests++;
    this.youngRequests++;
    request.timer.start(TIMEOUT_INIT_MS);
  }

  #remove(request: Request): void {
    if (!this.#requests.delete(request)) return;
    request.timer.stop();
    request.hashed = false;
    this.tcp.flows.remove(request);
    this.pendingRequests--;
    if (request.timeouts === 0) this.youngRequests--;
  }

  /** Answers a SYN; 0 or a negated errno (Linux: `tcp_v4_send_synack`). */
  #sendSynAck(request: Request, path: NetworkPath | null, cookie: boolean): number {
    const { tcp } = this;
    this.#address(request);
    reply.seq = request.iss;
    reply.flags = TH_SYN | TH_ACK | (request.ecnOk !== 0 ? TH_ECE : 0);
    reply.window = Math.min(request.rcvWnd, 0xffff);
    const out = reply.options;
    out.flags = OPTION_MSS;
    out.mss = request.advmss;
    out.sackBlocks = 0;
    if (request.wscaleOk !== 0) {
      out.flags |= OPTION_WSCALE;
      out.windowScale = request.rcvWscale;
    }
    if (request.sackOk !== 0) out.flags |= OPTION_SACK_ADVERTISE;
    if (request.tstampOk !== 0) {
      out.flags |= OPTION_TS;
      const now = tcp.tsClock(tcp.nowUs());
      const stamp = cookie
        ? tcp.cookies.timestamp(
            now,
            request.wscaleOk !== 0 ? request.sndWscale : -1,
            request.sackOk !== 0,
            request.ecnOk !== 0,
          )
        : now;
      out.tsval = (stamp + request.tsOffset) >>> 0;
      out.tsecr = request.tsRecent;
    }
    request.sentUs = tcp.nowUs();
    return sendReply(tcp, this.network, reply, path);
  }

  #address(request: Request): void {
    reply.local = request.local;
    reply.localPort = request.localPort;
    reply.remote = request.remote;
    reply.remotePort = request.remotePort;
    reply.ack = (request.irs + 1) >>> 0;
    reply.tos = request.tos;
    reply.ttl = this.template.tcb.ttl;
    reply.ifindex = request.boundIfindex;
    reply.dontFragment = this.template.tcb.pmtuDiscover !== 0;
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
    if (!expired && (!resend || this.#resend(request) || request.acked)) {
      if (request.timeouts++ === 0) this.youngRequests--;
      request.timer.start(Math.min(TIMEOUT_INIT_MS * 2 ** request.timeouts, settings.rtoMaxMs.value));
      return;
    }
    this.#remove(request);
  }

  /** Linux: `inet_rtx_syn_ack`. */
  #resend(request: Request): boolean {
    const { tcp } = this;
    const sent = this.#sendSynAck(request, null, false) >= 0;
    if (sent) {
      request.retransmits++;
      tcp.mib.add(MIB.TcpRetransSegs);
      tcp.mib.add(MIB.TcpExtTCPSynRetrans);
    }
    return sent;
  }

  /** Takes a segment of a request, with its ownership (Linux: `tcp_check_req`). */
  receiveForRequest(request: Request, packet: Packet, incoming: Incoming): void {
    const { tcp } = this;
    const { flags, seq, ack } = incoming;
    let old = false;
    options.reset();
    if (incoming.headerLength > TCP_HLEN && request.tstampOk !== 0) {
      parseTcpOptions(
        packet.pool.view,
        incoming.at + TCP_HLEN,
        incoming.headerLength - TCP_HLEN,
        false,
        options,
      );
      old = options.sawTimestamp !== 0 && ((request.tsRecent - options.tsval) | 0) > 0;
    }
    const control = flags & (TH_RST | TH_SYN | TH_ACK);
    if (seq === request.irs && control === TH_SYN && !old) {
      if (!this.#limited(request, MIB.TcpExtTCPACKSkippedSynRecv)) this.#resend(request);
      tcp.drop(packet, DROP_TCP_LISTEN);
      return;
    }
    if ((flags & TH_ACK) !== 0 && ack !== (request.iss + 1) >>> 0) {
      replyReset(tcp, this.network, packet, incoming);
      tcp.drop(packet, DROP_TCP_LISTEN);
      return;
    }
    const next = (request.irs + 1) >>> 0;
    const limit = (next + request.rcvWnd) >>> 0;
    const acceptable =
      seq === next ||
      (after(incoming.endSeq, next) && before(seq, limit)) ||
      (seq === limit && seq === incoming.endSeq);
    if (old || !acceptable) {
      if ((flags & TH_RST) === 0 && !this.#limited(request, MIB.TcpExtTCPACKSkippedSynRecv))
        this.#acknowledge(request);
      if (old) tcp.mib.add(MIB.TcpExtPAWSEstab);
      tcp.drop(packet, DROP_TCP_LISTEN);
      return;
    }
    if (options.sawTimestamp !== 0 && !after(seq, next)) request.tsRecent = options.tsval;
    const syn = seq === request.irs ? 0 : flags & TH_SYN;
    if ((flags & TH_RST) !== 0 || syn !== 0) {
      tcp.mib.add(MIB.TcpAttemptFails);
      tcp.mib.add(MIB.TcpExtEmbryonicRsts);
      if ((flags & TH_RST) === 0) replyReset(tcp, this.network, packet, incoming);
      this.#remove(request);
      tcp.drop(packet, DROP_TCP_LISTEN);
      return;
    }
    if ((flags & TH_ACK) === 0) {
      tcp.drop(packet, DROP_TCP_LISTEN);
      return;
    }
    if (request.timeouts < this.template.tcb.deferAccept && incoming.endSeq === next) {
      request.acked = true;
      tcp.mib.add(MIB.TcpExtTCPDeferAcceptDrop);
      tcp.drop(packet, DROP_TCP_LISTEN);
      return;
    }
    this.#complete(request, packet, incoming);
  }

  /** The handshake is over: makes the connection, if the accept queue takes it. */
  #complete(request: Request, packet: Packet, incoming: Incoming): void {
    const { tcp } = this;
    if (this.acceptFull) {
      tcp.mib.add(MIB.TcpExtListenOverflows);
      tcp.mib.add(MIB.TcpExtListenDrops);
      if (tcp.settings.abortOnOverflow.value !== 0) {
        replyReset(tcp, this.network, packet, incoming);
        tcp.mib.add(MIB.TcpExtEmbryonicRsts);
        this.#remove(request);
      } else {
        request.acked = true;
      }
      tcp.drop(packet, DROP_TCP_LISTEN_OVERFLOW);
      return;
    }
    const conn = openChild(this, request, incoming);
    if (conn === null) {
      tcp.mib.add(MIB.TcpExtListenDrops);
      tcp.drop(packet, DROP_TCP_NO_PATH);
      return;
    }
    this.#remove(request);
    this.#hand(conn, packet, incoming);
  }

  #hand(conn: Connection, packet: Packet, incoming: Incoming): void {
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
    if (!receiveSegment(conn, packet, incoming)) {
      replyReset(tcp, this.network, packet, incoming);
      tcp.drop(packet, DROP_TCP_LISTEN);
    }
    if (conn.tcb.keepOpen !== 0 && !conn.destroyed) conn.keepaliveTimer.start(conn.tcb.keepaliveTimeMs);
    this.owner?.notify(READABLE);
  }

  /** The ACK of a handshake that was answered with a cookie (Linux: `cookie_v4_check`); false: it is none. */
  #receiveCookie(packet: Packet, incoming: Incoming): boolean {
    const { tcp, network } = this;
    if (tcp.settings.syncookies.value === 0 || (incoming.flags & TH_RST) !== 0) return false;
    const mss = tcp.cookies.check(incoming, tcp.now());
    if (mss === 0) {
      tcp.mib.add(MIB.TcpExtSyncookiesFailed);
      return false;
    }
    tcp.mib.add(MIB.TcpExtSyncookiesRecv);
    const request = new Request(this);
    parseTcpOptions(
      packet.pool.view,
      incoming.at + TCP_HLEN,
      incoming.headerLength - TCP_HLEN,
      false,
      options,
    );
    const stamped = options.sawTimestamp !== 0 && options.tsecr !== 0;
    request.local = incoming.local;
    request.localPort = incoming.localPort;
    request.remote = incoming.remote;
    request.remotePort = incoming.remotePort;
    request.boundIfindex = this.boundIfindex;
    request.irs = (incoming.seq - 1) >>> 0;
    request.iss = (incoming.ack - 1) >>> 0;
    request.mss = mss;
    request.tos = this.template.tcb.tos;
    request.tsOffset = stamped ? tcp.timestampOffset(incoming.local, incoming.remote) : 0;
    if (stamped) {
      const echoed = (options.tsecr - request.tsOffset) >>> 0;
      const wscale = cookieWscale(echoed);
      request.tstampOk = 1;
      request.tsRecent = options.tsval;
      request.sackOk = cookieSack(echoed) ? 1 : 0;
      request.ecnOk = cookieEcn(echoed) ? 1 : 0;
      request.wscaleOk = wscale >= 0 ? 1 : 0;
      request.sndWscale = Math.max(wscale, 0);
    }
    const path = network.route(incoming.local, incoming.remote, this.boundIfindex, 0);
    if (typeof path === 'number') return false;
    this.#receiveWindow(request, path);
    this.#complete(request, packet, incoming);
    return true;
  }

  #acknowledge(request: Request): void {
    const { tcp } = this;
    this.#address(request);
    reply.seq = (request.iss + 1) >>> 0;
    reply.flags = TH_ACK;
    reply.window = Math.floor(request.rcvWnd / 2 ** request.rcvWscale);
    reply.options.flags = request.tstampOk !== 0 ? OPTION_TS : 0;
    reply.options.sackBlocks = 0;
    reply.options.tsval = (tcp.tsClock(tcp.nowUs()) + request.tsOffset) >>> 0;
    reply.options.tsecr = request.tsRecent;
    sendReply(tcp, this.network, reply);
  }

  #limited(request: Request, counter: number): boolean {
    const { tcp } = this;
    const now = tcp.now();
    if (request.lastOowAckMs !== 0 && now - request.lastOowAckMs < tcp.settings.invalidRatelimitMs.value) {
      tcp.mib.add(counter);
      return true;
    }
    request.lastOowAckMs = now;
    return false;
  }

  /** An ICMP error came about a SYN-ACK; a hard one ends the handshake (Linux: `tcp_req_err`). */
  requestError(request: Request, seq: number, fatal: boolean): void {
    if (seq !== request.iss) {
      this.tcp.mib.add(MIB.TcpExtOutOfWindowIcmps);
    } else if (fatal) {
      this.#remove(request);
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
    for (const request of this.#requests) this.#remove(request);
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
