import type { Clock } from '../../clock/clock.ts';
import { Timer } from '../../clock/timer.ts';
import { EEXIST, EINVAL, ENOENT, ENOSPC } from '../../errno.ts';
import { isValidMac, type MacAddress } from '../../frame/mac.ts';
import type { SwitchPort } from './port.ts';

/**
 * How an entry came and goes: `dynamic` ones are learnt and age, `static` ones are set and don't, and frames for `local` ones
 * (shown as "permanent" by `bridge fdb`) are for the switch itself.
 */
export type FdbKind = 'dynamic' | 'static' | 'local';

/** What the switch knows of one address in one VLAN. Read it, but leave changes to {@link Fdb}. */
export interface FdbEntry {
  readonly mac: MacAddress;
  /** VLAN of the tag; 0: untagged, or tagged for priority only. */
  readonly vlan: number;
  port: SwitchPort;
  kind: FdbKind;
  /** Stays on its port whatever other port the address is heard on. */
  sticky: boolean;
  /** Milliseconds of the clock at which the address was last heard. */
  updated: number;
  /** Neighbours in the list of dynamic entries, the one heard longest ago first. */
  older: FdbEntry | null;
  newer: FdbEntry | null;
}

/** What `bridge monitor fdb` would show. */
export type FdbEvent =
  | {
      readonly event: 'learned' | 'added' | 'aged' | 'flushed' | 'deleted';
      readonly mac: MacAddress;
      readonly vlan: number;
      readonly port: SwitchPort;
    }
  | {
      readonly event: 'moved';
      readonly mac: MacAddress;
      readonly vlan: number;
      readonly from: SwitchPort;
      readonly to: SwitchPort;
    };

export type FdbListener = (event: FdbEvent) => void;

const VLAN_MAX = 4094;
/** Deadlines are whole microseconds, so a timer may come that much early. */
const CLOCK_RESOLUTION_MS = 0.001;

/**
 * The forwarding database of a switch (Linux: `net/bridge/br_fdb.c`): on which port which address was heard, per VLAN.
 *
 * All dynamic entries live equally long, so a list in the order in which they were heard is enough to age them: its oldest
 * one sets the only timer. A frame from a known address moves its entry to the end, and allocates nothing.
 */
export class Fdb {
  /** The most entries it learns; entries that are set count too, but are not refused. */
  maxEntries: number;
  /** Addresses not learnt because it was full. */
  refused = 0;
  readonly #clock: Clock;
  readonly #timer: Timer;
  readonly #vlans = new Map<number, Map<MacAddress, FdbEntry>>();
  #ageingMs: number;
  #size = 0;
  #oldest: FdbEntry | null = null;
  #newest: FdbEntry | null = null;
  #listeners: readonly FdbListener[] = [];

  constructor(clock: Clock, ageingMs: number, maxEntries: number) {
    this.#clock = clock;
    this.#ageingMs = ageingMs;
    this.maxEntries = maxEntries;
    this.#timer = new Timer(clock, () => this.#age());
  }

  get size(): number {
    return this.#size;
  }

  /** Milliseconds that an address is remembered after it was last heard. 0: none is learnt, as with Linux's `setageing 0`. */
  get ageingMs(): number {
    return this.#ageingMs;
  }

  set ageingMs(ms: number) {
    this.#ageingMs = ms;
    this.#age();
  }

  /** The entry for an address; a local one counts in every VLAN. */
  find(mac: MacAddress, vlan = 0): FdbEntry | null {
    const entry = this.#vlans.get(vlan)?.get(mac);
    if (entry !== undefined) return entry;
    if (vlan === 0) return null;
    const untagged = this.#vlans.get(0)?.get(mac);
    return untagged !== undefined && untagged.kind === 'local' ? untagged : null;
  }

  /** All entries, by VLAN and then in the order in which they were made. */
  entries(): FdbEntry[] {
    return [...this.#vlans.entries()].sort((a, b) => a[0] - b[0]).flatMap(([, macs]) => [...macs.values()]);
  }

  /** Hears of all changes to come; returns the function that ends that. */
  subscribe(listener: FdbListener): () => void {
    this.#listeners = [...this.#listeners, listener];
    return () => {
      this.#listeners = this.#listeners.filter((other) => other !== listener);
    };
  }

  /**
   * Notes that `mac` was heard on `port` (Linux: `br_fdb_update`). An entry on another port moves, a static one as well unless
   * it is sticky; a local one stays, since it is a stranger who uses our address.
   */
  learn(mac: MacAddress, vlan: number, port: SwitchPort): void {
    const entry = this.find(mac, vlan);
    if (entry === null) {
      this.#learnNew(mac, vlan, port);
      return;
    }
    if (entry.kind === 'local') return;
    if (entry.port !== port && !entry.sticky) {
      const from = entry.port;
      entry.port = port;
      this.#tell({ event: 'moved', mac, vlan, from, to: port });
    }
    entry.updated = this.#clock.recent();
    if (entry.kind === 'dynamic' && entry !== this.#newest) {
      this.#unlist(entry);
      this.#list(entry);
    }
  }

  /**
   * Sets an entry (`bridge fdb add`). `-EEXIST` when there is one, `-EINVAL` for a group address or VLAN number that can't
   * be, `-ENOSPC` when the database is full.
   */
  add(mac: MacAddress, port: SwitchPort, kind: FdbKind = 'static', vlan = 0, sticky = false): number {
    if (!isValidMac(mac) || !Number.isInteger(vlan) || vlan < 0 || vlan > VLAN_MAX) return -EINVAL;
    if (this.#vlans.get(vlan)?.has(mac)) return -EEXIST;
    if (this.#size >= this.maxEntries) return -ENOSPC;
    this.#insert(mac, vlan, port, kind, sticky);
    this.#tell({ event: 'added', mac, vlan, port });
    return 0;
  }

  /** Removes an entry of any kind (`bridge fdb del`); `-ENOENT` when there is none. */
  delete(mac: MacAddress, vlan = 0): number {
    const entry = this.#vlans.get(vlan)?.get(mac);
    if (entry === undefined) return -ENOENT;
    this.#remove(entry, 'deleted');
    return 0;
  }

  /** Forgets what was learnt on `port`; with `all`, also what was set for it (Linux: `br_fdb_delete_by_port`). */
  flushPort(port: SwitchPort, all = false): void {
    for (const entry of this.entries()) {
      if (entry.port === port && (all || entry.kind === 'dynamic')) this.#remove(entry, 'flushed');
    }
  }

  /** Forgets everything learnt (`bridge fdb flush`). */
  flush(): void {
    for (let entry = this.#oldest; entry !== null; entry = this.#oldest) this.#remove(entry, 'flushed');
  }

  #learnNew(mac: MacAddress, vlan: number, port: SwitchPort): void {
    if (this.#ageingMs === 0) return;
    if (this.#size >= this.maxEntries) {
      this.refused++;
      return;
    }
    this.#insert(mac, vlan, port, 'dynamic', false);
    this.#tell({ event: 'learned', mac, vlan, port });
  }

  #insert(mac: MacAddress, vlan: number, port: SwitchPort, kind: FdbKind, sticky: boolean): void {
    const updated = this.#clock.recent();
    const entry: FdbEntry = { mac, vlan, port, kind, sticky, updated, older: null, newer: null };
    let macs = this.#vlans.get(vlan);
    if (macs === undefined) {
      macs = new Map();
      this.#vlans.set(vlan, macs);
    }
    macs.set(mac, entry);
    this.#size++;
    if (kind !== 'dynamic') return;
    this.#list(entry);
    if (!this.#timer.pending) this.#arm();
  }

  #remove(entry: FdbEntry, event: 'aged' | 'flushed' | 'deleted'): void {
    const { mac, vlan, port } = entry;
    const macs = this.#vlans.get(vlan)!;
    macs.delete(mac);
    if (macs.size === 0) this.#vlans.delete(vlan);
    this.#size--;
    if (entry.kind === 'dynamic') this.#unlist(entry);
    if (this.#oldest === null) this.#timer.stop();
    this.#tell({ event, mac, vlan, port });
  }

  /** The timer stands where the oldest entry's end was when it was armed, so it may find that one refreshed since. */
  #age(): void {
    const horizon = this.#clock.now() - this.#ageingMs + CLOCK_RESOLUTION_MS;
    for (let entry = this.#oldest; entry !== null && entry.updated <= horizon; entry = this.#oldest)
      this.#remove(entry, 'aged');
    this.#arm();
  }

  #arm(): void {
    if (this.#oldest === null) this.#timer.stop();
    else this.#timer.startAt(this.#oldest.updated + this.#ageingMs);
  }

  #list(entry: FdbEntry): void {
    entry.older = this.#newest;
    if (this.#newest === null) this.#oldest = entry;
    else this.#newest.newer = entry;
    this.#newest = entry;
  }

  #unlist(entry: FdbEntry): void {
    if (entry.older === null) this.#oldest = entry.newer;
    else entry.older.newer = entry.newer;
    if (entry.newer === null) this.#newest = entry.older;
    else entry.newer.older = entry.older;
    entry.older = null;
    entry.newer = null;
  }

  #tell(event: FdbEvent): void {
    for (const listener of this.#listeners) listener(event);
  }
}
