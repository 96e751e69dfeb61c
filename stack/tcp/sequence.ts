/**
 * Sequence numbers (RFC 9293, section 3.4) and timestamps: 32-bit integers compared around the circle. They are kept signed
 * (`| 0`), since the engine holds every 32-bit signed integer without allocating; lengths between two of them are `>>> 0`. Every
 * function takes any 32-bit value, signed or not.
 */

/** `a` comes before `b` (Linux: `before`). */
export function before(a: number, b: number): boolean {
  return ((a - b) | 0) < 0;
}

/** `a` comes after `b`. */
export function after(a: number, b: number): boolean {
  return ((b - a) | 0) < 0;
}

/** `low <= x <= high` around the circle (Linux: `between`). */
export function between(x: number, low: number, high: number): boolean {
  return (high - low) >>> 0 >= (x - low) >>> 0;
}

/** How far `to` lies behind `from`, signed: negative when it lies before. */
export function distance(from: number, to: number): number {
  return (to - from) | 0;
}

/** `seq + bytes`, around the circle, signed. */
export function advance(seq: number, bytes: number): number {
  return (seq + bytes) | 0;
}
