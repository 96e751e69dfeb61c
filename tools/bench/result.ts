/** What a benchmark found: one JSON object a line with `--json`, one line of a table without. */
export interface BenchResult {
  /** `arp-transmit`, `bulk-receive` ... */
  readonly name: string;
  /** Median over the rounds, in `unit`. */
  readonly value: number;
  readonly unit: string;
  /** What it was measured beside, in the same run: `native loop: 1234567 frames/s`. */
  readonly reference: string;
  /** Ours to the reference, median over the rounds. */
  readonly ratio: number;
  /** Least and greatest ratio of a round. */
  readonly min: number;
  readonly max: number;
  readonly rounds: number;
  /** What else ran in the same rounds. */
  readonly others?: readonly Comparison[];
  /** A benchmark's own fields. */
  readonly [own: string]: string | number | boolean | readonly Comparison[] | undefined;
}

/** A further reference: what it reached, and ours to it, as median, least and greatest of the rounds. */
export interface Comparison {
  readonly name: string;
  readonly value: number;
  readonly ratio: number;
  readonly min: number;
  readonly max: number;
}

/** What a benchmark is told. */
export interface Bench {
  readonly rounds: number;
  /** How long one measurement of a throughput or a latency takes. */
  readonly seconds: number;
  /** Nothing is fetched: references that are built from sources are left out. */
  readonly offline: boolean;
  /** Folder for profiles, one more measurement each; undefined: none is made. */
  readonly profiles: string | undefined;
  /** Told each result as it is there. */
  readonly report: (result: BenchResult) => void;
}

/** One round: ours and the reference, in the same unit, measured right after each other. */
export interface Round {
  readonly ours: number;
  readonly reference: number;
}

/** Median; of an even number of values the mean of the middle two. NaN for none. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/** Puts rounds together: medians of the values and of the per-round ratios. */
export function summarise(
  name: string,
  unit: string,
  referenceName: string,
  rounds: readonly Round[],
  own: Readonly<Record<string, string | number | boolean>> = {},
): BenchResult {
  const ratios = rounds.map(({ ours, reference }) => ours / reference);
  const value = median(rounds.map(({ ours }) => ours));
  const reference = median(rounds.map((round) => round.reference));
  return {
    name,
    value: round(value),
    unit,
    reference: `${referenceName}: ${round(reference)} ${unit}`,
    ratio: round(median(ratios)),
    min: round(Math.min(...ratios)),
    max: round(Math.max(...ratios)),
    rounds: rounds.length,
    ...own,
  };
}

/** A further reference's part of a result, from the same rounds. */
export function compareWith(name: string, rounds: readonly Round[]): Comparison {
  const ratios = rounds.map(({ ours, reference }) => ours / reference);
  return {
    name,
    value: round(median(rounds.map(({ reference }) => reference))),
    ratio: round(median(ratios)),
    min: round(Math.min(...ratios)),
    max: round(Math.max(...ratios)),
  };
}

/** Four significant digits, and no fraction from a thousand on. */
function round(value: number): number {
  return Math.abs(value) >= 1000 ? Math.round(value) : Number(value.toPrecision(4));
}

const STANDARD = new Set(['name', 'value', 'unit', 'reference', 'ratio', 'min', 'max', 'rounds', 'others']);

/** The line that people read. */
export function formatResult(result: BenchResult): string {
  const own = Object.entries(result)
    .filter(([key]) => !STANDARD.has(key))
    .map(([key, value]) => `${key} ${String(value as string | number | boolean)}`);
  return [
    `${result.name}: ${result.value} ${result.unit}`,
    `  ratio ${result.ratio} (${result.min} to ${result.max}, ${result.rounds} rounds) to ${result.reference}`,
    ...(result.others ?? []).map(
      ({ name, value, ratio, min, max }) =>
        `  ratio ${ratio} (${min} to ${max}) to ${name}: ${value} ${result.unit}`,
    ),
    ...own.map((line) => `  ${line}`),
  ].join('\n');
}
