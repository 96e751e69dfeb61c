import { EINVAL } from '../../device/errno.ts';
import type { Knob, SysctlTable } from '../sysctl/table.ts';

const MOST = 0x7fffffff;

/** Name below `net.ipv4.`, Linux's default, least and greatest value. */
const SETTINGS = {
  abortOnOverflow: ['tcp_abort_on_overflow', 0, 0, 255],
  autocorking: ['tcp_autocorking', 1, 0, 1],
  baseMss: ['tcp_base_mss', 1024, 0, MOST],
  challengeAckLimit: ['tcp_challenge_ack_limit', MOST, 0, MOST],
  compSackDelayNs: ['tcp_comp_sack_delay_ns', 1_000_000, 0, MOST],
  compSackNr: ['tcp_comp_sack_nr', 44, 0, 255],
  dsack: ['tcp_dsack', 1, 0, 255],
  earlyRetrans: ['tcp_early_retrans', 3, 0, 4],
  ecn: ['tcp_ecn', 2, 0, 5],
  ecnFallback: ['tcp_ecn_fallback', 1, 0, 1],
  fastopen: ['tcp_fastopen', 1, 0, MOST],
  fastopenBlackholeTimeoutSec: ['tcp_fastopen_blackhole_timeout_sec', 0, 0, MOST],
  finTimeout: ['tcp_fin_timeout', 60, 0, MOST],
  frto: ['tcp_frto', 2, 0, 255],
  invalidRatelimitMs: ['tcp_invalid_ratelimit', 500, 0, MOST],
  keepaliveIntvl: ['tcp_keepalive_intvl', 75, 0, MOST],
  keepaliveProbes: ['tcp_keepalive_probes', 9, 0, 255],
  keepaliveTime: ['tcp_keepalive_time', 7200, 0, MOST],
  limitOutputBytes: ['tcp_limit_output_bytes', 4_194_304, 0, MOST],
  maxOrphans: ['tcp_max_orphans', 4096, 0, MOST],
  maxReordering: ['tcp_max_reordering', 300, 0, MOST],
  maxSynBacklog: ['tcp_max_syn_backlog', 2048, 0, MOST],
  maxTwBuckets: ['tcp_max_tw_buckets', 131_072, 0, MOST],
  minRttWlen: ['tcp_min_rtt_wlen', 300, 0, 86_400],
  minSndMss: ['tcp_min_snd_mss', 48, 48, 65_535],
  minTsoSegs: ['tcp_min_tso_segs', 2, 0, 255],
  moderateRcvbuf: ['tcp_moderate_rcvbuf', 1, 0, 255],
  mtuProbeFloor: ['tcp_mtu_probe_floor', 48, 0, MOST],
  mtuProbing: ['tcp_mtu_probing', 0, 0, 2],
  noMetricsSave: ['tcp_no_metrics_save', 0, 0, 255],
  noSsthreshMetricsSave: ['tcp_no_ssthresh_metrics_save', 1, 0, 1],
  notsentLowat: ['tcp_notsent_lowat', 0xffffffff, 0, 0xffffffff],
  orphanRetries: ['tcp_orphan_retries', 0, 0, 255],
  pacingCaRatio: ['tcp_pacing_ca_ratio', 120, 0, 1000],
  pacingSsRatio: ['tcp_pacing_ss_ratio', 200, 0, 1000],
  pingpongThresh: ['tcp_pingpong_thresh', 1, 1, 255],
  probeInterval: ['tcp_probe_interval', 600, 0, MOST],
  probeThreshold: ['tcp_probe_threshold', 8, 0, MOST],
  recovery: ['tcp_recovery', 1, 0, 255],
  reordering: ['tcp_reordering', 3, 0, MOST],
  retransCollapse: ['tcp_retrans_collapse', 1, 0, 255],
  retries1: ['tcp_retries1', 3, 0, 255],
  retries2: ['tcp_retries2', 15, 0, 255],
  rfc1337: ['tcp_rfc1337', 0, 0, 1],
  rtoMaxMs: ['tcp_rto_max_ms', 120_000, 1000, 120_000],
  rtoMinUs: ['tcp_rto_min_us', 200_000, 1, MOST],
  sack: ['tcp_sack', 1, 0, 1],
  shrinkWindow: ['tcp_shrink_window', 0, 0, 1],
  slowStartAfterIdle: ['tcp_slow_start_after_idle', 1, 0, 255],
  stdurg: ['tcp_stdurg', 0, 0, 1],
  synLinearTimeouts: ['tcp_syn_linear_timeouts', 4, 0, 127],
  synRetries: ['tcp_syn_retries', 6, 1, 127],
  synackRetries: ['tcp_synack_retries', 5, 0, 255],
  syncookies: ['tcp_syncookies', 1, 0, 2],
  timestamps: ['tcp_timestamps', 1, 0, 2],
  tsoRttLog: ['tcp_tso_rtt_log', 9, 0, 255],
  tsoWinDivisor: ['tcp_tso_win_divisor', 3, 0, 255],
  twReuse: ['tcp_tw_reuse', 2, 0, 2],
  twReuseDelayMs: ['tcp_tw_reuse_delay', 1000, 0, 60_000],
  windowScaling: ['tcp_window_scaling', 1, 0, 1],
  workaroundSignedWindows: ['tcp_workaround_signed_windows', 0, 0, 1],
} as const satisfies Record<string, readonly [string, number, number, number]>;

/** Parameters of Linux's `tcp_cubic` module, below `module.tcp_cubic.`; times in microseconds. */
const CUBIC_PARAMETERS = {
  cubicBeta: ['beta', 717, 0, 1023],
  cubicFastConvergence: ['fast_convergence', 1, 0, 1],
  cubicHystart: ['hystart', 1, 0, 1],
  cubicHystartAckDeltaUs: ['hystart_ack_delta_us', 2000, 0, MOST],
  cubicHystartDetect: ['hystart_detect', 3, 0, 3],
  cubicHystartLowWindow: ['hystart_low_window', 16, 0, MOST],
  cubicTcpFriendliness: ['tcp_friendliness', 1, 0, 1],
} as const satisfies Record<string, readonly [string, number, number, number]>;

type SettingName = keyof typeof SETTINGS | keyof typeof CUBIC_PARAMETERS;

/** A setting of three numbers, as `tcp_rmem`: `min default max`. */
export class TripleSetting {
  min: number;
  initial: number;
  max: number;

  constructor(min: number, initial: number, max: number) {
    this.min = min;
    this.initial = initial;
    this.max = max;
  }

  /** `4096 131072 33554432`, with tabs as the kernel prints it. */
  get(): string {
    return `${this.min}\t${this.initial}\t${this.max}`;
  }

  /** Takes one to three numbers between 1 and 2^31-1; the ones left out stay. */
  set(text: string): number {
    const words = text.trim().split(/\s+/);
    const numbers = words.map(Number);
    if (numbers.length > 3 || words.some((word) => !/^\d+$/.test(word))) return -EINVAL;
    if (numbers.some((number) => number < 1 || number > MOST)) return -EINVAL;
    this.min = numbers[0] ?? this.min;
    this.initial = numbers[1] ?? this.initial;
    this.max = numbers[2] ?? this.max;
    return 0;
  }
}

/**
 * The settings of TCP, which their readers find by property. Units are Linux's: seconds for `tcp_fin_timeout` and the
 * keepalive times, bytes for buffers, pages of 4096 bytes for `tcp_mem`.
 */
export type TcpSettings = Readonly<Record<SettingName, Knob>> & {
  readonly rmem: TripleSetting;
  readonly wmem: TripleSetting;
  readonly mem: TripleSetting;
};

/** Declares the settings in `table`. `memoryPages`: pages of 4096 bytes that all sockets together may come to use. */
export function addTcpSettings(table: SysctlTable, memoryPages: number): TcpSettings {
  const knobs: Partial<Record<SettingName, Knob>> = {};
  for (const [key, [name, initial, min, max]] of Object.entries(SETTINGS))
    knobs[key as SettingName] = table.add(`net.ipv4.${name}`, initial, { min, max });
  for (const [key, [name, initial, min, max]] of Object.entries(CUBIC_PARAMETERS))
    knobs[key as SettingName] = table.add(`module.tcp_cubic.${name}`, initial, { min, max });
  const rmem = new TripleSetting(4096, 131_072, 33_554_432);
  const wmem = new TripleSetting(4096, 16_384, 4_194_304);
  const limit = Math.max(Math.floor(memoryPages / 2), 128);
  const mem = new TripleSetting(Math.floor(limit / 4) * 3, limit, Math.floor(limit / 4) * 6);
  table.addText('net.ipv4.tcp_rmem', rmem);
  table.addText('net.ipv4.tcp_wmem', wmem);
  table.addText('net.ipv4.tcp_mem', mem);
  return { ...(knobs as Record<SettingName, Knob>), rmem, wmem, mem };
}
