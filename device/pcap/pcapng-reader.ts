import {
  type CapturedFrame,
  type CapturedInterface,
  type CaptureFile,
  CaptureFormatError,
  type ReadLimits,
} from './capture-file.ts';
import {
  BLOCK_ENHANCED_PACKET,
  BLOCK_INTERFACE,
  BLOCK_SECTION,
  BLOCK_SIMPLE_PACKET,
  BYTE_ORDER_MAGIC,
  EPB_DIRECTION_MASK,
  EPB_FLAGS,
  EPB_INBOUND,
  EPB_OUTBOUND,
  IF_NAME,
  IF_TSOFFSET,
  IF_TSRESOL,
  OPT_COMMENT,
  OPT_END,
  PCAPNG_VERSION_MAJOR,
} from './format.ts';

/** Type, length, length again. */
const SHORTEST_BLOCK = 12;
const OPTION_HEADER = 4;
const NANOSECONDS = 1_000_000_000n;
/** Microseconds, when an interface does not say. */
const DEFAULT_TSRESOL = 6;
/** Bit of `if_tsresol` that makes it a power of two. */
const TSRESOL_BINARY = 0x80;

interface Interface extends CapturedInterface {
  /** Timestamp units a second. */
  readonly unitsPerSecond: bigint;
  /** Seconds added to every timestamp. */
  readonly offset: bigint;
}

/** Reads a pcapng file; see {@link readCapture}. */
export function readPcapng(file: Uint8Array, view: DataView, limits: Required<ReadLimits>): CaptureFile {
  return new PcapngReader(file, view, limits).read();
}

/** A walk over the blocks of a file. Interfaces of all sections are numbered through; `#section` is where this one's begin. */
class PcapngReader {
  readonly #file: Uint8Array;
  readonly #view: DataView;
  readonly #limits: Required<ReadLimits>;
  readonly #interfaces: Interface[] = [];
  readonly #frames: CapturedFrame[] = [];
  #section = 0;
  #littleEndian = true;

  constructor(file: Uint8Array, view: DataView, limits: Required<ReadLimits>) {
    this.#file = file;
    this.#view = view;
    this.#limits = limits;
  }

  read(): CaptureFile {
    let at = 0;
    while (at + SHORTEST_BLOCK <= this.#file.length) {
      const isSection = this.#view.getUint32(at) === BLOCK_SECTION;
      if (isSection) this.#readByteOrder(at);
      const length = this.#u32(at + 4);
      if (length < SHORTEST_BLOCK || length % 4 !== 0)
        throw new CaptureFormatError(`a block of ${length} bytes`, at + 4);
      if (length > this.#limits.maxBlock) throw new CaptureFormatError(`a block of ${length} bytes`, at + 4);
      if (at + length > this.#file.length) break;
      if (this.#u32(at + length - 4) !== length)
        throw new CaptureFormatError('a block whose two lengths differ', at + length - 4);
      this.#readBlock(this.#u32(at), at + 8, at + length - 4);
      at += length;
    }
    const interfaces = this.#interfaces.map(({ name, linkType, snapLength }) => ({
      name,
      linkType,
      snapLength,
    }));
    return { format: 'pcapng', interfaces, frames: this.#frames, truncated: at < this.#file.length };
  }

  #readByteOrder(at: number): void {
    if (this.#view.getUint32(at + 8, true) === BYTE_ORDER_MAGIC) this.#littleEndian = true;
    else if (this.#view.getUint32(at + 8, false) === BYTE_ORDER_MAGIC) this.#littleEndian = false;
    else throw new CaptureFormatError('a section without byte-order magic', at + 8);
  }

  #readBlock(type: number, at: number, end: number): void {
    if (type === BLOCK_SECTION) this.#readSection(at, end);
    else if (type === BLOCK_INTERFACE) this.#readInterface(at, end);
    else if (type === BLOCK_ENHANCED_PACKET) this.#readEnhanced(at, end);
    else if (type === BLOCK_SIMPLE_PACKET) this.#readSimple(at, end);
  }

  #readSection(at: number, end: number): void {
    this.#need(at, 16, end);
    const major = this.#u16(at + 4);
    if (major !== PCAPNG_VERSION_MAJOR)
      throw new CaptureFormatError(`unknown pcapng version ${major}`, at + 4);
    this.#section = this.#interfaces.length;
  }

  #readInterface(at: number, end: number): void {
    this.#need(at, 8, end);
    if (this.#interfaces.length >= this.#limits.maxInterfaces)
      throw new CaptureFormatError(`more than ${this.#limits.maxInterfaces} interfaces`, at);
    let name = '';
    let resolution = DEFAULT_TSRESOL;
    let offset = 0n;
    this.#eachOption(at + 8, end, (code, value, length) => {
      if (code === IF_NAME) name = this.#text(value, length);
      else if (code === IF_TSRESOL && length === 1) resolution = this.#file[value]!;
      else if (code === IF_TSOFFSET && length === 8)
        offset = this.#view.getBigInt64(value, this.#littleEndian);
    });
    const exponent = BigInt(resolution & ~TSRESOL_BINARY);
    const unitsPerSecond = ((resolution & TSRESOL_BINARY) !== 0 ? 2n : 10n) ** exponent;
    const linkType = this.#u16(at);
    const snapLength = this.#u32(at + 4);
    this.#interfaces.push({ name, linkType, snapLength, unitsPerSecond, offset });
  }

  #readEnhanced(at: number, end: number): void {
    this.#need(at, 20, end);
    const interfaceId = this.#section + this.#u32(at);
    const from = this.#interfaces[interfaceId];
    if (from === undefined) throw new CaptureFormatError('a frame of an interface that does not exist', at);
    const units = (BigInt(this.#u32(at + 4)) << 32n) | BigInt(this.#u32(at + 8));
    const kept = this.#u32(at + 12);
    const data = at + 20;
    this.#need(data, kept, end);
    const comments: string[] = [];
    let flags = 0;
    this.#eachOption(data + ((kept + 3) & ~3), end, (code, value, length) => {
      if (code === OPT_COMMENT) comments.push(this.#text(value, length));
      else if (code === EPB_FLAGS && length === 4) flags = this.#u32(value);
    });
    this.#add({
      interfaceId,
      time: (units * NANOSECONDS) / from.unitsPerSecond + from.offset * NANOSECONDS,
      bytes: this.#file.subarray(data, data + kept),
      originalLength: this.#u32(at + 16),
      comments,
      ...directionOf(flags),
    });
  }

  /** A simple packet has no time, and belongs to the section's first interface, whose snap length cuts it. */
  #readSimple(at: number, end: number): void {
    this.#need(at, 4, end);
    const from = this.#interfaces[this.#section];
    if (from === undefined) throw new CaptureFormatError('a frame before any interface', at);
    const originalLength = this.#u32(at);
    const kept = from.snapLength === 0 ? originalLength : Math.min(originalLength, from.snapLength);
    this.#need(at + 4, kept, end);
    const bytes = this.#file.subarray(at + 4, at + 4 + kept);
    this.#add({ interfaceId: this.#section, time: 0n, bytes, originalLength, comments: [] });
  }

  #add(frame: CapturedFrame): void {
    if (this.#frames.length >= this.#limits.maxFrames)
      throw new CaptureFormatError(`more than ${this.#limits.maxFrames} frames`, frame.bytes.byteOffset);
    this.#frames.push(frame);
  }

  #eachOption(from: number, end: number, see: (code: number, value: number, length: number) => void): void {
    let at = from;
    while (at + OPTION_HEADER <= end) {
      const code = this.#u16(at);
      const length = this.#u16(at + 2);
      if (code === OPT_END) return;
      this.#need(at + OPTION_HEADER, length, end);
      see(code, at + OPTION_HEADER, length);
      at += OPTION_HEADER + ((length + 3) & ~3);
    }
  }

  #need(at: number, bytes: number, end: number): void {
    if (at + bytes > end) throw new CaptureFormatError('a block too short for what it says it holds', at);
  }

  #text(at: number, length: number): string {
    return Buffer.from(this.#file.subarray(at, at + length)).toString('utf8');
  }

  #u16(at: number): number {
    return this.#view.getUint16(at, this.#littleEndian);
  }

  #u32(at: number): number {
    return this.#view.getUint32(at, this.#littleEndian);
  }
}

function directionOf(flags: number): { direction?: 'in' | 'out' } {
  const direction = flags & EPB_DIRECTION_MASK;
  if (direction === EPB_INBOUND) return { direction: 'in' };
  if (direction === EPB_OUTBOUND) return { direction: 'out' };
  return {};
}
