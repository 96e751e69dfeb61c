import { MIB, type Mib } from '../counters.ts';
import type { Knob } from '../sysctl/table.ts';

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

  /** Whether clients do without for now (Linux: `tcp_fastopen_active_should_disable`). */
  get disabled(): boolean {
    if (this.#timeoutSec.value === 0 || this.times === 0) return false;
    const multiple = 2 ** Math.min(this.times - 1, DOUBLINGS);
    return this.#now() < this.sinceMs + multiple * this.#timeoutSec.value * 1000;
  }
}
