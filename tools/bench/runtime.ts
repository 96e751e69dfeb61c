import type { RuntimeObservation } from './host/runtime.ts';
import { measureWithPeer, type PeerMode } from './peer.ts';
import { race } from './race.ts';
import { type Bench, summarise } from './result.ts';
import { peerObstacle, pinning } from './sandbox.ts';
import { leaveOut } from './subject.ts';
import { type AskableSubject, startNodeNet } from './subjects/node-net.ts';
import { TapirSubject } from './subjects/tapir.ts';

const DIRECTIONS: readonly (readonly [string, PeerMode])[] = [
  ['receive', 'send'],
  ['send', 'recv'],
];
/** Measurements that the long run is as long as: two minutes at the usual length. */
const LONG_RUN = 150;

/** What the runtime did while the peer moved as much as it could. */
async function observe(
  subject: AskableSubject,
  mode: PeerMode,
  seconds: number,
): Promise<RuntimeObservation & { bytes: number }> {
  await subject.ask('watch');
  const { bytes } = await measureWithPeer(subject, mode, seconds, pinning());
  return { ...((await subject.ask('observed')) as RuntimeObservation), bytes: bytes! };
}

/** Starts ours and `node:net`, and ends them. */
export async function besideNode(
  name: string,
  body: (ours: AskableSubject, node: AskableSubject) => Promise<void>,
): Promise<void> {
  const obstacle = peerObstacle();
  if (obstacle !== undefined) return leaveOut(name, obstacle);
  const ours = await TapirSubject.start(pinning());
  const node = await startNodeNet(pinning());
  try {
    await body(ours, node);
  } finally {
    await Promise.all([ours.stop(), node.stop()]);
  }
}

/** Delay of the event loop, 99th percentile, under full bulk load: what else the program has to do waits so long. */
export function benchEventLoopDelay(bench: Bench): Promise<void> {
  return besideNode('event-loop-delay', async (ours, node) => {
    for (const [direction, mode] of DIRECTIONS) {
      let longest = 0;
      const delay = (subject: AskableSubject) => ({
        name: subject.name,
        measure: async () => {
          const { delayP99, delayMax } = await observe(subject, mode, bench.seconds);
          if (subject === ours) longest = Math.max(longest, delayMax);
          return delayP99;
        },
      });
      const setup = { name: `event-loop-delay-${direction}`, unit: 'ms', ours: delay(ours) };
      const own = () => ({ longestMilliseconds: Number(longest.toFixed(2)) });
      bench.report(await race(bench, { ...setup, references: [delay(node)], own }));
    }
  });
}

/** Milliseconds that the collector takes out of a second, in one long bulk transfer each. */
export function benchGcPauses({ seconds, report }: Bench): Promise<void> {
  return besideNode('gc-pauses', async (ours, node) => {
    const long = seconds * LONG_RUN;
    await observe(ours, 'send', seconds);
    const own = await observe(ours, 'send', long);
    const reference = await observe(node, 'send', long);
    const round = { ours: own.collectionTotal / long, reference: reference.collectionTotal / long };
    report(
      summarise('gc-pauses', 'ms/s', node.name, [round], {
        seconds: long,
        collections: own.collections,
        longestMilliseconds: Number(own.collectionMax.toFixed(2)),
      }),
    );
  });
}
