import {
  BLOCK_ENHANCED_PACKET,
  BLOCK_INTERFACE,
  BLOCK_SECTION,
  BYTE_ORDER_MAGIC,
  DEFAULT_SNAP_LENGTH,
  EPB_FLAGS,
  EPB_INBOUND,
  EPB_OUTBOUND,
  IF_NAME,
  IF_TSRESOL,
  OPT_COMMENT,
  OPT_END,
  PCAPNG_VERSION_MAJOR,
} from './format.ts';
import type { CaptureSink, CaptureWriter, CaptureWriterOptions, FrameNotes } from './writer.ts';

/** Bytes of a block around its body: type, length, and the length again. */
const BLOCK_FRAME = 12;
const OPTION_HEADER = 4;
const TWO_22 = 2 ** 22;
const TWO_32 = 2 ** 32;

/**
 * Writes a pcapng file: little-endian, one section, an interface block with name and nanoseconds for each interface, and
 * enhanced packet blocks with direction and comment. The section header is written at once.
 */
export class PcapngWriter implements CaptureWriter {
  readonly annotates = true;
  readonly snapLength: number;
  readonly #sink: CaptureSink;
  #interfaces = 0;

  constructor(sink: CaptureSink, options: CaptureWriterOptions = {}) {
    this.#sink = sink;
    this.snapLength = options.snapLength ?? DEFAULT_SNAP_LENGTH;
    this.#writeSection();
  }

  addInterface(name: string, linkType: number): number {
    const nameBytes = Buffer.from(name);
    const block = new Block(
      BLOCK_INTERFACE,
      8 + optionSize(nameBytes.length) + optionSize(1) + OPTION_HEADER,
    );
    block.u16(linkType);
    block.u16(0);
    block.u32(this.snapLength);
    block.option(IF_NAME, nameBytes);
    block.option(IF_TSRESOL, NANOSECONDS);
    block.option(OPT_END, NOTHING);
    this.#sink(block.bytes);
    return this.#interfaces++;
  }

  write(interfaceId: number, time: number, frame: Uint8Array, notes: FrameNotes = {}): void {
    const kept = Math.min(frame.length, this.snapLength);
    const comment = notes.comment === undefined ? NOTHING : Buffer.from(notes.comment);
    let options = 0;
    if (comment.length > 0) options += optionSize(comment.length);
    if (notes.direction !== undefined) options += optionSize(4);
    if (options > 0) options += OPTION_HEADER;

    const block = new Block(BLOCK_ENHANCED_PACKET, 20 + padded(kept) + options);
    block.u32(interfaceId);
    block.nanoseconds(time);
    block.u32(kept);
    block.u32(notes.originalLength ?? frame.length);
    block.padded(kept === frame.length ? frame : frame.subarray(0, kept));
    if (comment.length > 0) block.option(OPT_COMMENT, comment);
    if (notes.direction !== undefined) block.option(EPB_FLAGS, DIRECTION[notes.direction]);
    if (options > 0) block.option(OPT_END, NOTHING);
    this.#sink(block.bytes);
  }

  #writeSection(): void {
    const block = new Block(BLOCK_SECTION, 16);
    block.u32(BYTE_ORDER_MAGIC);
    block.u16(PCAPNG_VERSION_MAJOR);
    block.u16(0);
    block.u32(0xffffffff);
    block.u32(0xffffffff);
    this.#sink(block.bytes);
  }
}

const NOTHING = new Uint8Array(0);
/** `if_tsresol`: units of 10 to the power of minus 9 seconds. */
const NANOSECONDS = Uint8Array.of(9);
const DIRECTION = {
  in: Uint8Array.of(EPB_INBOUND, 0, 0, 0),
  out: Uint8Array.of(EPB_OUTBOUND, 0, 0, 0),
} as const;

/** One block being filled from front to back. */
class Block {
  readonly bytes: Uint8Array;
  readonly #view: DataView;
  #at = 0;

  constructor(type: number, bodyLength: number) {
    const length = BLOCK_FRAME + bodyLength;
    this.bytes = new Uint8Array(length);
    this.#view = new DataView(this.bytes.buffer);
    this.u32(type);
    this.u32(length);
    this.#view.setUint32(length - 4, length, true);
  }

  u16(value: number): void {
    this.#view.setUint16(this.#at, value, true);
    this.#at += 2;
  }

  u32(value: number): void {
    this.#view.setUint32(this.#at, value, true);
    this.#at += 4;
  }

  /** Bytes, and zeros up to the next 32-bit boundary. */
  padded(bytes: Uint8Array): void {
    this.bytes.set(bytes, this.#at);
    this.#at += padded(bytes.length);
  }

  option(code: number, value: Uint8Array): void {
    this.u16(code);
    this.u16(value.length);
    this.padded(value);
  }

  /** A moment in microseconds as 64-bit nanoseconds, the high word first; exact where a double would not be. */
  nanoseconds(time: number): void {
    const high = Math.floor(time / TWO_22);
    const low = (time - high * TWO_22) * 1000;
    const upper = high * 1000;
    const lower = (upper % 1024) * TWO_22 + low;
    this.u32(Math.floor(upper / 1024) + Math.floor(lower / TWO_32));
    this.u32(lower % TWO_32);
  }
}

function padded(length: number): number {
  return (length + 3) & ~3;
}

function optionSize(length: number): number {
  return OPTION_HEADER + padded(length);
}
