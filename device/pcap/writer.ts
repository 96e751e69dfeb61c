/** Where a capture's bytes go. Each call gets a fresh array that is the sink's to keep. */
export type CaptureSink = (bytes: Uint8Array) => void;

/** What a capture knows of a frame besides its bytes. */
export interface FrameNotes {
  /** Seen from the interface. */
  readonly direction?: 'in' | 'out';
  readonly comment?: string;
  /** Bytes of the whole frame, when those given are only its beginning. */
  readonly originalLength?: number;
}

/** A capture file being written, in whichever format. The same calls give the same bytes. */
export interface CaptureWriter {
  /** Whether the format has room for comments and directions. */
  readonly annotates: boolean;
  /** Announces an interface with a `LINKTYPE_*` number and returns its number in the file. */
  addInterface(name: string, linkType: number): number;
  /** Appends a frame, seen at `time` microseconds of the Unix epoch. */
  write(interfaceId: number, time: number, frame: Uint8Array, notes?: FrameNotes): void;
}

export interface CaptureWriterOptions {
  /** Bytes kept of each frame; 262144 when left out. */
  snapLength?: number;
}
