import type { DhcpCounts, DhcpLeaseView, DhcpView } from '../control/view/dhcp.ts';

/** A client or a server as `tapir dhcp show` prints it. */
export function formatDhcp(view: DhcpView): string {
  const lines = [`${view.ifname} ${view.role} ${view.state}`];
  if (view.role === 'server') {
    lines[0] += ` leases ${view.leases.length} free ${view.free}`;
    lines.push(...view.leases.map(formatLease));
  } else if (view.address !== undefined) {
    lines[0] += ` ${view.address}/${view.prefixlen} server ${view.server}`;
    lines.push(`    lease ${time(view.left)} renew ${time(view.renew)}${list('via', view.routers)}`);
    if (view.domain !== undefined || view.dns?.length !== 0)
      lines.push(`   ${list('dns', view.dns)}${view.domain === undefined ? '' : ` domain ${view.domain}`}`);
  }
  if (view.counters !== undefined) lines.push(...formatCounts(view.counters));
  return lines.join('\n');
}

function formatLease({ address, state, client, hostname, left }: DhcpLeaseView): string {
  const whose = `${client === '' ? '' : ` ${client}`}${hostname === '' ? '' : ` ${hostname}`}`;
  return `    ${address} ${state} ${time(left)}${whose}`;
}

/** Counters that are not 0, dropped messages on a line of their own. */
function formatCounts({ dropped = {}, ...counts }: DhcpCounts): string[] {
  const words = (values: object): string =>
    Object.entries(values)
      .filter(([, count]) => count !== 0)
      .map(([name, count]) => ` ${name} ${count}`)
      .join('');
  return [`   ${words(counts)}`, `    dropped:${words(dropped as object)}`].filter((line) => /\d/.test(line));
}

function list(word: string, values: readonly string[] = []): string {
  return values.length === 0 ? '' : ` ${word} ${values.join(',')}`;
}

function time(seconds: number | null | undefined): string {
  return seconds === null || seconds === undefined ? 'forever' : `${seconds}sec`;
}
