import type { Entropy } from '../../device/random.ts';
import type { Ipv4 } from '../wire/address.ts';

const BUCKETS = 2048;

/**
 * The identification field of datagrams that may be fragmented (Linux: `__ip_select_ident`): counters picked by a keyed hash
 * of the addresses and protocol, each moved on by a random step for the time that it was not used, so that one host can't
 * count what is sent to another.
 */
export class Identification {
  readonly counters: Uint32Array = new Uint32Array(BUCKETS);
  /** Milliseconds at which each counter was used last. */
  readonly used: Float64Array = new Float64Array(BUCKETS);
  readonly key: Uint32Array = new Uint32Array(2);
  readonly #entropy: Entropy;

  constructor(entropy: Entropy) {
    this.#entropy = entropy;
    this.key[0] = entropy.u32() | 1;
    this.key[1] = entropy.u32();
    for (let i = 0; i < BUCKETS; i++) this.counters[i] = entropy.u32();
  }

  /** The next value, 16 bits. */
  next(source: Ipv4, destination: Ipv4, protocol: number, now: number): number {
    const bucket = this.#bucket(source, destination, protocol);
    const quiet = Math.floor(now) - this.used[bucket]!;
    if (quiet > 0) {
      this.used[bucket] = Math.floor(now);
      this.counters[bucket]! += quiet > 1 ? this.#entropy.below(Math.min(quiet, 0xffffffff)) : 0;
    }
    return this.counters[bucket]!++ & 0xffff;
  }

  #bucket(source: Ipv4, destination: Ipv4, protocol: number): number {
    let hash = Math.imul(destination ^ this.key[1]!, this.key[0]!);
    hash = Math.imul((hash ^ (hash >>> 15)) + source, 0x85ebca6b);
    hash = Math.imul((hash ^ (hash >>> 13)) + protocol, 0xc2b2ae35);
    return (hash ^ (hash >>> 16)) & (BUCKETS - 1);
  }
}
