import type { FeatureView, LinkView, Stats64 } from '../control/view/link.ts';

/** A device as `ip link show` prints it, its counters behind it where they were asked for. */
export function formatLink(link: LinkView): string {
  const lines = [`${head(link)} mode ${link.linkmode} ${tail(link)}`, linkLine(link) + details(link)];
  if (link.linkinfo !== undefined) lines.push(`    ${link.linkinfo.info_kind} `);
  if (link.offload !== undefined) lines.push(...offload(link.offload));
  if (link.ifalias !== undefined) lines.push(`    alias ${link.ifalias}`);
  for (const name of link.altnames ?? []) lines.push(`    altname ${name}`);
  if (link.stats64 !== undefined) lines.push(...statistics(link.stats64));
  return lines.join('\n');
}

/** The same without mode and details: as `ip address` and `ip monitor` begin. */
export function formatDevice(link: LinkView): string {
  return `${head(link)} ${tail(link)}\n${linkLine(link)}`;
}

function head(link: LinkView): string {
  const other = link.link ?? (link.link_index === undefined ? undefined : `if${link.link_index}`);
  const below = other === undefined ? '' : `@${other}`;
  const master = link.master === undefined ? '' : ` master ${link.master}`;
  return `${link.ifindex}: ${link.ifname}${below}: <${link.flags.join(',')}> mtu ${link.mtu} qdisc ${link.qdisc}${master} state ${link.operstate}`;
}

function tail(link: LinkView): string {
  return link.txqlen === undefined ? `group ${link.group} ` : `group ${link.group} qlen ${link.txqlen}`;
}

function linkLine(link: LinkView): string {
  const type = `    link/${link.link_type}`;
  if (link.address === undefined) return `${type} `;
  const peer = link.flags.includes('POINTOPOINT') ? 'peer' : 'brd';
  return `${type} ${link.address} ${peer} ${link.broadcast}`;
}

function details(link: LinkView): string {
  if (link.promiscuity === undefined) return '';
  return ` promiscuity ${link.promiscuity}  allmulti ${link.allmulti} minmtu ${link.min_mtu} maxmtu ${link.max_mtu} `;
}

/** What is on and what is off, with the words that `ethtool -k` puts behind a feature; what can't be had is left out. */
function offload(features: Readonly<Record<string, FeatureView>>): string[] {
  const shown = Object.entries(features).filter(([, { active, fixed }]) => active || !fixed);
  const words = shown.map(([name, { active, fixed, requested }]) => {
    const remark = fixed
      ? ' [fixed]'
      : active === requested
        ? ''
        : ` [requested ${requested ? 'on' : 'off'}]`;
    return `${name} ${active ? 'on' : 'off'}${remark}`;
  });
  return words.map((text, index) => `${index === 0 ? '    offload ' : '            '}${text}`);
}

/** One line of titles with its counters: iproute2's `print_stats64`. */
interface Table {
  readonly title: string;
  readonly columns: readonly (readonly [title: string, key: string])[];
  /** Spaces that iproute2 leaves behind the titles, for a column that is not shown. */
  readonly trailing: string;
}

const USUAL = 11;

const RX: Table = {
  title: 'RX:',
  columns: [
    ['bytes', 'bytes'],
    ['packets', 'packets'],
    ['errors', 'errors'],
    ['dropped', 'dropped'],
    ['missed', 'over_errors'],
    ['mcast', 'multicast'],
  ],
  trailing: ' '.repeat(USUAL),
};
const RX_ERRORS: Table = {
  title: 'RX errors:',
  columns: [
    ['', ''],
    ['length', 'length_errors'],
    ['crc', 'crc_errors'],
    ['frame', 'frame_errors'],
    ['fifo', 'fifo_errors'],
    ['overrun', 'missed_errors'],
  ],
  trailing: '',
};
const TX: Table = {
  title: 'TX:',
  columns: [
    ['bytes', 'bytes'],
    ['packets', 'packets'],
    ['errors', 'errors'],
    ['dropped', 'dropped'],
    ['carrier', 'carrier_errors'],
    ['collsns', 'collisions'],
  ],
  trailing: ' '.repeat(USUAL),
};
const TX_ERRORS: Table = {
  title: 'TX errors:',
  columns: [
    ['', ''],
    ['aborted', 'aborted_errors'],
    ['fifo', 'fifo_errors'],
    ['window', 'window_errors'],
    ['heartbt', 'heartbeat_errors'],
    ['transns', 'carrier_changes'],
  ],
  trailing: '',
};

/** Least widths of the columns; a counter of more digits widens its column in every table. */
const WIDTHS = [10, 7, 6, 7, 7, 7];

function statistics({ rx, tx }: Stats64): string[] {
  const all = rx['length_errors'] !== undefined;
  const tables: [Table, Readonly<Record<string, number>>][] = all
    ? [
        [RX, rx],
        [RX_ERRORS, rx],
        [TX, tx],
        [TX_ERRORS, tx],
      ]
    : [
        [RX, rx],
        [TX, tx],
      ];
  const widths = WIDTHS.map((width, column) =>
    Math.max(
      width,
      ...tables.map(([table, values]) => String(values[table.columns[column]![1]] ?? '').length),
    ),
  );
  return tables.flatMap(([table, values]) => rows(table, values, widths));
}

function rows(table: Table, values: Readonly<Record<string, number>>, widths: readonly number[]): string[] {
  const first = widths[0]! - table.title.length;
  const titles = table.columns.map(([title], column) =>
    title.padStart(column === 0 ? first : widths[column]!),
  );
  const counters = table.columns.map(([, key], column) =>
    String(values[key] ?? '').padStart(widths[column]!),
  );
  return [`    ${table.title}${titles.join(' ')}${table.trailing}`, `    ${counters.join(' ')} `];
}
