import { formatMac } from '../../../device/frame/mac.ts';
import type { Neighbour } from '../../../stack/neighbour/neighbour.ts';
import { NTF_EXT_LEARNED, NTF_ROUTER } from '../../../stack/neighbour/neighbour.ts';
import { NUD_NONE, NUD_VALID, nudName } from '../../../stack/neighbour/nud.ts';

/** A neighbour as `ip -json neigh show` prints it, key by key. */
export interface NeighView {
  readonly dst: string;
  readonly dev: string;
  readonly lladdr?: string;
  readonly router?: null;
  readonly proxy?: null;
  readonly extern_learn?: null;
  readonly refcnt?: number;
  /** Whole seconds since it was last used, confirmed, changed. */
  readonly used?: number;
  readonly confirmed?: number;
  readonly updated?: number;
  readonly probes?: number;
  readonly state?: readonly string[];
}

export function neighView(neigh: Neighbour, stats: boolean): NeighView {
  const { table, state, flags } = neigh;
  const now = table.machine.clock.now();
  const seconds = (since: number): number => Math.max(0, Math.floor((now - since) / 1000));
  return {
    dst: table.ops.formatKey(neigh.key),
    dev: neigh.dev.name,
    ...((state & NUD_VALID) !== 0 && neigh.dev.addressLength > 0 && { lladdr: formatMac(neigh.mac) }),
    ...((flags & NTF_ROUTER) !== 0 && { router: null }),
    ...((flags & NTF_EXT_LEARNED) !== 0 && { extern_learn: null }),
    ...(stats && {
      used: seconds(neigh.used),
      confirmed: seconds(neigh.confirmed),
      updated: seconds(neigh.updated),
      probes: neigh.probes,
    }),
    ...(state !== NUD_NONE && { state: [nudName(state)] }),
  };
}
