import {
  FastOpenOption,
  fastOpenOptionLength,
  readFastOpenOption,
  TCPOPT_EXP,
  TCPOPT_FASTOPEN,
  writeFastOpenOption,
} from './fastopen-option.ts';

/** Kinds of TCP option (IANA). */
export const TCPOPT_EOL = 0;
export const TCPOPT_NOP = 1;
export const TCPOPT_MSS = 2;
export const TCPOPT_WINDOW = 3;
export const TCPOPT_SACK_PERM = 4;
export const TCPOPT_SACK = 5;
export const TCPOPT_TIMESTAMP = 8;
export const TCPOPT_MD5SIG = 19;

export const TCPOLEN_MSS = 4;
export const TCPOLEN_WINDOW = 3;
export const TCPOLEN_SACK_PERM = 2;
export const TCPOLEN_TIMESTAMP = 10;
/** Bytes of an option with its padding in front. */
export const TCPOLEN_TSTAMP_ALIGNED = 12;
export const TCPOLEN_SACK_BASE = 2;
export const TCPOLEN_SACK_BASE_ALIGNED = 4;
export const TCPOLEN_SACK_PERBLOCK = 8;

/** The greatest window scale (RFC 7323, section 2.3). */
export const TCP_MAX_WSCALE = 14;
/** SACK blocks that fit into the options (RFC 2018). */
export const TCP_NUM_SACKS = 4;

/** Which options a segment carries. */
export const OPTION_SACK_ADVERTISE = 1;
export const OPTION_TS = 2;
export const OPTION_WSCALE = 4;
export const OPTION_MSS = 8;
export const OPTION_FAST_OPEN_COOKIE = 256;

/** Bytes that options may take. */
export const MAX_TCP_OPTION_SPACE = 40;

/** Options read from a segment; one object is used again and again. Absent ones are 0, `windowScale` -1.
 * Timestamps and sequence numbers are signed 32-bit integers. */
export class TcpOptions {
  mss = 0;
  windowScale = -1;
  sackPermitted = 0;
  sawTimestamp = 0;
  tsval = 0;
  tsecr = 0;
  /** Pairs of start and end as they came, of which the first `sackBlocks` count. */
  readonly sacks: Int32Array = new Int32Array(TCP_NUM_SACKS * 2);
  sackBlocks = 0;
  /** Of a SYN only. */
  readonly fastOpen: FastOpenOption = new FastOpenOption();

  reset(): void {
    this.mss = 0;
    this.windowScale = -1;
    this.sackPermitted = 0;
    this.sawTimestamp = 0;
    this.tsval = 0;
    this.tsecr = 0;
    this.sackBlocks = 0;
    this.fastOpen.length = -1;
  }
}

/**
 * Reads `length` bytes of options at `at` into `out` (Linux: `tcp_parse_options`). Whatever the bytes are, reading ends with
 * them: an option that claims to be longer than what is left ends it, one of the wrong length is skipped. `syn`: the options
 * that only a SYN carries count.
 */
export function parseTcpOptions(
  view: DataView,
  at: number,
  length: number,
  syn: boolean,
  out: TcpOptions,
): void {
  out.reset();
  const end = at + length;
  for (let p = at; p < end; ) {
    const kind = view.getUint8(p);
    if (kind === TCPOPT_EOL) return;
    if (kind === TCPOPT_NOP) {
      p++;
      continue;
    }
    if (p + 2 > end) return;
    const size = view.getUint8(p + 1);
    if (size < 2 || p + size > end) return;
    switch (kind) {
      case TCPOPT_MSS:
        if (size === TCPOLEN_MSS && syn) out.mss = view.getUint16(p + 2);
        break;
      case TCPOPT_WINDOW:
        if (size === TCPOLEN_WINDOW && syn) out.windowScale = view.getUint8(p + 2);
        break;
      case TCPOPT_TIMESTAMP:
        if (size === TCPOLEN_TIMESTAMP) {
          out.sawTimestamp = 1;
          out.tsval = view.getInt32(p + 2);
          out.tsecr = view.getInt32(p + 6);
        }
        break;
      case TCPOPT_SACK_PERM:
        if (size === TCPOLEN_SACK_PERM && syn) out.sackPermitted = 1;
        break;
      case TCPOPT_SACK:
        if (size >= TCPOLEN_SACK_BASE + TCPOLEN_SACK_PERBLOCK && (size - TCPOLEN_SACK_BASE) % 8 === 0) {
          out.sackBlocks = Math.min((size - TCPOLEN_SACK_BASE) / TCPOLEN_SACK_PERBLOCK, TCP_NUM_SACKS);
          for (let i = 0; i < out.sackBlocks * 2; i++)
            out.sacks[i] = view.getInt32(p + TCPOLEN_SACK_BASE + i * 4);
        }
        break;
      case TCPOPT_FASTOPEN:
      case TCPOPT_EXP:
        if (syn) readFastOpenOption(view, p, size, out.fastOpen);
        break;
    }
    p += size;
  }
}

/** Whether a segment is signed (RFC 2385), by its options of `length` bytes at `at`. */
export function hasSignature(view: DataView, at: number, length: number): boolean {
  const end = at + length;
  for (let p = at; p < end; ) {
    const kind = view.getUint8(p);
    if (kind === TCPOPT_EOL) return false;
    if (kind === TCPOPT_NOP) {
      p++;
      continue;
    }
    if (kind === TCPOPT_MD5SIG) return true;
    if (p + 2 > end) return false;
    const size = view.getUint8(p + 1);
    if (size < 2) return false;
    p += size;
  }
  return false;
}

const NO_FAST_OPEN = new FastOpenOption();

/** Options to write; one object is used again and again. */
export class TcpOptionsOut {
  /** `OPTION_*` bits. */
  flags = 0;
  mss = 0;
  windowScale = 0;
  tsval = 0;
  tsecr = 0;
  /** Pairs of start and end, of which the first `sackBlocks` are written. */
  readonly sacks: Int32Array = new Int32Array(TCP_NUM_SACKS * 2);
  sackBlocks = 0;
  fastOpen: Readonly<FastOpenOption> = NO_FAST_OPEN;
}

/** Bytes that {@link writeTcpOptions} writes. */
export function tcpOptionsLength(options: TcpOptionsOut): number {
  const { flags } = options;
  let length = 0;
  if ((flags & OPTION_MSS) !== 0) length += TCPOLEN_MSS;
  if ((flags & OPTION_TS) !== 0) length += TCPOLEN_TSTAMP_ALIGNED;
  else if ((flags & OPTION_SACK_ADVERTISE) !== 0) length += 4;
  if ((flags & OPTION_WSCALE) !== 0) length += 4;
  if ((flags & OPTION_FAST_OPEN_COOKIE) !== 0) length += fastOpenOptionLength(options.fastOpen);
  if (options.sackBlocks > 0)
    length += TCPOLEN_SACK_BASE_ALIGNED + options.sackBlocks * TCPOLEN_SACK_PERBLOCK;
  return length;
}

const NOP_WORD = (TCPOPT_NOP << 24) | (TCPOPT_NOP << 16);

/** Writes options at `at` in Linux's order and with its padding (Linux: `tcp_options_write`); returns the bytes written. */
export function writeTcpOptions(view: DataView, at: number, options: TcpOptionsOut): number {
  const { flags } = options;
  let p = at;
  if ((flags & OPTION_MSS) !== 0) {
    view.setUint32(p, (TCPOPT_MSS << 24) | (TCPOLEN_MSS << 16) | options.mss);
    p += 4;
  }
  if ((flags & OPTION_TS) !== 0) {
    const front =
      (flags & OPTION_SACK_ADVERTISE) !== 0 ? (TCPOPT_SACK_PERM << 24) | (TCPOLEN_SACK_PERM << 16) : NOP_WORD;
    view.setUint32(p, front | (TCPOPT_TIMESTAMP << 8) | TCPOLEN_TIMESTAMP);
    view.setUint32(p + 4, options.tsval);
    view.setUint32(p + 8, options.tsecr);
    p += TCPOLEN_TSTAMP_ALIGNED;
  } else if ((flags & OPTION_SACK_ADVERTISE) !== 0) {
    view.setUint32(p, NOP_WORD | (TCPOPT_SACK_PERM << 8) | TCPOLEN_SACK_PERM);
    p += 4;
  }
  if ((flags & OPTION_WSCALE) !== 0) {
    const word = (TCPOPT_NOP << 24) | (TCPOPT_WINDOW << 16) | (TCPOLEN_WINDOW << 8);
    view.setUint32(p, word | options.windowScale);
    p += 4;
  }
  const blocks = options.sackBlocks;
  if (blocks > 0) {
    const length = TCPOLEN_SACK_BASE + blocks * TCPOLEN_SACK_PERBLOCK;
    view.setUint32(p, NOP_WORD | (TCPOPT_SACK << 8) | length);
    p += 4;
    for (let i = 0; i < blocks * 2; i++, p += 4) view.setUint32(p, options.sacks[i]!);
  }
  if ((flags & OPTION_FAST_OPEN_COOKIE) !== 0) p += writeFastOpenOption(view, p, options.fastOpen);
  return p - at;
}

/** Adds a Fast Open option to those of a SYN, if there is room for it (Linux: `tcp_syn_options`, `tcp_synack_options`). */
export function addFastOpenOption(options: TcpOptionsOut, fastOpen: Readonly<FastOpenOption>): boolean {
  if (fastOpen.length < 0) return false;
  if (tcpOptionsLength(options) + fastOpenOptionLength(fastOpen) > MAX_TCP_OPTION_SPACE) return false;
  options.flags |= OPTION_FAST_OPEN_COOKIE;
  options.fastOpen = fastOpen;
  return true;
}
