import type { Entropy } from '../../device/random.ts';

const FF = 0xff;

/**
 * SipHash-2-4 (Aumasson and Bernstein, 2012) with one key: what stands between an attacker and the numbers that he must not
 * guess (initial sequence numbers, ports, cookies).
 *
 * The 64-bit result comes as two halves: the low one is returned, the high one is left in {@link high}. Hashing allocates nothing.
 */
export class SipHash {
  /** Four 32-bit words, the low half of the paper's k0 first. */
  readonly key: Int32Array = new Int32Array(4);
  /** The high half of the last result, unsigned. */
  high = 0;
  /** v0 to v3, the low half of each first. */
  readonly #v = new Int32Array(8);

  /** `key`: four 32-bit words, little-endian halves of k0 and k1. */
  constructor(key: readonly number[]) {
    for (let i = 0; i < 4; i++) this.key[i] = key[i] ?? 0;
  }

  /** One with a key of chance. */
  static random(entropy: Entropy): SipHash {
    return new SipHash([entropy.u32(), entropy.u32(), entropy.u32(), entropy.u32()]);
  }

  /** The hash of two 32-bit words, as of their eight bytes in little-endian order (Linux: `siphash_2u32`). */
  words2(a: number, b: number): number {
    this.#start();
    this.#absorb(a, b);
    return this.#finish(0, 8 << 24);
  }

  /** The hash of four 32-bit words, sixteen bytes (Linux: `siphash_4u32`). */
  words4(a: number, b: number, c: number, d: number): number {
    this.#start();
    this.#absorb(a, b);
    this.#absorb(c, d);
    return this.#finish(0, 16 << 24);
  }

  /** The hash of `bytes`. */
  bytes(bytes: Uint8Array): number {
    const { length } = bytes;
    this.#start();
    let at = 0;
    for (; at + 8 <= length; at += 8) this.#absorb(wordAt(bytes, at), wordAt(bytes, at + 4));
    return this.#finish(wordAt(bytes, at), (wordAt(bytes, at + 4) & 0xffffff) | ((length & FF) << 24));
  }

  #start(): void {
    const v = this.#v;
    const key = this.key;
    v[0] = key[0]! ^ 0x70736575;
    v[1] = key[1]! ^ 0x736f6d65;
    v[2] = key[2]! ^ 0x6e646f6d;
    v[3] = key[3]! ^ 0x646f7261;
    v[4] = key[0]! ^ 0x6e657261;
    v[5] = key[1]! ^ 0x6c796765;
    v[6] = key[2]! ^ 0x79746573;
    v[7] = key[3]! ^ 0x74656462;
  }

  #absorb(low: number, high: number): void {
    const v = this.#v;
    v[6]! ^= low;
    v[7]! ^= high;
    this.#rounds(2);
    v[0]! ^= low;
    v[1]! ^= high;
  }

  #finish(low: number, high: number): number {
    const v = this.#v;
    this.#absorb(low, high);
    v[4]! ^= FF;
    this.#rounds(4);
    this.high = (v[1]! ^ v[3]! ^ v[5]! ^ v[7]!) >>> 0;
    return (v[0]! ^ v[2]! ^ v[4]! ^ v[6]!) >>> 0;
  }

  /** SipRound, `count` times, in 32-bit halves: `l` low, `h` high. */
  #rounds(count: number): void {
    const v = this.#v;
    let l0 = v[0]!;
    let h0 = v[1]!;
    let l1 = v[2]!;
    let h1 = v[3]!;
    let l2 = v[4]!;
    let h2 = v[5]!;
    let l3 = v[6]!;
    let h3 = v[7]!;
    for (let i = 0; i < count; i++) {
      let sum = (l0 >>> 0) + (l1 >>> 0);
      h0 = (h0 + h1 + (sum > 0xffffffff ? 1 : 0)) | 0;
      l0 = sum | 0;
      let low = ((l1 << 13) | (h1 >>> 19)) ^ l0;
      h1 = ((h1 << 13) | (l1 >>> 19)) ^ h0;
      l1 = low;
      low = h0;
      h0 = l0;
      l0 = low;

      sum = (l2 >>> 0) + (l3 >>> 0);
      h2 = (h2 + h3 + (sum > 0xffffffff ? 1 : 0)) | 0;
      l2 = sum | 0;
      low = ((l3 << 16) | (h3 >>> 16)) ^ l2;
      h3 = ((h3 << 16) | (l3 >>> 16)) ^ h2;
      l3 = low;

      sum = (l0 >>> 0) + (l3 >>> 0);
      h0 = (h0 + h3 + (sum > 0xffffffff ? 1 : 0)) | 0;
      l0 = sum | 0;
      low = ((l3 << 21) | (h3 >>> 11)) ^ l0;
      h3 = ((h3 << 21) | (l3 >>> 11)) ^ h0;
      l3 = low;

      sum = (l2 >>> 0) + (l1 >>> 0);
      h2 = (h2 + h1 + (sum > 0xffffffff ? 1 : 0)) | 0;
      l2 = sum | 0;
      low = ((l1 << 17) | (h1 >>> 15)) ^ l2;
      h1 = ((h1 << 17) | (l1 >>> 15)) ^ h2;
      l1 = low;
      low = h2;
      h2 = l2;
      l2 = low;
    }
    v[0] = l0;
    v[1] = h0;
    v[2] = l1;
    v[3] = h1;
    v[4] = l2;
    v[5] = h2;
    v[6] = l3;
    v[7] = h3;
  }
}

/** Up to four bytes in little-endian order; those behind the end are zero. */
function wordAt(bytes: Uint8Array, at: number): number {
  return (
    (bytes[at] ?? 0) |
    ((bytes[at + 1] ?? 0) << 8) |
    ((bytes[at + 2] ?? 0) << 16) |
    ((bytes[at + 3] ?? 0) << 24)
  );
}
