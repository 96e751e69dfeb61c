/** Which of a device's addresses are announced. */
export type AnnounceAddresses =
  /** Every one in list order, whatever it is, by its local address (Linux). */
  | 'all'
  /** Those that others can use: none that is tentative, loopback, or of host scope. */
  | 'usable'
  /** The first in the list, by `ifa.address`, which on a point-to-point link is the peer's (the seed's kernel). */
  | 'first';

/** What is sent: gratuitous ARP requests, QEMU's reverse ARP, or both. */
export type AnnounceFrames = 'arp' | 'rarp' | 'both';

/** How a device is announced. */
export interface AnnouncePreset {
  readonly name: string;
  /** How often all addresses are announced. */
  readonly rounds: number;
  /** Frames for each address in a round. */
  readonly repeat: number;
  /** Milliseconds from the first round to the second. */
  readonly initialMs: number;
  /** Milliseconds that each further pause is longer. */
  readonly stepMs: number;
  /** Factor by which each further pause is longer. */
  readonly backoff: number;
  /** The longest pause in milliseconds, before jitter. */
  readonly maxMs: number;
  /** Milliseconds between two frames of a round. */
  readonly spacingMs: number;
  /** A uniform part of this many milliseconds is added to each pause. */
  readonly jitterMs: number;
  readonly addresses: AnnounceAddresses;
  readonly frames: AnnounceFrames;
  /** The target's link-layer address is all ones instead of zero. */
  readonly targetOnes: boolean;
  /** Without `arp_notify` nothing is sent at all, not even for NOTIFY_PEERS. */
  readonly gated: boolean;
  /**
   * Milliseconds for which an announcement is held while the device has no carrier; 0: it is sent regardless, and dies in
   * the noop discipline as in the kernel. Only one that can be held is limited in rate.
   */
  readonly holdMs: number;
}

/** One round, no waiting: what the kernel does. */
const KERNEL: Omit<AnnouncePreset, 'name'> = {
  rounds: 1,
  repeat: 1,
  initialMs: 0,
  stepMs: 0,
  backoff: 1,
  maxMs: 0,
  spacingMs: 0,
  jitterMs: 0,
  addresses: 'all',
  frames: 'arp',
  targetOnes: false,
  gated: false,
  holdMs: 0,
};

const POLITE: Omit<AnnouncePreset, 'name'> = {
  ...KERNEL,
  maxMs: 60_000,
  addresses: 'usable',
  holdMs: 60_000,
};

export const PRESETS = {
  /** `inetdev_send_gratuitous_arp` of Linux 6.12. */
  linux: { ...KERNEL, name: 'linux' },
  /** The same of the kernel in which `notify_peers` was young. */
  seed: { ...KERNEL, name: 'seed', addresses: 'first', gated: true },
  /** QEMU's `announce-*` parameters: at 0, 50, 200, 450 and 800 ms. `frames: 'rarp'` is what QEMU itself sends. */
  qemu: { ...POLITE, name: 'qemu', rounds: 5, initialMs: 50, stepMs: 100, maxMs: 550 },
  /** ANNOUNCE_NUM and ANNOUNCE_INTERVAL of RFC 5227. */
  rfc5227: { ...POLITE, name: 'rfc5227', rounds: 2, initialMs: 2000 },
  /** keepalived's `vrrp_garp_master_repeat` and `_delay`. */
  keepalived: { ...POLITE, name: 'keepalived', rounds: 2, repeat: 5, initialMs: 5000, targetOnes: true },
} as const satisfies Record<string, AnnouncePreset>;

export type PresetName = keyof typeof PRESETS;

/** The preset of that name; undefined for none. */
export function presetByName(name: string): AnnouncePreset | undefined {
  return Object.hasOwn(PRESETS, name) ? PRESETS[name as PresetName] : undefined;
}

/** Milliseconds between round `round` (from 0) and the next, without jitter. */
export function pauseAfter(preset: AnnouncePreset, round: number): number {
  const pause = (preset.initialMs + round * preset.stepMs) * preset.backoff ** round;
  return Math.min(pause, preset.maxMs);
}
