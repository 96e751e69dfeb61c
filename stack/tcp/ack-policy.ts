import type { Packet } from '../../device/memory/packet.ts';
import { MIB } from '../counters.ts';
import { TCP_HLEN, TH_PSH } from '../wire/tcp.ts';
import type { Connection } from './connection.ts';
import {
  ACK_NOW,
  ACK_PUSHED,
  ACK_PUSHED2,
  ACK_SCHED,
  ACK_TIMER,
  ATO_MIN_MS,
  DELACK_MAX_MS,
  DELACK_MIN_MS,
  MAX_QUICKACKS,
  MSS_DEFAULT,
} from './constants.ts';
import { checkMark } from './ecn.ts';
import type { Incoming } from './incoming.ts';
import { truesize } from './payload.ts';
import { increaseQuickack, inPingpong, inQuickack } from './quickack.ts';
import { TCP_CLOSE, TCP_LISTEN } from './tcb.ts';
import { sendAck } from './transmit.ts';
import { growWindow, receiveWindow, setWindowClamp, wantedWindow, windowFromSpace } from './window.ts';

/** Segments out of order whose ACKs are never held back (Linux: `TCP_FASTRETRANS_THRESH`). */
const DUPACKS = 3;
/** Smaller segments don't let the window grow. */
const GROWS_FROM = 128;
/** Linux: `TCP_MIN_MSS`. */
const MIN_MSS = 88;
/** `max_ato` where nothing else limits it: half a second. */
const ATO_MOST_MS = 500;

/** Data came in order (Linux: `tcp_event_data_recv`): how soon its ACK goes out. */
export function dataReceived(conn: Connection, packet: Packet, incoming: Incoming): void {
  const { tcb, tcp } = conn;
  const bytes = packet.length;
  const now = tcp.now();
  tcb.ackPending |= ACK_SCHED;
  measureRcvMss(conn, packet, incoming.flags, incoming.headerLength);
  measureReceiverRtt(conn);
  if (tcb.ackAtoMs === 0) {
    increaseQuickack(tcb, MAX_QUICKACKS);
    tcb.ackAtoMs = ATO_MIN_MS;
  } else {
    const gap = now - tcb.lrcvtimeMs;
    if (gap <= ATO_MIN_MS / 2) tcb.ackAtoMs = tcb.ackAtoMs / 2 + ATO_MIN_MS / 2;
    else if (gap < tcb.ackAtoMs) tcb.ackAtoMs = Math.min(tcb.ackAtoMs / 2 + gap, tcb.rtoMs);
    else if (gap > tcb.rtoMs) increaseQuickack(tcb, MAX_QUICKACKS);
  }
  tcb.lrcvtimeMs = now;
  checkMark(conn, incoming);
  if (bytes >= GROWS_FROM) growWindow(conn, bytes, truesize(packet));
}

/** Guesses the segment size that the peer uses (Linux: `tcp_measure_rcv_mss`). */
export function measureRcvMss(conn: Connection, packet: Packet, flags: number, headerLength: number): void {
  const { tcb } = conn;
  const last = tcb.lastSegSize;
  tcb.lastSegSize = 0;
  const bytes = packet.gsoSize !== 0 ? packet.gsoSize : packet.length;
  if (bytes >= tcb.rcvMss) {
    if (bytes !== tcb.rcvMss) {
      const ratio = Math.min(Math.max(Math.floor((packet.length * 256) / truesize(packet)), 1), 255);
      if (ratio !== tcb.scalingRatio) {
        tcb.scalingRatio = ratio;
        setWindowClamp(tcb, windowFromSpace(ratio, tcb.rcvbuf));
        tcb.rcvqSpace = Math.min(tcb.rcvqSpace, tcb.windowClamp);
      }
    }
    tcb.rcvMss = Math.min(bytes, tcb.advmss);
    if ((flags & TH_PSH) !== 0) tcb.ackPending |= ACK_PUSHED;
    return;
  }
  const whole = bytes + headerLength;
  if (whole >= MSS_DEFAULT + TCP_HLEN || (whole >= MIN_MSS + TCP_HLEN && (flags & 0x0f) === 0)) {
    tcb.lastSegSize = whole - tcb.tcpHeaderLen;
    if (tcb.lastSegSize === last) {
      tcb.rcvMss = tcb.lastSegSize;
      return;
    }
  }
  if ((tcb.ackPending & ACK_PUSHED) !== 0) tcb.ackPending |= ACK_PUSHED2;
  tcb.ackPending |= ACK_PUSHED;
}

/** The round-trip time as the receiver sees it without timestamps: a window's worth of data (Linux: `tcp_rcv_rtt_measure`). */
function measureReceiverRtt(conn: Connection): void {
  const { tcb, tcp } = conn;
  const now = tcp.nowUs();
  if (tcb.rcvRttTimeUs !== 0) {
    if (((tcb.rcvNxt - tcb.rcvRttSeq) | 0) < 0) return;
    updateReceiverRtt(conn, Math.max(now - tcb.rcvRttTimeUs, 1), true);
  }
  tcb.rcvRttSeq = (tcb.rcvNxt + tcb.rcvWnd) | 0;
  tcb.rcvRttTimeUs = now;
}

/**
 * The same by a timestamp that came back (Linux: `tcp_rcv_rtt_measure_ts`). `bytes`: of the segment that `tsecr` came with.
 */
export function measureReceiverRttByTimestamp(conn: Connection, tsecr: number, bytes: number): void {
  const { tcb, tcp } = conn;
  if (tsecr === tcb.rcvRttLastTsecr) return;
  tcb.rcvRttLastTsecr = tsecr;
  if (bytes < tcb.rcvMss) return;
  const deltaMs = (tcp.tsClock(tcp.nowUs()) - tsecr) | 0;
  if (deltaMs < 0 || deltaMs > 2 ** 21) return;
  updateReceiverRtt(conn, Math.max(deltaMs * 1000, 1000), false);
}

/** Linux: `tcp_rcv_rtt_update`. `window`: measured over a window of data, which can only be too long. */
export function updateReceiverRtt(conn: Connection, sampleUs: number, window: boolean): void {
  const { tcb } = conn;
  const old = tcb.rcvRttUs;
  if (old === 0) {
    tcb.rcvRttUs = sampleUs * 8;
  } else if (window) {
    if (sampleUs * 8 < old) tcb.rcvRttUs = sampleUs * 8;
  } else {
    tcb.rcvRttUs = old + (sampleUs - old / 8);
  }
}

/** Acknowledges now or soon, if an ACK is owed (Linux: `tcp_ack_snd_check`). */
export function checkAck(conn: Connection): void {
  if ((conn.tcb.ackPending & ACK_SCHED) !== 0) decideAck(conn, true);
}

/** Linux: `__tcp_ack_snd_check`. */
export function decideAck(conn: Connection, outOfOrderPossible: boolean): void {
  const { tcb, tcp } = conn;
  const unacknowledged = (tcb.rcvNxt - tcb.rcvWup) >>> 0;
  if (
    (unacknowledged > tcb.rcvMss &&
      ((tcb.rcvNxt - tcb.copiedSeq) >>> 0 < tcb.rcvlowat || wantedWindow(conn) >= tcb.rcvWnd)) ||
    inQuickack(conn) ||
    (tcb.ackPending & ACK_NOW) !== 0
  ) {
    sendAck(conn);
    return;
  }
  if (!outOfOrderPossible || conn.outOfOrder.empty) {
    delayAck(conn);
    return;
  }
  if (tcb.sackOk === 0 || tcb.compressedAck >= tcp.settings.compSackNr.value) {
    sendAck(conn);
    return;
  }
  if (tcb.compressedAckRcvNxt !== tcb.rcvNxt) {
    tcb.compressedAckRcvNxt = tcb.rcvNxt;
    tcb.dupAckCounter = 0;
  }
  if (tcb.dupAckCounter < DUPACKS) {
    tcb.dupAckCounter++;
    sendAck(conn);
    return;
  }
  tcb.compressedAck++;
  if (conn.compressedAckTimer.pending) return;
  let rtt = tcb.rcvRttUs / 8;
  if (tcb.srttUs > 0) rtt = Math.min(rtt, tcb.srttUs / 8);
  const delayUs = Math.min(tcp.settings.compSackDelayNs.value / 1000, rtt / 20);
  conn.compressedAckTimer.start(delayUs / 1000);
}

/** Puts the ACK off, to travel with data or with the next one (Linux: `tcp_send_delayed_ack`). */
function delayAck(conn: Connection): void {
  const { tcb, tcp } = conn;
  const now = tcp.now();
  let ato = tcb.ackAtoMs;
  if (ato > DELACK_MIN_MS) {
    let most = inPingpong(conn) || (tcb.ackPending & ACK_PUSHED) !== 0 ? DELACK_MAX_MS : ATO_MOST_MS;
    if (tcb.srttUs > 0) most = Math.min(most, Math.max(tcb.srttUs / 8000, DELACK_MIN_MS));
    ato = Math.min(ato, most);
  }
  ato = Math.min(ato, DELACK_MAX_MS, Math.max(tcb.rtoMinMs, 2) - 1);
  let at = now + ato;
  if ((tcb.ackPending & ACK_TIMER) !== 0) {
    if (tcb.ackTimeoutMs <= now + ato / 4) {
      sendAck(conn);
      return;
    }
    at = Math.min(at, tcb.ackTimeoutMs);
  }
  tcb.ackPending |= ACK_SCHED | ACK_TIMER;
  conn.armDelack(at);
}

/** The delayed-ACK timer fired (Linux: `tcp_delack_timer_handler`). */
export function onDelackTimer(conn: Connection): void {
  const { tcb, tcp } = conn;
  if (tcb.state === TCP_CLOSE || tcb.state === TCP_LISTEN || (tcb.ackPending & ACK_TIMER) === 0) return;
  tcb.ackPending &= ~ACK_TIMER;
  if ((tcb.ackPending & ACK_SCHED) === 0) return;
  if (inPingpong(conn)) {
    tcb.ackPingpong = 0;
    tcb.ackAtoMs = ATO_MIN_MS;
  } else {
    tcb.ackAtoMs = Math.min(tcb.ackAtoMs * 2, tcb.rtoMs);
  }
  sendAck(conn);
  tcp.mib.add(MIB.TcpExtDelayedACKs);
}

/** No packet was free for an ACK: it goes out later. */
export function retryAckLater(conn: Connection): void {
  const { tcb, tcp } = conn;
  tcb.ackPending |= ACK_SCHED | ACK_TIMER;
  tcb.ackAtoMs = ATO_MIN_MS;
  conn.armDelack(tcp.now() + DELACK_MAX_MS);
}

/** ACKs of out-of-order data were held back long enough (Linux: `tcp_compressed_ack_kick`). */
export function onCompressedAckTimer(conn: Connection): void {
  const { tcb } = conn;
  if (tcb.compressedAck === 0 || tcb.state === TCP_CLOSE) return;
  tcb.compressedAck--;
  sendAck(conn);
}

/** The application took `copied` bytes: the window may be told (Linux: `__tcp_cleanup_rbuf`). */
export function dataRead(conn: Connection, copied: number): void {
  const { tcb } = conn;
  if ((tcb.ackPending & ACK_SCHED) !== 0) {
    const emptied =
      copied > 0 &&
      conn.receiveMemory === 0 &&
      ((tcb.ackPending & ACK_PUSHED2) !== 0 || ((tcb.ackPending & ACK_PUSHED) !== 0 && !inPingpong(conn)));
    if ((tcb.rcvNxt - tcb.rcvWup) >>> 0 > tcb.rcvMss || emptied) {
      sendAck(conn);
      return;
    }
  }
  if (copied === 0 || conn.receiveShut) return;
  const now = receiveWindow(tcb);
  if (2 * now > tcb.windowClamp) return;
  const window = wantedWindow(conn);
  if (window > 0 && window >= 2 * now) sendAck(conn);
}
