import type { Knob, SysctlTable } from './table.ts';

/** Name below `net.ipv4.`, Linux's default, least and greatest value. */
const SETTINGS = {
  ipForward: ['ip_forward', 0, 0, 1],
  defaultTtl: ['ip_default_ttl', 64, 1, 255],
  noPmtuDiscovery: ['ip_no_pmtu_disc', 0, 0, 3],
  forwardUsePmtu: ['ip_forward_use_pmtu', 0, 0, 1],
  icmpEchoIgnoreAll: ['icmp_echo_ignore_all', 0, 0, 1],
  icmpEchoIgnoreBroadcasts: ['icmp_echo_ignore_broadcasts', 1, 0, 1],
  icmpIgnoreBogusErrors: ['icmp_ignore_bogus_error_responses', 1, 0, 1],
  icmpErrorsUseInbound: ['icmp_errors_use_inbound_ifaddr', 0, 0, 1],
  icmpRateLimit: ['icmp_ratelimit', 1000, 0, 0x7fffffff],
  icmpRateMask: ['icmp_ratemask', 6168, 0, 0x7fffffff],
  icmpMessagesPerSecond: ['icmp_msgs_per_sec', 1000, 0, 0x7fffffff],
  icmpMessagesBurst: ['icmp_msgs_burst', 50, 0, 0x7fffffff],
  fragmentHighThreshold: ['ipfrag_high_thresh', 4194304, 0, 0x7fffffff],
  fragmentLowThreshold: ['ipfrag_low_thresh', 3145728, 0, 0x7fffffff],
  fragmentTime: ['ipfrag_time', 30, 0, 0x7fffffff],
  fragmentMaxDistance: ['ipfrag_max_dist', 64, 0, 0x7fffffff],
  minPmtu: ['route.min_pmtu', 552, 68, 0xffff],
  mtuExpires: ['route.mtu_expires', 600, 0, 0x7fffffff],
  minAdvmss: ['route.min_adv_mss', 256, 0, 0xffff],
  routeErrorCost: ['route.error_cost', 1000, 0, 0x7fffffff],
  routeErrorBurst: ['route.error_burst', 5000, 0, 0x7fffffff],
  redirectLoad: ['route.redirect_load', 20, 0, 0x7fffffff],
  redirectNumber: ['route.redirect_number', 9, 0, 30],
  redirectSilence: ['route.redirect_silence', 20480, 0, 0x7fffffff],
  redirectTimeout: ['route.gc_timeout', 300, 0, 0x7fffffff],
} as const satisfies Record<string, readonly [string, number, number, number]>;

type SettingName = keyof typeof SETTINGS;

/**
 * The settings directly under `net.ipv4`, which their readers find by property. Units are Linux's: seconds for
 * `ipfrag_time`, `mtu_expires` and `gc_timeout`, milliseconds for the limits of ICMP errors and redirects (which Linux shows
 * in ticks), bytes for the thresholds.
 */
export type Ipv4Settings = Readonly<Record<SettingName, Knob>>;

/** Declares the settings in `table`. */
export function addIpv4Settings(table: SysctlTable): Ipv4Settings {
  const knobs: Partial<Record<SettingName, Knob>> = {};
  for (const key of Object.keys(SETTINGS) as SettingName[]) {
    const [name, initial, min, max] = SETTINGS[key];
    knobs[key] = table.add(`net.ipv4.${name}`, initial, { min, max });
  }
  return knobs as Ipv4Settings;
}
