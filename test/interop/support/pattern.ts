import { createHash } from 'node:crypto';

/** Not a power of two, so that no two segments of a transfer begin at the same place of it. */
const BLOCK_BYTES = 1_048_573;

/** Bytes that look random and are the same everywhere, over and over: what transfers consist of. */
const BLOCK: Buffer = makeBlock();

function makeBlock(): Buffer {
  const block = Buffer.alloc(BLOCK_BYTES);
  let state = 0x2545f491;
  for (let i = 0; i < BLOCK_BYTES; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) | 0;
    block[i] = state >>> 24;
  }
  return block;
}

/** The bytes of the pattern from `offset` on, `most` at most and at least one: a view. */
export function patternAt(offset: number, most: number): Buffer {
  const at = offset % BLOCK_BYTES;
  return BLOCK.subarray(at, Math.min(BLOCK_BYTES, at + most));
}

/** The first `bytes` of the pattern. */
export function pattern(bytes: number): Buffer {
  const out = Buffer.alloc(bytes);
  for (let at = 0; at < bytes; ) at += patternAt(at, bytes - at).copy(out, at);
  return out;
}

/** SHA-256 of the first `bytes` of the pattern. */
export function patternHash(bytes: number): string {
  const hash = createHash('sha256');
  for (let at = 0; at < bytes; ) {
    const part = patternAt(at, bytes - at);
    hash.update(part);
    at += part.length;
  }
  return hash.digest('hex');
}
