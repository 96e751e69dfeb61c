import { profileText, writeProfile } from './profile.ts';
import { race } from './race.ts';
import { FETCHED } from './references.ts';
import type { Bench, BenchResult } from './result.ts';
import { peerObstacle, pinning } from './sandbox.ts';
import { leaveOut, type Placement, type StartSubject, type Subject } from './subject.ts';
import { type TapirOptions, TapirSubject } from './subjects/tapir.ts';

/** The stack beside references, all of them measured by the peer program in the same rounds. */
export interface Contest {
  readonly name: string;
  readonly unit: string;
  readonly ours?: TapirOptions;
  /** The first one that is installed is the one that the ratio is to. */
  readonly references: readonly StartSubject[];
  /** Measures a subject once. */
  measure(subject: Subject, placement: Placement, bench: Bench): Promise<number>;
}

/** Starts everybody, races them, profiles ours when asked to, ends everybody. */
export async function hold(bench: Bench, contest: Contest): Promise<void> {
  const obstacle = peerObstacle();
  if (obstacle !== undefined) return leaveOut(contest.name, obstacle);
  const placement = pinning();
  const started: Subject[] = [];
  try {
    const ours = await TapirSubject.start(placement, contest.ours);
    started.push(ours);
    for (const start of contest.references) {
      if (bench.offline && FETCHED.has(start)) continue;
      const reference = await start(placement).catch((error: Error) => leaveOut(start.name, error.message));
      if (reference !== undefined) started.push(reference);
    }
    const [first, ...references] = started.map((subject) => ({
      name: subject.name,
      measure: () => contest.measure(subject, placement, bench),
    }));
    const { name, unit } = contest;
    const result: BenchResult = await race(bench, { name, unit, ours: first!, references });
    bench.report(result);
    if (bench.profiles !== undefined)
      writeProfile(bench.profiles, name, await profileText(name, ours, () => first!.measure()));
  } finally {
    await Promise.all(started.map((subject) => subject.stop()));
  }
}
