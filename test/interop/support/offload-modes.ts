/** How a link may be used, and what a test may then expect of the frames that a capture sees. */
export interface OffloadMode {
  readonly name: string;
  /** Options of `fixtures/tcp-host.js`. */
  readonly options: readonly string[];
  /** Checksums are left open for the other side to fill in, and frames may be super-segments. */
  readonly open: boolean;
}

export const OFFLOAD_MODES: readonly OffloadMode[] = [
  { name: 'virtio headers', options: [], open: true },
  { name: 'virtio headers, all offloads off', options: ['offload=off'], open: false },
  { name: 'plain frames', options: ['plain=1'], open: false },
];
