import { Knob, type SysctlTable } from './table.ts';

/** How the value of `conf/all` and that of the interface become the one in force (Linux: `IN_DEV_*CONF`). */
type Combine = 'max' | 'or' | 'and' | 'interface' | 'redirects';

/** Name, Linux's default, rule, greatest value. */
const SETTINGS = {
  forwarding: [0, 'interface', 1],
  accept_local: [0, 'or', 1],
  accept_redirects: [1, 'redirects', 1],
  accept_source_route: [1, 'and', 1],
  arp_accept: [0, 'max', 2],
  arp_announce: [0, 'max', 2],
  arp_evict_nocarrier: [1, 'and', 1],
  arp_filter: [0, 'or', 1],
  arp_ignore: [0, 'max', 8],
  arp_notify: [0, 'max', 1],
  bc_forwarding: [0, 'and', 1],
  drop_gratuitous_arp: [0, 'or', 1],
  drop_unicast_in_l2_multicast: [0, 'or', 1],
  ignore_routes_with_linkdown: [0, 'or', 1],
  log_martians: [0, 'or', 1],
  promote_secondaries: [0, 'or', 1],
  proxy_arp: [0, 'or', 1],
  proxy_arp_pvlan: [0, 'or', 1],
  route_localnet: [0, 'or', 1],
  rp_filter: [0, 'max', 2],
  secure_redirects: [1, 'or', 1],
  send_redirects: [1, 'or', 1],
  shared_media: [1, 'or', 1],
} as const satisfies Record<string, readonly [number, Combine, number]>;

export type Ipv4ConfName = keyof typeof SETTINGS;
const NAMES = Object.keys(SETTINGS) as Ipv4ConfName[];

/** Where `conf/all` begins with another value than the rest. */
const ALL_BEGINS: Partial<Record<Ipv4ConfName, number>> = { accept_source_route: 0 };

/** Values in force, read on packets' paths: plain numbers under Linux's names. */
export type Ipv4ConfValues = Record<Ipv4ConfName, number>;

/**
 * One directory of `net.ipv4.conf`: `all`, `default`, or an interface. An interface begins with the values of `default`.
 * `values` is what is in force for it, kept up to date when it or `all` changes.
 */
export class Ipv4Conf {
  directory: string;
  knobs: Readonly<Record<Ipv4ConfName, Knob>>;
  readonly values: Ipv4ConfValues;
  /** Called after each change with the setting's name and new value. */
  onChange: (name: Ipv4ConfName, value: number) => void = () => this.refresh();
  readonly #all: Ipv4Conf | null;
  readonly #table: SysctlTable;

  constructor(table: SysctlTable, directory: string, all: Ipv4Conf | null, template: Ipv4Conf | null) {
    this.#table = table;
    this.#all = all;
    this.directory = directory;
    this.knobs = this.#declare(template);
    this.values = Object.fromEntries(NAMES.map((name) => [name, 0])) as Ipv4ConfValues;
    this.refresh();
  }

  /** Recomputes `values`. */
  refresh(): void {
    this.#table.changes++;
    for (const name of NAMES) {
      const own = this.knobs[name].value;
      this.values[name] =
        this.#all === null ? own : this.#combine(SETTINGS[name][1], this.#all.knobs[name].value, own);
    }
  }

  /** The device was renamed: the settings move to a new directory. */
  rename(directory: string): void {
    this.remove();
    this.directory = directory;
    this.knobs = this.#declare(this);
    this.refresh();
  }

  /** Sets a value as if it had been written, without the table's checks. */
  set(name: Ipv4ConfName, value: number): void {
    this.knobs[name].value = value;
    this.knobs[name].onChange?.();
  }

  /** Takes its names out of the table. */
  remove(): void {
    this.#table.removePrefix(`net.ipv4.conf.${this.directory}.`);
  }

  #declare(template: Ipv4Conf | null): Record<Ipv4ConfName, Knob> {
    const knobs: Partial<Record<Ipv4ConfName, Knob>> = {};
    for (const name of NAMES) {
      const [initial, , max] = SETTINGS[name];
      const begins = this.#all === null && this.directory === 'all' ? (ALL_BEGINS[name] ?? initial) : initial;
      const knob = new Knob(`net.ipv4.conf.${this.directory}.${name}`, begins, { min: 0, max });
      knob.value = template?.knobs[name].value ?? begins;
      knob.onChange = () => this.onChange(name, knob.value);
      this.#table.addKnob(knob);
      knobs[name] = knob;
    }
    return knobs as Record<Ipv4ConfName, Knob>;
  }

  #combine(rule: Combine, all: number, own: number): number {
    if (rule === 'max') return Math.max(all, own);
    if (rule === 'or') return all || own ? 1 : 0;
    if (rule === 'and') return all && own ? 1 : 0;
    // A router believes redirects only when both agree, a host when one does (Linux: `IN_DEV_RX_REDIRECTS`).
    if (rule === 'redirects') return this.#combine(this.knobs.forwarding.value ? 'and' : 'or', all, own);
    return own;
  }
}
