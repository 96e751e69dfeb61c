import { measureWithPeer, type PeerMode } from './peer.ts';
import { race } from './race.ts';
import type { Bench } from './result.ts';
import { peerObstacle, pinning } from './sandbox.ts';
import { leaveOut, type Subject } from './subject.ts';
import { TapirSubject } from './subjects/tapir.ts';
import { startVeth } from './subjects/veth.ts';

const FLOWS = [10, 100, 1000];
const DIRECTIONS: readonly (readonly [string, PeerMode])[] = [
  ['receive', 'send'],
  ['send', 'recv'],
];

/** A thousand flows that begin with ten segments each are more than a TAP queues unless told. */
const QUEUE_LENGTH = 10_000;

/** What many connections move together, beside what one does; the kernel with as many beside it. */
export async function benchFlows(bench: Bench): Promise<void> {
  const obstacle = peerObstacle();
  if (obstacle !== undefined) return leaveOut('flows', obstacle);
  const placement = pinning();
  const ours = await TapirSubject.start(placement, { queueLength: QUEUE_LENGTH });
  const veth = await startVeth(placement);
  const load = (name: string, subject: Subject, mode: PeerMode, flows: number) => ({
    name,
    measure: async () => {
      const measured = await measureWithPeer(subject, mode, bench.seconds, placement, flows);
      return measured['bytes']! / measured['seconds']! / 1e6;
    },
  });
  try {
    for (const [direction, mode] of DIRECTIONS)
      for (const flows of FLOWS)
        bench.report(
          await race(bench, {
            name: `flows-${direction}-${flows}`,
            unit: 'MB/s',
            ours: load('tapir', ours, mode, flows),
            references: [
              load('tapir, one flow', ours, mode, 1),
              load(`kernel veth, ${flows} flows`, veth, mode, flows),
              load('kernel veth, one flow', veth, mode, 1),
            ],
          }),
        );
  } finally {
    await Promise.all([ours.stop(), veth.stop()]);
  }
}
