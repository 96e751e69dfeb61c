import { formatMac, parseMac } from '../../device/frame/mac.ts';
import type { NetDevice } from '../../device/netdevice/netdevice.ts';
import type { Neighbour } from './neighbour.ts';
import { NTF_EXT_LEARNED } from './neighbour.ts';
import { NUD_IN_TIMER, NUD_PERMANENT, nudName, nudState } from './nud.ts';
import type { NeighbourTable } from './table.ts';

/** A neighbour as a plain object; moments are milliseconds ago. Packets that wait for it are not saved. */
export interface SavedNeighbour {
  readonly dev: string;
  readonly key: number;
  readonly state: string;
  readonly mac: string;
  readonly flags: number;
  readonly probes: number;
  readonly confirmed: number;
  readonly used: number;
  readonly updated: number;
  /** Milliseconds until its timer fires, -1: not armed. */
  readonly remaining: number;
}

/** All entries, by device and key. */
export function saveNeighbours(table: NeighbourTable): SavedNeighbour[] {
  const now = table.machine.clock.now();
  return table
    .entries()
    .sort((a, b) => a.dev.ifindex - b.dev.ifindex || a.key - b.key)
    .map((entry) => saveNeighbour(entry, now));
}

function saveNeighbour(entry: Neighbour, now: number): SavedNeighbour {
  return {
    dev: entry.dev.name,
    key: entry.key,
    state: nudName(entry.state),
    mac: formatMac(entry.mac),
    flags: entry.flags,
    probes: entry.probes,
    confirmed: now - entry.confirmed,
    used: now - entry.used,
    updated: now - entry.updated,
    remaining: entry.timer.remaining,
  };
}

/** Puts back what {@link saveNeighbours} gave, with timers as they were; returns how many. Devices are found by `find`. */
export function loadNeighbours(
  table: NeighbourTable,
  saved: readonly SavedNeighbour[],
  find: (name: string) => NetDevice | undefined,
): number {
  const now = table.machine.clock.now();
  let loaded = 0;
  for (const one of saved) {
    const dev = find(one.dev);
    const state = nudState(one.state);
    const mac = parseMac(one.mac);
    if (dev === undefined || state === undefined || Number.isNaN(mac)) continue;
    const exempt = state === NUD_PERMANENT || (one.flags & NTF_EXT_LEARNED) !== 0;
    const entry = table.lookup(dev, one.key) ?? table.create(dev, one.key, exempt);
    if (typeof entry === 'number') continue;
    entry.timer.stop();
    entry.state = state;
    entry.setMac(mac);
    entry.flags = one.flags;
    entry.probes = one.probes;
    entry.confirmed = now - one.confirmed;
    entry.used = now - one.used;
    entry.updated = now - one.updated;
    if ((state & NUD_IN_TIMER) !== 0) entry.timer.start(Math.max(0, one.remaining));
    table.trackForGc(entry);
    loaded++;
  }
  return loaded;
}
