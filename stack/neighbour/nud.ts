/**
 * Neighbour unreachability detection (RFC 4861, section 7.3; Linux: `net/core/neighbour.c`): the states of an entry and
 * both of its machines, as tables. `neighbour.ts` carries them out.
 */

/** States, with Linux's numbers: bits, so that sets of them are masks. */
export const NUD_NONE = 0x00;
export const NUD_INCOMPLETE = 0x01;
export const NUD_REACHABLE = 0x02;
export const NUD_STALE = 0x04;
export const NUD_DELAY = 0x08;
export const NUD_PROBE = 0x10;
export const NUD_FAILED = 0x20;
export const NUD_NOARP = 0x40;
export const NUD_PERMANENT = 0x80;

/** Frames can be sent at once, without further ado. */
export const NUD_CONNECTED: number = NUD_PERMANENT | NUD_NOARP | NUD_REACHABLE;
/** The address is known. */
export const NUD_VALID: number = NUD_CONNECTED | NUD_PROBE | NUD_STALE | NUD_DELAY;
/** The entry's timer runs. */
export const NUD_IN_TIMER: number = NUD_INCOMPLETE | NUD_REACHABLE | NUD_DELAY | NUD_PROBE;

const NAMES: readonly (readonly [number, string])[] = [
  [NUD_INCOMPLETE, 'INCOMPLETE'],
  [NUD_REACHABLE, 'REACHABLE'],
  [NUD_STALE, 'STALE'],
  [NUD_DELAY, 'DELAY'],
  [NUD_PROBE, 'PROBE'],
  [NUD_FAILED, 'FAILED'],
  [NUD_NOARP, 'NOARP'],
  [NUD_PERMANENT, 'PERMANENT'],
];

/** The name of a state as `ip neigh` prints it. */
export function nudName(state: number): string {
  return NAMES.find(([bit]) => bit === state)?.[1] ?? 'NONE';
}

/** The state of that name, in any case; undefined for none. */
export function nudState(name: string): number | undefined {
  const upper = name.toUpperCase();
  return upper === 'NONE' ? NUD_NONE : NAMES.find(([, known]) => known === upper)?.[0];
}

/** `output`: a packet wants out (or `null`, just the wish); `timer`: the entry's timer fired. */
export type NudEvent = 'output' | 'timer';

/**
 * `confirmed`: heard from within its reachable time. `confirmedInDelay`: heard from within `delay_first_probe_time`.
 * `used`: a packet needed resolution, or the entry was made, within that time. `mayAsk`: `mcast_solicit` or `app_solicit`
 * is not 0. `probesSpent`: as many probes went out as the settings allow in this state. `noProbes`: they allow none in PROBE.
 */
export type NudCondition =
  | 'always'
  | 'confirmed'
  | 'confirmedInDelay'
  | 'used'
  | 'mayAsk'
  | 'probesSpent'
  | 'noProbes';

/** When the entry's timer fires next: `delay` is `delay_first_probe_time`, `expiry` the end of the reachable time. */
export type NudTimer = 'keep' | 'stop' | 'retrans' | 'delay' | 'expiry';

/**
 * `send`: put the link header on and transmit. `queue`: hold the packet. `ask`: hold it and begin to solicit. `probe`:
 * solicit. `firstProbe`: count probes from 0, solicit. `fail`: report each held packet to its sender. `drop`: refuse it.
 */
export type NudAction = 'none' | 'send' | 'queue' | 'ask' | 'probe' | 'firstProbe' | 'fail' | 'drop';

export interface NudTransition {
  readonly from: readonly number[];
  readonly on: NudEvent;
  readonly when: NudCondition;
  readonly to: number;
  readonly timer: NudTimer;
  readonly act: NudAction;
  /** RTM_NEWNEIGH and NETEVENT_NEIGH_UPDATE follow. */
  readonly notify: boolean;
}

type Row = readonly [
  from: readonly number[],
  on: NudEvent,
  when: NudCondition,
  to: number,
  timer: NudTimer,
  act: NudAction,
  notify?: 'notify',
];

/** The first row that fits an entry's state, the event and the condition is the one that happens. */
const ROWS: readonly Row[] = [
  [[NUD_PERMANENT], 'output', 'always', NUD_PERMANENT, 'keep', 'send'],
  [[NUD_NOARP], 'output', 'always', NUD_NOARP, 'keep', 'send'],
  [[NUD_REACHABLE], 'output', 'always', NUD_REACHABLE, 'keep', 'send'],
  [[NUD_DELAY], 'output', 'always', NUD_DELAY, 'keep', 'send'],
  [[NUD_PROBE], 'output', 'always', NUD_PROBE, 'keep', 'send'],
  [[NUD_STALE], 'output', 'always', NUD_DELAY, 'delay', 'send'],
  [[NUD_INCOMPLETE], 'output', 'always', NUD_INCOMPLETE, 'keep', 'queue'],
  [[NUD_NONE, NUD_FAILED], 'output', 'mayAsk', NUD_INCOMPLETE, 'retrans', 'ask'],
  [[NUD_NONE, NUD_FAILED], 'output', 'always', NUD_FAILED, 'stop', 'drop'],

  [[NUD_REACHABLE], 'timer', 'confirmed', NUD_REACHABLE, 'expiry', 'none'],
  [[NUD_REACHABLE], 'timer', 'used', NUD_DELAY, 'delay', 'none'],
  [[NUD_REACHABLE], 'timer', 'always', NUD_STALE, 'stop', 'none', 'notify'],
  [[NUD_DELAY], 'timer', 'confirmedInDelay', NUD_REACHABLE, 'expiry', 'none', 'notify'],
  [[NUD_DELAY], 'timer', 'noProbes', NUD_FAILED, 'stop', 'fail', 'notify'],
  [[NUD_DELAY], 'timer', 'always', NUD_PROBE, 'retrans', 'firstProbe', 'notify'],
  [[NUD_INCOMPLETE, NUD_PROBE], 'timer', 'probesSpent', NUD_FAILED, 'stop', 'fail', 'notify'],
  [[NUD_INCOMPLETE], 'timer', 'always', NUD_INCOMPLETE, 'retrans', 'probe'],
  [[NUD_PROBE], 'timer', 'always', NUD_PROBE, 'retrans', 'probe'],
];

export const NUD_TABLE: readonly NudTransition[] = ROWS.map(([from, on, when, to, timer, act, notify]) => ({
  from,
  on,
  when,
  to,
  timer,
  act,
  notify: notify !== undefined,
}));

/** The rows for each state and event, found without a search. */
const BY_STATE: Readonly<Record<NudEvent, readonly (readonly NudTransition[])[]>> = {
  output: index('output'),
  timer: index('timer'),
};

function index(event: NudEvent): NudTransition[][] {
  const out: NudTransition[][] = Array.from({ length: NUD_PERMANENT + 1 }, () => []);
  for (const row of NUD_TABLE) if (row.on === event) for (const from of row.from) out[from]!.push(row);
  return out;
}

/** The rows that may happen in `state` on `event`, in order. */
export function nudRows(state: number, event: NudEvent): readonly NudTransition[] {
  return BY_STATE[event][state]!;
}

/** Who updates an entry, and how (Linux: `NEIGH_UPDATE_F_*`). */
export const NEIGH_UPDATE_F_OVERRIDE = 0x01;
/** A different address makes a connected entry STALE instead of being ignored. */
export const NEIGH_UPDATE_F_WEAK_OVERRIDE = 0x02;
export const NEIGH_UPDATE_F_OVERRIDE_ISROUTER = 0x04;
export const NEIGH_UPDATE_F_EXT_LEARNED = 0x20;
export const NEIGH_UPDATE_F_ISROUTER = 0x40;
/** A user's wish. */
export const NEIGH_UPDATE_F_ADMIN = 0x80;

/** How the address of an update compares with the entry's. */
export type AddressComparison = 'none' | 'same' | 'other';

/**
 * `refuse`: `-EPERM`. `invalid`: `-EINVAL`. `invalidate`: take the state, the address is of no use. `ignore`: nothing
 * happens. `suspect`: STALE, the old address stays. `keepState`: nothing changes. `take`: state and address are taken.
 */
export type UpdateVerdict = 'refuse' | 'invalid' | 'invalidate' | 'ignore' | 'suspect' | 'keepState' | 'take';

export interface UpdateRule {
  /** The entry's state is one of these, or (negated) none of these. */
  readonly old?: number;
  readonly oldNot?: number;
  /** The proposed state is one of these, or none of these. */
  readonly proposed?: number;
  readonly proposedNot?: number;
  readonly address?: AddressComparison;
  /** Flags that are set, and that are not. */
  readonly flags?: number;
  readonly without?: number;
  readonly verdict: UpdateVerdict;
}

/** What becomes of an update: the first rule that fits (Linux: `__neigh_update`). */
export const UPDATE_RULES: readonly UpdateRule[] = [
  { old: NUD_NOARP | NUD_PERMANENT, without: NEIGH_UPDATE_F_ADMIN, verdict: 'refuse' },
  { proposedNot: NUD_VALID, verdict: 'invalidate' },
  { oldNot: NUD_VALID, address: 'none', verdict: 'invalid' },
  { oldNot: NUD_VALID, verdict: 'take' },
  {
    old: NUD_CONNECTED,
    address: 'other',
    flags: NEIGH_UPDATE_F_WEAK_OVERRIDE,
    without: NEIGH_UPDATE_F_OVERRIDE,
    verdict: 'suspect',
  },
  { address: 'other', without: NEIGH_UPDATE_F_OVERRIDE, verdict: 'ignore' },
  { address: 'other', verdict: 'take' },
  { proposed: NUD_STALE, without: NEIGH_UPDATE_F_ADMIN, verdict: 'keepState' },
  { verdict: 'take' },
];

/** The verdict on an update of an entry in state `old` to `proposed`. */
export function judgeUpdate(
  old: number,
  proposed: number,
  address: AddressComparison,
  flags: number,
): UpdateVerdict {
  for (const rule of UPDATE_RULES) {
    if (rule.old !== undefined && (old & rule.old) === 0) continue;
    if (rule.oldNot !== undefined && (old & rule.oldNot) !== 0) continue;
    if (rule.proposed !== undefined && (proposed & rule.proposed) === 0) continue;
    if (rule.proposedNot !== undefined && (proposed & rule.proposedNot) !== 0) continue;
    if (rule.address !== undefined && rule.address !== address) continue;
    if (rule.flags !== undefined && (flags & rule.flags) === 0) continue;
    if (rule.without !== undefined && (flags & rule.without) !== 0) continue;
    return rule.verdict;
  }
  return 'ignore';
}
