import { type Contest, hold } from './contest.ts';
import { measureWithPeer } from './peer.ts';
import { REFERENCES } from './references.ts';
import type { Bench } from './result.ts';
import type { Placement } from './subject.ts';
import type { TapirOptions } from './subjects/tapir.ts';

/** One byte there and back; the median trip. */
function roundTrips(
  name: string,
  cpu: (placement: Placement) => number,
  ours: TapirOptions = {},
): (bench: Bench) => Promise<void> {
  const contest: Contest = {
    name,
    unit: 'us',
    ours,
    references: REFERENCES,
    async measure(subject, placement, { seconds }) {
      const measured = await measureWithPeer(subject, 'rr', seconds, { peerCpu: cpu(placement) });
      return measured['median']!;
    },
  };
  return (bench) => hold(bench, contest);
}

/** On one CPU no wake-up of an idle CPU hides the stack; across two everybody who sleeps is equal, and polling saves it. */
export const REQUEST_RESPONSE: Readonly<Record<string, (bench: Bench) => Promise<void>>> = {
  'request-response': roundTrips('request-response', ({ subjectCpu }) => subjectCpu),
  'request-response-two-cpus': roundTrips('request-response-two-cpus', ({ peerCpu }) => peerCpu),
  'request-response-busy': roundTrips('request-response-busy', ({ peerCpu }) => peerCpu, { busy: true }),
};
