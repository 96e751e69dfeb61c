import type { LinuxCompat } from '../../device/machine.ts';
import type { Entropy } from '../../device/random.ts';
import { Knob, type SysctlTable } from './table.ts';

/**
 * Settings that are one number each: name, Linux's default, and how many milliseconds (or plain units) its unit is. As in
 * Linux `delay_first_probe_time` and `gc_stale_time` are in seconds, `locktime`, `proxy_delay` and `anycast_delay` in
 * hundredths of a second (`USER_HZ`), whatever the kernel's own HZ.
 */
const SETTINGS = {
  mcast_solicit: [3, 1],
  ucast_solicit: [3, 1],
  app_solicit: [0, 1],
  mcast_resolicit: [0, 1],
  retrans_time_ms: [1000, 1],
  base_reachable_time_ms: [30_000, 1],
  delay_first_probe_time: [5, 1000],
  gc_stale_time: [60, 1000],
  locktime: [100, 10],
  unres_qlen_bytes: [212_992, 1],
  proxy_delay: [80, 10],
  proxy_qlen: [64, 1],
  anycast_delay: [100, 10],
} as const satisfies Record<string, readonly [number, number]>;

export type NeighParmName = keyof typeof SETTINGS;
const NAMES = Object.keys(SETTINGS) as NeighParmName[];

/** Second names of a setting, in coarser units: the primary's name and how many of its units make one. */
const ALIASES: Readonly<Record<string, readonly [NeighParmName, number]>> = {
  retrans_time: ['retrans_time_ms', 10],
  base_reachable_time: ['base_reachable_time_ms', 1000],
  // A full-size frame with Linux's bookkeeping on a 64-bit machine: SKB_TRUESIZE(ETH_FRAME_LEN).
  unres_qlen: ['unres_qlen_bytes', 2090],
};

/** What all parameters of one table share. */
export interface NeighParmsContext {
  readonly sysctl: SysctlTable;
  readonly compat: LinuxCompat;
  readonly entropy: Entropy;
  /** `net.ipv4.neigh` or `net.ipv6.neigh`. */
  readonly prefix: string;
}

/**
 * One directory of `net.ipv4.neigh` (Linux: `struct neigh_parms`): `default`, or a device's own. A device begins with the
 * values of `default`, and follows it in each setting that was never set for the device itself.
 */
export class NeighParms {
  knobs: Readonly<Record<NeighParmName, Knob>>;
  /** Settings that were set here, and no longer follow `default`. */
  readonly own: Set<NeighParmName> = new Set();

  /** What is in force: milliseconds, bytes, counts. */
  mcastProbes = 0;
  ucastProbes = 0;
  appProbes = 0;
  mcastReprobes = 0;
  retransTime = 0;
  baseReachableTime = 0;
  delayProbeTime = 0;
  gcStaletime = 0;
  locktime = 0;
  queueLenBytes = 0;
  proxyDelay = 0;
  proxyQlen = 0;
  anycastDelay = 0;
  /** Milliseconds drawn from `baseReachableTime`: between half and one and a half of it. */
  reachableTime = 0;
  /** Called when a setting was changed here through the table. */
  onChange: ((name: NeighParmName) => void) | null = null;

  directory: string;
  readonly #context: NeighParmsContext;

  constructor(context: NeighParmsContext, directory: string, template: NeighParms | null) {
    this.#context = context;
    this.directory = directory;
    this.knobs = this.#declareAll(template);
    this.refresh();
    this.drawReachableTime();
  }

  /** Takes a value from `default`, unless this device has its own. */
  follow(name: NeighParmName, value: number): void {
    if (this.own.has(name)) return;
    this.knobs[name].value = value;
    this.refresh();
  }

  /** Draws a new reachable time (RFC 4861, section 6.3.2; Linux: `neigh_rand_reach_time`). */
  drawReachableTime(): void {
    const base = this.baseReachableTime;
    this.reachableTime = base === 0 ? 0 : this.#context.entropy.below(base) + Math.floor(base / 2);
  }

  /** Moves the settings to another directory: the device was renamed. */
  rename(directory: string): void {
    this.remove();
    this.directory = directory;
    this.knobs = this.#declareAll(this);
  }

  /** Takes its names out of the table. */
  remove(): void {
    this.#context.sysctl.removePrefix(this.#name(''));
  }

  /** Puts the values of the knobs in force. */
  refresh(): void {
    this.mcastProbes = this.#scaled('mcast_solicit');
    this.ucastProbes = this.#scaled('ucast_solicit');
    this.appProbes = this.#scaled('app_solicit');
    this.mcastReprobes = this.#scaled('mcast_resolicit');
    this.retransTime = Math.max(this.#scaled('retrans_time_ms'), this.#context.compat.retransFloorMs);
    this.baseReachableTime = this.#scaled('base_reachable_time_ms');
    this.delayProbeTime = this.#scaled('delay_first_probe_time');
    this.gcStaletime = this.#scaled('gc_stale_time');
    this.locktime = this.#scaled('locktime');
    this.queueLenBytes = this.#scaled('unres_qlen_bytes');
    this.proxyDelay = this.#scaled('proxy_delay');
    this.proxyQlen = this.#scaled('proxy_qlen');
    this.anycastDelay = this.#scaled('anycast_delay');
  }

  #scaled(name: NeighParmName): number {
    return this.knobs[name].value * SETTINGS[name][1];
  }

  #name(name: string): string {
    return `${this.#context.prefix}.${this.directory}.${name}`;
  }

  #declareAll(template: NeighParms | null): Record<NeighParmName, Knob> {
    const knobs: Partial<Record<NeighParmName, Knob>> = {};
    for (const name of NAMES) knobs[name] = this.#declare(name, template?.knobs[name].value);
    this.#declareAliases();
    return knobs as Record<NeighParmName, Knob>;
  }

  #declare(name: NeighParmName, value: number | undefined): Knob {
    const [initial, unit] = SETTINGS[name];
    const knob = new Knob(this.#name(name), initial, { max: Math.floor(0x7fffffff / unit) });
    knob.value = value ?? initial;
    knob.onChange = () => this.#changed(name);
    this.#context.sysctl.addKnob(knob);
    return knob;
  }

  #declareAliases(): void {
    for (const [alias, [primary, unit]] of Object.entries(ALIASES)) {
      this.#context.sysctl.addText(this.#name(alias), {
        get: () => String(Math.floor(this.knobs[primary].value / unit)),
        set: (text) => {
          const scaled = /^\s*\d+\s*$/.test(text) ? String(Number(text) * unit) : text;
          return this.#context.sysctl.set(this.knobs[primary].name, scaled);
        },
      });
    }
  }

  #changed(name: NeighParmName): void {
    this.own.add(name);
    this.refresh();
    if (name === 'base_reachable_time_ms') this.drawReachableTime();
    this.onChange?.(name);
  }
}
