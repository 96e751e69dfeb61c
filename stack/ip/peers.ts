import type { Ipv4 } from '../wire/address.ts';

/** Peers remembered; the oldest makes room. */
const MOST = 8192;
/** Errors that may go to one peer at once, in units of the rate limit (Linux: `XRLIM_BURST_FACTOR`). */
const BURST_FACTOR = 6;
/** How long a new peer is taken to have been quiet, in milliseconds: long enough for a full bucket. */
const QUIET_MS = 60_000;

/** What is remembered of another host (Linux: `struct inet_peer`). */
export class Peer {
  /** Milliseconds of permission to send errors, and when they were counted last. */
  tokens = 0;
  last: number;
  /** Redirects that it ignored so far. */
  redirects = 0;
  /** Fragments received from it, for `ipfrag_max_dist`. */
  fragments = 0;

  constructor(now: number) {
    this.last = now - QUIET_MS;
  }

  /** Takes `cost` from the bucket, which fills by one a millisecond up to `burst`; false when there is too little. */
  take(now: number, cost: number, burst: number): boolean {
    const tokens = Math.min(this.tokens + now - this.last, burst);
    this.last = now;
    const enough = tokens >= cost;
    this.tokens = enough ? tokens - cost : tokens;
    return enough;
  }

  /**
   * Whether an error may be sent to it, one each `timeoutMs` (Linux: `inet_peer_xrlim_allow`). The bucket is only cut to its
   * size when time has passed, so that a limit of 0 leaves what {@link take} has just counted.
   */
  allows(now: number, timeoutMs: number): boolean {
    return this.take(now, timeoutMs, now === this.last ? Number.POSITIVE_INFINITY : BURST_FACTOR * timeoutMs);
  }
}

/** The hosts that were met lately, by address. */
export class PeerTable {
  readonly #peers = new Map<number, Peer>();

  get size(): number {
    return this.#peers.size;
  }

  get(address: Ipv4, now: number): Peer {
    const key = address | 0;
    const known = this.#peers.get(key);
    if (known !== undefined) return known;
    if (this.#peers.size >= MOST) {
      for (const oldest of this.#peers.keys()) {
        this.#peers.delete(oldest);
        break;
      }
    }
    const peer = new Peer(now);
    this.#peers.set(key, peer);
    return peer;
  }

  clear(): void {
    this.#peers.clear();
  }
}
