import { type Bench, type BenchResult, compareWith, type Round, summarise } from './result.ts';

/** One that is measured: a subject with a load, a setting. */
export interface Contestant {
  readonly name: string;
  /** Measures once; the figure, in the result's unit. */
  measure(): Promise<number>;
}

export interface Race {
  readonly name: string;
  readonly unit: string;
  readonly ours: Contestant;
  /** The first is the one that the result's ratio is to; it must not fail. */
  readonly references: readonly Contestant[];
  /** A benchmark's own fields, asked for at the end. */
  readonly own?: () => Readonly<Record<string, string | number | boolean>>;
}

/** Measurements of ours before the first round: V8 compiles what is hot by and by. */
const WARM_UP = 3;

/**
 * Measures ours and every reference in each round, each round beginning with another one, behind one round that warms up and
 * does not count. A further reference that fails is left out from then on, and said to be.
 */
export async function race({ rounds }: Pick<Bench, 'rounds'>, setup: Race): Promise<BenchResult> {
  const { ours, references } = setup;
  const first = references[0]!;
  const figures = new Map<Contestant, number[]>([ours, ...references].map((one) => [one, []]));
  for (let i = 0; i < Math.min(WARM_UP, rounds); i++) await ours.measure();
  for (let i = -1; i < rounds; i++) {
    const field = [...figures.keys()];
    for (let n = 0; n < field.length; n++) {
      const one = field[(i + 1 + n) % field.length]!;
      try {
        const figure = await one.measure();
        if (i >= 0) figures.get(one)!.push(figure);
      } catch (error) {
        if (one === ours || one === first) throw error;
        process.stderr.write(`without ${one.name} from here on: ${(error as Error).message}\n`);
        figures.delete(one);
      }
    }
  }
  const against = (reference: Contestant): Round[] =>
    figures.get(reference)!.map((figure, i) => ({ ours: figures.get(ours)![i]!, reference: figure }));
  const others = [...figures.keys()].filter((one) => one !== ours && one !== first);
  const result = summarise(setup.name, setup.unit, first.name, against(first), setup.own?.());
  if (others.length === 0) return result;
  return { ...result, others: others.map((reference) => compareWith(reference.name, against(reference))) };
}
