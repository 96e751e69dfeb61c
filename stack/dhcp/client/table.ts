/** The life of a DHCP client as a table (RFC 2131, figure 5). `client.ts` carries it out. */

/**
 * As the RFC names them, and: `STOPPED`; `CHECKING`, between the DHCPACK and the use of the address, while it is looked for on the
 * link (RFC 5227). `INIT` waits for the link or for the moment to begin; `INIT-REBOOT` holds a lease and waits for the link.
 */
export type DhcpState =
  | 'STOPPED'
  | 'INIT'
  | 'SELECTING'
  | 'REQUESTING'
  | 'CHECKING'
  | 'BOUND'
  | 'RENEWING'
  | 'REBINDING'
  | 'INIT-REBOOT'
  | 'REBOOTING';

/**
 * `timer`: the wait that the last row began is over. `claimed`, `conflict`: conflict detection says so. `reached`: the gateway
 * that was asked after the link came back is the one that was there before (RFC 4436).
 */
export type DhcpEvent =
  | 'start'
  | 'linkUp'
  | 'linkDown'
  | 'timer'
  | 'offer'
  | 'ack'
  | 'nak'
  | 't1'
  | 't2'
  | 'expiry'
  | 'claimed'
  | 'conflict'
  | 'reached'
  | 'release'
  | 'stop';

/** `hasLease`: one that is not over yet. `spent`: as many requests were sent as there are to be. `unchecked`: the address is to be looked for first. */
export type DhcpCondition = 'always' | 'hasLease' | 'spent' | 'unchecked';

/**
 * `begin`: a new exchange. `discover`, `request` (of what was offered), `confirm` (of the lease that is held), `renew`, `rebind`,
 * `decline`, `release`: send that message. `askGateway`: probe it. `take`: the lease is that of the DHCPACK. `check`, `endCheck`: look
 * for the address on the link. `install`: use the lease. `lose`: do without it. `refused`: count and tell of the DHCPNAK.
 */
export type DhcpAction =
  | 'begin'
  | 'discover'
  | 'request'
  | 'confirm'
  | 'renew'
  | 'rebind'
  | 'decline'
  | 'release'
  | 'askGateway'
  | 'take'
  | 'check'
  | 'endCheck'
  | 'install'
  | 'lose'
  | 'refused';

/** How long until `timer`. `backoff`: 4, 8, 16, 32, 64 seconds. `half`: half of what is left of the state, at least a minute. */
export type DhcpWait = 'keep' | 'stop' | 'soon' | 'backoff' | 'half' | 'afterNak' | 'afterDecline';

export interface DhcpTransition {
  readonly from: readonly DhcpState[];
  readonly on: DhcpEvent;
  readonly when: DhcpCondition;
  readonly to: DhcpState;
  readonly act: readonly DhcpAction[];
  readonly wait: DhcpWait;
}

type Row = readonly [
  readonly DhcpState[],
  DhcpEvent,
  DhcpCondition,
  DhcpState,
  readonly DhcpAction[],
  DhcpWait,
];

/** The lease is used. */
const IN_USE: readonly DhcpState[] = ['BOUND', 'RENEWING', 'REBINDING'];
const ALL: readonly DhcpState[] = [
  ...IN_USE,
  'INIT',
  'SELECTING',
  'REQUESTING',
  'CHECKING',
  'INIT-REBOOT',
  'REBOOTING',
];

/** The first row that fits is the one that happens; where none fits nothing does. */
const ROWS: readonly Row[] = [
  [['STOPPED'], 'start', 'hasLease', 'INIT-REBOOT', [], 'stop'],
  [['STOPPED'], 'start', 'always', 'INIT', [], 'stop'],

  [['INIT'], 'linkUp', 'always', 'INIT', [], 'soon'],
  [['INIT'], 'timer', 'always', 'SELECTING', ['begin', 'discover'], 'backoff'],
  [['SELECTING'], 'timer', 'always', 'SELECTING', ['discover'], 'backoff'],
  [['SELECTING'], 'offer', 'always', 'REQUESTING', ['request'], 'backoff'],
  [['REQUESTING'], 'timer', 'spent', 'INIT', [], 'soon'],
  [['REQUESTING'], 'timer', 'always', 'REQUESTING', ['request'], 'backoff'],
  [['REQUESTING'], 'nak', 'always', 'INIT', ['refused'], 'afterNak'],
  [['REQUESTING', 'REBOOTING'], 'ack', 'unchecked', 'CHECKING', ['take', 'check'], 'stop'],
  [['REQUESTING', 'REBOOTING'], 'ack', 'always', 'BOUND', ['take', 'install'], 'stop'],
  [['INIT', 'SELECTING', 'REQUESTING'], 'linkDown', 'always', 'INIT', [], 'stop'],

  [['CHECKING'], 'claimed', 'always', 'BOUND', ['install'], 'stop'],
  [['CHECKING'], 'conflict', 'always', 'INIT', ['decline', 'endCheck', 'lose'], 'afterDecline'],
  [['CHECKING'], 'expiry', 'always', 'INIT', ['endCheck', 'lose'], 'soon'],
  [['CHECKING'], 'linkDown', 'always', 'INIT-REBOOT', ['endCheck'], 'stop'],

  [['BOUND'], 't1', 'always', 'RENEWING', ['begin', 'renew'], 'half'],
  [['RENEWING'], 'timer', 'always', 'RENEWING', ['renew'], 'half'],
  [['RENEWING'], 't2', 'always', 'REBINDING', ['rebind'], 'half'],
  [['REBINDING'], 'timer', 'always', 'REBINDING', ['rebind'], 'half'],
  [IN_USE, 'ack', 'always', 'BOUND', ['take', 'install'], 'stop'],
  [IN_USE, 'nak', 'always', 'INIT', ['lose', 'refused'], 'afterNak'],
  [IN_USE, 'expiry', 'always', 'INIT', ['lose'], 'soon'],
  [[...IN_USE, 'REBOOTING'], 'conflict', 'always', 'INIT', ['decline', 'endCheck', 'lose'], 'afterDecline'],
  [[...IN_USE, 'REBOOTING'], 'linkDown', 'always', 'INIT-REBOOT', ['endCheck'], 'stop'],

  [['INIT-REBOOT'], 'linkUp', 'always', 'REBOOTING', ['begin', 'confirm', 'askGateway'], 'backoff'],
  [['INIT-REBOOT'], 'expiry', 'always', 'INIT', ['lose'], 'stop'],
  [['REBOOTING'], 'timer', 'spent', 'INIT', ['lose'], 'soon'],
  [['REBOOTING'], 'timer', 'always', 'REBOOTING', ['confirm'], 'backoff'],
  [['REBOOTING'], 'nak', 'always', 'INIT', ['lose', 'refused'], 'afterNak'],
  [['REBOOTING'], 'reached', 'always', 'BOUND', ['install'], 'stop'],
  [['REBOOTING'], 'expiry', 'always', 'INIT', ['lose'], 'soon'],

  [IN_USE, 'release', 'always', 'STOPPED', ['release', 'endCheck', 'lose'], 'stop'],
  [['REBOOTING', 'INIT-REBOOT', 'CHECKING'], 'release', 'always', 'STOPPED', ['endCheck', 'lose'], 'stop'],
  [ALL, 'release', 'always', 'STOPPED', [], 'stop'],
  [ALL, 'stop', 'always', 'STOPPED', ['endCheck'], 'stop'],
];

export const DHCP_TABLE: readonly DhcpTransition[] = ROWS.map(([from, on, when, to, act, wait]) => ({
  from,
  on,
  when,
  to,
  act,
  wait,
}));

/** Seconds of a lease behind which something is due in a state. */
export function nextTime(
  lease: { readonly renewalTime: number; readonly rebindingTime: number; readonly leaseTime: number },
  state: DhcpState,
): number {
  if (state === 'BOUND') return lease.renewalTime;
  return state === 'RENEWING' ? lease.rebindingTime : lease.leaseTime;
}

/** RFC 2131, section 4.1: the delay before the next message is 4 seconds, doubled each time up to 64, and up to a second more or less. */
const FIRST_DELAY = 4000;
const LONGEST_DELAY = 64_000;
export const DELAY_FUZZ = 1000;
/** Section 4.4.5: renewals are not sent closer together. */
export const LEAST_RENEWAL_DELAY = 60_000;
/** Section 3.1, step 5: a client that finds its address taken waits so long before it begins anew. */
export const DECLINE_DELAY = 10_000;
/** The longest wait behind one DHCPNAK after another: a second, doubled each time. */
const LONGEST_NAK_DELAY = 64_000;
/** How often a request is sent: section 3.1 has four within a minute; of a lease that is held, until one waited 12 seconds. */
export const REQUESTS = 4;
export const CONFIRMATIONS = 2;

/** Milliseconds, without the fuzz, until the message that was sent `sent` times is sent again. */
export function backoff(sent: number): number {
  return Math.min(FIRST_DELAY * 2 ** (sent - 1), LONGEST_DELAY);
}

/** Milliseconds to wait behind the `count`th DHCPNAK in a row; the first one is not waited for. */
export function nakDelay(count: number): number {
  return count <= 1 ? 0 : Math.min(1000 * 2 ** (count - 2), LONGEST_NAK_DELAY);
}
