import { MIB } from '../counters.ts';
import { TH_SYN } from '../wire/tcp.ts';
import type { TcpOptions } from '../wire/tcp-options.ts';
import {
  FLAG_ACKED,
  FLAG_DATA,
  FLAG_DATA_ACKED,
  FLAG_ECE,
  FLAG_FORWARD_PROGRESS,
  FLAG_NO_CHALLENGE_ACK,
  FLAG_NOT_DUP,
  FLAG_ORIG_SACK_ACKED,
  FLAG_RETRANS_DATA_ACKED,
  FLAG_SET_XMIT_TIMER,
  FLAG_SLOWPATH,
  FLAG_SND_UNA_ADVANCED,
  FLAG_SYN_ACKED,
  FLAG_UPDATE_TS_RECENT,
  FLAG_WIN_UPDATE,
} from './ack-flags.ts';
import { challengeAck } from './challenge.ts';
import { stopBusy } from './chrono.ts';
import type { Connection } from './connection.ts';
import { RTO_MIN_MS, TIME_PROBE0 } from './constants.ts';
import { echoesCongestion } from './ecn.ts';
import { checkFastPath } from './fast-path.ts';
import { setPcount } from './fragment.ts';
import type { Incoming } from './incoming.ts';
import { sizeGoal, syncMss } from './mss.ts';
import { windowEnd } from './output.ts';
import { replaceTsRecent } from './paws.ts';
import { rearmRto } from './rearm.ts';
import { EVER_RETRANS, LOST, SACKED_ACKED, SACKED_RETRANS } from './segment.ts';
import { acknowledged, rttSample, scheduleLossProbe } from './sender.ts';
import { after, before } from './sequence.ts';
import { packetsInFlight, type Tcb } from './tcb.ts';

const RETRANSMITTED = SACKED_RETRANS | EVER_RETRANS;

/** What {@link receiveAck} found. */
export const ACK_OLD = 0;
export const ACK_TAKEN = 1;
/** It acknowledges what was never sent, or what is too long ago. */
export const ACK_UNSENT = -1;
export const ACK_TOO_OLD = -2;

/** Takes an acknowledgment in (Linux: `tcp_ack`). `flag`: what is known of the segment, `FLAG_*`. */
export function receiveAck(conn: Connection, incoming: Incoming, options: TcpOptions, flag: number): number {
  const { tcb, tcp } = conn;
  const { ack, seq } = incoming;
  const prior = tcb.sndUna;
  let flags = flag;
  if (before(ack, prior)) {
    const most = Math.min(tcb.maxWindow, tcb.bytesAcked);
    if (before(ack, (prior - most) >>> 0)) {
      if ((flags & FLAG_NO_CHALLENGE_ACK) === 0) challengeAck(conn);
      return ACK_TOO_OLD;
    }
    return ACK_OLD;
  }
  if (after(ack, tcb.sndNxt)) {
    if ((flags & FLAG_NO_CHALLENGE_ACK) === 0) challengeAck(conn);
    return ACK_UNSENT;
  }
  if (after(ack, prior)) {
    flags |= FLAG_SND_UNA_ADVANCED;
    tcb.retransmits = 0;
  }
  const priorInFlight = packetsInFlight(tcb);
  if ((flags & FLAG_UPDATE_TS_RECENT) !== 0) replaceTsRecent(conn, seq);
  if ((flags & (FLAG_SLOWPATH | FLAG_SND_UNA_ADVANCED)) === FLAG_SND_UNA_ADVANCED) {
    tcb.sndWl1 = seq;
    advanceUna(tcb, ack);
    flags |= FLAG_WIN_UPDATE;
    tcp.mib.add(MIB.TcpExtTCPHPAcks);
  } else {
    if (seq !== incoming.endSeq) flags |= FLAG_DATA;
    else tcp.mib.add(MIB.TcpExtTCPPureAcks);
    flags |= updateWindow(conn, incoming);
    if (echoesCongestion(conn, incoming)) flags |= FLAG_ECE;
  }
  tcb.softError = 0;
  tcb.probesOut = 0;
  tcb.lastAckMs = tcp.now();
  if (tcb.packetsOut === 0) {
    windowOpened(conn);
    return ACK_TAKEN;
  }
  const cleaned = cleanRtxQueue(conn, options);
  flags |= cleaned;
  if ((flags & FLAG_SET_XMIT_TIMER) !== 0 && !scheduleLossProbe(conn, true)) rearmRto(conn);
  if (((flags & FLAG_FORWARD_PROGRESS) !== 0 || (flags & FLAG_NOT_DUP) === 0) && conn.path !== null)
    conn.network.confirm(conn.path, tcb.remote);
  acknowledged(conn, flags, ackedSegments, priorInFlight);
  return ACK_TAKEN;
}

/** Linux: `tcp_snd_una_update`. */
function advanceUna(tcb: Tcb, ack: number): void {
  tcb.bytesAcked += (ack - tcb.sndUna) >>> 0;
  if (tcb.sndUp === tcb.sndUna || before(tcb.sndUp, ack)) tcb.sndUp = ack;
  tcb.sndUna = ack;
}

/** Whether the segment's window replaces the one that is known (RFC 9293, section 3.10.7.4; Linux: `tcp_may_update_window`). */
function mayUpdateWindow(tcb: Tcb, ack: number, seq: number, window: number): boolean {
  return (
    after(ack, tcb.sndUna) ||
    after(seq, tcb.sndWl1) ||
    (seq === tcb.sndWl1 && (window > tcb.sndWnd || window === 0))
  );
}

/** Linux: `tcp_ack_update_window`. */
function updateWindow(conn: Connection, incoming: Incoming): number {
  const { tcb } = conn;
  let flag = 0;
  const window = (incoming.flags & TH_SYN) !== 0 ? incoming.window : incoming.window * 2 ** tcb.sndWscale;
  if (mayUpdateWindow(tcb, incoming.ack, incoming.seq, window)) {
    flag |= FLAG_WIN_UPDATE;
    tcb.sndWl1 = incoming.seq;
    if (tcb.sndWnd !== window) {
      tcb.sndWnd = window;
      conn.predicted = false;
      checkFastPath(conn);
      if (window > tcb.maxWindow) {
        tcb.maxWindow = window;
        syncMss(conn, tcb.pmtuCookie);
        sizeGoal(tcb, tcb.mssCache);
      }
    }
  }
  advanceUna(tcb, incoming.ack);
  return flag;
}

/** Segments that the last {@link cleanRtxQueue} took off. */
let ackedSegments = 0;

/** Forgets what was acknowledged and measures the round trip by it (Linux: `tcp_clean_rtx_queue`). */
function cleanRtxQueue(conn: Connection, options: TcpOptions): number {
  const { tcb, tcp, rtxQueue } = conn;
  const nowUs = tcp.nowUs();
  let flag = 0;
  let firstAckt = 0;
  ackedSegments = 0;
  for (let segment = rtxQueue.head; segment !== null; segment = rtxQueue.head) {
    if (after(segment.endSeq, tcb.sndUna)) {
      if (!after(tcb.sndUna, segment.seq)) break;
      if (segment.pcount > 1) {
        const counted = segment.pcount;
        segment.seq = tcb.sndUna;
        const gone = counted - setPcount(segment, segment.gsoSize);
        if (gone === 0) break;
        takeOff(tcb, segment.sacked, gone);
        flag |= noteAcked(segment.sacked) | FLAG_DATA_ACKED;
        if ((segment.sacked & RETRANSMITTED) === 0) {
          if (firstAckt === 0) firstAckt = segment.sentUs;
        }
      }
      break;
    }
    takeOff(tcb, segment.sacked, segment.pcount);
    flag |= noteAcked(segment.sacked);
    if ((segment.sacked & RETRANSMITTED) === 0) {
      if (firstAckt === 0) firstAckt = segment.sentUs;
    }
    if ((segment.flags & TH_SYN) !== 0) {
      flag |= FLAG_SYN_ACKED;
      tcb.retransStampMs = 0;
    } else {
      flag |= FLAG_DATA_ACKED;
    }
    rtxQueue.remove(segment);
    conn.freeSegment(segment);
  }
  conn.sendBuffer.release(tcb.sndUna);
  if (rtxQueue.empty) stopBusy(conn);
  if ((flag & FLAG_ACKED) !== 0) {
    flag |= FLAG_SET_XMIT_TIMER;
    if (firstAckt !== 0 && (flag & FLAG_RETRANS_DATA_ACKED) === 0) rttSample(conn, nowUs - firstAckt);
    else if (options.sawTimestamp !== 0 && options.tsecr !== 0 && tcb.tstampOk !== 0)
      timestampSample(conn, options.tsecr);
  }
  return flag;
}

function timestampSample(conn: Connection, tsecr: number): void {
  const { tcp } = conn;
  const deltaMs = (tcp.tsClock(tcp.nowUs()) - tsecr) | 0;
  if (deltaMs >= 0 && deltaMs < 2 ** 21) rttSample(conn, Math.max(deltaMs * 1000, 1000));
}

function noteAcked(sacked: number): number {
  return (sacked & RETRANSMITTED) !== 0 ? FLAG_RETRANS_DATA_ACKED : FLAG_ORIG_SACK_ACKED;
}

function takeOff(tcb: Tcb, sacked: number, segments: number): void {
  tcb.packetsOut -= segments;
  if ((sacked & SACKED_RETRANS) !== 0) tcb.retransOut -= segments;
  if ((sacked & SACKED_ACKED) !== 0) tcb.sackedOut -= segments;
  if ((sacked & LOST) !== 0) tcb.lostOut -= segments;
  ackedSegments += segments;
}

/** The window was closed and nothing was out; it may be open now (Linux: `tcp_ack_probe`). */
function windowOpened(conn: Connection): void {
  const { tcb } = conn;
  const head = conn.sendHead;
  if (head === null) return;
  if (!after(head.endSeq, windowEnd(tcb))) {
    tcb.backoff = 0;
    tcb.probesStampMs = 0;
    if (tcb.pending === TIME_PROBE0) conn.clearRetransmit();
  } else {
    conn.armRetransmit(TIME_PROBE0, probe0When(conn));
  }
}

/** Milliseconds to the next probe of a closed window (Linux: `tcp_probe0_when`). */
export function probe0When(conn: Connection): number {
  const { tcb, tcp } = conn;
  const most = tcp.settings.rtoMaxMs.value;
  const backoff = Math.min(Math.floor(Math.log2(most / RTO_MIN_MS)) + 1, tcb.backoff);
  return Math.min(Math.max(tcb.rtoMs, RTO_MIN_MS) * 2 ** backoff, most);
}
