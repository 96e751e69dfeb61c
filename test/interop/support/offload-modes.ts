import { PROBES } from './tcp-judges.ts';

/** How a link may be used, and what a test may then expect of the frames that a capture sees. */
export interface OffloadMode {
  readonly name: string;
  /** Options of `fixtures/tcp-host.js`. */
  readonly options: readonly string[];
  /** Checksums are left open for the other side to fill in, and frames may be super-segments. */
  readonly open: boolean;
  /**
   * Loss probes of a short transfer, each of which a capture shows as up to two odd frames: either side sends one when the other was not
   * scheduled for two round trips, which with super-segments are soon over.
   */
  readonly probes: number;
}

export const OFFLOAD_MODES: readonly OffloadMode[] = [
  { name: 'virtio headers', options: [], open: true, probes: 8 },
  { name: 'virtio headers, all offloads off', options: ['offload=off'], open: false, probes: PROBES },
  { name: 'plain frames', options: ['plain=1'], open: false, probes: PROBES },
];
