import { holdDoubles } from '../../../device/memory/doubles.ts';
import { MIB } from '../../counters.ts';
import type { Connection } from '../connection.ts';
import { inSlowStart, isCwndLimited } from '../cwnd.ts';
import { isPaced } from '../pacing.ts';
import { after } from '../sequence.ts';
import { TCP_CA_LOSS } from '../tcb.ts';
import type { Congestion } from './congestion.ts';
import { additiveIncrease, slowStart } from './growth.ts';

/** Linux's scale of the multiplicative decrease, and of the curve's time: 1/1024 of a second. */
const BETA_SCALE = 1024;
const TIME_SHIFT = 10;
/** What a unit of the cube is worth: C = 0.4 as `bic_scale` 41 in 1/2^(10 + 3 * TIME_SHIFT). */
const CUBE_RTT_SCALE = 41 * 10;
const CUBE_FACTOR = 2 ** (10 + 3 * TIME_SHIFT) / CUBE_RTT_SCALE;

/** HyStart: how it knows that the pipe is full before a loss says so (`hystart_detect`). */
const HYSTART_ACK_TRAIN = 1;
const HYSTART_DELAY = 2;
const HYSTART_MIN_SAMPLES = 8;
const HYSTART_DELAY_MIN_US = 4000;
const HYSTART_DELAY_MAX_US = 16_000;
const GSO_MAX_SIZE = 65_536;

/** CUBIC (RFC 9438) with HyStart as Linux has them (`tcp_cubic.c`), by its module's parameters. */
export class Cubic implements Congestion {
  readonly name = 'cubic';

  /** ACKed segments for one more of window; the window before the last loss, and the one seen last with its time (ms). */
  cnt = 0;
  lastMaxCwnd = 0;
  lastCwnd = 0;
  lastTimeMs = 0;
  /** Where the curve is flat, and how long it takes to get there, in 1/1024 s. */
  originPoint = 0;
  k = 0;
  delayMinUs = 0;
  /** When the epoch of growth began, ms, 0: it begins with the next ACK. */
  epochStartMs = 0;
  ackCnt = 0;
  /** What NewReno's window would be. */
  tcpCwnd = 0;
  sampleCnt = 0;
  found = 0;
  roundStartUs = 0;
  endSeq = 0;
  lastAckUs = 0;
  currRttUs = 0xffffffff;

  begin(conn: Connection): void {
    this.#reset();
    if (conn.tcp.settings.cubicHystart.value !== 0) this.#resetHystart(conn);
  }

  ssthresh({ tcb, tcp }: Connection): number {
    const beta = tcp.settings.cubicBeta.value;
    const fast = tcp.settings.cubicFastConvergence.value !== 0;
    this.epochStartMs = 0;
    this.lastMaxCwnd =
      tcb.sndCwnd < this.lastMaxCwnd && fast
        ? Math.floor((tcb.sndCwnd * (BETA_SCALE + beta)) / (2 * BETA_SCALE))
        : tcb.sndCwnd;
    return Math.max(Math.floor((tcb.sndCwnd * beta) / BETA_SCALE), 2);
  }

  grow(conn: Connection, acked: number): void {
    const { tcb } = conn;
    if (!isCwndLimited(tcb)) return;
    const left = inSlowStart(tcb) ? slowStart(tcb, acked) : acked;
    if (left <= 0) return;
    this.#update(conn, left);
    additiveIncrease(tcb, this.cnt, left);
  }

  undoCwnd({ tcb }: Connection): number {
    return Math.max(tcb.sndCwnd, tcb.priorCwnd);
  }

  acked(conn: Connection, rttUs: number): void {
    const { tcb, tcp } = conn;
    if (rttUs < 0) return;
    // What is measured right after a recovery says more of the recovery than of the path.
    if (this.epochStartMs !== 0 && Math.floor(tcp.now()) - this.epochStartMs < 1000) return;
    const delay = Math.max(Math.floor(rttUs), 1);
    if (this.delayMinUs === 0 || this.delayMinUs > delay) this.delayMinUs = delay;
    if (this.found === 0 && inSlowStart(tcb) && tcp.settings.cubicHystart.value !== 0)
      this.#hystart(conn, delay);
  }

  stateChanges(conn: Connection, state: number): void {
    if (state !== TCP_CA_LOSS) return;
    this.#reset();
    this.#resetHystart(conn);
  }

  /** A pause is not part of the curve's time. */
  transmissionStarts({ tcb, tcp }: Connection): void {
    const now = Math.floor(tcp.now());
    const pause = now - Math.floor(tcb.lsndtimeMs);
    if (this.epochStartMs === 0 || pause <= 0) return;
    this.epochStartMs = Math.min(this.epochStartMs + pause, now);
  }

  save(): Record<string, number> {
    const out: Record<string, number> = {};
    for (const [name, value] of Object.entries(this)) if (typeof value === 'number') out[name] = value;
    return out;
  }

  load(saved: Readonly<Record<string, unknown>>, shiftMs: number): void {
    const fields = this as unknown as Record<string, unknown>;
    for (const [name, value] of Object.entries(saved)) {
      if (typeof fields[name] !== 'number') throw new TypeError(`cubic has no field ${name}`);
      if (typeof value !== 'number' || !Number.isFinite(value))
        throw new TypeError(`cubic.${name} must be a number`);
      fields[name] = value;
    }
    if (this.epochStartMs !== 0) this.epochStartMs += Math.round(shiftMs);
    this.lastTimeMs += Math.round(shiftMs);
    this.roundStartUs += Math.round(shiftMs * 1000);
    this.lastAckUs += Math.round(shiftMs * 1000);
  }

  #reset(): void {
    this.cnt = 0;
    this.lastMaxCwnd = 0;
    this.lastCwnd = 0;
    this.lastTimeMs = 0;
    this.originPoint = 0;
    this.k = 0;
    this.delayMinUs = 0;
    this.epochStartMs = 0;
    this.ackCnt = 0;
    this.tcpCwnd = 0;
    this.found = 0;
  }

  #resetHystart({ tcb, tcp }: Connection): void {
    this.roundStartUs = tcp.nowUs();
    this.lastAckUs = this.roundStartUs;
    this.endSeq = tcb.sndNxt;
    this.currRttUs = 0xffffffff;
    this.sampleCnt = 0;
  }

  /** Sets {@link cnt} by where on the curve the connection is (Linux: `bictcp_update`). */
  #update({ tcb, tcp }: Connection, acked: number): void {
    const cwnd = tcb.sndCwnd;
    const now = Math.floor(tcp.now());
    this.ackCnt += acked;
    if (this.lastCwnd === cwnd && now - this.lastTimeMs <= 31) return;
    if (this.epochStartMs === 0 || now !== this.lastTimeMs) this.#followCurve(cwnd, now, acked);
    if (tcp.settings.cubicTcpFriendliness.value !== 0)
      this.#keepUpWithReno(cwnd, tcp.settings.cubicBeta.value);
    this.cnt = Math.max(this.cnt, 2);
  }

  #followCurve(cwnd: number, now: number, acked: number): void {
    this.lastCwnd = cwnd;
    this.lastTimeMs = now;
    if (this.epochStartMs === 0) {
      this.epochStartMs = now;
      this.ackCnt = acked;
      this.tcpCwnd = cwnd;
      if (this.lastMaxCwnd <= cwnd) {
        this.k = 0;
        this.originPoint = cwnd;
      } else {
        this.k = Math.floor(Math.cbrt(CUBE_FACTOR * (this.lastMaxCwnd - cwnd)));
        this.originPoint = this.lastMaxCwnd;
      }
    }
    const passedMs = now - this.epochStartMs + Math.ceil(this.delayMinUs / 1000);
    const t = Math.floor((passedMs * 2 ** TIME_SHIFT) / 1000);
    const distance = Math.abs(t - this.k);
    const delta = Math.floor((CUBE_RTT_SCALE * distance ** 3) / 2 ** (10 + 3 * TIME_SHIFT));
    const target = t < this.k ? this.originPoint - delta : this.originPoint + delta;
    this.cnt = target > cwnd ? Math.floor(cwnd / (target - cwnd)) : 100 * cwnd;
    // Of the bandwidth nothing is known yet: 5 % a round trip at least.
    if (this.lastMaxCwnd === 0 && this.cnt > 20) this.cnt = 20;
  }

  #keepUpWithReno(cwnd: number, beta: number): void {
    const scale = Math.floor(Math.floor((8 * (BETA_SCALE + beta)) / 3) / (BETA_SCALE - beta));
    const step = Math.max((cwnd * scale) >> 3, 1);
    if (this.ackCnt > step) {
      const steps = Math.ceil(this.ackCnt / step) - 1;
      this.ackCnt -= steps * step;
      this.tcpCwnd += steps;
    }
    if (this.tcpCwnd <= cwnd) return;
    this.cnt = Math.min(this.cnt, Math.floor(cwnd / (this.tcpCwnd - cwnd)));
  }

  /** Ends slow start when ACKs come in a train as long as the path, or later than they did (Linux: `hystart_update`). */
  #hystart(conn: Connection, delay: number): void {
    const { tcb, tcp } = conn;
    if (after(tcb.sndUna, this.endSeq)) this.#resetHystart(conn);
    if (tcb.sndCwnd < tcp.settings.cubicHystartLowWindow.value) return;
    const detect = tcp.settings.cubicHystartDetect.value;
    if ((detect & HYSTART_ACK_TRAIN) !== 0) {
      const now = tcp.nowUs();
      if (now - this.lastAckUs <= tcp.settings.cubicHystartAckDeltaUs.value) {
        this.lastAckUs = now;
        // Pacing may have held segments back for half a round trip.
        const shift = isPaced(conn) ? 0 : 1;
        const threshold = Math.floor((this.delayMinUs + ackDelay(tcb.pacingRate)) / 2 ** shift);
        if (now - this.roundStartUs > threshold) {
          this.#full(conn, MIB.TcpExtTCPHystartTrainDetect, MIB.TcpExtTCPHystartTrainCwnd);
        }
      }
    }
    if ((detect & HYSTART_DELAY) === 0) return;
    this.currRttUs = Math.min(this.currRttUs, delay);
    if (this.sampleCnt < HYSTART_MIN_SAMPLES) {
      this.sampleCnt++;
      return;
    }
    const slack = Math.min(Math.max(this.delayMinUs >> 3, HYSTART_DELAY_MIN_US), HYSTART_DELAY_MAX_US);
    if (this.currRttUs > this.delayMinUs + slack)
      this.#full(conn, MIB.TcpExtTCPHystartDelayDetect, MIB.TcpExtTCPHystartDelayCwnd);
  }

  #full({ tcb, tcp }: Connection, detected: number, window: number): void {
    this.found = 1;
    tcp.mib.add(detected);
    tcp.mib.add(window, tcb.sndCwnd);
    tcb.sndSsthresh = tcb.sndCwnd;
  }
}

/** How long super-segments may have been held together on their way, microseconds (Linux: `hystart_ack_delay`). */
function ackDelay(pacingRate: number): number {
  return pacingRate === 0 ? 0 : Math.min(1000, Math.floor((GSO_MAX_SIZE * 4 * 1_000_000) / pacingRate));
}

holdDoubles(
  () => new Cubic(),
  ['k', 'lastTimeMs', 'delayMinUs', 'epochStartMs', 'roundStartUs', 'lastAckUs', 'currRttUs'],
);
