import { measureWithPeer, type PeerMode } from './peer.ts';
import { profileText, writeProfile } from './profile.ts';
import { race } from './race.ts';
import type { Bench } from './result.ts';
import { pinning } from './sandbox.ts';
import type { Subject } from './subject.ts';
import { TapirSubject } from './subjects/tapir.ts';
import { startVeth } from './subjects/veth.ts';

/** The peer sends what we receive. */
const DIRECTIONS: readonly (readonly [string, PeerMode])[] = [
  ['bulk-receive', 'send'],
  ['bulk-send', 'recv'],
];

/** One TCP connection through the socket layer, with one copy between the stack and the application, both ways. */
export async function benchBulk(bench: Bench): Promise<void> {
  const placement = pinning();
  const ours = await TapirSubject.start(placement);
  const references: Subject[] = [await startVeth(placement), await startVeth(placement, false)];
  try {
    for (const [name, mode] of DIRECTIONS) {
      const measure = async (subject: Subject): Promise<number> => {
        const { bytes, seconds } = await measureWithPeer(subject, mode, bench.seconds, placement);
        return bytes! / seconds! / 1e6;
      };
      bench.report(await race(bench, { name, unit: 'MB/s', ours, references, measure }));
      if (bench.profiles === undefined) continue;
      writeProfile(bench.profiles, name, await profileText(name, ours, () => measure(ours)));
    }
  } finally {
    await Promise.all([ours, ...references].map((subject) => subject.stop()));
  }
}
