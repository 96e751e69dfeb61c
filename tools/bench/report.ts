import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { cpus, loadavg, release } from 'node:os';
import { join } from 'node:path';
import { readResults } from './compare.ts';
import { plot } from './plot.ts';
import type { BenchResult } from './result.ts';
import { judge, type Target } from './targets.ts';

const PAGE = 'docs/benchmarks.md';
const FOLDER = 'docs/benchmarks';
const RESULTS = join(FOLDER, 'results.jsonl');
/** Where profiles go for a report. */
export const PROFILES: string = join(FOLDER, 'profiles');

/** Writes the report page with its plots. Results of earlier runs that are not among the new ones stay in it. */
export async function writeReport(fresh: readonly BenchResult[]): Promise<void> {
  mkdirSync(FOLDER, { recursive: true });
  const results = existsSync(RESULTS) ? readResults(RESULTS) : new Map<string, BenchResult>();
  for (const result of fresh) results.set(result.name, result);
  const all = [...results.values()].sort((a, b) => a.name.localeCompare(b.name));
  writeFileSync(RESULTS, all.map((result) => `${JSON.stringify(result)}\n`).join(''));
  for (const result of all) writeFileSync(join(FOLDER, `${result.name}.svg`), await plot(result));
  writeFileSync(PAGE, page(all, results));
}

function page(all: readonly BenchResult[], results: ReadonlyMap<string, BenchResult>): string {
  return [
    '# Benchmarks',
    '',
    'Written by `npm run bench -- --report`. Each figure is the median of the rounds; a ratio is the median, and in brackets the least and the',
    'greatest, of the ratios of each round, in which everybody was measured one after the other by the same peer program.',
    `Machine: ${cpus().length} CPUs (${cpus()[0]?.model.trim() ?? 'unknown'}), Linux ${release().split('.', 2).join('.')}, Node ${process.version}.`,
    `Its load average over fifteen minutes was ${loadavg()[2]!.toFixed(1)} when this was written. The benchmarks alone make about 2; more means that others`,
    'worked at the same time, and that the figures say less.',
    '',
    '## Targets',
    '',
    '| figure | of | to reach | measured | |',
    '|---|---|---|---|---|',
    ...judge(results).map(
      ({ target, measured, met }) =>
        `| ${target.result} | ${target.field} | ${bound(target)} | ${measured ?? '-'} | ${
          measured === undefined ? 'not measured' : met ? 'pass' : 'miss'
        } |`,
    ),
    '',
    ...profiles(),
    '## Results',
    '',
    ...all.flatMap(section),
  ].join('\n');
}

function bound({ least, most }: Target): string {
  return least === undefined ? `at most ${most}` : `at least ${least}`;
}

/** Where the time goes, which is what bounds a figure that is missed. */
function profiles(): string[] {
  const names = existsSync(PROFILES) ? readdirSync(PROFILES).filter((name) => name.endsWith('.txt')) : [];
  if (names.length === 0) return [];
  return [
    'Where the time of the process goes, by function, is what bounds a figure:',
    '',
    ...names.map((name) => `- [${name.slice(0, -4)}](benchmarks/profiles/${name})`),
    '',
  ];
}

function section(result: BenchResult): string[] {
  const { name, value, unit, reference, ratio, min, max, rounds, others = [] } = result;
  return [
    `### ${name}`,
    '',
    `${value} ${unit}, ${rounds} rounds.`,
    '',
    '| beside | ratio | least | greatest |',
    '|---|---|---|---|',
    `| ${reference} | ${ratio} | ${min} | ${max} |`,
    ...others.map(
      (other) => `| ${other.name}: ${other.value} ${unit} | ${other.ratio} | ${other.min} | ${other.max} |`,
    ),
    '',
    `![${name}](benchmarks/${name}.svg)`,
    '',
  ];
}
