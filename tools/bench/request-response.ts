import { measureWithPeer } from './peer.ts';
import { profileText, writeProfile } from './profile.ts';
import { race } from './race.ts';
import type { Bench } from './result.ts';
import { pinning } from './sandbox.ts';
import type { Subject } from './subject.ts';
import { TapirSubject } from './subjects/tapir.ts';
import { startVeth } from './subjects/veth.ts';

/** One byte there and back: on one CPU, where no wake-up of an idle CPU hides the stack, and across two. */
export async function benchRequestResponse(bench: Bench): Promise<void> {
  const placement = pinning();
  const ours = await TapirSubject.start(placement);
  const references = [await startVeth(placement)];
  try {
    for (const [name, peerCpu] of [
      ['request-response', placement.subjectCpu],
      ['request-response-two-cpus', placement.peerCpu],
    ] as const) {
      const measure = roundTrip(bench, peerCpu);
      bench.report(await race(bench, { name, unit: 'us', ours, references, measure }));
      if (bench.profiles === undefined) continue;
      writeProfile(bench.profiles, name, await profileText(name, ours, () => measure(ours)));
    }
  } finally {
    await Promise.all([ours, ...references].map((subject) => subject.stop()));
  }
}

function roundTrip({ seconds }: Bench, peerCpu: number): (subject: Subject) => Promise<number> {
  return async (subject) => (await measureWithPeer(subject, 'rr', seconds, { peerCpu }))['median']!;
}
