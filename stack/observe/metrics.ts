import { Registry } from 'prom-client';
import type { NetDevice } from '../../device/netdevice/netdevice.ts';
import { type CounterName, MIB } from '../counters.ts';
import { nudName } from '../neighbour/nud.ts';
import type { DnsCounters } from '../node/dns/counters.ts';
import type { Stack } from '../stack.ts';
import { deviceFamilies } from './device-metrics.ts';
import { addFamily, type Family } from './family.ts';
import { machineFamilies } from './machine-metrics.ts';
import { mibFamilies } from './mib-metrics.ts';
import { socketFamilies } from './socket-metrics.ts';
import { Tally } from './tally.ts';

/**
 * What a stack counts, for Prometheus. Values are read when somebody asks and at no other time. `dnsCounters` gives what the
 * stack's `dns` has counted, undefined while it has none.
 */
export function createMetrics(stack: Stack, dnsCounters: () => DnsCounters | undefined): Registry {
  const registry = new Registry();
  const families: Family[] = [
    ...mibFamilies((name) => readMib(stack, name)),
    ...deviceFamilies(stack.ns),
    ...machineFamilies(stack.machine),
    ...socketFamilies(stack),
    {
      type: 'counter',
      name: 'drops_total',
      help: 'Dropped packets by reason.',
      labels: ['reason'],
      samples: () =>
        Object.entries(stack.ns.drops.toJSON()).map(([reason, count]) => [{ reason }, count] as const),
    },
    {
      type: 'gauge',
      name: 'neighbours',
      help: 'Neighbours by device and state.',
      labels: ['device', 'state'],
      samples: () => countNeighbours(stack.arp.table.entries()),
    },
    {
      type: 'counter',
      name: 'dns_total',
      help: 'What the resolvers of stack.dns have done, by kind.',
      labels: ['kind'],
      samples: () =>
        Object.entries(dnsCounters() ?? {}).map(([kind, count]) => [{ kind }, count as number] as const),
    },
  ];
  for (const family of families) addFamily(registry, family);
  return registry;
}

/** Two entries of the MIB are settings, which only `counters` knows. */
function readMib(stack: Stack, name: CounterName): number {
  const isSetting = name === 'IpForwarding' || name === 'IpDefaultTTL';
  return isSetting ? stack.counters().mib[name] : stack.mib.values[MIB[name]]!;
}

function countNeighbours(entries: readonly { readonly dev: NetDevice; readonly state: number }[]) {
  const tally = new Tally('device', 'state');
  for (const { dev, state } of entries) tally.add(dev.name, nudName(state));
  return tally.samples();
}
