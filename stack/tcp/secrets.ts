import type { Entropy } from '../../device/random.ts';
import { SipHash } from '../socket/siphash.ts';

/** The ends of a flow. */
interface Ends {
  readonly local: number;
  readonly localPort: number;
  readonly remote: number;
  readonly remotePort: number;
}

/** Numbers that nobody outside may guess, by SipHash with keys of chance (Linux: `net/core/secure_seq.c`). */
export class TcpSecrets {
  readonly #sequence: SipHash;
  readonly #timestamp: SipHash;
  readonly #now: () => number;

  /** `now`: microseconds of the clock. */
  constructor(entropy: Entropy, now: () => number) {
    this.#sequence = SipHash.random(entropy);
    this.#timestamp = SipHash.random(entropy);
    this.#now = now;
  }

  /** The initial sequence number of a flow: a hash plus a clock of 64 ns (RFC 6528; Linux: `secure_tcp_seq`). */
  initialSequence(ends: Ends): number {
    const hash = this.#sequence.words4(
      ends.local | 0,
      ends.remote | 0,
      (ends.localPort << 16) | ends.remotePort,
      (Math.floor(ends.local / 2 ** 32) << 16) ^ Math.floor(ends.remote / 2 ** 32),
    );
    return (hash + Math.floor(this.#now() * 15.625)) | 0;
  }

  /** What is added to the timestamps that two hosts exchange (Linux: `secure_tcp_ts_off`). */
  timestampOffset(local: number, remote: number): number {
    return this.#timestamp.words2(local | 0, remote | 0) | 0;
  }
}
