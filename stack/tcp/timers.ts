import { MIB } from '../counters.ts';
import { TH_PSH } from '../wire/tcp.ts';
import { probe0When } from './ack.ts';
import type { Connection } from './connection.ts';
import {
  RESOURCE_PROBE_MS,
  RTO_MIN_MS,
  TIME_LOSS_PROBE,
  TIME_PROBE0,
  TIME_REO_TIMEOUT,
  TIME_RETRANS,
  TIMEOUT_INIT_MS,
  TIMEWAIT_MS,
} from './constants.ts';
import { done, timedOut } from './done.ts';
import { detectBlackhole } from './fastopen-blackhole.ts';
import { synAckTimeout } from './fastopen-handshake.ts';
import { finTime } from './fin-time.ts';
import { segmentBytes, splitSegment } from './fragment.ts';
import { enterLoss } from './loss.ts';
import { onReorderingTimeout, sendLossProbe } from './loss-timers.ts';
import { currentMss } from './mss.ts';
import { mtuBlackHole } from './mtu-probe.ts';
import { retransmitSegment } from './retransmit.ts';
import { newDataSent, windowEnd } from './send-queue.ts';
import { before } from './sequence.ts';
import { OPENING, stateIn } from './states.ts';
import {
  TCP_CA_DISORDER,
  TCP_CA_LOSS,
  TCP_CA_RECOVERY,
  TCP_CLOSE,
  TCP_FIN_WAIT2,
  TCP_LISTEN,
  TCP_SYN_RECV,
  TCP_SYN_SENT,
} from './tcb.ts';
import { sendProbe, sendReset, transmitSegment } from './transmit.ts';

/** The retransmit timer fired, whatever it stood for (Linux: `tcp_write_timer_handler`). */
export function onRetransmitTimer(conn: Connection): void {
  const { tcb } = conn;
  const kind = tcb.pending;
  if (tcb.state === TCP_CLOSE || tcb.state === TCP_LISTEN || kind === 0) return;
  tcb.pending = 0;
  switch (kind) {
    case TIME_REO_TIMEOUT:
      onReorderingTimeout(conn);
      break;
    case TIME_LOSS_PROBE:
      sendLossProbe(conn);
      break;
    case TIME_RETRANS:
      retransmitTimeout(conn);
      break;
    case TIME_PROBE0:
      probeTimeout(conn);
      break;
  }
  if (!conn.destroyed) conn.account();
}

/** Linux: `tcp_retransmit_timer`. */
function retransmitTimeout(conn: Connection): void {
  const { tcb, tcp, rtxQueue } = conn;
  const { head } = rtxQueue;
  if (conn.request !== null) {
    synAckTimeout(conn, conn.request);
    return;
  }
  if (tcb.packetsOut === 0 || head === null) return;
  if (tcb.sndWnd === 0 && tcb.orphaned === 0 && tcb.state !== TCP_SYN_SENT && tcb.state !== TCP_SYN_RECV) {
    if (windowStaysShut(conn)) return;
    enterLoss(conn);
    retransmitSegment(conn, head, 1);
    backOff(conn);
    return;
  }
  tcp.mib.add(MIB.TcpExtTCPTimeouts);
  if (writeTimedOut(conn)) return;
  countFailure(conn);
  enterLoss(conn);
  countTimeout(conn);
  if (retransmitSegment(conn, head, 1) !== 0) {
    conn.armRetransmit(TIME_RETRANS, RESOURCE_PROBE_MS);
    return;
  }
  backOff(conn);
}

/** Linux: `tcp_update_rto_stats`. */
function countTimeout({ tcb, tcp }: Connection): void {
  if (tcb.retransmits === 0) {
    tcb.totalRtoRecoveries++;
    tcb.rtoStampMs = tcp.now();
  }
  tcb.retransmits++;
  tcb.totalRto++;
}

/** A timeout ends what recovery could not mend (Linux: the counters of `tcp_retransmit_timer`). */
function countFailure(conn: Connection): void {
  const { tcb, tcp } = conn;
  if (tcb.retransmits > 0) return;
  const sack = tcb.sackOk !== 0;
  if (tcb.caState === TCP_CA_RECOVERY)
    tcp.mib.add(sack ? MIB.TcpExtTCPSackRecoveryFail : MIB.TcpExtTCPRenoRecoveryFail);
  else if (tcb.caState === TCP_CA_LOSS) tcp.mib.add(MIB.TcpExtTCPLossFailures);
  else if (tcb.caState === TCP_CA_DISORDER || tcb.sackedOut > 0)
    tcp.mib.add(sack ? MIB.TcpExtTCPSackFailures : MIB.TcpExtTCPRenoFailures);
}

/** A peer that shut its window and does not answer probes for two minutes is gone (Linux: `tcp_rtx_probe0_timed_out`). */
function windowStaysShut(conn: Connection): boolean {
  const { tcb, tcp, rtxQueue } = conn;
  const timeout = tcb.userTimeoutMs > 0 ? tcb.userTimeoutMs : tcp.settings.rtoMaxMs.value * 2;
  const silent = tcp.now() - tcb.lastAckMs;
  const out = tcp.nowUs() / 1000 - (rtxQueue.head?.sentUs ?? 0) / 1000;
  if (silent <= timeout || out <= timeout) return false;
  timedOut(conn);
  return true;
}

/** Doubles the wait, but for the first SYNs (Linux: the end of `tcp_retransmit_timer`). */
function backOff(conn: Connection): void {
  const { tcb, tcp } = conn;
  if (tcb.state === TCP_SYN_SENT && tcb.retransmits <= tcp.settings.synLinearTimeouts.value) {
    tcb.backoff = 0;
  } else {
    tcb.backoff++;
    tcb.rtoMs = Math.min(tcb.rtoMs * 2, tcp.settings.rtoMaxMs.value);
  }
  conn.armRetransmit(TIME_RETRANS, clampToUserTimeout(conn));
}

/** Linux: `tcp_clamp_rto_to_user_timeout`. */
function clampToUserTimeout(conn: Connection): number {
  const { tcb, tcp } = conn;
  if (tcb.userTimeoutMs === 0 || tcb.retransStampMs === 0) return tcb.rtoMs;
  const elapsed = (tcp.tsClock(tcp.nowUs()) - tcb.retransStampMs) >>> 0;
  const left = tcb.userTimeoutMs - elapsed;
  return left <= 0 ? 1 : Math.min(tcb.rtoMs, left);
}

/** Whether a connection has tried long enough, and was ended for it (Linux: `tcp_write_timeout`). */
function writeTimedOut(conn: Connection): boolean {
  const { tcb, tcp } = conn;
  const { settings } = tcp;
  let expired = false;
  if (stateIn(tcb.state, OPENING)) {
    const most = tcb.synRetries > 0 ? tcb.synRetries : settings.synRetries.value;
    const linear = tcb.state === TCP_SYN_SENT ? settings.synLinearTimeouts.value : 0;
    expired = tcb.retransmits >= most + linear || retransmitsTimedOut(conn, most, tcb.userTimeoutMs);
  } else {
    if (retransmitsTimedOut(conn, settings.retries1.value, 0)) mtuBlackHole(conn);
    let most: number = settings.retries2.value;
    if (tcb.orphaned !== 0) {
      const alive = tcb.rtoMs < settings.rtoMaxMs.value;
      most = orphanRetries(conn, alive);
      if (outOfResources(conn, alive || !retransmitsTimedOut(conn, most, 0))) return true;
    }
    expired = retransmitsTimedOut(conn, most, tcb.userTimeoutMs);
  }
  detectBlackhole(conn, expired);
  if (!expired) return false;
  timedOut(conn);
  return true;
}

/** Whether the first retransmission lies further back than `boundary` of them take (Linux: `retransmits_timed_out`). */
function retransmitsTimedOut(conn: Connection, boundary: number, timeoutMs: number): boolean {
  const { tcb, tcp } = conn;
  if (tcb.retransmits === 0) return false;
  let limit = timeoutMs;
  if (limit === 0) {
    const base = stateIn(tcb.state, OPENING) ? TIMEOUT_INIT_MS : RTO_MIN_MS;
    limit = modelTimeout(boundary, base, tcp.settings.rtoMaxMs.value);
  }
  return ((tcp.tsClock(tcp.nowUs()) - tcb.retransStampMs - limit) | 0) >= 0;
}

/** How long `boundary` retransmissions take that begin `base` apart and back off (Linux: `tcp_model_timeout`), ms. */
function modelTimeout(boundary: number, base: number, most: number): number {
  const doublings = Math.floor(Math.log2(most / base));
  if (boundary <= doublings) return (2 ** (boundary + 1) - 1) * base;
  return (2 ** (doublings + 1) - 1) * base + (boundary - doublings) * most;
}

/** Linux: `tcp_orphan_retries`. */
function orphanRetries(conn: Connection, alive: boolean): number {
  const { tcb, tcp } = conn;
  const retries = tcp.settings.orphanRetries.value;
  if (tcb.softError !== 0 && !alive) return 0;
  return retries === 0 && alive ? 8 : retries;
}

/** Ends an orphan when there are too many of them or too little memory (Linux: `tcp_out_of_resources`). */
export function outOfResources(conn: Connection, doReset: boolean): boolean {
  const { tcb, tcp } = conn;
  let shift = 0;
  const silent = tcp.now() - tcb.lsndtimeMs;
  if (silent > 2 * tcp.settings.rtoMaxMs.value || !doReset) shift++;
  if (tcb.softError !== 0) shift++;
  if (!tcp.tooManyOrphans(shift)) return false;
  const fresh = silent <= TIMEWAIT_MS || (tcb.sndWnd === 0 && tcb.packetsOut === 0);
  if (doReset || fresh) sendReset(conn);
  done(conn);
  tcp.mib.add(MIB.TcpExtTCPAbortOnMemory);
  return true;
}

/** A closed window is probed, and so is a device that took nothing (Linux: `tcp_probe_timer`). */
function probeTimeout(conn: Connection): void {
  const { tcb, tcp } = conn;
  const { settings } = tcp;
  const now = tcp.now();
  if (tcb.packetsOut > 0 || conn.sendHead === null) {
    tcb.probesOut = 0;
    tcb.probesStampMs = 0;
    return;
  }
  if (tcb.probesStampMs === 0) {
    tcb.probesStampMs = now;
  } else if (tcb.userTimeoutMs > 0 && now - tcb.probesStampMs >= tcb.userTimeoutMs) {
    timedOut(conn);
    return;
  }
  let most: number = settings.retries2.value;
  if (tcb.orphaned !== 0) {
    const alive = Math.max(tcb.rtoMs, RTO_MIN_MS) * 2 ** tcb.backoff < settings.rtoMaxMs.value;
    most = orphanRetries(conn, alive);
    if (!alive && tcb.backoff >= most) {
      timedOut(conn);
      return;
    }
    if (outOfResources(conn, true)) return;
  }
  if (tcb.probesOut >= most) timedOut(conn);
  else sendProbe0(conn);
}

/** Linux: `tcp_send_probe0`. */
export function sendProbe0(conn: Connection): void {
  const { tcb, tcp } = conn;
  const result = writeWakeup(conn, MIB.TcpExtTCPWinProbe);
  if (tcb.packetsOut > 0 || conn.sendHead === null) {
    tcb.probesOut = 0;
    tcb.backoff = 0;
    tcb.probesStampMs = 0;
    return;
  }
  tcb.probesOut++;
  let delay: number = RESOURCE_PROBE_MS;
  if (result <= 0) {
    if (tcb.backoff < tcp.settings.retries2.value) tcb.backoff++;
    delay = probe0When(conn);
  }
  if (tcb.userTimeoutMs > 0 && tcb.probesStampMs > 0) {
    const left = tcb.userTimeoutMs - (tcp.now() - tcb.probesStampMs);
    delay = Math.min(delay, Math.max(left, 2));
  }
  conn.armRetransmit(TIME_PROBE0, delay);
}

/** Sends what makes the peer answer: data if the window takes some, else a segment that it must refuse (Linux: `tcp_write_wakeup`). */
function writeWakeup(conn: Connection, counter: number): number {
  const { tcb } = conn;
  if (tcb.state === TCP_CLOSE) return -1;
  const head = conn.sendHead;
  if (head !== null && before(head.seq, windowEnd(tcb))) {
    const mss = currentMss(conn);
    const room = (windowEnd(tcb) - head.seq) >>> 0;
    const bytes = segmentBytes(head);
    if (room < bytes || bytes > mss) splitSegment(conn, conn.writeQueue, head, Math.min(room, mss), mss);
    head.flags |= TH_PSH;
    const result = transmitSegment(conn, head);
    if (result === 0) newDataSent(conn, head);
    return result;
  }
  if (tcb.sndUp !== tcb.sndUna && before(tcb.sndUna, tcb.sndUp)) sendProbe(conn, true, counter);
  return sendProbe(conn, false, counter);
}

/** Linux: `tcp_keepalive_timer`: keepalive of a connection, and the end of an orphan in FIN-WAIT-2. */
export function onKeepaliveTimer(conn: Connection): void {
  const { tcb, tcp } = conn;
  if (tcb.state === TCP_LISTEN) return;
  if (tcb.state === TCP_FIN_WAIT2 && tcb.orphaned !== 0) {
    if (tcb.linger2Ms >= 0) {
      const left = finTime(conn) - TIMEWAIT_MS;
      if (left > 0) {
        tcp.timeWait(conn, TCP_FIN_WAIT2, left);
        return;
      }
    }
    sendReset(conn);
    done(conn);
    return;
  }
  if (tcb.keepOpen === 0 || tcb.state === TCP_CLOSE || tcb.state === TCP_SYN_SENT) return;
  let next = tcb.keepaliveTimeMs;
  if (tcb.packetsOut === 0 && conn.sendHead === null) {
    const idle = idleTime(conn);
    if (idle >= tcb.keepaliveTimeMs) {
      if (keepaliveFailed(conn, idle)) {
        sendReset(conn);
        timedOut(conn);
        return;
      }
      if (writeWakeup(conn, MIB.TcpExtTCPKeepAlive) <= 0) {
        tcb.probesOut++;
        next = tcb.keepaliveIntvlMs;
      } else {
        next = RESOURCE_PROBE_MS;
      }
    } else {
      next = tcb.keepaliveTimeMs - idle;
    }
  }
  conn.keepaliveTimer.start(next);
}

function keepaliveFailed(conn: Connection, idle: number): boolean {
  const { tcb } = conn;
  if (tcb.userTimeoutMs > 0) return idle >= tcb.userTimeoutMs && tcb.probesOut > 0;
  return tcb.probesOut >= tcb.keepaliveCount;
}

/** Milliseconds since anything was heard of the peer (Linux: `keepalive_time_elapsed`). */
export function idleTime(conn: Connection): number {
  const { tcb, tcp } = conn;
  return tcp.now() - Math.max(tcb.lrcvtimeMs, tcb.lastAckMs);
}
