import { type Contest, hold } from './contest.ts';
import { measureWithPeer, type PeerMode } from './peer.ts';
import { PLAIN_REFERENCES, REFERENCES } from './references.ts';
import type { Bench } from './result.ts';

/** One TCP connection; megabytes a second that were acknowledged, or read. */
function bulk(name: string, mode: PeerMode, more: Partial<Contest> = {}): (bench: Bench) => Promise<void> {
  const contest: Contest = {
    name,
    unit: 'MB/s',
    references: REFERENCES,
    async measure(subject, placement, { seconds }) {
      const measured = await measureWithPeer(subject, mode, seconds, placement);
      return measured['bytes']! / measured['seconds']! / 1e6;
    },
    ...more,
  };
  return (bench) => hold(bench, contest);
}

const ZEROCOPY = { ours: { words: ['zerocopy'] } };
const STREAM = { ours: { words: ['stream'] } };
const ONREAD = { ours: { words: ['onread'] } };
const PLAIN = { ours: { plain: true }, references: PLAIN_REFERENCES };

/** Bulk transfer: through the socket layer, with one copy between the stack and the application or none, and through `stack.net`. */
export const BULK: Readonly<Record<string, (bench: Bench) => Promise<void>>> = {
  'bulk-receive': bulk('bulk-receive', 'send'),
  'bulk-send': bulk('bulk-send', 'recv'),
  'bulk-receive-zerocopy': bulk('bulk-receive-zerocopy', 'send', ZEROCOPY),
  'bulk-send-zerocopy': bulk('bulk-send-zerocopy', 'recv', ZEROCOPY),
  'bulk-receive-stream': bulk('bulk-receive-stream', 'send', STREAM),
  'bulk-send-stream': bulk('bulk-send-stream', 'recv', STREAM),
  'bulk-receive-onread': bulk('bulk-receive-onread', 'send', ONREAD),
  'bulk-receive-plain': bulk('bulk-receive-plain', 'send', PLAIN),
  'bulk-send-plain': bulk('bulk-send-plain', 'recv', PLAIN),
};
