import { MIB } from '../counters.ts';
import { TH_SYN } from '../wire/tcp.ts';
import type { TcpOptions } from '../wire/tcp-options.ts';
import {
  FLAG_ACKED,
  FLAG_DATA,
  FLAG_DATA_ACKED,
  FLAG_DSACKING_ACK,
  FLAG_ECE,
  FLAG_FORWARD_PROGRESS,
  FLAG_NO_CHALLENGE_ACK,
  FLAG_NOT_DUP,
  FLAG_ORIG_SACK_ACKED,
  FLAG_RETRANS_DATA_ACKED,
  FLAG_SACK_RENEGING,
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
import { NAGLE_OFF, RTO_MIN_MS, TIME_PROBE0 } from './constants.ts';
import { checkIdle } from './cwnd.ts';
import { rateDelivered, rateDone } from './delivery-rate.ts';
import { echoesCongestion } from './ecn.ts';
import { checkFastPath } from './fast-path.ts';
import { setPcount } from './fragment.ts';
import type { Incoming } from './incoming.ts';
import { REXMIT_NEW, REXMIT_NONE } from './loss.ts';
import { currentMss, sizeGoal, syncMss } from './mss.ts';
import { mtuProbeDone } from './mtu-probe.ts';
import { pushPending } from './output.ts';
import { replaceTsRecent } from './paws.ts';
import { rackAdvance, updateReorderingWindow } from './rack.ts';
import { rearmRto } from './rearm.ts';
import { alertFlag, congestionControl, fastRetransmitAlert, isDubious } from './recovery.ts';
import { removeRenoSacks } from './reno-sack.ts';
import { checkSackReordering } from './reordering.ts';
import { retransmitLost } from './retransmit.ts';
import { rttSample, updateMinRtt } from './rtt.ts';
import { SackState, takeSacks } from './scoreboard.ts';
import { EVER_RETRANS, LOST, SACKED_ACKED, SACKED_RETRANS, type Segment } from './segment.ts';
import { windowEnd } from './send-queue.ts';
import { dropSent, highestSackSeq } from './sent-queue.ts';
import { after, before } from './sequence.ts';
import { stampAcknowledged } from './stamps.ts';
import { processProbeAck, scheduleLossProbe } from './tail-loss-probe.ts';
import { TCP_SYN_SENT, type Tcb } from './tcb.ts';
import { echoIsBefore } from './undo.ts';

const RETRANSMITTED = SACKED_RETRANS | EVER_RETRANS;

const sack = new SackState();

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
    if (before(ack, (prior - most) | 0)) {
      if ((flags & FLAG_NO_CHALLENGE_ACK) === 0) challengeAck(conn);
      return ACK_TOO_OLD;
    }
    oldAck(conn, ack, options, flags);
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
  const reneged = tcb.sackReneged !== 0;
  const priorFack = tcb.sackOk !== 0 ? highestSackSeq(conn) : tcb.sndUna;
  const priorDelivered = tcb.delivered;
  const priorLost = tcb.lost;
  const priorPackets = tcb.packetsOut;
  sack.reset();
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
    if (options.sackBlocks > 0) flags |= takeSacks(conn, options, ack, prior, sack);
    if (echoesCongestion(conn, incoming)) flags |= FLAG_ECE;
    countDelivered(tcb, sack.delivered, flags);
  }
  tcb.softError = 0;
  tcb.probesOut = 0;
  tcb.lastAckMs = tcp.now();
  if (priorPackets === 0) {
    if ((flags & FLAG_DSACKING_ACK) !== 0) fastRetransmitAlert(conn, prior, 0, flags, windowEnd(tcb));
    windowOpened(conn);
    if (tcb.tlpHighSeq !== 0) processProbeAck(conn, ack, flags);
    return ACK_TAKEN;
  }
  flags |= cleanRtxQueue(conn, priorFack, flags);
  updateReorderingWindow(conn, sack.rate);
  if (tcb.tlpHighSeq !== 0) processProbeAck(conn, ack, flags);
  let rexmit: number = REXMIT_NONE;
  if (isDubious(conn, flags)) {
    const dubious = FLAG_SND_UNA_ADVANCED | FLAG_NOT_DUP | FLAG_DSACKING_ACK;
    rexmit = fastRetransmitAlert(conn, prior, (flags & dubious) === 0 ? 1 : 0, flags, windowEnd(tcb));
    flags = alertFlag;
  }
  if ((flags & FLAG_SET_XMIT_TIMER) !== 0 && !scheduleLossProbe(conn, true)) rearmRto(conn);
  if (((flags & FLAG_FORWARD_PROGRESS) !== 0 || (flags & FLAG_NOT_DUP) === 0) && conn.path !== null)
    conn.network.confirm(conn.path, tcb.remote);
  const delivered = tcb.delivered - priorDelivered;
  const lost = tcb.lost - priorLost;
  rateDone(conn, delivered, reneged, sack.rate);
  congestionControl(conn, delivered, lost, flags);
  recover(conn, rexmit);
  return ACK_TAKEN;
}

/** An ACK that came late: its blocks may still tell something (Linux: `old_ack` of `tcp_ack`). */
function oldAck(conn: Connection, ack: number, options: TcpOptions, flag: number): void {
  const { tcb } = conn;
  if (options.sackBlocks === 0) return;
  sack.reset();
  const flags = flag | takeSacks(conn, options, ack, tcb.sndUna, sack);
  countDelivered(tcb, sack.delivered, flags);
  recover(conn, fastRetransmitAlert(conn, tcb.sndUna, 0, flags, windowEnd(tcb)));
}

/** Sends what an ACK has shown to be lost, or in its place what is new (Linux: `tcp_xmit_recovery`). */
function recover(conn: Connection, rexmit: number): void {
  const { tcb } = conn;
  if (rexmit === REXMIT_NONE || tcb.state === TCP_SYN_SENT) return;
  if (rexmit === REXMIT_NEW) {
    pushPending(conn, currentMss(conn), NAGLE_OFF);
    if (after(tcb.sndNxt, tcb.highSeq)) return;
    tcb.frto = 0;
  }
  retransmitLost(conn);
}

/** Linux: `tcp_count_delivered`. */
function countDelivered(tcb: Tcb, segments: number, flags: number): void {
  tcb.delivered += segments;
  if ((flags & FLAG_ECE) !== 0) tcb.deliveredCe += segments;
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
  const window = (incoming.flags & TH_SYN) !== 0 ? incoming.window : incoming.window << tcb.sndWscale;
  if (mayUpdateWindow(tcb, incoming.ack, incoming.seq, window)) {
    flag |= FLAG_WIN_UPDATE;
    tcb.sndWl1 = incoming.seq;
    if (tcb.sndWnd !== window) {
      tcb.sndWnd = window;
      conn.predicted = false;
      checkFastPath(conn);
      if (!conn.writeQueue.empty) checkIdle(conn);
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

/** What the queue's cleaning found: when the first and the last of the segments were sent that nothing is ambiguous about. */
let firstAckUs = 0;
let lastAckUs = 0;
let reord = 0;
let ackedSegments = 0;

/** Forgets what was acknowledged and measures the round trip by it (Linux: `tcp_clean_rtx_queue`). */
function cleanRtxQueue(conn: Connection, priorFack: number, flags: number): number {
  const { tcb, tcp, rtxQueue } = conn;
  const nowUs = tcp.nowUs();
  let flag = 0;
  firstAckUs = 0;
  lastAckUs = 0;
  reord = tcb.sndNxt;
  ackedSegments = 0;
  for (let segment = rtxQueue.head; segment !== null; segment = rtxQueue.head) {
    const whole = !after(segment.endSeq, tcb.sndUna);
    const segments = whole ? segment.pcount : trimAcked(conn, segment);
    if (segments === 0) break;
    flag |= takeOff(conn, segment, segments, flags);
    if ((segment.flags & TH_SYN) !== 0) {
      flag |= FLAG_SYN_ACKED;
      tcb.retransStampMs = 0;
    } else {
      flag |= FLAG_DATA_ACKED;
    }
    if (!whole) break;
    if (segment.stamps !== 0) stampAcknowledged(conn, segment);
    dropSent(conn, segment, segment.next);
  }
  conn.sendBuffer.release(tcb.sndUna);
  conn.lent?.acknowledged(conn);
  const { head } = rtxQueue;
  if (head === null) stopBusy(conn);
  else if ((head.sacked & SACKED_ACKED) !== 0) flag |= FLAG_SACK_RENEGING;
  let caRttUs = -1;
  let sackRttUs = -1;
  let rttUs = -1;
  if (firstAckUs !== 0 && (flag & FLAG_RETRANS_DATA_ACKED) === 0) {
    rttUs = nowUs - firstAckUs;
    caRttUs = nowUs - lastAckUs;
  }
  if (sack.firstSackUs !== 0) {
    sackRttUs = nowUs - sack.firstSackUs;
    caRttUs = nowUs - sack.lastSackUs;
  }
  if (rttUs < 0) rttUs = sackRttUs;
  const measured = measureRtt(conn, rttUs, caRttUs, flag);
  if ((flag & FLAG_ACKED) !== 0) {
    flag |= FLAG_SET_XMIT_TIMER;
    if (tcb.mtupProbeSize !== 0) mtuProbeDone(conn);
    if (tcb.sackOk === 0) {
      removeRenoSacks(conn, ackedSegments);
      if ((flag & FLAG_RETRANS_DATA_ACKED) !== 0) flag &= ~FLAG_ORIG_SACK_ACKED;
    } else if (before(reord, priorFack)) {
      checkSackReordering(conn, reord, false);
    }
  } else if (head !== null && measured && sackRttUs >= 0 && sackRttUs > nowUs - head.sentUs) {
    // What arrived was sent after the head was sent last: its timer may run on.
    flag |= FLAG_SET_XMIT_TIMER;
  }
  conn.congestion.acked(conn, sack.rate.rttUs);
  return flag;
}

/** A super-segment that is acknowledged in part; how many segments of it are (Linux: `tcp_tso_acked`). */
function trimAcked(conn: Connection, segment: Segment): number {
  const { tcb } = conn;
  if (segment.pcount === 1 || !after(tcb.sndUna, segment.seq)) return 0;
  const counted = segment.pcount;
  segment.seq = tcb.sndUna;
  return counted - setPcount(segment, segment.gsoSize);
}

/** `segments` of a segment are out no more; `FLAG_*` bits of what that says. */
function takeOff(conn: Connection, segment: Segment, segments: number, flags: number): number {
  const { tcb } = conn;
  const { sacked, sentUs } = segment;
  let flag = 0;
  if ((sacked & RETRANSMITTED) !== 0) {
    if ((sacked & SACKED_RETRANS) !== 0) tcb.retransOut -= segments;
    flag |= FLAG_RETRANS_DATA_ACKED;
  } else if ((sacked & SACKED_ACKED) === 0) {
    lastAckUs = sentUs;
    if (firstAckUs === 0) firstAckUs = sentUs;
    if (before(segment.seq, reord)) reord = segment.seq;
    if (!after(segment.endSeq, tcb.highSeq)) flag |= FLAG_ORIG_SACK_ACKED;
  }
  if ((sacked & SACKED_ACKED) !== 0) {
    tcb.sackedOut -= segments;
  } else if (tcb.sackOk !== 0) {
    countDelivered(tcb, segments, flags);
    const spurious = (sacked & RETRANSMITTED) !== 0 && echoIsBefore(conn, conn.tcp.tsClock(sentUs));
    if (!spurious) rackAdvance(conn, sacked, segment.endSeq, sentUs);
  }
  if ((sacked & LOST) !== 0) tcb.lostOut -= segments;
  tcb.packetsOut -= segments;
  ackedSegments += segments;
  rateDelivered(conn, segment, sack.rate);
  return flag;
}

/** Takes a round trip into the estimates, if there is one (RFC 6298, section 3; Linux: `tcp_ack_update_rtt`). */
function measureRtt(conn: Connection, rttUs: number, caRttUs: number, flag: number): boolean {
  const { tcb, tcp } = conn;
  let us = rttUs;
  let caUs = caRttUs;
  if (us < 0 && tcb.sawTstamp !== 0 && tcb.rcvTsecr !== 0 && (flag & FLAG_ACKED) !== 0) {
    const deltaMs = (tcp.tsClock(tcp.nowUs()) - tcb.rcvTsecr) | 0;
    if (deltaMs >= 0 && deltaMs < 2 ** 21) {
      us = Math.max(deltaMs, 1) * 1000;
      caUs = us;
    }
  }
  sack.rate.rttUs = caUs;
  if (us < 0) return false;
  updateMinRtt(conn, caUs);
  rttSample(conn, us);
  return true;
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
