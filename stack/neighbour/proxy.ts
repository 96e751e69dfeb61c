import { Timer } from '../../device/clock/timer.ts';
import { DROP_DEVICE_NOT_RUNNING, dropReason } from '../../device/drop.ts';
import { ENOENT } from '../../device/errno.ts';
import type { Machine } from '../../device/machine.ts';
import type { Packet } from '../../device/memory/packet.ts';
import type { NetDevice } from '../../device/netdevice/netdevice.ts';
import type { Entropy } from '../../device/random.ts';
import type { NeighParms } from '../sysctl/neigh-parms.ts';
import { startTimer } from './timing.ts';

/** A proxied request came while as many as `proxy_qlen` allows were waiting. */
export const DROP_PROXY_QUEUE_FULL: number = dropReason('arp_proxy_queue_full');
/** A proxied request waited on a device that lost its carrier or went down. */
export const DROP_PROXY_FLUSHED: number = dropReason('arp_proxy_flushed');

/** An address that we answer for (Linux: `struct pneigh_entry`; `ip neigh add proxy`). */
export interface ProxyEntry {
  readonly key: number;
  /** Null: on every device. */
  readonly dev: NetDevice | null;
  /** Survives a loss of carrier. */
  permanent: boolean;
}

/** The addresses that a table answers for. */
export class ProxyTable {
  readonly #entries = new Map<number, ProxyEntry[]>();

  /** The entry for `key` that holds on `dev`, null when there is none (Linux: `pneigh_lookup`). */
  lookup(dev: NetDevice, key: number): ProxyEntry | null {
    const entries = this.#entries.get(key);
    return entries?.find((entry) => entry.dev === dev || entry.dev === null) ?? null;
  }

  /** Adds an entry, or changes the one there is. */
  add(dev: NetDevice | null, key: number, permanent: boolean): ProxyEntry {
    const entries = this.#entries.get(key) ?? [];
    const known = entries.find((entry) => entry.dev === dev);
    if (known !== undefined) {
      known.permanent = permanent;
      return known;
    }
    const entry: ProxyEntry = { key, dev, permanent };
    this.#entries.set(key, [...entries, entry]);
    return entry;
  }

  /** `-ENOENT` when there is none. */
  delete(dev: NetDevice | null, key: number): number {
    const entries = this.#entries.get(key) ?? [];
    const left = entries.filter((entry) => entry.dev !== dev);
    if (left.length === entries.length) return -ENOENT;
    this.#keep(key, left);
    return 0;
  }

  /** Removes a device's entries, or those that are not permanent (Linux: `pneigh_ifdown_and_unlock`). */
  flushDevice(dev: NetDevice, sparePermanent: boolean): void {
    for (const [key, entries] of this.#entries) {
      this.#keep(
        key,
        entries.filter((entry) => entry.dev !== dev || (sparePermanent && entry.permanent)),
      );
    }
  }

  entries(): ProxyEntry[] {
    return [...this.#entries.values()].flat();
  }

  #keep(key: number, entries: ProxyEntry[]): void {
    if (entries.length === 0) this.#entries.delete(key);
    else this.#entries.set(key, entries);
  }
}

interface Waiting {
  readonly packet: Packet;
  readonly dev: NetDevice;
  readonly parms: NeighParms;
  /** Milliseconds of the clock. */
  readonly due: number;
}

/**
 * Proxied requests that wait a random part of `proxy_delay` for the real host to answer first (Linux: `pneigh_enqueue`).
 * When its time comes a request is handled anew.
 */
export class ProxyQueue {
  readonly #machine: Machine;
  readonly #entropy: Entropy;
  readonly #again: (packet: Packet, dev: NetDevice) => void;
  readonly #timer: Timer;
  #waiting: Waiting[] = [];

  /** `again` takes the packet when its delay is over. */
  constructor(machine: Machine, entropy: Entropy, again: (packet: Packet, dev: NetDevice) => void) {
    this.#machine = machine;
    this.#entropy = entropy;
    this.#again = again;
    this.#timer = new Timer(machine.clock, () => this.#run());
  }

  get length(): number {
    return this.#waiting.length;
  }

  /** Takes a packet, and drops it when the device has its share already: one more than `proxy_qlen`, as in Linux. */
  push(packet: Packet, dev: NetDevice, parms: NeighParms): void {
    let share = 0;
    for (const waiting of this.#waiting) if (waiting.parms === parms) share++;
    if (share > parms.proxyQlen) {
      dev.drop(packet, DROP_PROXY_QUEUE_FULL);
      return;
    }
    const delay = parms.proxyDelay === 0 ? 0 : this.#entropy.below(parms.proxyDelay);
    this.#waiting.push({ packet, dev, parms, due: this.#machine.clock.now() + delay });
    this.#arm();
  }

  /** Drops what waits on `dev`, or all (Linux drops all of the namespace's, which is more than the event asks for). */
  purge(dev?: NetDevice): void {
    const waiting = this.#waiting;
    this.#waiting = waiting.filter((one) => dev !== undefined && one.dev !== dev);
    for (const one of waiting) {
      if (dev === undefined || one.dev === dev) one.dev.drop(one.packet, DROP_PROXY_FLUSHED);
    }
    this.#arm();
  }

  #run(): void {
    const now = this.#machine.clock.now();
    const waiting = this.#waiting;
    this.#waiting = waiting.filter((one) => one.due > now);
    for (const one of waiting) {
      if (one.due > now) continue;
      if (one.dev.running) this.#again(one.packet, one.dev);
      else one.dev.drop(one.packet, DROP_DEVICE_NOT_RUNNING);
    }
    this.#arm();
  }

  #arm(): void {
    this.#timer.stop();
    if (this.#waiting.length === 0) return;
    let first = Number.POSITIVE_INFINITY;
    for (const one of this.#waiting) first = Math.min(first, one.due);
    startTimer(this.#machine, this.#timer, Math.max(0, first - this.#machine.clock.now()));
  }
}
