import type { Packet } from '../../device/memory/packet.ts';
import { MIB } from '../counters.ts';
import { TCP_HLEN } from '../wire/tcp.ts';
import { parseTcpOptions, TCP_MAX_WSCALE, TCPOLEN_TSTAMP_ALIGNED, TcpOptions } from '../wire/tcp-options.ts';
import { RCVBUF_LOCK } from './constants.ts';
import { grantsEcn } from './ecn.ts';
import { takeSynData } from './fastopen-data.ts';
import { tryFastOpen } from './fastopen-server.ts';
import type { Incoming } from './incoming.ts';
import { DROP_TCP_LISTEN_OVERFLOW, DROP_TCP_NO_PATH, DROP_TCP_SYN_QUEUE } from './listen-drops.ts';
import type { Listener } from './listener.ts';
import { pathAdvmss } from './mss.ts';
import type { NetworkPath } from './network.ts';
import { Request } from './request.ts';
import { sendSynAck } from './syn-ack.ts';
import { fullSpace, type InitialWindow, selectInitialWindow } from './window.ts';

const options = new TcpOptions();
const initial: InitialWindow = { rcvWnd: 0, rcvWscale: 0, windowClamp: 0 };

/** Takes a SYN of a listener, with its ownership (Linux: `tcp_conn_request`). */
export function receiveSyn(
  listener: Listener,
  packet: Packet,
  incoming: Incoming,
  timeWaitIsn: number,
): void {
  const { tcp, network } = listener;
  const { settings, mib } = tcp;
  const mode = settings.syncookies.value;
  let cookie = false;
  if ((mode === 2 || listener.requestsFull) && timeWaitIsn === 0) {
    cookie = mode !== 0;
    mib.add(cookie ? MIB.TcpExtTCPReqQFullDoCookies : MIB.TcpExtTCPReqQFullDrop);
    if (!cookie) {
      listener.refuse(packet, DROP_TCP_SYN_QUEUE);
      return;
    }
  }
  if (listener.acceptFull) {
    mib.add(MIB.TcpExtListenOverflows);
    listener.refuse(packet, DROP_TCP_LISTEN_OVERFLOW);
    return;
  }
  const few = settings.maxSynBacklog.value - listener.pendingRequests < settings.maxSynBacklog.value >> 2;
  const path = network.route(incoming.local, incoming.remote, listener.boundIfindex, 0);
  if (typeof path === 'number' || (mode === 0 && timeWaitIsn === 0 && few)) {
    listener.refuse(packet, typeof path === 'number' ? DROP_TCP_NO_PATH : DROP_TCP_SYN_QUEUE);
    return;
  }
  const request = new Request(tcp, network, listener);
  fillRequest(listener, request, packet, incoming, cookie);
  openReceiveWindow(listener, request, path);
  if (cookie) {
    request.iss = tcp.cookies.make(incoming, request.mss, tcp.now());
    mib.add(MIB.TcpExtSyncookiesSent);
  } else {
    request.iss = timeWaitIsn !== 0 ? timeWaitIsn : tcp.secrets.initialSequence(request);
    const conn = tryFastOpen(request, incoming, options.fastOpen);
    if (conn !== null) {
      takeSynData(conn, packet, incoming);
      request.rcvNxt = conn.tcb.rcvNxt;
      conn.tcb.rcvWup = request.rcvNxt;
      sendSynAck(request, path, false, options.fastOpen);
      conn.synAckSentUs = request.sentUs;
      listener.enqueue(conn);
      return;
    }
    listener.addRequest(request);
  }
  sendSynAck(request, path, cookie, cookie ? null : options.fastOpen);
  packet.release();
}

/** What a SYN says (Linux: `tcp_openreq_init`). */
function fillRequest(
  listener: Listener,
  request: Request,
  packet: Packet,
  incoming: Incoming,
  cookie: boolean,
): void {
  const { tcp, template } = listener;
  const { settings } = tcp;
  parseTcpOptions(packet.pool.view, incoming.at + TCP_HLEN, incoming.headerLength - TCP_HLEN, true, options);
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
  addressRequest(listener, request, incoming, incoming.seq);
  request.tsOffset = stamped ? tcp.timestampOffset(incoming.local, incoming.remote) : 0;
}

/** Where a request is from, and how it is answered. `irs`: the number of its SYN. */
export function addressRequest(listener: Listener, request: Request, incoming: Incoming, irs: number): void {
  const { tcb } = listener.template;
  request.local = incoming.local;
  request.localPort = incoming.localPort;
  request.remote = incoming.remote;
  request.remotePort = incoming.remotePort;
  request.boundIfindex = listener.boundIfindex;
  request.irs = irs;
  request.rcvNxt = (irs + 1) | 0;
  request.tos = tcb.tos;
  request.ttl = tcb.ttl;
  request.dontFragment = tcb.pmtuDiscover !== 0 ? 1 : 0;
}

/** The window that a connection begins with (Linux: `tcp_openreq_init_rwin`). */
export function openReceiveWindow(listener: Listener, request: Request, path: NetworkPath): void {
  const { tcp, template, network } = listener;
  const { settings } = tcp;
  const { tcb } = template;
  const metrics = network.metrics(path);
  const advmss = pathAdvmss(template, path);
  request.advmss = tcb.userMss > 0 ? Math.min(tcb.userMss, advmss) : advmss;
  const space = fullSpace(template);
  let clamp = tcb.windowClamp > 0 ? tcb.windowClamp : (metrics.window ?? 0);
  if ((tcb.bufferLocks & RCVBUF_LOCK) !== 0 && (clamp > space || clamp === 0)) clamp = space;
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
