/** A capture file that makes no sense, with the offset of the byte where that shows. */
export class CaptureFormatError extends Error {
  readonly offset: number;

  constructor(message: string, offset: number) {
    super(`${message} (at byte ${offset})`);
    this.name = 'CaptureFormatError';
    this.offset = offset;
  }
}

export interface CapturedInterface {
  /** Empty where the format or file has none. */
  readonly name: string;
  /** `LINKTYPE_*`. */
  readonly linkType: number;
  /** Bytes kept of a frame; 0: all. */
  readonly snapLength: number;
}

export interface CapturedFrame {
  /** Index in {@link CaptureFile.interfaces}. */
  readonly interfaceId: number;
  /** Nanoseconds since the Unix epoch. */
  readonly time: bigint;
  /** The bytes that were kept: a view on the file's. */
  readonly bytes: Uint8Array;
  readonly originalLength: number;
  readonly direction?: 'in' | 'out';
  readonly comments: readonly string[];
}

export interface CaptureFile {
  readonly format: 'pcap' | 'pcapng';
  readonly interfaces: readonly CapturedInterface[];
  readonly frames: readonly CapturedFrame[];
  /** The file ends in the middle of its last record, as after a crash: what is before it was read. */
  readonly truncated: boolean;
}

export interface ReadLimits {
  /** Most frames; 10 million when left out. */
  maxFrames?: number;
  /** Most interfaces; 65536 when left out. */
  maxInterfaces?: number;
  /** Longest block or record in bytes; 16 MiB when left out. */
  maxBlock?: number;
}

export const DEFAULT_LIMITS: Required<ReadLimits> = {
  maxFrames: 10_000_000,
  maxInterfaces: 65_536,
  maxBlock: 16 * 1024 * 1024,
};
