import { SIMD_MOST } from './checksum-simd.ts';
import type { PacketPool } from './pool.ts';

/**
 * The Internet checksum (RFC 1071) over a pool's region.
 *
 * Sums are kept unfolded and in host order: `0xffff & ~fold(sum)` is the field's value. From {@link SIMD_LEAST} bytes on vectors do the
 * work where the engine has them; else bytes are added as native 32-bit words into a double, which is the fastest way that plain
 * JavaScript has, and swapped once at the end.
 */

/** Below so many bytes the call costs more than it saves. */
const SIMD_LEAST = 32;

/** Byte order of this machine, and so of typed arrays. */
export const LITTLE_ENDIAN: boolean = new Uint8Array(new Uint16Array([1]).buffer)[0] === 1;

/** Folds a sum of any size to 16 bits. */
export function fold(sum: number): number {
  let folded = sum;
  while (folded > 0xffff) folded = (folded % 0x10000) + Math.floor(folded / 0x10000);
  return folded;
}

/** The one's complement sum of `length` bytes at `offset`, folded, host order; an odd last byte is padded with zero. */
export function sumBytes(pool: PacketPool, offset: number, length: number): number {
  const { simd } = pool;
  return simd !== null && length >= SIMD_LEAST && length <= SIMD_MOST
    ? simd(offset, length)
    : sumWords(pool, offset, length);
}

/** {@link sumBytes} in plain JavaScript. */
export function sumWords(pool: PacketPool, offset: number, length: number): number {
  let at = offset;
  const end = offset + length;
  const view = pool.view;
  let head = 0;
  if (length < 16 || (at & 1) !== 0) {
    for (; at + 1 < end; at += 2) head += view.getUint16(at);
    if (at < end) head += view.getUint8(at) << 8;
    return fold(head);
  }
  if ((at & 2) !== 0) {
    head = view.getUint16(at);
    at += 2;
  }
  const words = pool.u32;
  let index = at >>> 2;
  const last = index + ((end - at) >>> 2);
  let wide = 0;
  for (; index + 3 < last; index += 4) {
    wide += words[index]! + words[index + 1]! + words[index + 2]! + words[index + 3]!;
  }
  for (; index < last; index++) wide += words[index]!;
  at = last << 2;
  let tail = 0;
  if (end - at >= 2) {
    tail = view.getUint16(at);
    at += 2;
  }
  if (at < end) tail += view.getUint8(at) << 8;
  const native = fold(wide);
  return fold(head + tail + (LITTLE_ENDIAN ? ((native & 0xff) << 8) | (native >>> 8) : native));
}

/** The checksum field's value, host order, for `length` bytes at `offset` plus `initial`, an unfolded sum of other words. */
export function checksum(pool: PacketPool, offset: number, length: number, initial = 0): number {
  return ~fold(sumBytes(pool, offset, length) + initial) & 0xffff;
}

/** A checksum field after one 16-bit word that it covers changed from `old` to `now` (RFC 1624, equation 3). */
export function checksumAdjust(field: number, old: number, now: number): number {
  return ~fold((~field & 0xffff) + (~old & 0xffff) + now) & 0xffff;
}
