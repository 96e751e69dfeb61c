import { EINVAL, NetError } from '../errno.ts';
import {
  DEFAULT_SNAP_LENGTH,
  PCAP_HEADER,
  PCAP_MAGIC_MICROSECONDS,
  PCAP_MAGIC_NANOSECONDS,
  PCAP_RECORD,
  PCAP_VERSION_MAJOR,
  PCAP_VERSION_MINOR,
} from './format.ts';
import type { CaptureSink, CaptureWriter, CaptureWriterOptions, FrameNotes } from './writer.ts';

const MICROSECONDS = 1_000_000;

export interface PcapWriterOptions extends CaptureWriterOptions {
  /** Write the nanosecond variant. */
  nanoseconds?: boolean;
}

/**
 * Writes a classic pcap file: little-endian, one link type, no names, no comments. All interfaces of one link type share the
 * file; the header is written with the first one.
 */
export class PcapWriter implements CaptureWriter {
  readonly annotates = false;
  readonly snapLength: number;
  readonly nanoseconds: boolean;
  readonly #sink: CaptureSink;
  #linkType = -1;

  constructor(sink: CaptureSink, options: PcapWriterOptions = {}) {
    this.#sink = sink;
    this.snapLength = options.snapLength ?? DEFAULT_SNAP_LENGTH;
    this.nanoseconds = options.nanoseconds ?? false;
  }

  /** Throws `EINVAL` for a second link type. */
  addInterface(name: string, linkType: number): number {
    if (this.#linkType === linkType) return 0;
    if (this.#linkType >= 0)
      throw new NetError(-EINVAL, 'pcap', `${name}: a classic file has one link type, use pcapng`);
    this.#linkType = linkType;
    const header = new DataView(new ArrayBuffer(PCAP_HEADER));
    header.setUint32(0, this.nanoseconds ? PCAP_MAGIC_NANOSECONDS : PCAP_MAGIC_MICROSECONDS, true);
    header.setUint16(4, PCAP_VERSION_MAJOR, true);
    header.setUint16(6, PCAP_VERSION_MINOR, true);
    header.setUint32(16, this.snapLength, true);
    header.setUint32(20, linkType, true);
    this.#sink(new Uint8Array(header.buffer));
    return 0;
  }

  write(_interfaceId: number, time: number, frame: Uint8Array, notes: FrameNotes = {}): void {
    const kept = Math.min(frame.length, this.snapLength);
    const record = new Uint8Array(PCAP_RECORD + kept);
    const view = new DataView(record.buffer);
    const seconds = Math.floor(time / MICROSECONDS);
    const rest = Math.round(time - seconds * MICROSECONDS);
    view.setUint32(0, seconds, true);
    view.setUint32(4, this.nanoseconds ? rest * 1000 : rest, true);
    view.setUint32(8, kept, true);
    view.setUint32(12, notes.originalLength ?? frame.length, true);
    record.set(kept === frame.length ? frame : frame.subarray(0, kept), PCAP_RECORD);
    this.#sink(record);
  }
}
