/** Index: state. */
const NAMES: readonly string[] = [
  'UNKNOWN',
  'ESTAB',
  'SYN-SENT',
  'SYN-RECV',
  'FIN-WAIT-1',
  'FIN-WAIT-2',
  'TIME-WAIT',
  'UNCONN',
  'CLOSE-WAIT',
  'LAST-ACK',
  'LISTEN',
  'CLOSING',
];

/** The name of a `TCP_*` state as `ss` prints it. */
export function tcpStateName(state: number): string {
  return NAMES[state] ?? 'UNKNOWN';
}
