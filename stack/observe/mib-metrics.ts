import { type CounterName, MIB } from '../counters.ts';
import { type Family, single } from './family.ts';

/** The groups of `/proc/net/snmp` and `/proc/net/netstat`, longer names before those that they begin with. */
const GROUPS = ['IpExt', 'TcpExt', 'Icmp', 'Tcp', 'Udp', 'Ip', 'Arp', 'Neigh'] as const;

/** What is in the MIB and yet no counter. */
const GAUGES: ReadonlySet<string> = new Set(['IpForwarding', 'IpDefaultTTL', 'TcpCurrEstab']);

/** `TcpInSegs` as node_exporter names it: `netstat_Tcp_InSegs`. */
function metricName(name: string): string {
  const group = GROUPS.find((prefix) => name.startsWith(prefix));
  return group === undefined ? `netstat_${name}` : `netstat_${group}_${name.slice(group.length)}`;
}

/** A family for each counter of the MIB. */
export function mibFamilies(read: (name: CounterName) => number): Family[] {
  return (Object.keys(MIB) as CounterName[]).map((name) =>
    single(GAUGES.has(name) ? 'gauge' : 'counter', metricName(name), `Statistic ${name}.`, () => read(name)),
  );
}
