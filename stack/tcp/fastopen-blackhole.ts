import { IFF_LOOPBACK } from '../../device/netdevice/flags.ts';
import { MIB, type Mib } from '../counters.ts';
import type { Knob } from '../sysctl/table.ts';
import type { Connection } from './connection.ts';
import { TCP_ESTABLISHED } from './tcb.ts';

/** How often the time without Fast Open doubles. */
const DOUBLINGS = 6;

/**
 * Middleboxes swallow what they don't know: when that seems to happen, this host's clients do without Fast Open for a while, which
 * doubles each time (RFC 7413, section 7; Linux: `tfo_active_disable_times`).
 */
export class FastOpenBlackhole {
  readonly #timeoutSec: Knob;
  readonly #mib: Mib;
  readonly #now: () => number;
  /** Times in a row that Fast Open was given up, and when it was last, ms. */
  times = 0;
  sinceMs = 0;

  /** `timeoutSec`: seconds of the first time, 0: never. `now`: milliseconds. */
  constructor(timeoutSec: Knob, mib: Mib, now: () => number) {
    this.#timeoutSec = timeoutSec;
    this.#mib = mib;
    this.#now = now;
    timeoutSec.onChange = () => {
      this.times = 0;
    };
  }

  /** A middlebox swallows Fast Open (Linux: `tcp_fastopen_active_disable`). */
  found(): void {
    if (this.#timeoutSec.value === 0) return;
    this.sinceMs = this.#now();
    this.times++;
    this.#mib.add(MIB.TcpExtTCPFastOpenBlackhole);
  }

  /** Whether Fast Open is tried again after it was given up. */
  get recovering(): boolean {
    return this.#timeoutSec.value !== 0 && this.times > 0;
  }

  /** Fast Open works again. */
  recovered(): void {
    this.times = 0;
  }

  /** Whether clients do without for now (Linux: `tcp_fastopen_active_should_disable`). */
  get disabled(): boolean {
    if (this.#timeoutSec.value === 0 || this.times === 0) return false;
    const multiple = 2 ** Math.min(this.times - 1, DOUBLINGS);
    return this.#now() < this.sinceMs + multiple * this.#timeoutSec.value * 1000;
  }
}

/** A timeout of a connection that has tried Fast Open: the third in a row, or the last (Linux: `tcp_fastopen_active_detect_blackhole`). */
export function detectBlackhole(conn: Connection, expired: boolean): void {
  const { tcb, tcp } = conn;
  const tried = tcb.synFastopen !== 0 || tcb.synData !== 0 || tcb.synDataAcked !== 0;
  if (tried && (tcb.retransmits === 2 || (tcb.retransmits < 2 && expired))) tcp.fastOpen.blackhole.found();
}

/** A reset out of order, when nothing else came: a middlebox may have made it (Linux: `tcp_validate_incoming`). */
export function suspectReset(conn: Connection): void {
  const { tcb, tcp } = conn;
  if (tcb.synFastopen !== 0 && tcb.dataSegsIn === 0 && tcb.state === TCP_ESTABLISHED)
    tcp.fastOpen.blackhole.found();
}

/**
 * A connection ends: all that came may be a FIN out of order, so that the data before it was swallowed; or Fast Open worked, and is
 * trusted again (Linux: `tcp_fastopen_active_disable_ofo_check`).
 */
export function judgeFastOpen(conn: Connection): void {
  const { tcb, tcp, outOfOrder } = conn;
  if (tcb.synFastopen === 0) return;
  const { blackhole } = tcp.fastOpen;
  if (tcb.dataSegsIn === 0) {
    if (outOfOrder.length === 1 && outOfOrder.finAt(0)) blackhole.found();
  } else if (tcb.synFastopenCh !== 0 && blackhole.recovering && !isLoopback(conn)) {
    blackhole.recovered();
  }
}

function isLoopback({ path }: Connection): boolean {
  return path !== null && (path.dev.flags & IFF_LOOPBACK) !== 0;
}
