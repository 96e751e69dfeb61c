import type { RunResult, Setting, Way } from './result.ts';
import { formatMoment } from './timeline.ts';

const TITLES: Readonly<Record<Way, string>> = {
  silent: 'Run 1: the machine moves and nobody says so',
  notified: 'Run 2: the machine moves, then notify_peers',
};

/** What both runs depend on. */
export function formatSettings(settings: readonly Setting[]): string {
  const width = Math.max(...settings.map(({ name }) => name.length));
  return settings.map(({ name, value }) => `  ${name.padEnd(width)}  ${value}`).join('\n');
}

/** The timeline of a run, under its title. */
export function formatRun(result: RunResult): string {
  return [TITLES[result.way], ...result.timeline.map((moment) => `  ${formatMoment(moment)}`)].join('\n');
}

/** Both runs side by side. */
export function formatComparison(silent: RunResult, notified: RunResult): string {
  const rows: [string, (result: RunResult) => string][] = [
    ['outage', formatOutage],
    ['echo requests lost', (result) => `${result.lost} of ${result.sent}`],
    ['frames that came to the old port', (result) => String(result.leftBehind)],
    ['switch: machine before', (result) => result.fdb.before],
    ['switch: machine with carrier up', (result) => result.fdb.carrierUp],
    ['switch: machine at the end', (result) => result.fdb.after],
  ];
  const cells = rows.map(([title, value]) => [title, value(silent), value(notified)]);
  const table = [['', 'silent', 'notify_peers'], ...cells];
  const widths = [0, 1, 2].map((column) => Math.max(...table.map((row) => row[column]!.length)));
  return table
    .map((row) => `  ${row.map((cell, column) => cell.padEnd(widths[column]!)).join('   ')}`.trimEnd())
    .join('\n');
}

/** `41 ms`, `12.3 s`, `more than 30 s (cap)`. */
function formatOutage({ outageMs, capped }: RunResult): string {
  const text = outageMs < 1000 ? `${Math.round(outageMs)} ms` : `${(outageMs / 1000).toFixed(1)} s`;
  return capped ? `more than ${text} (cap)` : text;
}
