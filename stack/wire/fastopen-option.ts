/** TCP Fast Open's option (RFC 7413, section 4.1.1), and the number and the magic that it had before it was given its own. */
export const TCPOPT_FASTOPEN = 34;
export const TCPOPT_EXP = 254;
const MAGIC = 0xf989;

/** Bytes before the cookie. */
const BASE = 2;
const EXPERIMENTAL_BASE = 4;

const COOKIE_MIN = 4;
const COOKIE_MAX = 16;

const NOP = 1;

/** A Fast Open option, or a cookie by itself; one object is used again and again. */
export class FastOpenOption {
  /** Bytes of the cookie; 0: a cookie is asked for; -1: there is no option, or one that says nothing. */
  length = -1;
  /** It has the experimental number (RFC 6994). */
  experimental = 0;
  /** Of which the first `length` count. */
  readonly bytes: Uint8Array = new Uint8Array(COOKIE_MAX);

  /** Takes over another one. */
  copy(from: Readonly<FastOpenOption>): void {
    this.length = from.length;
    this.experimental = from.experimental;
    this.bytes.set(from.bytes);
  }

  /** Whether both have the same cookie. */
  sameCookie(other: Readonly<FastOpenOption>): boolean {
    if (this.length !== other.length) return false;
    for (let i = 0; i < this.length; i++) if (this.bytes[i] !== other.bytes[i]) return false;
    return true;
  }
}

/**
 * Reads an option of `size` bytes at `at`, kind and size included, which is of kind {@link TCPOPT_FASTOPEN} or, then with the magic,
 * {@link TCPOPT_EXP} (Linux: `tcp_parse_fastopen_option`). A cookie of an odd length is no option at all, one of a length that no
 * cookie has is none.
 */
export function readFastOpenOption(view: DataView, at: number, size: number, out: FastOpenOption): void {
  const experimental = view.getUint8(at) === TCPOPT_EXP;
  const base = experimental ? EXPERIMENTAL_BASE : BASE;
  if (size < base || (size & 1) !== 0) return;
  if (experimental && view.getUint16(at + BASE) !== MAGIC) return;
  const length = size - base;
  const valid = length >= COOKIE_MIN && length <= COOKIE_MAX;
  out.experimental = experimental ? 1 : 0;
  out.length = valid || length === 0 ? length : -1;
  if (!valid) return;
  for (let i = 0; i < length; i++) out.bytes[i] = view.getUint8(at + base + i);
}

/** Bytes that {@link writeFastOpenOption} writes: whole words of four. */
export function fastOpenOptionLength(option: Readonly<FastOpenOption>): number {
  const base = option.experimental !== 0 ? EXPERIMENTAL_BASE : BASE;
  return (base + option.length + 3) & ~3;
}

/** Writes the option at `at`, with two NOPs behind it where it does not end on a word of four bytes; returns the bytes written. */
export function writeFastOpenOption(view: DataView, at: number, option: Readonly<FastOpenOption>): number {
  const { length } = option;
  let p = at;
  if (option.experimental !== 0) {
    view.setUint32(p, (TCPOPT_EXP << 24) | ((EXPERIMENTAL_BASE + length) << 16) | MAGIC);
    p += EXPERIMENTAL_BASE;
  } else {
    view.setUint16(p, (TCPOPT_FASTOPEN << 8) | (BASE + length));
    p += BASE;
  }
  for (let i = 0; i < length; i++) view.setUint8(p++, option.bytes[i]!);
  if (((p - at) & 3) === 2) {
    view.setUint16(p, (NOP << 8) | NOP);
    p += 2;
  }
  return p - at;
}
