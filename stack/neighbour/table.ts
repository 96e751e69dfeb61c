import { Timer } from '../../device/clock/timer.ts';
import { DROP_POOL_EXHAUSTED } from '../../device/drop.ts';
import { EINVAL, ENOBUFS } from '../../device/errno.ts';
import type { Machine } from '../../device/machine.ts';
import type { Packet } from '../../device/memory/packet.ts';
import type { NetDevice } from '../../device/netdevice/netdevice.ts';
import type { Netns } from '../../device/netdevice/netns.ts';
import type { NotifierChain } from '../../device/netdevice/notifier.ts';
import { NETREG_REGISTERED } from '../../device/netdevice/state-bits.ts';
import type { Entropy } from '../../device/random.ts';
import { MIB, type Mib } from '../counters.ts';
import { NeighParms, type NeighParmsContext } from '../sysctl/neigh-parms.ts';
import type { Knob, SysctlTable } from '../sysctl/table.ts';
import { Neighbour, NTF_EXT_LEARNED } from './neighbour.ts';
import { NETEVENT_DELAY_PROBE_TIME_UPDATE, NETEVENT_NEIGH_UPDATE } from './netevent.ts';
import { NUD_FAILED, NUD_IN_TIMER, NUD_NOARP, NUD_NONE, NUD_PERMANENT } from './nud.ts';
import type { NeighbourOps } from './ops.ts';
import { isPast, isWithin } from './timing.ts';

/** What a table needs of the stack that it is in. */
export interface NeighbourTableOptions {
  readonly machine: Machine;
  readonly ns: Netns;
  readonly mib: Mib;
  readonly sysctl: SysctlTable;
  readonly neteventChain: NotifierChain<unknown>;
  readonly entropy: Entropy;
  /** `net.ipv4.neigh` or `net.ipv6.neigh`. */
  readonly prefix: string;
}

/** Milliseconds between two draws of the reachable time. */
const REDRAW_MS = 300_000;
/** Milliseconds after a change for which a forced collection spares an entry, and between two above `gc_thresh2`. */
const FORCED_GC_MS = 5000;
const FIRST_BUCKETS = 8;

/**
 * The neighbours of one family in one namespace (Linux: `struct neigh_table`). Entries are found by device and key in
 * buckets, which costs no allocation.
 */
export class NeighbourTable {
  readonly machine: Machine;
  readonly mib: Mib;
  readonly ops: NeighbourOps;
  /** EtherType of the entries' packets. */
  readonly protocol: number;
  /** `default`, from which devices inherit. */
  readonly defaults: NeighParms;
  readonly gcThresh1: Knob;
  readonly gcThresh2: Knob;
  readonly gcThresh3: Knob;
  /** Stored as in Linux, and like there used by no collection. */
  readonly gcInterval: Knob;

  /** Entries, permanent ones included. */
  size = 0;
  /** Packets that wait for an address, in all entries. */
  unresolved = 0;
  /** Milliseconds of the clock: the last forced collection, the last draw of the reachable times. */
  lastFlush: number;
  lastDraw: number;
  closed = false;

  readonly #ns: Netns;
  readonly #neteventChain: NotifierChain<unknown>;
  readonly #context: NeighParmsContext;
  readonly #parms = new Map<NetDevice, NeighParms>();
  #buckets: (Neighbour | null)[] = new Array<Neighbour | null>(FIRST_BUCKETS).fill(null);
  /** Entries that count against the thresholds, oldest first (Linux: `gc_list`). */
  readonly #collectable = new Set<Neighbour>();
  readonly #gcTimer: Timer;
  readonly #unresolvedCap: number;

  constructor(options: NeighbourTableOptions, ops: NeighbourOps) {
    const { machine, sysctl, prefix } = options;
    const now = machine.clock.now();
    this.machine = machine;
    this.mib = options.mib;
    this.ops = ops;
    this.protocol = ops.protocol;
    this.#ns = options.ns;
    this.#neteventChain = options.neteventChain;
    this.#context = { sysctl, prefix, compat: machine.compat, entropy: options.entropy };
    this.defaults = new NeighParms(this.#context, 'default', null);
    this.defaults.onChange = (name) => {
      for (const parms of this.#parms.values()) parms.follow(name, this.defaults.knobs[name].value);
    };
    this.gcThresh1 = sysctl.add(`${prefix}.default.gc_thresh1`, 128);
    this.gcThresh2 = sysctl.add(`${prefix}.default.gc_thresh2`, 512);
    this.gcThresh3 = sysctl.add(`${prefix}.default.gc_thresh3`, 1024);
    this.gcInterval = sysctl.add(`${prefix}.default.gc_interval`, 30);
    // A table that was never flushed may be flushed at once.
    this.lastFlush = now - 2 * FORCED_GC_MS;
    this.lastDraw = now;
    this.#unresolvedCap = Math.max(1, machine.pool.slots >>> 1);
    this.#gcTimer = new Timer(machine.clock, () => this.#sweep());
    this.#startSweep();
  }

  /** Whether waiting packets hold as much of the pool as they may. */
  get unresolvedFull(): boolean {
    return this.unresolved >= this.#unresolvedCap;
  }

  /** Entries that count against the thresholds. */
  get collectable(): number {
    return this.#collectable.size;
  }

  /** The settings of a device, made from `default` when it has none yet (Linux: `neigh_parms_alloc`). */
  parms(dev: NetDevice): NeighParms {
    const known = this.#parms.get(dev);
    if (known !== undefined) return known;
    const parms = new NeighParms(this.#context, dev.name, this.defaults);
    parms.onChange = (name) => {
      if (name === 'delay_first_probe_time')
        this.#neteventChain.call(NETEVENT_DELAY_PROBE_TIME_UPDATE, parms);
    };
    this.#parms.set(dev, parms);
    return parms;
  }

  /** The device has another name, and so have its settings. */
  renameParms(dev: NetDevice): void {
    this.#parms.get(dev)?.rename(dev.name);
  }

  /** The device's settings go, with their names. */
  removeParms(dev: NetDevice): void {
    this.#parms.get(dev)?.remove();
    this.#parms.delete(dev);
  }

  /** The entry for `key` on `dev`, null when there is none (Linux: `neigh_lookup`). */
  lookup(dev: NetDevice, key: number): Neighbour | null {
    this.mib.add(MIB.NeighLookups);
    const entry = this.#find(dev, this.ops.keyOn(dev, key));
    if (entry !== null) this.mib.add(MIB.NeighHits);
    return entry;
  }

  /** The entry to send through, made when there is none; null when it can't be made (Linux: `ip_neigh_gw4`). */
  nextHop(dev: NetDevice, key: number): Neighbour | null {
    const entry = this.#find(dev, this.ops.keyOn(dev, key));
    if (entry !== null) return entry;
    const made = this.create(dev, key, false);
    return typeof made === 'number' ? null : made;
  }

  /**
   * A new entry (Linux: `___neigh_create`). `exempt`: it does not count against the thresholds. `-ENOBUFS` when the table is
   * full, `-EINVAL` when the device is not configured for the protocol.
   */
  create(dev: NetDevice, key: number, exempt: boolean): Neighbour | number {
    if (this.closed || dev.registration !== NETREG_REGISTERED) return -EINVAL;
    if (!exempt && !this.#makeRoom()) {
      this.mib.add(MIB.NeighTableFulls);
      return -ENOBUFS;
    }
    const entry = new Neighbour(this, dev, this.ops.keyOn(dev, key), this.parms(dev));
    const failed = this.ops.construct(entry);
    if (failed < 0) return failed;
    this.mib.add(MIB.NeighAllocs);
    if (this.size >= this.#buckets.length) this.#grow();
    this.#insert(entry);
    this.size++;
    if (!exempt) this.#collectable.add(entry);
    return entry;
  }

  /** All entries as they are now, in no particular order. */
  entries(): Neighbour[] {
    const entries: Neighbour[] = [];
    for (const head of this.#buckets)
      for (let entry = head; entry !== null; entry = entry.chain) entries.push(entry);
    return entries;
  }

  /** Takes an entry out of the table and tells of it. */
  remove(entry: Neighbour): void {
    if (entry.dead) return;
    this.#unlink(entry);
    this.size--;
    this.#collectable.delete(entry);
    entry.bury();
    this.mib.add(MIB.NeighDestroys);
    this.#ns.messages.send('RTM_DELNEIGH', entry.dev, entry);
    this.#neteventChain.call(NETEVENT_NEIGH_UPDATE, entry);
    entry.state = NUD_NONE;
  }

  /** Removes a device's entries, or all but the permanent ones (Linux: `neigh_flush_dev`). */
  flushDevice(dev: NetDevice, sparePermanent: boolean): void {
    for (const entry of this.entries()) {
      if (entry.dev !== dev || (sparePermanent && entry.state === NUD_PERMANENT)) continue;
      this.remove(entry);
    }
  }

  /** An entry changed: netevent, then RTM_NEWNEIGH (Linux: `neigh_update_notify`). */
  notify(entry: Neighbour): void {
    this.#neteventChain.call(NETEVENT_NEIGH_UPDATE, entry);
    this.#ns.messages.send('RTM_NEWNEIGH', entry.dev, entry);
  }

  /** Counts an entry against the thresholds, or no longer: permanent and externally learnt ones don't count. */
  trackForGc(entry: Neighbour): void {
    if (entry.dead) return;
    if (isExempt(entry)) this.#collectable.delete(entry);
    else this.#collectable.add(entry);
  }

  /** Drops a packet for which the pool has no second slot. */
  refuseForPool(packet: Packet, dev: NetDevice): void {
    dev.drop(packet, DROP_POOL_EXHAUSTED);
  }

  /** Removes everything, settings included, and stops. */
  close(): void {
    this.closed = true;
    this.#gcTimer.stop();
    for (const entry of this.entries()) this.remove(entry);
    for (const dev of this.#parms.keys()) this.removeParms(dev);
    this.#context.sysctl.removePrefix(`${this.#context.prefix}.default.`);
  }

  #find(dev: NetDevice, key: number): Neighbour | null {
    let entry: Neighbour | null = this.#buckets[this.#hash(dev, key)] ?? null;
    while (entry !== null && (entry.key !== key || entry.dev !== dev)) entry = entry.chain;
    return entry;
  }

  #hash(dev: NetDevice, key: number): number {
    const mixed = Math.imul(key ^ Math.imul(dev.ifindex, 0x85ebca6b), 0x9e3779b1);
    return (mixed ^ (mixed >>> 15)) & (this.#buckets.length - 1);
  }

  #insert(entry: Neighbour): void {
    const bucket = this.#hash(entry.dev, entry.key);
    entry.chain = this.#buckets[bucket] ?? null;
    this.#buckets[bucket] = entry;
  }

  #unlink(entry: Neighbour): void {
    const bucket = this.#hash(entry.dev, entry.key);
    const head = this.#buckets[bucket]!;
    if (head === entry) {
      this.#buckets[bucket] = entry.chain;
    } else {
      let before: Neighbour = head;
      while (before.chain !== entry) before = before.chain!;
      before.chain = entry.chain;
    }
    entry.chain = null;
  }

  #grow(): void {
    this.mib.add(MIB.NeighHashGrows);
    const entries = this.entries();
    this.#buckets = new Array<Neighbour | null>(this.#buckets.length * 2).fill(null);
    for (const entry of entries) this.#insert(entry);
  }

  /** Whether one more entry fits, after a collection where that is due (Linux: `neigh_alloc`). */
  #makeRoom(): boolean {
    const entries = this.#collectable.size;
    const full = entries >= this.gcThresh3.value;
    const due =
      entries >= this.gcThresh2.value && isPast(this.machine.clock.now(), this.lastFlush, FORCED_GC_MS);
    if (!full && !due) return true;
    return this.#collect(entries + 1 - this.gcThresh2.value) > 0 || !full;
  }

  /** Removes up to `most` entries, at least one if it can (Linux: `neigh_forced_gc`); returns how many went. */
  #collect(most: number): number {
    const now = this.machine.clock.now();
    let removed = 0;
    this.mib.add(MIB.NeighForcedGcRuns);
    for (const entry of this.#collectable) {
      if ((entry.state & NUD_IN_TIMER) !== 0) continue;
      const useless =
        entry.state === NUD_FAILED || entry.state === NUD_NOARP || this.ops.isMulticast(entry.key);
      if (!useless && !isPast(now, entry.updated, FORCED_GC_MS)) continue;
      this.remove(entry);
      if (++removed >= most) break;
    }
    this.lastFlush = now;
    return removed;
  }

  /** Linux: `neigh_periodic_work`. */
  #sweep(): void {
    const now = this.machine.clock.now();
    this.mib.add(MIB.NeighPeriodicGcRuns);
    if (isPast(now, this.lastDraw, REDRAW_MS)) {
      this.lastDraw = now;
      this.defaults.drawReachableTime();
      for (const parms of this.#parms.values()) parms.drawReachableTime();
    }
    if (this.size >= this.gcThresh1.value) {
      for (const entry of this.entries()) if (this.#isSpent(entry, now)) this.remove(entry);
    }
    this.#startSweep();
  }

  #isSpent(entry: Neighbour, now: number): boolean {
    if ((entry.state & (NUD_PERMANENT | NUD_IN_TIMER)) !== 0) return false;
    if ((entry.flags & NTF_EXT_LEARNED) !== 0) return false;
    if (entry.used < entry.confirmed && entry.confirmed <= now) entry.used = entry.confirmed;
    return entry.state === NUD_FAILED || !isWithin(now, entry.used, entry.parms.gcStaletime);
  }

  /** Sweeps come every half `base_reachable_time`, whatever `gc_interval` says. */
  #startSweep(): void {
    this.#gcTimer.start(Math.max(this.defaults.baseReachableTime / 2, 1000));
  }
}

function isExempt(entry: Neighbour): boolean {
  return entry.state === NUD_PERMANENT || (entry.flags & NTF_EXT_LEARNED) !== 0;
}
