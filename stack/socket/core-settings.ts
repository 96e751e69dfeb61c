import type { Knob, SysctlTable } from '../sysctl/table.ts';

const INT_MAX = 0x7fffffff;

/** Linux's name, default, least and greatest value. */
const SETTINGS = {
  /** Bytes. */
  receiveDefault: ['net.core.rmem_default', 212992, 2304, INT_MAX],
  receiveMax: ['net.core.rmem_max', 212992, 2304, INT_MAX],
  sendDefault: ['net.core.wmem_default', 212992, 4608, INT_MAX],
  sendMax: ['net.core.wmem_max', 212992, 4608, INT_MAX],
  /** Bytes of memory for control: zerocopy calls that nobody was told of yet. */
  optionMax: ['net.core.optmem_max', 131072, 0, INT_MAX],
  /** Longest accept queue. */
  somaxconn: ['net.core.somaxconn', 4096, 0, INT_MAX],
  /** Descriptors. */
  nrOpen: ['fs.nr_open', 1048576, 8, INT_MAX],
  /** Groups that one socket may join. */
  maxMemberships: ['net.ipv4.igmp_max_memberships', 20, 0, INT_MAX],
  /** Senders that a membership may list. */
  maxSources: ['net.ipv4.igmp_max_msf', 10, 0, INT_MAX],
  /** Addresses that the host does not have can be bound. */
  nonlocalBind: ['net.ipv4.ip_nonlocal_bind', 0, 0, 1],
} as const satisfies Record<string, readonly [string, number, number, number]>;

type SettingName = keyof typeof SETTINGS;

/** The settings of the socket layer. */
export type CoreSettings = Readonly<Record<SettingName, Knob>>;

/** Declares the settings in `table`. */
export function addCoreSettings(table: SysctlTable): CoreSettings {
  const knobs: Partial<Record<SettingName, Knob>> = {};
  for (const key of Object.keys(SETTINGS) as SettingName[]) {
    const [name, initial, min, max] = SETTINGS[key];
    knobs[key] = table.add(name, initial, { min, max });
  }
  return knobs as CoreSettings;
}
