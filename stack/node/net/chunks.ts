import { Buffer } from 'node:buffer';

/** Most bytes of a chunk. */
export const CHUNK_MOST = 65536;
/** From here on chunks are cut from slabs; Node's own pool serves those that are smaller. */
const CUT_FROM = 4096;
/** Bytes of a slab. */
const SLAB = 1 << 18;
/**
 * glibc gives memory that is freed back to the system, to have it faulted in again page by page, until it has seen a larger piece
 * come back: its thresholds follow that, up to 32 MiB (mallopt(3), `M_MMAP_THRESHOLD`). This one is never touched, and costs nothing.
 */
const LARGEST_FREED = 31 << 20;

/**
 * Memory for what is received. A chunk is its reader's for good, so none is used twice; but several are cut from one slab, since to
 * allocate and collect each for itself costs more than to copy into it.
 */
export class Chunks {
  #slab: ArrayBufferLike | null = null;
  #used = 0;

  /** Room for `bytes`, at most {@link CHUNK_MOST}. */
  take(bytes: number): Buffer {
    if (bytes < CUT_FROM) return Buffer.allocUnsafe(bytes);
    if (this.#slab === null || this.#used + bytes > SLAB) {
      if (this.#slab === null) Buffer.allocUnsafeSlow(LARGEST_FREED);
      this.#slab = Buffer.allocUnsafeSlow(SLAB).buffer;
      this.#used = 0;
    }
    const chunk = Buffer.from(this.#slab, this.#used, bytes);
    this.#used += (bytes + 63) & ~63;
    return chunk;
  }
}
