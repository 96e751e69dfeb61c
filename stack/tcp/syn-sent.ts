import { dropReason } from '../../device/drop.ts';
import type { Packet } from '../../device/memory/packet.ts';
import { MIB } from '../counters.ts';
import { POLLIN, POLLOUT, POLLWRNORM } from '../socket/abi.ts';
import { TCP_HLEN, TH_ACK, TH_RST, TH_SYN } from '../wire/tcp.ts';
import { TCP_MAX_WSCALE, TCPOLEN_TSTAMP_ALIGNED, type TcpOptions } from '../wire/tcp-options.ts';
import { receiveAck } from './ack.ts';
import { FLAG_SLOWPATH } from './ack-flags.ts';
import type { Connection } from './connection.ts';
import { ACK_SCHED, ACK_TIMER, DELACK_MAX_MS, MAX_QUICKACKS, TIME_RETRANS } from './constants.ts';
import { resetReceived } from './done.ts';
import { ecnAnswered } from './ecn.ts';
import { initTransfer, undoSpuriousSyn } from './establish.ts';
import { takeFastOpenAnswer } from './fastopen-client.ts';
import type { Incoming } from './incoming.ts';
import { initializeRcvMss, syncMss } from './mss.ts';
import { pushFrames } from './output.ts';
import { enterQuickack, inPingpong } from './quickack.ts';
import { after, between } from './sequence.ts';
import { TCP_ESTABLISHED, TCP_SYN_RECV } from './tcb.ts';
import { sendAck, transmitSegment } from './transmit.ts';

/** Neither the answer to our SYN nor a SYN itself. */
export const DROP_TCP_SYN_SENT: number = dropReason('tcp_syn_sent');

/** Linux: `TCP_TIMEOUT_MIN`, two ticks: 2 ms of a kernel with HZ=1000, 8 ms with HZ=250. */
const SOON_MS = 5;

/** Linux: `tcp_rcv_synsent_state_process`. False: the caller answers with a reset. */
export function receiveInSynSent(
  conn: Connection,
  packet: Packet,
  incoming: Incoming,
  options: TcpOptions,
): boolean {
  const { tcb, tcp } = conn;
  const { flags, ack, seq } = incoming;
  if ((flags & TH_ACK) === 0) {
    if ((flags & TH_RST) === 0 && (flags & TH_SYN) !== 0) crossedSyn(conn, incoming, options);
    tcp.drop(packet, DROP_TCP_SYN_SENT);
    return true;
  }
  if (!after(ack, tcb.sndUna) || after(ack, tcb.sndNxt)) {
    if (tcb.retransmits === 0) conn.armRetransmit(TIME_RETRANS, SOON_MS);
    return false;
  }
  if (
    options.sawTimestamp !== 0 &&
    options.tsecr !== 0 &&
    !between(options.tsecr, tcb.retransStampMs, tcp.tsClock(tcp.nowUs()))
  ) {
    tcp.mib.add(MIB.TcpExtPAWSActive);
    return false;
  }
  if ((flags & TH_RST) !== 0) {
    resetReceived(conn);
    tcp.drop(packet, DROP_TCP_SYN_SENT);
    return true;
  }
  if ((flags & TH_SYN) === 0) {
    tcp.drop(packet, DROP_TCP_SYN_SENT);
    return true;
  }
  ecnAnswered(conn, incoming);
  takeSynOptions(conn, options, true);
  tcb.sndWl1 = seq;
  undoSpuriousSyn(conn);
  receiveAck(conn, incoming, options, FLAG_SLOWPATH);
  beginReceiving(conn, incoming);
  finishConnect(conn);
  if (tcb.synFastopen !== 0 || tcb.synData !== 0) {
    if (takeFastOpenAnswer(conn, packet, incoming, options)) {
      pushFrames(conn);
      return true;
    }
  } else {
    packet.release();
  }
  if (conn.writeWaits || tcb.deferAccept > 0 || inPingpong(conn)) {
    tcb.ackPending |= ACK_SCHED | ACK_TIMER;
    enterQuickack(tcb, MAX_QUICKACKS);
    conn.armDelack(tcp.now() + DELACK_MAX_MS);
  } else {
    sendAck(conn);
  }
  pushFrames(conn);
  return true;
}

/** What the peer's SYN says of itself. `answers`: one of the two SYNs answers the other, which Linux takes into account only then. */
function takeSynOptions(conn: Connection, options: TcpOptions, answers: boolean): void {
  const { tcb, tcp } = conn;
  const { settings } = tcp;
  if (options.mss > 0) tcb.mssClamp = tcb.userMss > 0 ? Math.min(options.mss, tcb.userMss) : options.mss;
  if (options.windowScale >= 0 && settings.windowScaling.value !== 0) {
    tcb.wscaleOk = 1;
    tcb.sndWscale = Math.min(options.windowScale, TCP_MAX_WSCALE);
  }
  if (options.sackPermitted !== 0 && settings.sack.value !== 0) tcb.sackOk = 1;
  if (tcb.wscaleOk === 0 && answers) {
    tcb.sndWscale = 0;
    tcb.rcvWscale = 0;
    tcb.windowClamp = Math.min(tcb.windowClamp, 0xffff);
  }
  if (options.sawTimestamp !== 0 && settings.timestamps.value !== 0) {
    tcb.tstampOk = 1;
    tcb.tcpHeaderLen = TCP_HLEN + TCPOLEN_TSTAMP_ALIGNED;
    tcb.tsRecent = options.tsval;
    tcb.tsRecentStampMs = tcp.now();
  } else {
    tcb.tcpHeaderLen = TCP_HLEN;
  }
}

function beginReceiving(conn: Connection, incoming: Incoming): void {
  const { tcb } = conn;
  tcb.irs = incoming.seq;
  tcb.rcvNxt = (incoming.seq + 1) | 0;
  tcb.rcvWup = tcb.rcvNxt;
  tcb.copiedSeq = tcb.rcvNxt;
  tcb.sndWnd = incoming.window;
  tcb.maxWindow = Math.max(tcb.maxWindow, incoming.window);
  syncMss(conn, tcb.pmtuCookie);
  if (tcb.tstampOk !== 0) tcb.advmss -= TCPOLEN_TSTAMP_ALIGNED;
  initializeRcvMss(tcb);
}

/** Linux: `tcp_finish_connect`. */
function finishConnect(conn: Connection): void {
  const { tcb, tcp } = conn;
  conn.setState(TCP_ESTABLISHED);
  tcb.lrcvtimeMs = tcp.now();
  initTransfer(conn);
  tcb.lsndtimeMs = tcp.now();
  tcb.lrcvtimeMs = tcb.lsndtimeMs;
  if (tcb.keepOpen !== 0) conn.keepaliveTimer.start(tcb.keepaliveTimeMs);
  conn.predicted = tcb.sndWscale === 0;
  conn.notify(POLLOUT | POLLWRNORM | POLLIN);
}

/** Both ends open at once: their SYNs have crossed (RFC 9293, section 3.5). */
export function crossedSyn(conn: Connection, incoming: Incoming, options: TcpOptions): void {
  const { tcb } = conn;
  takeSynOptions(conn, options, conn.answers);
  conn.setState(TCP_SYN_RECV);
  tcb.irs = incoming.seq;
  tcb.rcvNxt = (incoming.seq + 1) | 0;
  tcb.copiedSeq = tcb.rcvNxt;
  tcb.rcvWup = tcb.rcvNxt;
  tcb.sndWnd = incoming.window;
  tcb.sndWl1 = incoming.seq;
  tcb.maxWindow = tcb.sndWnd;
  syncMss(conn, tcb.pmtuCookie);
  initializeRcvMss(tcb);
  const { head } = conn.rtxQueue;
  if (head === null) return;
  head.flags |= TH_ACK;
  transmitSegment(conn, head);
}
