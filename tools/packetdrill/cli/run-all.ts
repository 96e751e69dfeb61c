import type { Item } from './collect.ts';
import type { Report } from './report.ts';
import { type RunContext, runItem } from './run-item.ts';

/** A host that is busy during three runs in a row is no place for scripts with times. */
const AGAIN = 3;

/**
 * Runs scripts, `jobs` at a time, and hands each report on in the order of the scripts. In real time a script that failed
 * while others ran is run again by itself, {@link AGAIN} times at most: a busy host is no fault of the stack.
 */
export async function runAll(
  items: readonly Item[],
  context: RunContext,
  jobs: number,
  tell: (report: Report) => void,
): Promise<Report[]> {
  const reports: (Report | undefined)[] = items.map(() => undefined);
  let next = 0;
  const work = async (): Promise<void> => {
    for (let at = next++; at < items.length; at = next++) reports[at] = await runItem(items[at]!, context);
  };
  await Promise.all(Array.from({ length: Math.min(jobs, items.length) }, work));
  const final: Report[] = [];
  for (const [at, item] of items.entries()) {
    let report = reports[at]!;
    for (let again = 0; report.verdict === 'failed' && context.backend.realTime && again < AGAIN; again++)
      report = await runItem(item, context);
    tell(report);
    final.push(report);
  }
  return final;
}
