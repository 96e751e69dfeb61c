import { measureWithPeer } from './peer.ts';
import { race } from './race.ts';
import type { Bench } from './result.ts';
import { isInstalled, peerObstacle, pinning, run } from './sandbox.ts';
import { leaveOut, type Subject } from './subject.ts';
import { TapirSubject } from './subjects/tapir.ts';
import { startVeth } from './subjects/veth.ts';

/** Segments of a thousand that are lost. */
const PER_MILLE = [0, 1, 10, 50];
const TABLE = 'tapir-bench-loss';

/** Drops so many of a thousand IP packets that come from a host, at random, as they come in. */
function lose(address: string, perMille: number): void {
  const rules = [
    `add table ip ${TABLE}`,
    `delete table ip ${TABLE}`,
    `add table ip ${TABLE}`,
    `add chain ip ${TABLE} input { type filter hook input priority 0; }`,
  ];
  if (perMille > 0)
    rules.push(`add rule ip ${TABLE} input ip saddr ${address} numgen random mod 1000 < ${perMille} drop`);
  run('nft', rules.join('; '));
}

/**
 * What one connection moves when segments of 1448 bytes that the subject sends are lost on the way: how its recovery holds up, beside the
 * kernel's own. Both send plain frames, so that a segment is lost, not a super-segment.
 */
export async function benchLoss(bench: Bench): Promise<void> {
  const obstacle = peerObstacle() ?? (isInstalled('nft') ? undefined : 'no nft (Debian: nftables)');
  if (obstacle !== undefined) return leaveOut('loss', obstacle);
  const placement = pinning();
  const ours = await TapirSubject.start(placement, { plain: true });
  const veth = await startVeth(placement, false);
  const goodput = (subject: Subject, perMille: number) => ({
    name: subject.name,
    measure: async () => {
      lose(subject.address, perMille);
      const { bytes, seconds } = await measureWithPeer(subject, 'recv', bench.seconds, placement);
      return bytes! / seconds! / 1e6;
    },
  });
  try {
    for (const perMille of PER_MILLE)
      bench.report(
        await race(bench, {
          name: `loss-${perMille / 10}`,
          unit: 'MB/s',
          ours: goodput(ours, perMille),
          references: [goodput(veth, perMille)],
        }),
      );
  } finally {
    await Promise.all([ours.stop(), veth.stop()]);
  }
}
