import type { Connection } from './connection.ts';
import { inSlowStart } from './cwnd.ts';
import { TCP_CA_OPEN, TCP_INFINITE_SSTHRESH } from './tcb.ts';

/** Pairs of hosts that are remembered; the one that was not asked for longest gives way. */
const MOST = 4096;
/** After an hour what is known of a path says nothing any more (Linux: `TCP_METRICS_TIMEOUT`). */
const TIMEOUT_MS = 3_600_000;

/** What the last connections between two hosts have shown (Linux: `struct tcp_metrics_block`). */
interface Metrics {
  /** Eight times the smoothed round trip, microseconds, as `srttUs`; 0: not known. */
  rttUs: number;
  /** Segments; 0: not known. */
  ssthresh: number;
  reordering: number;
  stampMs: number;
}

/** What connections that end leave to those that begin on the same path (Linux: `tcp_metrics.c`). */
export class MetricsCache {
  readonly #known = new Map<string, Metrics>();
  /** Pairs that were forgotten for want of room. */
  evicted = 0;

  /**
   * A connection begins: a path that is slower than its handshake was makes its first timeout longer, and the threshold and the
   * reordering of the last one hold (Linux: `tcp_init_metrics`).
   */
  use(conn: Connection): void {
    const { tcb, tcp } = conn;
    const { settings } = tcp;
    const known = this.#take(conn);
    if (known === undefined || tcp.now() - known.stampMs > TIMEOUT_MS) return;
    if (settings.noSsthreshMetricsSave.value === 0 && known.ssthresh > 0)
      tcb.sndSsthresh = Math.min(known.ssthresh, tcb.sndCwndClamp);
    if (known.reordering > 0) tcb.reordering = known.reordering;
    if (known.rttUs > tcb.srttUs) {
      const rttMs = Math.floor(known.rttUs / 8000);
      tcb.rtoMs = rttMs + Math.max(2 * rttMs, tcb.rtoMinMs);
    }
  }

  /** A connection ends in order: what it has learnt is kept (Linux: `tcp_update_metrics`). */
  keep(conn: Connection): void {
    const { tcb, tcp } = conn;
    const { settings } = tcp;
    if (settings.noMetricsSave.value !== 0) return;
    const known = this.#take(conn);
    if (tcb.backoff !== 0 || tcb.srttUs === 0) {
      // Its answers never came in time: of the round trip nothing is known.
      if (known !== undefined) known.rttUs = 0;
      return;
    }
    const metrics = known ?? this.#add(conn);
    const less = metrics.rttUs - tcb.srttUs;
    metrics.rttUs = less <= 0 ? tcb.srttUs : metrics.rttUs - (less >> 3);
    if (settings.noSsthreshMetricsSave.value === 0) keepThreshold(metrics, conn);
    if (metrics.reordering < tcb.reordering && tcb.reordering !== settings.reordering.value)
      metrics.reordering = tcb.reordering;
    metrics.stampMs = tcp.now();
  }

  /** Forgets everything (`ip tcp_metrics flush all`). */
  flush(): void {
    this.#known.clear();
  }

  #take(conn: Connection): Metrics | undefined {
    const key = keyOf(conn);
    const known = this.#known.get(key);
    if (known !== undefined) {
      this.#known.delete(key);
      this.#known.set(key, known);
    }
    return known;
  }

  #add(conn: Connection): Metrics {
    if (this.#known.size >= MOST) {
      const [oldest] = this.#known.keys();
      this.#known.delete(oldest!);
      this.evicted++;
    }
    const metrics = { rttUs: 0, ssthresh: 0, reordering: 0, stampMs: 0 };
    this.#known.set(keyOf(conn), metrics);
    return metrics;
  }
}

function keyOf({ tcb }: Connection): string {
  return `${tcb.local} ${tcb.remote}`;
}

/** The threshold as the state of congestion control lets it be judged. */
function keepThreshold(metrics: Metrics, { tcb }: Connection): void {
  const half = tcb.sndCwnd >> 1;
  if (tcb.sndSsthresh >= TCP_INFINITE_SSTHRESH) {
    if (metrics.ssthresh > 0 && half > metrics.ssthresh) metrics.ssthresh = half;
  } else if (!inSlowStart(tcb) && tcb.caState === TCP_CA_OPEN) {
    metrics.ssthresh = Math.max(half, tcb.sndSsthresh);
  } else if (metrics.ssthresh > 0 && tcb.sndSsthresh > metrics.ssthresh) {
    metrics.ssthresh = tcb.sndSsthresh;
  }
}
