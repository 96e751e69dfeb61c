import { FastOpenOption } from '../wire/fastopen-option.ts';

/** Pairs of hosts that are remembered; the one that was not asked for longest gives way. */
const MOST = 4096;

/** What asks for a cookie where none came: 0 the assigned option, then the experimental one, then the assigned one for good. */
export const TRY_EXPERIMENTAL = 1;
export const TRY_ASSIGNED = 2;

interface Known {
  readonly cookie: FastOpenOption;
  /** Segment size that the server announced, 0: not known. */
  mss: number;
  tryExperimental: number;
}

/** What servers have told clients of this host (RFC 7413, section 4.1.3; Linux: `struct tcp_fastopen_metrics`). */
export class FastOpenCache {
  readonly #known = new Map<string, Known>();
  /** Pairs that were forgotten for want of room. */
  evicted = 0;

  /** Fills `cookie` with that of a server; `length` 0: none is known, ask for it so. Its segment size, 0: not known. */
  find(local: number, remote: number, cookie: FastOpenOption): number {
    const known = this.#take(local, remote);
    if (known === undefined) {
      cookie.length = 0;
      cookie.experimental = 0;
      return 0;
    }
    cookie.copy(known.cookie);
    if (cookie.length <= 0) {
      cookie.length = 0;
      cookie.experimental = known.tryExperimental === TRY_EXPERIMENTAL ? 1 : 0;
    }
    return known.mss;
  }

  /**
   * Notes what a SYN-ACK said. `cookie`: `length` not above 0 for none; `tryExperimental`: `TRY_*` to change how a cookie is asked
   * for next time, else 0 (Linux: `tcp_fastopen_cache_set`).
   */
  note(
    local: number,
    remote: number,
    mss: number,
    cookie: Readonly<FastOpenOption>,
    tryExperimental: number,
  ): void {
    const known = this.#take(local, remote) ?? this.#add(local, remote);
    if (mss > 0) known.mss = mss;
    if (cookie.length > 0) known.cookie.copy(cookie);
    else if (tryExperimental > known.tryExperimental && known.cookie.length <= 0)
      known.tryExperimental = tryExperimental;
  }

  /** Forgets everything (`ip tcp_metrics flush all`). */
  flush(): void {
    this.#known.clear();
  }

  /** The entry, which is the youngest from now on. */
  #take(local: number, remote: number): Known | undefined {
    const key = `${local} ${remote}`;
    const known = this.#known.get(key);
    if (known === undefined) return undefined;
    this.#known.delete(key);
    this.#known.set(key, known);
    return known;
  }

  #add(local: number, remote: number): Known {
    if (this.#known.size >= MOST) {
      for (const oldest of this.#known.keys()) {
        this.#known.delete(oldest);
        this.evicted++;
        break;
      }
    }
    const known: Known = { cookie: new FastOpenOption(), mss: 0, tryExperimental: 0 };
    this.#known.set(`${local} ${remote}`, known);
    return known;
  }
}
