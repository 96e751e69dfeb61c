import { TCP_HLEN } from '../wire/tcp.ts';
import { TCPOLEN_TSTAMP_ALIGNED } from '../wire/tcp-options.ts';
import { createCongestion } from './congestion/index.ts';
import { Connection } from './connection.ts';
import { ECN_OK } from './constants.ts';
import type { Incoming } from './incoming.ts';
import type { Listener } from './listener.ts';
import { initializeRcvMss, pathAdvmss, syncMss } from './mss.ts';
import type { Request } from './request.ts';
import { TCP_SYN_RECV } from './tcb.ts';
import { findPath } from './transmit.ts';

/** Options that a connection takes over from its listener. */
const INHERITED = [
  'boundIfindex',
  'sndbuf',
  'rcvbuf',
  'bufferLocks',
  'rcvlowat',
  'keepOpen',
  'lingerMs',
  'tos',
  'ttl',
  'pmtuDiscover',
  'userMss',
  'keepaliveTimeMs',
  'keepaliveIntvlMs',
  'keepaliveCount',
  'userTimeoutMs',
  'synRetries',
  'linger2Ms',
  'notsentLowat',
  'nonagle',
  'recvmsgInq',
  'paced',
  'pacingRate',
  'maxPacingRate',
] as const;

/**
 * The connection that a request becomes, in SYN-RECEIVED, with the segment still to be taken that ended the handshake (Linux:
 * `tcp_v4_syn_recv_sock`, `tcp_create_openreq_child`). Null: its path is gone.
 */
export function openChild(listener: Listener, request: Request, incoming: Incoming): Connection | null {
  const { tcp } = listener;
  const conn = new Connection(tcp, listener.network);
  const { tcb } = conn;
  const from = listener.template.tcb;
  for (const name of INHERITED) tcb[name] = from[name];
  conn.congestion = createCongestion(listener.template.congestion.name) ?? conn.congestion;
  tcb.local = request.local;
  tcb.localPort = request.localPort;
  tcb.remote = request.remote;
  tcb.remotePort = request.remotePort;
  tcb.tos = request.tos & ~3;
  if (findPath(conn) < 0) return null;
  tcb.iss = request.iss;
  tcb.irs = request.irs;
  const receive = (request.irs + 1) | 0;
  const send = (request.iss + 1) | 0;
  tcb.rcvNxt = receive;
  tcb.rcvWup = receive;
  tcb.copiedSeq = receive;
  tcb.sndUna = send;
  tcb.sndNxt = send;
  tcb.sndSml = send;
  tcb.sndUp = send;
  tcb.writeSeq = send;
  tcb.pushedSeq = send;
  tcb.sndWl1 = request.irs;
  tcb.tsOffset = request.tsOffset;
  tcb.windowClamp = request.windowClamp;
  tcb.rcvSsthresh = request.rcvWnd;
  tcb.rcvWnd = request.rcvWnd;
  tcb.sackOk = request.sackOk;
  tcb.wscaleOk = request.wscaleOk;
  if (request.wscaleOk !== 0) {
    tcb.sndWscale = request.sndWscale;
    tcb.rcvWscale = request.rcvWscale;
  } else {
    tcb.windowClamp = Math.min(tcb.windowClamp, 0xffff);
  }
  tcb.sndWnd = incoming.window << tcb.sndWscale;
  tcb.maxWindow = tcb.sndWnd;
  tcb.tcpHeaderLen = TCP_HLEN;
  if (request.tstampOk !== 0) {
    tcb.tstampOk = 1;
    tcb.tsRecent = request.tsRecent;
    tcb.tsRecentStampMs = tcp.now();
    tcb.tcpHeaderLen += TCPOLEN_TSTAMP_ALIGNED;
  }
  if (request.ecnOk !== 0) tcb.ecnFlags = ECN_OK;
  tcb.totalRetrans = request.retransmits;
  tcb.segsIn = 1;
  if (request.retransmits > 0) {
    tcb.undoMarker = request.iss;
    tcb.totalRto = request.retransmits;
    tcb.totalRtoRecoveries = 1;
    tcb.totalRtoTimeMs = Math.round(tcp.now() - request.sentUs / 1000);
    tcb.retransStampMs = tcp.tsClock(request.sentUs);
  }
  tcb.mssClamp = request.mss;
  syncMss(conn, conn.network.mtu(conn.path!));
  const advmss = pathAdvmss(conn, conn.path!);
  tcb.advmss = tcb.userMss > 0 ? Math.min(tcb.userMss, advmss) : advmss;
  initializeRcvMss(tcb);
  tcb.lsndtimeMs = tcp.now();
  tcb.lrcvtimeMs = tcb.lsndtimeMs;
  tcb.lastAckMs = tcb.lsndtimeMs;
  conn.synAckSentUs = request.retransmits === 0 ? request.sentUs : 0;
  conn.setState(TCP_SYN_RECV);
  return conn;
}
