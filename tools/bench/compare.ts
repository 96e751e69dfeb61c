import { readFileSync } from 'node:fs';
import type { BenchResult } from './result.ts';

/** Reads results written earlier with `--json`. Lines that are no results are passed over; throws when none is one. */
export function readResults(path: string): Map<string, BenchResult> {
  const results = new Map<string, BenchResult>();
  for (const line of readFileSync(path, 'utf8').split('\n')) {
    if (!line.startsWith('{')) continue;
    const result: unknown = JSON.parse(line);
    if (isResult(result)) results.set(result.name, result);
  }
  if (results.size === 0) throw new Error(`${path} holds no benchmark results`);
  return results;
}

/** `arp-transmit: ratio 0.95, was 0.93 (+2.2 %)`; undefined where there is nothing to compare with. */
export function compareResult(
  now: BenchResult,
  earlier: ReadonlyMap<string, BenchResult>,
): string | undefined {
  const before = earlier.get(now.name);
  if (before === undefined) return undefined;
  const percent = (now.ratio / before.ratio - 1) * 100;
  return `  was ${before.ratio} (${percent >= 0 ? '+' : ''}${percent.toFixed(1)} %)`;
}

function isResult(value: unknown): value is BenchResult {
  return typeof value === 'object' && value !== null && 'name' in value && 'ratio' in value;
}
