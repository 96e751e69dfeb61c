import { UsageError } from './words.ts';

/** Whether a socket in that state is wanted. */
type StateSelector = (state: string) => boolean;

/** States by the names that `ss` takes; what it prints is another matter. */
const STATES: Readonly<Record<string, string>> = {
  established: 'ESTAB',
  'syn-sent': 'SYN-SENT',
  'syn-recv': 'SYN-RECV',
  'fin-wait-1': 'FIN-WAIT-1',
  'fin-wait-2': 'FIN-WAIT-2',
  'time-wait': 'TIME-WAIT',
  closed: 'UNCONN',
  'close-wait': 'CLOSE-WAIT',
  'last-ack': 'LAST-ACK',
  listening: 'LISTEN',
  closing: 'CLOSING',
};

const IDLE = new Set(['LISTEN', 'UNCONN']);
const BUCKETS = new Set(['SYN-RECV', 'TIME-WAIT']);

/** Names for several states. */
const GROUPS: Readonly<Record<string, StateSelector>> = {
  all: () => true,
  connected: (state) => !IDLE.has(state),
  synchronized: (state) => !IDLE.has(state) && state !== 'SYN-SENT',
  bucket: (state) => BUCKETS.has(state),
  big: (state) => !BUCKETS.has(state),
};

/** What `state STATE ...` and the options select; without any, sockets that have a peer. Throws a {@link UsageError}. */
export function stateSelector(
  words: readonly string[],
  options: { readonly all?: boolean; readonly listening?: boolean },
): StateSelector {
  const selectors: StateSelector[] = [];
  for (let at = 0; at < words.length; at += 2) {
    if (words[at] !== 'state') throw new UsageError(`Error: "${words[at]}" is a garbage.`);
    selectors.push(named(words[at + 1]));
  }
  if (selectors.length > 0) return (state) => selectors.some((wants) => wants(state));
  if (options.all === true) return () => true;
  if (options.listening === true) return (state) => IDLE.has(state);
  return (state) => !IDLE.has(state) && !BUCKETS.has(state);
}

function named(name: string | undefined): StateSelector {
  if (name === undefined) throw new UsageError('Command line is not complete. Try option "--help"');
  const group = Object.hasOwn(GROUPS, name) ? GROUPS[name] : undefined;
  if (group !== undefined) return group;
  const wanted = Object.hasOwn(STATES, name) ? STATES[name] : undefined;
  if (wanted === undefined) throw new UsageError(`Error: "${name}" is no state of a socket.`);
  return (state) => state === wanted;
}
