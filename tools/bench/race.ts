import { type Bench, type BenchResult, compareWith, type Round, summarise } from './result.ts';
import type { Subject } from './subject.ts';

/** Measures a subject once; the figure, in the result's unit. */
export type Measure = (subject: Subject) => Promise<number>;

export interface Race {
  readonly name: string;
  readonly unit: string;
  /** What it is about. */
  readonly ours: Subject;
  /** The first is the one that the result's ratio is to. */
  readonly references: readonly Subject[];
  readonly measure: Measure;
  /** A benchmark's own fields, asked for at the end. */
  readonly own?: () => Readonly<Record<string, string | number | boolean>>;
}

/**
 * Measures ours and every reference in each round, each round beginning with another one, behind one round that warms up and
 * does not count. A reference that fails is left out from then on, and said to be.
 */
export async function race({ rounds }: Pick<Bench, 'rounds'>, setup: Race): Promise<BenchResult> {
  const { ours, measure } = setup;
  const [first] = setup.references;
  if (first === undefined) throw new Error(`${setup.name} has no reference`);
  const figures = new Map<Subject, number[]>([ours, ...setup.references].map((subject) => [subject, []]));
  for (let i = -1; i < rounds; i++) {
    const subjects = [...figures.keys()];
    for (let n = 0; n < subjects.length; n++) {
      const subject = subjects[(i + 1 + n) % subjects.length]!;
      try {
        const figure = await measure(subject);
        if (i >= 0) figures.get(subject)!.push(figure);
      } catch (error) {
        if (subject === ours || subject === first) throw error;
        process.stderr.write(`without ${subject.name} from here on: ${(error as Error).message}\n`);
        figures.delete(subject);
      }
    }
  }
  const against = (reference: Subject): Round[] =>
    figures.get(reference)!.map((figure, i) => ({ ours: figures.get(ours)![i]!, reference: figure }));
  const others = [...figures.keys()].filter((subject) => subject !== ours && subject !== first);
  const result = summarise(setup.name, setup.unit, first.name, against(first), setup.own?.());
  if (others.length === 0) return result;
  return { ...result, others: others.map((reference) => compareWith(reference.name, against(reference))) };
}
