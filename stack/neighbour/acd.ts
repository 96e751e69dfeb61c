/**
 * IPv4 address conflict detection (RFC 5227) as a table: the life of one address. `conflict.ts` carries it out.
 */

/**
 * `offline`: the link is down. `waiting`: PROBE_WAIT. `probing`: probes go out. `settling`: ANNOUNCE_WAIT after the last
 * probe. `announcing`: in use, the announcements are not all out. `bound`: in use. `abandoned`: somebody else has it.
 */
export type AcdState = 'offline' | 'waiting' | 'probing' | 'settling' | 'announcing' | 'bound' | 'abandoned';

export type AcdEvent = 'start' | 'timer' | 'conflict' | 'linkUp' | 'linkDown';

/**
 * `lastProbe`, `lastAnnouncement`: the one that is due now is the last. `onlyWatches`: the mode does not defend. `mayDefend`:
 * the policy answers this conflict with an announcement. `persists`: the policy keeps the address, but not with a frame now.
 */
export type AcdCondition =
  | 'always'
  | 'lastProbe'
  | 'lastAnnouncement'
  | 'onlyWatches'
  | 'mayDefend'
  | 'persists';

/** `claim`: the address is ours, the first announcement goes out. */
export type AcdAction = 'none' | 'begin' | 'probe' | 'claim' | 'announce' | 'report' | 'defend' | 'abandon';

/** How long until `timer`, each with a name of RFC 5227, section 1.1. */
export type AcdTimer = 'keep' | 'stop' | 'probeWait' | 'probeInterval' | 'announceWait' | 'announceInterval';

export interface AcdTransition {
  readonly from: readonly AcdState[];
  readonly on: AcdEvent;
  readonly when: AcdCondition;
  /** Null: the state stays. */
  readonly to: AcdState | null;
  readonly act: AcdAction;
  readonly timer: AcdTimer;
}

type Row = readonly [readonly AcdState[], AcdEvent, AcdCondition, AcdState | null, AcdAction, AcdTimer];

const CHECKING: readonly AcdState[] = ['waiting', 'probing', 'settling'];
const IN_USE: readonly AcdState[] = ['announcing', 'bound'];

/** The first row that fits is the one that happens; where none fits nothing does. */
const ROWS: readonly Row[] = [
  [['offline', 'abandoned'], 'start', 'always', 'waiting', 'begin', 'probeWait'],
  [['offline'], 'linkUp', 'always', 'waiting', 'begin', 'probeWait'],
  [['waiting', 'probing'], 'timer', 'lastProbe', 'settling', 'probe', 'announceWait'],
  [['waiting', 'probing'], 'timer', 'always', 'probing', 'probe', 'probeInterval'],
  [['settling'], 'timer', 'always', 'announcing', 'claim', 'announceInterval'],
  [['announcing'], 'timer', 'lastAnnouncement', 'bound', 'announce', 'stop'],
  [['announcing'], 'timer', 'always', 'announcing', 'announce', 'announceInterval'],
  [CHECKING, 'conflict', 'always', 'abandoned', 'abandon', 'stop'],
  [IN_USE, 'conflict', 'onlyWatches', null, 'report', 'keep'],
  [IN_USE, 'conflict', 'mayDefend', null, 'defend', 'keep'],
  [IN_USE, 'conflict', 'persists', null, 'report', 'keep'],
  [IN_USE, 'conflict', 'always', 'abandoned', 'abandon', 'stop'],
  [[...CHECKING, ...IN_USE], 'linkDown', 'always', 'offline', 'none', 'stop'],
];

export const ACD_TABLE: readonly AcdTransition[] = ROWS.map(([from, on, when, to, act, timer]) => ({
  from,
  on,
  when,
  to,
  act,
  timer,
}));

/** Constants of RFC 5227, section 1.1; times in milliseconds. */
export const PROBE_WAIT = 1000;
export const PROBE_NUM = 3;
export const PROBE_MIN = 1000;
export const PROBE_MAX = 2000;
export const ANNOUNCE_WAIT = 2000;
export const ANNOUNCE_NUM = 2;
export const ANNOUNCE_INTERVAL = 2000;
export const MAX_CONFLICTS = 10;
export const RATE_LIMIT_INTERVAL = 60_000;
export const DEFEND_INTERVAL = 10_000;
