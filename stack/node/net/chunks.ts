import { Buffer } from 'node:buffer';

/** Most bytes of a chunk. */
export const CHUNK_MOST = 65536;
/** From here on chunks are cut from slabs; Node's own pool serves those that are smaller. */
const CUT_FROM = 4096;
/** Bytes of a slab. */
const SLAB = 1 << 19;

/**
 * Memory for what is received. A chunk is its reader's for good, so none is used twice; but many are cut from one slab, since to
 * allocate, fault in and collect each for itself costs more than to copy into it.
 */
export class Chunks {
  #slab: ArrayBuffer | null = null;
  #used = 0;

  /** Room for `bytes`, at most {@link CHUNK_MOST}. */
  take(bytes: number): Buffer {
    if (bytes < CUT_FROM) return Buffer.allocUnsafe(bytes);
    if (this.#slab === null || this.#used + bytes > SLAB) {
      this.#slab = Buffer.allocUnsafeSlow(SLAB).buffer as ArrayBuffer;
      this.#used = 0;
    }
    const chunk = Buffer.from(this.#slab, this.#used, bytes);
    this.#used += (bytes + 63) & ~63;
    return chunk;
  }
}
