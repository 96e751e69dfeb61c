import { dropReason } from '../../device/drop.ts';
import type { Packet } from '../../device/memory/packet.ts';
import { MIB } from '../counters.ts';
import { POLLIN, POLLOUT, POLLRDNORM, POLLWRNORM } from '../socket/abi.ts';
import { TCP_HLEN, TH_ACK, TH_FIN, TH_PSH, TH_RST, TH_SYN } from '../wire/tcp.ts';
import { parseTcpOptions, TCPOLEN_TSTAMP_ALIGNED, TcpOptions } from '../wire/tcp-options.ts';
import { ACK_OLD, receiveAck } from './ack.ts';
import { FLAG_DATA, FLAG_NO_CHALLENGE_ACK, FLAG_SLOWPATH, FLAG_UPDATE_TS_RECENT } from './ack-flags.ts';
import { checkAck, dataReceived, decideAck, measureReceiverRttByTimestamp } from './ack-policy.ts';
import { challengeAck } from './challenge.ts';
import { checkRequest } from './check-request.ts';
import type { Connection } from './connection.ts';
import { ACK_SCHED, RCV_SHUTDOWN, SEND_SHUTDOWN, TIMEWAIT_MS } from './constants.ts';
import { advanceRcvNxt, dataReady, queueData } from './data.ts';
import { done, resetReceived } from './done.ts';
import { establish } from './establish.ts';
import { endFastOpenHandshake } from './fastopen-handshake.ts';
import { finTime } from './fin-time.ts';
import type { Incoming } from './incoming.ts';
import { pushFrames } from './output.ts';
import { replaceTsRecent } from './paws.ts';
import { truesize } from './payload.ts';
import { checkSpace } from './send-space.ts';
import { after, before } from './sequence.ts';
import { isTooDearToQueue } from './spared-slots.ts';
import { EVENT_FIN_ACKED, nextState, stateIn } from './states.ts';
import { receiveInSynSent } from './syn-sent.ts';
import {
  TCP_CLOSE,
  TCP_CLOSE_WAIT,
  TCP_CLOSING,
  TCP_ESTABLISHED,
  TCP_FIN_WAIT1,
  TCP_FIN_WAIT2,
  TCP_LAST_ACK,
  TCP_SYN_RECV,
  TCP_SYN_SENT,
  TCP_TIME_WAIT,
} from './tcb.ts';
import { receiveUrgent } from './urgent.ts';
import { validate } from './validate.ts';

/** Neither ACK nor RST nor SYN is set. */
export const DROP_TCP_FLAGS: number = dropReason('tcp_flags');
/** It acknowledges what was never sent, or what is long past. */
export const DROP_TCP_ACK: number = dropReason('tcp_ack');
/** For a connection that is closed. */
export const DROP_TCP_CLOSE: number = dropReason('tcp_close');
/** Data after nobody reads any more. */
export const DROP_TCP_ABORT_ON_DATA: number = dropReason('tcp_abort_on_data');
/** Text behind the peer's FIN. */
export const DROP_TCP_AFTER_FIN: number = dropReason('tcp_after_fin');

/** Bits that the fast path wants to see as they are: all but PSH. */
const PREDICTED_FLAGS = 0xff & ~TH_PSH;
/** NOP, NOP, timestamp of ten bytes. */
const ALIGNED_TIMESTAMP = 0x0101080a;

const options = new TcpOptions();

const TEXT_AFTER_FIN = (1 << TCP_CLOSE_WAIT) | (1 << TCP_CLOSING) | (1 << TCP_LAST_ACK);
const FIN_WAIT = (1 << TCP_FIN_WAIT1) | (1 << TCP_FIN_WAIT2);

/**
 * Takes a segment of a connection, with its ownership (Linux: `tcp_v4_do_rcv`). False: it is to be answered with a reset by the
 * caller, whose packet it still is.
 */
export function receiveSegment(conn: Connection, packet: Packet, incoming: Incoming): boolean {
  conn.tcb.segsIn += packet.gsoSize > 0 ? Math.ceil(incoming.bytes / packet.gsoSize) : 1;
  if (incoming.bytes > 0) conn.tcb.dataSegsIn++;
  let taken = true;
  if (conn.tcb.state === TCP_ESTABLISHED) receiveEstablished(conn, packet, incoming);
  else taken = receiveInState(conn, packet, incoming);
  if (!conn.destroyed) conn.account();
  return taken;
}

/** Reads the options that a synchronized connection listens to; notes the timestamp. */
function readOptions(conn: Connection, packet: Packet, incoming: Incoming, syn: boolean): void {
  const { tcb } = conn;
  const length = incoming.headerLength - TCP_HLEN;
  if (length === 0) options.reset();
  else parseTcpOptions(packet.pool.view, incoming.at + TCP_HLEN, length, syn, options);
  if (tcb.tstampOk === 0 && !syn) options.sawTimestamp = 0;
  if (tcb.sackOk === 0) options.sackBlocks = 0;
  tcb.sawTstamp = options.sawTimestamp;
  if (options.sawTimestamp === 0) return;
  tcb.rcvTsval = options.tsval;
  if (options.tsecr !== 0) options.tsecr = (options.tsecr - tcb.tsOffset) | 0;
  tcb.rcvTsecr = options.tsecr;
}

/** Linux: `tcp_rcv_established`. */
function receiveEstablished(conn: Connection, packet: Packet, incoming: Incoming): void {
  const { tcb, tcp } = conn;
  if (
    conn.predicted &&
    (incoming.flags & PREDICTED_FLAGS) === TH_ACK &&
    incoming.headerLength === tcb.tcpHeaderLen &&
    incoming.seq === tcb.rcvNxt &&
    incoming.window === tcb.sndWnd >>> tcb.sndWscale &&
    !after(incoming.ack, tcb.sndNxt) &&
    predictedTimestamp(conn, packet, incoming)
  ) {
    if (incoming.bytes === 0) {
      fastAck(conn, packet, incoming);
      return;
    }
    const fits = conn.receiveMemory + truesize(packet) <= tcb.rcvbuf;
    if (fits && !tcp.memory.pressure && !isTooDearToQueue(packet)) {
      fastData(conn, packet, incoming);
      return;
    }
  }
  if ((incoming.flags & (TH_ACK | TH_RST | TH_SYN)) === 0) {
    tcp.drop(packet, DROP_TCP_FLAGS);
    return;
  }
  readOptions(conn, packet, incoming, false);
  if (!validate(conn, packet, incoming, options)) return;
  if (receiveAck(conn, incoming, options, FLAG_SLOWPATH | FLAG_UPDATE_TS_RECENT) < 0) {
    tcp.drop(packet, DROP_TCP_ACK);
    return;
  }
  takeText(conn, packet, incoming);
}

/** Urgent pointer, text, FIN, and then what is to be sent (steps 6 to 8 of RFC 9293, section 3.10.7.4). */
function takeText(conn: Connection, packet: Packet, incoming: Incoming): void {
  measureRtt(conn, incoming);
  receiveUrgent(conn, packet, incoming);
  queueData(conn, packet, incoming);
  if (conn.tcb.state === TCP_CLOSE) return;
  pushFrames(conn);
  checkSpace(conn);
  checkAck(conn);
}

function measureRtt(conn: Connection, incoming: Incoming): void {
  if (options.sawTimestamp !== 0 && options.tsecr !== 0)
    measureReceiverRttByTimestamp(conn, options.tsecr, incoming.bytes);
}

/** On a connection with timestamps: reads the one at its usual place; false: the slow path must look. */
function predictedTimestamp(conn: Connection, packet: Packet, incoming: Incoming): boolean {
  const { tcb } = conn;
  options.sawTimestamp = 0;
  options.sackBlocks = 0;
  if (tcb.tcpHeaderLen !== TCP_HLEN + TCPOLEN_TSTAMP_ALIGNED) return true;
  const { view } = packet.pool;
  const at = incoming.at + TCP_HLEN;
  if (view.getInt32(at) !== ALIGNED_TIMESTAMP) return false;
  const tsval = view.getInt32(at + 4);
  if (((tsval - tcb.tsRecent) | 0) < 0) return false;
  const tsecr = view.getInt32(at + 8);
  options.sawTimestamp = 1;
  options.tsval = tsval;
  options.tsecr = tsecr !== 0 ? (tsecr - tcb.tsOffset) | 0 : 0;
  tcb.sawTstamp = 1;
  tcb.rcvTsval = tsval;
  tcb.rcvTsecr = options.tsecr;
  if (tcb.rcvNxt === tcb.rcvWup) replaceTsRecent(conn, incoming.seq);
  return true;
}

/** A pure ACK in the middle of our sending. */
function fastAck(conn: Connection, packet: Packet, incoming: Incoming): void {
  receiveAck(conn, incoming, options, 0);
  packet.release();
  pushFrames(conn);
  checkSpace(conn);
  conn.tcb.rcvRttLastTsecr = conn.tcb.rcvTsecr;
}

/** The next data in the middle of our receiving. */
function fastData(conn: Connection, packet: Packet, incoming: Incoming): void {
  const { tcb, tcp } = conn;
  measureRtt(conn, incoming);
  tcp.mib.add(MIB.TcpExtTCPHPHits);
  packet.pull(incoming.headerLength);
  advanceRcvNxt(conn, incoming.bytes);
  conn.receiveQueue.push(packet, truesize(packet));
  dataReceived(conn, packet, incoming);
  if (incoming.ack !== tcb.sndUna) {
    receiveAck(conn, incoming, options, FLAG_DATA);
    pushFrames(conn);
    checkSpace(conn);
    if ((tcb.ackPending & ACK_SCHED) !== 0) decideAck(conn, false);
  } else {
    tcb.sndWl1 = incoming.seq;
    decideAck(conn, false);
  }
  dataReady(conn);
}

/** Linux: `tcp_rcv_state_process`. */
function receiveInState(conn: Connection, packet: Packet, incoming: Incoming): boolean {
  const { tcb, tcp } = conn;
  if (tcb.state === TCP_CLOSE) {
    tcp.drop(packet, DROP_TCP_CLOSE);
    return true;
  }
  if (conn.request !== null && !checkRequest(conn.request, packet, incoming, conn)) return true;
  readOptions(conn, packet, incoming, tcb.state === TCP_SYN_SENT);
  if (tcb.state === TCP_SYN_SENT) return receiveInSynSent(conn, packet, incoming, options);
  if ((incoming.flags & (TH_ACK | TH_RST | TH_SYN)) === 0) {
    tcp.drop(packet, DROP_TCP_FLAGS);
    return true;
  }
  if (!validate(conn, packet, incoming, options)) return true;
  const ack = receiveAck(
    conn,
    incoming,
    options,
    FLAG_SLOWPATH | FLAG_UPDATE_TS_RECENT | FLAG_NO_CHALLENGE_ACK,
  );
  if (ack <= ACK_OLD) {
    if (tcb.state === TCP_SYN_RECV) {
      if (ack < ACK_OLD) return false;
      tcp.drop(packet, DROP_TCP_ACK);
      return true;
    }
    if (ack < ACK_OLD) {
      challengeAck(conn);
      tcp.drop(packet, DROP_TCP_ACK);
      return true;
    }
  }
  if (!finAcknowledged(conn, packet, incoming)) return true;
  return takeTextInState(conn, packet, incoming);
}

/** What an acceptable ACK does to the state; false: the packet is done with. */
function finAcknowledged(conn: Connection, packet: Packet, incoming: Incoming): boolean {
  const { tcb, tcp } = conn;
  if (tcb.state === TCP_SYN_RECV) {
    establish(conn, incoming);
    if ((tcb.shutdown & SEND_SHUTDOWN) !== 0) tcp.shutdownSend(conn);
    return true;
  }
  if (conn.request !== null) endFastOpenHandshake(conn);
  const next = nextState(tcb.state, EVENT_FIN_ACKED);
  if (next === tcb.state || tcb.sndUna !== tcb.writeSeq) return true;
  if (next === TCP_FIN_WAIT2) return enterFinWait2(conn, packet, incoming);
  packet.release();
  if (next === TCP_TIME_WAIT) {
    tcp.timeWait(conn, TCP_TIME_WAIT, 0);
  } else {
    tcp.metrics.keep(conn);
    done(conn);
  }
  return false;
}

function enterFinWait2(conn: Connection, packet: Packet, incoming: Incoming): boolean {
  const { tcb, tcp } = conn;
  conn.setState(TCP_FIN_WAIT2);
  tcb.shutdown |= SEND_SHUTDOWN;
  if (tcb.orphaned === 0) {
    conn.notify(POLLOUT | POLLWRNORM | POLLIN | POLLRDNORM);
    return true;
  }
  const fin = incoming.flags & TH_FIN;
  const newData = incoming.endSeq !== incoming.seq && after((incoming.endSeq - fin) | 0, tcb.rcvNxt);
  if (tcb.linger2Ms < 0 || newData) {
    tcp.mib.add(MIB.TcpExtTCPAbortOnData);
    done(conn);
    tcp.replyReset(packet, incoming);
    tcp.drop(packet, DROP_TCP_ABORT_ON_DATA);
    return false;
  }
  const wait = finTime(conn);
  if (wait > TIMEWAIT_MS) {
    conn.keepaliveTimer.start(wait - TIMEWAIT_MS);
  } else if (fin !== 0) {
    conn.keepaliveTimer.start(wait);
  } else {
    packet.release();
    tcp.timeWait(conn, TCP_FIN_WAIT2, wait);
    return false;
  }
  return true;
}

function takeTextInState(conn: Connection, packet: Packet, incoming: Incoming): boolean {
  const { tcb, tcp } = conn;
  receiveUrgent(conn, packet, incoming);
  if (stateIn(tcb.state, TEXT_AFTER_FIN) && !before(incoming.seq, tcb.rcvNxt)) {
    if (incoming.endSeq === incoming.seq) packet.release();
    else tcp.drop(packet, DROP_TCP_AFTER_FIN);
    afterText(conn);
    return true;
  }
  if (
    (stateIn(tcb.state, TEXT_AFTER_FIN) || stateIn(tcb.state, FIN_WAIT)) &&
    (tcb.shutdown & RCV_SHUTDOWN) !== 0
  ) {
    const fin = incoming.flags & TH_FIN;
    if (incoming.endSeq !== incoming.seq && after((incoming.endSeq - fin) | 0, tcb.rcvNxt)) {
      tcp.mib.add(MIB.TcpExtTCPAbortOnData);
      resetReceived(conn);
      return false;
    }
  }
  queueData(conn, packet, incoming);
  afterText(conn);
  return true;
}

function afterText(conn: Connection): void {
  if (conn.tcb.state === TCP_CLOSE) return;
  pushFrames(conn);
  checkSpace(conn);
  checkAck(conn);
}
