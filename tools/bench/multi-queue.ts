import { cpus } from 'node:os';
import { measureWithPeer, type PeerMode } from './peer.ts';
import { race } from './race.ts';
import type { Bench } from './result.ts';
import { peerObstacle, pinning } from './sandbox.ts';
import { leaveOut, type Subject } from './subject.ts';
import { startGroup } from './subjects/group.ts';

const FLOWS = 16;
const DIRECTIONS: readonly (readonly [string, PeerMode])[] = [
  ['receive', 'send'],
  ['send', 'recv'],
];

/** What two threads move together over many connections, beside one thread; the peer has a CPU, too. */
export async function benchMultiQueue(bench: Bench): Promise<void> {
  const obstacle = peerObstacle();
  if (obstacle !== undefined) return leaveOut('multi-queue', obstacle);
  const placement = pinning();
  const two = await startGroup(2);
  const one = await startGroup(1);
  const load = (subject: Subject, mode: PeerMode) => ({
    name: subject.name,
    measure: async () => {
      const { bytes, seconds } = await measureWithPeer(subject, mode, bench.seconds, placement, FLOWS);
      return bytes! / seconds! / 1e6;
    },
  });
  try {
    for (const [direction, mode] of DIRECTIONS)
      bench.report(
        await race(bench, {
          name: `multi-queue-${direction}`,
          unit: 'MB/s',
          ours: load(two, mode),
          references: [load(one, mode)],
          own: () => ({ cpus: cpus().length }),
        }),
      );
  } finally {
    await Promise.all([two.stop(), one.stop()]);
  }
}
