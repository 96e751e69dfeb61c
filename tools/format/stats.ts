import type { StatsView } from '../control/view/stats.ts';

/** All counters in sections; those at zero are left out unless `zeros`. */
export function formatStats(stats: StatsView, zeros: boolean): string {
  const sections: [string, Readonly<Record<string, unknown>>][] = [
    ['Counters', stats.mib],
    ['Drops', stats.drops],
    ['Packet pool', stats.pool],
    ...Object.entries(stats.devices).map(([name, counters]): [string, Readonly<Record<string, number>>] => [
      `Device ${name}`,
      counters,
    ]),
    ['Announcer', stats.announcer],
  ];
  return sections
    .map(([title, counters]) => [title, ...rows(counters, zeros)])
    .filter((section) => section.length > 1)
    .map((section) => section.join('\n'))
    .join('\n\n');
}

/** Nested counters (`suppressed: {noCarrier: 1}`) are shown as `suppressed.noCarrier`. */
function rows(counters: Readonly<Record<string, unknown>>, zeros: boolean, path = ''): string[] {
  return Object.entries(counters).flatMap(([name, value]) => {
    if (typeof value === 'object' && value !== null)
      return rows(value as Record<string, unknown>, zeros, `${path}${name}.`);
    return value === 0 && !zeros ? [] : [`    ${`${path}${name}`.padEnd(32)}${String(value).padStart(12)}`];
  });
}
