import { EEXIST, EINVAL, ENOENT } from '../../device/errno.ts';
import type { MacAddress } from '../../device/frame/mac.ts';
import type { NetDevice } from '../../device/netdevice/netdevice.ts';
import { type Neighbour, NO_ADDRESS, NTF_EXT_LEARNED } from './neighbour.ts';
import {
  NEIGH_UPDATE_F_ADMIN,
  NEIGH_UPDATE_F_EXT_LEARNED,
  NEIGH_UPDATE_F_ISROUTER,
  NEIGH_UPDATE_F_OVERRIDE,
  NEIGH_UPDATE_F_OVERRIDE_ISROUTER,
  NUD_FAILED,
  NUD_NOARP,
  NUD_PERMANENT,
} from './nud.ts';
import type { NeighbourTable } from './table.ts';

/** What `ip neigh` does to a table: users' operations, none of them on a packet's path. */

/** `add`: new only. `change`: known only. `replace`: either. */
export type NeighMode = 'add' | 'change' | 'replace';

export interface NeighConfig {
  /** `NO_ADDRESS` when left out: then the entry has to know one, or the state not to need one. */
  readonly mac?: MacAddress;
  /** `NUD_*`; `NUD_PERMANENT` when left out, as `ip neigh` has it. */
  readonly state?: number;
  readonly router?: boolean;
  /** Learnt by a program that looks after it: collections spare it. */
  readonly externallyLearned?: boolean;
  /** Begin to resolve it, instead of setting a state (`ip neigh ... use`). */
  readonly use?: boolean;
}

const STATES = 0xff;

/**
 * Sets a neighbour (Linux: `neigh_add`). 0; `-EEXIST` and `-ENOENT` as `mode` has it; `-EINVAL` for what is no single state,
 * a state that needs an address without one, or a device without IPv4; `-ENOBUFS` when the table is full.
 */
export function configureNeighbour(
  table: NeighbourTable,
  dev: NetDevice,
  key: number,
  mode: NeighMode,
  config: NeighConfig,
): number {
  return table.machine.rtnl.run(() => {
    const state = config.state ?? NUD_PERMANENT;
    const single = state >= 0 && (state & ~STATES) === 0 && (state & (state - 1)) === 0;
    if (!single) return -EINVAL;
    const known = table.lookup(dev, key);
    if (known !== null && mode === 'add') return -EEXIST;
    if (known === null && mode === 'change') return -ENOENT;
    const exempt = state === NUD_PERMANENT || config.externallyLearned === true;
    const entry = known ?? table.create(dev, key, exempt);
    if (typeof entry === 'number') return entry;
    if (config.use === true) {
      if (config.externallyLearned === true) entry.flags |= NTF_EXT_LEARNED;
      entry.use();
      return 0;
    }
    return entry.update(config.mac ?? NO_ADDRESS, state, updateFlags(config));
  });
}

/** Deletes a neighbour (Linux: `neigh_delete`): it fails first, and packets that wait for it with it. `-ENOENT`. */
export function deleteNeighbour(table: NeighbourTable, dev: NetDevice, key: number): number {
  return table.machine.rtnl.run(() => {
    const entry = table.lookup(dev, key);
    if (entry === null) return -ENOENT;
    deleteEntry(entry);
    return 0;
  });
}

export interface NeighFilter {
  readonly dev?: NetDevice;
  /** A mask of `NUD_*`; all but PERMANENT and NOARP when left out, as `ip neigh flush` has it. */
  readonly states?: number;
  /** Which keys, all when left out. */
  readonly matches?: (key: number) => boolean;
}

/** Deletes all neighbours that fit; returns how many those were (`ip neigh flush`). */
export function flushNeighbours(table: NeighbourTable, filter: NeighFilter = {}): number {
  const states = filter.states ?? STATES & ~(NUD_PERMANENT | NUD_NOARP);
  return table.machine.rtnl.run(() => {
    let flushed = 0;
    for (const entry of table.entries()) {
      if (entry.dead || (filter.dev !== undefined && entry.dev !== filter.dev)) continue;
      if ((entry.state & states) === 0 || filter.matches?.(entry.key) === false) continue;
      deleteEntry(entry);
      flushed++;
    }
    return flushed;
  });
}

function deleteEntry(entry: Neighbour): void {
  entry.update(NO_ADDRESS, NUD_FAILED, NEIGH_UPDATE_F_OVERRIDE | NEIGH_UPDATE_F_ADMIN);
  entry.table.remove(entry);
}

/** Both of `change` and `replace` override: they are what makes a request `NLM_F_REPLACE`. */
function updateFlags(config: NeighConfig): number {
  let flags = NEIGH_UPDATE_F_ADMIN | NEIGH_UPDATE_F_OVERRIDE | NEIGH_UPDATE_F_OVERRIDE_ISROUTER;
  if (config.router === true) flags |= NEIGH_UPDATE_F_ISROUTER;
  if (config.externallyLearned === true) flags |= NEIGH_UPDATE_F_EXT_LEARNED;
  return flags;
}
