import type { Outcome } from '../run/runner.ts';

/** How a script counts. */
export type Verdict = 'passed' | 'failed' | 'skipped' | 'unsupported';

/** What is told of one script. */
export interface Report {
  readonly path: string;
  readonly verdict: Verdict;
  readonly reason: string;
  /** Line in the script; 0: none. */
  readonly line: number;
  /** Of a script that ran. */
  readonly outcome: Outcome | undefined;
}

/** Entries of the trace that a failure shows. */
const TRACE = 30;

export function formatJson({ path, verdict, reason, line }: Report): string {
  return JSON.stringify({ path, verdict, reason, line });
}

/** A line for each script; for a failure what was expected, what came, and the trace. */
export function formatText(report: Report): string {
  const { path, verdict, reason, line, outcome } = report;
  if (verdict === 'passed') return `ok ${path}`;
  const place = line === 0 ? path : `${path}:${line}`;
  if (verdict !== 'failed') return `${verdict} ${place}: ${reason}`;
  const lines = [`FAILED ${place}: ${reason}`];
  if (outcome !== undefined) lines.push(...outcome.details, 'trace:', ...outcome.trace.last(TRACE));
  return lines.join('\n  ');
}

/** The line that every run ends with. */
export function closing(reports: readonly Report[]): string {
  const count = (verdict: Verdict): number => reports.filter((report) => report.verdict === verdict).length;
  return `${count('passed')} passed, ${count('failed')} failed, ${count('skipped') + count('unsupported')} skipped`;
}
