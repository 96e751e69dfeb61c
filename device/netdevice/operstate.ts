/** Operational states of RFC 2863, with Linux's numbers (`IF_OPER_*` of `linux/if.h`). */
export const IF_OPER_UNKNOWN = 0;
export const IF_OPER_NOTPRESENT = 1;
export const IF_OPER_DOWN = 2;
export const IF_OPER_LOWERLAYERDOWN = 3;
export const IF_OPER_TESTING = 4;
export const IF_OPER_DORMANT = 5;
export const IF_OPER_UP = 6;

/** As `ip link` prints them; index: state. */
const NAMES = ['UNKNOWN', 'NOTPRESENT', 'DOWN', 'LOWERLAYERDOWN', 'TESTING', 'DORMANT', 'UP'];

export function operstateName(operstate: number): string {
  return NAMES[operstate] ?? `STATE_${operstate}`;
}

/** RFC 2863 `ifOperStatus`, as SNMP numbers it; index: Linux's state. */
const RFC2863 = [4, 6, 2, 7, 3, 5, 1];

/** The `ifOperStatus` number that stands for a state on the wire. */
export function ifOperStatus(operstate: number): number {
  return RFC2863[operstate] ?? 4;
}

/** Link modes (`IF_LINK_MODE_*`): what an operational UP is capped to. */
export const IF_LINK_MODE_DEFAULT = 0;
export const IF_LINK_MODE_DORMANT = 1;
export const IF_LINK_MODE_TESTING = 2;

/** What a device's operational state follows from. */
export interface OperstateInput {
  readonly testing: boolean;
  readonly carrier: boolean;
  /** The device is stacked, and the one below has no carrier either. */
  readonly lowerWithoutCarrier: boolean;
  readonly dormant: boolean;
  readonly linkMode: number;
  /** The state stored now. */
  readonly current: number;
}

/** First row that matches gives the state (Linux: `default_operstate`). */
const DEFAULT_OPERSTATE: readonly (readonly [(input: OperstateInput) => boolean, number])[] = [
  [(input) => input.testing, IF_OPER_TESTING],
  [(input) => !input.carrier && input.lowerWithoutCarrier, IF_OPER_LOWERLAYERDOWN],
  [(input) => !input.carrier, IF_OPER_DOWN],
  [(input) => input.dormant, IF_OPER_DORMANT],
  [() => true, IF_OPER_UP],
];

/** What caps an UP; index: link mode. */
const CAPPED_UP = [IF_OPER_UP, IF_OPER_DORMANT, IF_OPER_TESTING];

/**
 * The operational state that follows (Linux: `rfc2863_policy`). A state that is what it was already is left alone, so that
 * switching the link mode to DORMANT while UP demotes nothing.
 */
export function nextOperstate(input: OperstateInput): number {
  const state = DEFAULT_OPERSTATE.find(([matches]) => matches(input))![1];
  if (state === input.current) return state;
  return state === IF_OPER_UP ? (CAPPED_UP[input.linkMode] ?? IF_OPER_UP) : state;
}

/** Which stored states a user may turn into the one asked for (Linux: `set_operstate`). */
const USER_TRANSITIONS: Readonly<Record<number, readonly number[]>> = {
  [IF_OPER_UP]: [IF_OPER_DORMANT, IF_OPER_TESTING, IF_OPER_UNKNOWN],
  [IF_OPER_TESTING]: [IF_OPER_UP, IF_OPER_UNKNOWN],
  [IF_OPER_DORMANT]: [IF_OPER_UP, IF_OPER_UNKNOWN],
};

/** Whether a user may set `wanted` from `current`; UP also needs the dormant and testing bits clear. */
export function userMaySetOperstate(
  current: number,
  wanted: number,
  dormant: boolean,
  testing: boolean,
): boolean {
  if (wanted === IF_OPER_UP && (dormant || testing)) return false;
  return USER_TRANSITIONS[wanted]?.includes(current) ?? false;
}
