import { Timer } from '../../device/clock/timer.ts';
import type { Packet } from '../../device/memory/packet.ts';
import { MIB } from '../counters.ts';
import { TCP_HLEN, TH_ACK, TH_FIN, TH_RST, TH_SYN } from '../wire/tcp.ts';
import { OPTION_TS, parseTcpOptions, TcpOptions } from '../wire/tcp-options.ts';
import type { Connection } from './connection.ts';
import { PAWS_24DAYS_MS, TIMEWAIT_MS } from './constants.ts';
import { ENTRY_TIMEWAIT, TcpEntry } from './entry.ts';
import type { Incoming } from './incoming.ts';
import type { TcpNetwork } from './network.ts';
import type { PortLease } from './ports.ts';
import { Reply, sendReply } from './reply.ts';
import { after, before } from './sequence.ts';
import { TCP_FIN_WAIT2, TCP_TIME_WAIT } from './tcb.ts';
import type { Tcp } from './tcp.ts';

/** What is to be done with a segment for a connection that is over (Linux: `enum tcp_tw_status`). */
export const TW_SUCCESS = 0;
export const TW_RST = 1;
export const TW_ACK = 2;
export const TW_SYN = 3;

const options = new TcpOptions();
const reply = new Reply();

/** What is left of a connection that we closed first (Linux: `struct tcp_timewait_sock`): a few numbers and a timer. */
export class TimeWait extends TcpEntry {
  readonly kind: number = ENTRY_TIMEWAIT;
  readonly tcp: Tcp;
  readonly network: TcpNetwork;
  readonly timer: Timer;
  /** Its use of its local port, taken over from the connection. */
  readonly lease: PortLease | null;
  /** FIN-WAIT-2 of an orphan, or TIME-WAIT. */
  substate: number = TCP_TIME_WAIT;
  rcvNxt = 0;
  sndNxt = 0;
  rcvWnd = 0;
  rcvWscale = 0;
  tsRecent = 0;
  tsRecentStampMs = 0;
  tsOffset = 0;
  lastOowAckMs = 0;
  tos = 0;
  /** When it was entered, ms. */
  entryMs = 0;

  get state(): number {
    return this.substate;
  }

  constructor(tcp: Tcp, conn: Connection, substate: number) {
    super();
    const { tcb } = conn;
    this.tcp = tcp;
    this.network = conn.network;
    this.timer = new Timer(tcp.clock, () => this.#expired());
    this.substate = substate;
    this.lease = conn.lease;
    conn.lease = null;
    this.local = conn.local;
    this.localPort = conn.localPort;
    this.remote = conn.remote;
    this.remotePort = conn.remotePort;
    this.boundIfindex = conn.boundIfindex;
    this.rcvNxt = tcb.rcvNxt;
    this.sndNxt = tcb.sndNxt;
    this.rcvWnd = Math.max(0, (tcb.rcvWup + tcb.rcvWnd - tcb.rcvNxt) | 0);
    this.rcvWscale = tcb.rcvWscale;
    this.tsRecent = tcb.tstampOk !== 0 ? tcb.tsRecent : 0;
    this.tsRecentStampMs = tcb.tstampOk !== 0 ? tcb.tsRecentStampMs : 0;
    this.tsOffset = tcb.tsOffset;
    this.tos = tcb.tos;
    this.entryMs = tcp.now();
  }

  /** Takes it out of the tables. */
  kill(): void {
    this.timer.stop();
    this.tcp.removeTimeWait(this);
  }

  #expired(): void {
    this.tcp.mib.add(MIB.TcpExtTW);
    this.kill();
  }

  /** Judges a segment (Linux: `tcp_timewait_state_process`). `TW_SYN`: a new connection may take the place of this one. */
  receive(packet: Packet, incoming: Incoming): number {
    const { tcp } = this;
    const { flags, seq, endSeq } = incoming;
    let old = false;
    options.reset();
    if (incoming.headerLength > TCP_HLEN && this.tsRecentStampMs !== 0) {
      parseTcpOptions(
        packet.pool.view,
        incoming.at + TCP_HLEN,
        incoming.headerLength - TCP_HLEN,
        false,
        options,
      );
      if (options.sawTimestamp !== 0) old = this.#isOld(options.tsval, (flags & TH_RST) !== 0);
    }
    if (this.substate === TCP_FIN_WAIT2) return this.#inFinWait2(incoming, old);
    if (!old && seq === this.rcvNxt && (seq === endSeq || (flags & TH_RST) !== 0)) {
      if ((flags & TH_RST) !== 0) {
        if (tcp.settings.rfc1337.value === 0) {
          this.kill();
          return TW_SUCCESS;
        }
      } else {
        this.timer.start(TIMEWAIT_MS);
      }
      this.#noteTimestamp();
      return TW_SUCCESS;
    }
    if (
      (flags & TH_SYN) !== 0 &&
      (flags & (TH_RST | TH_ACK)) === 0 &&
      !old &&
      (after(seq, this.rcvNxt) || (options.sawTimestamp !== 0 && ((this.tsRecent - options.tsval) | 0) < 0))
    )
      return TW_SYN;
    if (old) tcp.mib.add(MIB.TcpExtPAWSTimewait);
    if ((flags & TH_RST) !== 0) return TW_SUCCESS;
    if (old || (flags & TH_ACK) !== 0) this.timer.start(TIMEWAIT_MS);
    return this.#answer(incoming);
  }

  #inFinWait2(incoming: Incoming, old: boolean): number {
    const { flags, seq, endSeq } = incoming;
    const limit = (this.rcvNxt + this.rcvWnd) | 0;
    const inWindow =
      seq === this.rcvNxt ||
      (after(endSeq, this.rcvNxt) && before(seq, limit)) ||
      (seq === limit && seq === endSeq);
    if (old || !inWindow) return this.#answer(incoming);
    if ((flags & TH_RST) !== 0) {
      this.kill();
      return TW_SUCCESS;
    }
    if ((flags & TH_SYN) !== 0 && !before(seq, this.rcvNxt)) return TW_RST;
    if ((flags & TH_ACK) === 0 || !after(endSeq, this.rcvNxt) || endSeq === seq) return TW_SUCCESS;
    if ((flags & TH_FIN) === 0 || endSeq !== ((this.rcvNxt + 1) | 0)) return TW_RST;
    this.substate = TCP_TIME_WAIT;
    this.rcvNxt = endSeq;
    this.#noteTimestamp();
    this.entryMs = this.tcp.now();
    this.timer.start(TIMEWAIT_MS);
    return TW_ACK;
  }

  /** The first number of a connection that takes the place of this one (Linux: `tcp_tw_isn`), never 0. */
  nextIsn(): number {
    return (this.sndNxt + 65_535 + 2) | 0 || 1;
  }

  /**
   * Whether a connection from here may take the place of this one: timestamps keep old segments out (RFC 6191; Linux:
   * `tcp_twsk_unique`). `loopback`: both ends are on this host. `bound`: its user chose the port, so that he need not wait.
   */
  reusable(loopback: boolean, bound: boolean): boolean {
    if (this.tsRecentStampMs === 0) return false;
    if (bound) return true;
    const { settings } = this.tcp;
    const mode = settings.twReuse.value;
    if (mode === 0 || (mode === 2 && !loopback)) return false;
    return this.tcp.now() - this.entryMs >= settings.twReuseDelayMs.value;
  }

  /** Sends the last ACK again (Linux: `tcp_v4_timewait_ack`). */
  acknowledge(incoming: Incoming): void {
    const { tcp } = this;
    reply.answer(incoming);
    reply.seq = this.sndNxt;
    reply.ack = this.rcvNxt;
    reply.flags = TH_ACK;
    reply.window = Math.min(this.rcvWnd / 2 ** this.rcvWscale, 0xffff);
    reply.tos = this.tos;
    if (this.tsRecentStampMs !== 0) {
      reply.options.flags = OPTION_TS;
      reply.options.tsval = (tcp.tsClock(tcp.nowUs()) + this.tsOffset) | 0;
      reply.options.tsecr = this.tsRecent;
    }
    sendReply(tcp, this.network, reply);
  }

  #isOld(tsval: number, reset: boolean): boolean {
    if (((this.tsRecent - tsval) | 0) <= 0 || this.tsRecent === 0) return false;
    const age = this.tcp.now() - this.tsRecentStampMs;
    return age <= PAWS_24DAYS_MS && !(reset && age >= TIMEWAIT_MS);
  }

  #noteTimestamp(): void {
    if (options.sawTimestamp === 0) return;
    this.tsRecent = options.tsval;
    this.tsRecentStampMs = this.tcp.now();
  }

  /** Linux: `tcp_timewait_check_oow_rate_limit`. */
  #answer(incoming: Incoming): number {
    const { tcp } = this;
    const now = tcp.now();
    const data = incoming.seq !== incoming.endSeq && (incoming.flags & TH_SYN) === 0;
    const limit = tcp.settings.invalidRatelimitMs.value;
    if (!data && this.lastOowAckMs !== 0 && now - this.lastOowAckMs < limit) {
      const fin = this.substate === TCP_FIN_WAIT2;
      tcp.mib.add(fin ? MIB.TcpExtTCPACKSkippedFinWait2 : MIB.TcpExtTCPACKSkippedTimeWait);
      return TW_SUCCESS;
    }
    this.lastOowAckMs = now;
    return TW_ACK;
  }
}
