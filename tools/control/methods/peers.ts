import { notifyPeers } from '../../../device/netdevice/peers.ts';
import type { Suppression } from '../../../stack/neighbour/announce.ts';
import { PRESETS, type PresetName, presetByName } from '../../../stack/neighbour/presets.ts';
import type { Stack } from '../../../stack/stack.ts';
import { type MethodTable, method } from '../method.ts';
import { deviceName, oneOf, optional } from '../params.ts';
import { findDevice } from '../subject.ts';

/** What came of a request to announce a device. */
export interface NotifyPeersResult {
  /** Frames sent so far; a preset of several rounds goes on. */
  readonly sent: number;
  /** Waits for the carrier. */
  readonly held: boolean;
  /** Why nothing was sent, or why an earlier announcement ended. */
  readonly suppressed: readonly Suppression[];
  /** Goes on. */
  readonly active: boolean;
}

const PRESET_NAMES = Object.keys(PRESETS) as PresetName[];

export const PEERS_METHODS: MethodTable<Stack> = {
  'peers.notify': method(
    {
      dev: deviceName,
      preset: optional(oneOf(PRESET_NAMES)),
      frames: optional(oneOf(['arp', 'rarp', 'both'])),
    },
    (stack: Stack, params) => notify(stack, params),
  ),
};

/** Raises NOTIFY_PEERS and RESEND_IGMP, the device having the preset asked for meanwhile. */
function notify(
  stack: Stack,
  params: {
    readonly dev: string;
    readonly preset: PresetName | undefined;
    readonly frames: 'arp' | 'rarp' | 'both' | undefined;
  },
): NotifyPeersResult {
  const dev = findDevice(stack, params.dev);
  const { announcer } = stack.arp;
  const before = structuredClone(announcer.counters);
  const usual = announcer.presetOf(dev);
  const wanted = params.preset === undefined ? usual : (presetByName(params.preset) ?? usual);
  const { frames = wanted.frames } = params;
  announcer.setPreset(dev, { ...wanted, frames });
  try {
    notifyPeers(dev);
  } finally {
    announcer.setPreset(dev, usual === announcer.preset ? null : usual);
  }
  const { counters } = announcer;
  return {
    sent: counters.sent - before.sent,
    held: counters.held > before.held,
    suppressed: (Object.keys(counters.suppressed) as Suppression[]).filter(
      (reason) => counters.suppressed[reason] > before.suppressed[reason],
    ),
    active: announcer.isActive(dev),
  };
}
