import {
  TCP_CLOSE,
  TCP_CLOSE_WAIT,
  TCP_CLOSING,
  TCP_ESTABLISHED,
  TCP_FIN_WAIT1,
  TCP_FIN_WAIT2,
  TCP_LAST_ACK,
  TCP_LISTEN,
  TCP_SYN_RECV,
  TCP_SYN_SENT,
  TCP_TIME_WAIT,
} from './tcb.ts';

/** The application shuts its half: what `shutdown(SHUT_WR)` and `close` do to the state (Linux: `new_state`). */
export const EVENT_CLOSE = 0;
/** The peer's FIN is next in order (Linux: `tcp_fin`). */
export const EVENT_FIN = 1;
/** Our FIN was acknowledged. */
export const EVENT_FIN_ACKED = 2;

/** Our FIN is on its way, with or without the peer's. */
export const FIN_UNDER_WAY: number = (1 << TCP_FIN_WAIT1) | (1 << TCP_CLOSING) | (1 << TCP_LAST_ACK);

const STAY = 0;
/** The transition sends a FIN. */
const SEND_FIN = 0x10;

/**
 * What becomes of a connection (RFC 9293, figure 5): a row a state, in it EVENT_CLOSE, EVENT_FIN, EVENT_FIN_ACKED. Opening is
 * not in it: a handshake makes a new connection or ends an old one, and has its own rules.
 */
const NEXT: Readonly<Record<number, readonly [number, number, number]>> = {
  [TCP_ESTABLISHED]: [TCP_FIN_WAIT1 | SEND_FIN, TCP_CLOSE_WAIT, STAY],
  [TCP_SYN_SENT]: [TCP_CLOSE, STAY, STAY],
  [TCP_SYN_RECV]: [TCP_FIN_WAIT1 | SEND_FIN, TCP_CLOSE_WAIT, STAY],
  [TCP_FIN_WAIT1]: [STAY, TCP_CLOSING, TCP_FIN_WAIT2],
  [TCP_FIN_WAIT2]: [STAY, TCP_TIME_WAIT, STAY],
  [TCP_TIME_WAIT]: [STAY, STAY, STAY],
  [TCP_CLOSE]: [STAY, STAY, STAY],
  [TCP_CLOSE_WAIT]: [TCP_LAST_ACK | SEND_FIN, STAY, STAY],
  [TCP_LAST_ACK]: [STAY, STAY, TCP_CLOSE],
  [TCP_LISTEN]: [TCP_CLOSE, STAY, STAY],
  [TCP_CLOSING]: [STAY, STAY, TCP_TIME_WAIT],
};

/** The state after `event`, which is `state` itself where nothing changes. */
export function nextState(state: number, event: number): number {
  const next = NEXT[state]![event]! & ~SEND_FIN;
  return next === STAY ? state : next;
}

/** Whether closing in `state` sends a FIN. */
export function closeSendsFin(state: number): boolean {
  return (NEXT[state]![EVENT_CLOSE] & SEND_FIN) !== 0;
}

const NAMES: Readonly<Record<number, string>> = {
  [TCP_ESTABLISHED]: 'ESTABLISHED',
  [TCP_SYN_SENT]: 'SYN-SENT',
  [TCP_SYN_RECV]: 'SYN-RECV',
  [TCP_FIN_WAIT1]: 'FIN-WAIT-1',
  [TCP_FIN_WAIT2]: 'FIN-WAIT-2',
  [TCP_TIME_WAIT]: 'TIME-WAIT',
  [TCP_CLOSE]: 'CLOSE',
  [TCP_CLOSE_WAIT]: 'CLOSE-WAIT',
  [TCP_LAST_ACK]: 'LAST-ACK',
  [TCP_LISTEN]: 'LISTEN',
  [TCP_CLOSING]: 'CLOSING',
};

/** A state's name as RFC 9293 writes it. */
export function tcpStateName(state: number): string {
  return NAMES[state] ?? `state ${state}`;
}

/** Linux: `(1 << sk_state) & TCPF_...`. */
export function stateIn(state: number, mask: number): boolean {
  return ((1 << state) & mask) !== 0;
}

/** The peer's FIN has been received. */
export const PEER_CLOSED: number =
  (1 << TCP_CLOSE_WAIT) | (1 << TCP_LAST_ACK) | (1 << TCP_CLOSING) | (1 << TCP_TIME_WAIT);
/** What is queued may still go out (Linux: `tcp_tsq_write`). */
export const SENDS_QUEUED: number = (1 << TCP_ESTABLISHED) | (1 << TCP_CLOSE_WAIT) | FIN_UNDER_WAY;
/** A handshake is under way. */
export const OPENING: number = (1 << TCP_SYN_SENT) | (1 << TCP_SYN_RECV);
export const CAN_SEND: number = (1 << TCP_ESTABLISHED) | (1 << TCP_CLOSE_WAIT);
export const SYNCHRONIZED_OPEN: number =
  (1 << TCP_ESTABLISHED) | (1 << TCP_CLOSE_WAIT) | (1 << TCP_FIN_WAIT1) | (1 << TCP_FIN_WAIT2);
