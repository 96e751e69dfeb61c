import type { FrameNotes } from '../../../device/pcap/writer.ts';

/** One frame as the control socket carries it. */
export interface CapturedFrame extends FrameNotes {
  /** Microseconds since the Unix epoch. */
  readonly time: number;
  readonly dev: string;
  /** `LINKTYPE_*`. */
  readonly linkType: number;
  /** Bytes of the whole frame. */
  readonly length: number;
  /** The bytes that were kept, in base64. */
  readonly data: string;
}
