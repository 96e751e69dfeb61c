import { randomFillSync } from 'node:crypto';

/** Where a stack takes its chance from. A seeded one makes a run repeatable; its state can be saved and loaded. */
export abstract class Entropy {
  /** 32 random bits, as an unsigned integer. */
  abstract u32(): number;

  /** A uniform integer in `[0, n)`, for 1 <= n <= 2^32 (Linux: `get_random_u32_below`). */
  below(n: number): number {
    return Math.floor((this.u32() / 0x1_0000_0000) * n);
  }

  /** A uniform real number in `[low, high)`. */
  uniform(low: number, high: number): number {
    return low + (this.u32() / 0x1_0000_0000) * (high - low);
  }

  /** True with the given probability. A probability of 0 draws nothing, so an unused impairment costs no randomness. */
  chance(probability: number): boolean {
    return probability > 0 && this.u32() < probability * 0x1_0000_0000;
  }

  /** Fills `bytes` with random bytes. */
  fill(bytes: Uint8Array): void {
    for (let i = 0; i < bytes.length; i++) bytes[i] = this.u32() >>> 24;
  }

  /** An independent stream, drawn from this one: a part with its own never disturbs the others' sequence. */
  abstract fork(): Entropy;
}

/** xoshiro128** (Blackman and Vigna), seeded through splitmix32: fast, and its four words are its whole state. */
export class SeededEntropy extends Entropy {
  readonly state: Uint32Array = new Uint32Array(4);

  constructor(seed: number) {
    super();
    let x = seed >>> 0;
    for (let i = 0; i < 4; i++) {
      x = (x + 0x9e3779b9) >>> 0;
      let z = x;
      z = Math.imul(z ^ (z >>> 16), 0x85ebca6b);
      z = Math.imul(z ^ (z >>> 13), 0xc2b2ae35);
      this.state[i] = z ^ (z >>> 16);
    }
  }

  u32(): number {
    const s = this.state;
    const s1 = s[1]!;
    const product = Math.imul(s1, 5);
    const result = Math.imul((product << 7) | (product >>> 25), 9) >>> 0;
    s[2]! ^= s[0]!;
    s[3]! ^= s1;
    s[1]! ^= s[2]!;
    s[0]! ^= s[3]!;
    s[2]! ^= s1 << 9;
    const s3 = s[3]!;
    s[3] = (s3 << 11) | (s3 >>> 21);
    return result;
  }

  fork(): SeededEntropy {
    return new SeededEntropy(this.u32());
  }
}

/** The operating system's randomness, fetched a kilobyte at a time. */
export class RealEntropy extends Entropy {
  readonly #words = new Uint32Array(256);
  #used = 256;

  u32(): number {
    if (this.#used === this.#words.length) {
      randomFillSync(this.#words);
      this.#used = 0;
    }
    const word = this.#words[this.#used]!;
    this.#words[this.#used++] = 0;
    return word;
  }

  fork(): RealEntropy {
    return new RealEntropy();
  }
}
