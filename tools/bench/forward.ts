import { measureWithPeer } from './peer.ts';
import { race } from './race.ts';
import type { Bench } from './result.ts';
import { peerObstacle, pinning } from './sandbox.ts';
import { leaveOut, type Subject } from './subject.ts';
import { startKernelRouter, startTapirRouter } from './subjects/routers.ts';

const DATAGRAM_BYTES = 64;

/** What goes through a router: datagrams that arrive, and bytes of one connection. */
export async function benchForward(bench: Bench): Promise<void> {
  const obstacle = peerObstacle();
  if (obstacle !== undefined) return leaveOut('forward', obstacle);
  const placement = pinning();
  const ours = await startTapirRouter(placement);
  const kernel = await startKernelRouter(placement);
  const datagrams = (subject: Subject) => ({
    name: subject.name,
    measure: async () => {
      const measured = await measureWithPeer(subject, 'udp-send', bench.seconds, placement, DATAGRAM_BYTES);
      return measured['datagrams']! / measured['seconds']!;
    },
  });
  const bulk = (subject: Subject) => ({
    name: subject.name,
    measure: async () => {
      const measured = await measureWithPeer(subject, 'send', bench.seconds, placement);
      return measured['bytes']! / measured['seconds']! / 1e6;
    },
  });
  try {
    const ends = { datagrams: { unit: 'frames/s', load: datagrams }, bulk: { unit: 'MB/s', load: bulk } };
    for (const [name, { unit, load }] of Object.entries(ends))
      bench.report(
        await race(bench, { name: `forward-${name}`, unit, ours: load(ours), references: [load(kernel)] }),
      );
  } finally {
    await Promise.all([ours.stop(), kernel.stop()]);
  }
}
