import { MIB } from '../counters.ts';
import { FastOpenOption } from '../wire/fastopen-option.ts';
import { TCP_HLEN, TH_SYN } from '../wire/tcp.ts';
import { TCPOLEN_TSTAMP_ALIGNED, type TcpOptions } from '../wire/tcp-options.ts';
import type { Connection } from './connection.ts';
import { RCVBUF_LOCK, TIME_RETRANS, TIMEOUT_INIT_MS } from './constants.ts';
import { askForEcn } from './ecn.ts';
import { checkCookie, SynPayload, sendFastOpenSyn } from './fastopen-client.ts';
import type { Incoming } from './incoming.ts';
import { initializeRcvMss, pathAdvmss, syncMss } from './mss.ts';
import { initMtuProbing } from './mtu-probe.ts';
import type { Segment } from './segment.ts';
import { crossedSyn } from './syn-sent.ts';
import { TCP_SYN_SENT } from './tcb.ts';
import { findPath, transmitSegment } from './transmit.ts';
import { fullSpace, type InitialWindow, selectInitialWindow } from './window.ts';

const cookie = new FastOpenOption();
const initial: InitialWindow = { rcvWnd: 0, rcvWscale: 0, windowClamp: 0 };

/** The SYN waits for the first data (`TCP_FASTOPEN_CONNECT`). */
export const CONNECT_DEFERRED = 1;

/**
 * Opens a connection whose ends are in its control block (Linux: `tcp_v4_connect`). `payload`: what would ride on the SYN, null:
 * nothing would. 0, {@link CONNECT_DEFERRED} or a negated errno; then nothing has changed but the state.
 */
export function connect(conn: Connection, payload: SynPayload | null): number {
  const { tcb, tcp } = conn;
  const failed = findPath(conn);
  if (failed < 0) return failed;
  conn.setState(TCP_SYN_SENT);
  const { reuses } = conn;
  conn.reuses = null;
  reuses?.kill();
  tcp.hash(conn);
  tcb.iss = reuses === null ? tcp.secrets.initialSequence(conn) : reuses.nextIsn();
  if (reuses !== null) {
    tcb.tsRecent = reuses.tsRecent;
    tcb.tsRecentStampMs = reuses.tsRecentStampMs;
  }
  tcb.tsOffset = tcp.timestampOffset(tcb.local, tcb.remote);
  if (tcb.fastopenConnect === 0 || payload !== null) return sendFirstSyn(conn, payload);
  if (!checkCookie(conn, cookie)) return sendFirstSyn(conn, new SynPayload([], 0));
  tcb.deferConnect = 1;
  return CONNECT_DEFERRED;
}

/** Sends the SYN of a connection (Linux: `tcp_connect`). 0 or a negated errno. */
export function sendFirstSyn(conn: Connection, payload: SynPayload | null): number {
  const { tcb, tcp } = conn;
  const failed = findPath(conn);
  if (failed < 0) return failed;
  tcb.deferConnect = 0;
  initConnect(conn);
  const segment = queueSyn(conn);
  segment.flags |= askForEcn(conn);
  tcb.retransStampMs = tcp.tsClock(tcp.nowUs());
  if (payload === null) transmitSegment(conn, segment);
  else sendFastOpenSyn(conn, segment, payload);
  const { sendHead } = conn;
  tcb.sndNxt = sendHead === null ? tcb.writeSeq : sendHead.seq;
  tcb.pushedSeq = tcb.sndNxt;
  tcp.mib.add(MIB.TcpActiveOpens);
  conn.armRetransmit(TIME_RETRANS, tcb.rtoMs);
  conn.account();
  return 0;
}

/** Linux: `tcp_connect_init`. */
function initConnect(conn: Connection): void {
  const { tcb, tcp, path, network } = conn;
  const { settings } = tcp;
  const metrics = network.metrics(path!);
  tcb.tcpHeaderLen = TCP_HLEN + (settings.timestamps.value !== 0 ? TCPOLEN_TSTAMP_ALIGNED : 0);
  tcb.mssClamp = tcb.userMss > 0 ? tcb.userMss : tcp.mssDefault;
  tcb.maxWindow = 0;
  initMtuProbing(conn);
  syncMss(conn, network.mtu(path!));
  if (tcb.windowClamp === 0) tcb.windowClamp = metrics.window ?? 0;
  const advmss = pathAdvmss(conn, path!);
  tcb.advmss = tcb.userMss > 0 ? Math.min(tcb.userMss, advmss) : advmss;
  initializeRcvMss(tcb);
  const space = fullSpace(conn);
  if ((tcb.bufferLocks & RCVBUF_LOCK) !== 0 && (tcb.windowClamp > space || tcb.windowClamp === 0))
    tcb.windowClamp = space;
  selectInitialWindow(
    space,
    tcb.advmss,
    tcb.windowClamp,
    settings.windowScaling.value !== 0,
    metrics.initrwnd ?? 0,
    Math.max(settings.rmem.max, tcb.rcvbuf),
    settings.workaroundSignedWindows.value !== 0,
    initial,
  );
  tcb.rcvWnd = initial.rcvWnd;
  tcb.rcvWscale = initial.rcvWscale;
  tcb.windowClamp = initial.windowClamp;
  tcb.rcvSsthresh = tcb.rcvWnd;
  tcb.error = 0;
  tcb.sndWnd = 0;
  tcb.sndWl1 = 0;
  tcb.writeSeq = tcb.iss;
  tcb.sndUna = tcb.iss;
  tcb.sndSml = tcb.iss;
  tcb.sndUp = tcb.iss;
  tcb.sndNxt = tcb.iss;
  tcb.rcvNxt = 0;
  tcb.rcvWup = 0;
  tcb.copiedSeq = 0;
  tcb.rtoMs = TIMEOUT_INIT_MS;
  tcb.retransmits = 0;
}

/** The SYN, as the first that is out. */
function queueSyn(conn: Connection): Segment {
  const { tcb, tcp } = conn;
  const segment = tcp.segments.take();
  segment.seq = tcb.writeSeq;
  segment.endSeq = (tcb.writeSeq + 1) | 0;
  segment.flags = TH_SYN;
  segment.transmissions = 1;
  tcb.writeSeq = segment.endSeq;
  conn.rtxQueue.append(segment);
  tcb.packetsOut = 1;
  return segment;
}

/**
 * Answers the SYN of a flow for which there is no listener: the connection, whose ends are in its control block, is then as one
 * that opens from both sides. 0 or a negated errno.
 */
export function answer(conn: Connection, incoming: Incoming, options: TcpOptions): number {
  const { tcb, tcp } = conn;
  const failed = findPath(conn);
  if (failed < 0) return failed;
  conn.setState(TCP_SYN_SENT);
  tcp.hash(conn);
  tcb.iss = tcp.secrets.initialSequence(conn);
  tcb.tsOffset = tcp.timestampOffset(tcb.local, tcb.remote);
  initConnect(conn);
  queueSyn(conn);
  tcb.retransStampMs = tcp.tsClock(tcp.nowUs());
  tcb.sndNxt = tcb.writeSeq;
  tcb.pushedSeq = tcb.writeSeq;
  conn.answers = true;
  crossedSyn(conn, incoming, options);
  tcp.mib.add(MIB.TcpPassiveOpens);
  conn.armRetransmit(TIME_RETRANS, tcb.rtoMs);
  conn.account();
  return 0;
}
