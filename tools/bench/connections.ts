import { hold } from './contest.ts';
import { measureWithPeer } from './peer.ts';
import { REFERENCES } from './references.ts';
import type { Bench } from './result.ts';

/** Connections opened, used for a byte each way and reset, one after the other. */
export function benchConnections(bench: Bench): Promise<void> {
  return hold(bench, {
    name: 'connections',
    unit: 'connections/s',
    references: REFERENCES,
    async measure(subject, placement, { seconds }) {
      const measured = await measureWithPeer(subject, 'connections', seconds, placement);
      return measured['connections']! / measured['seconds']!;
    },
  });
}
