import type { Namespace } from './namespace.ts';

/** Counters of a Linux host with which it says that what it was sent is wrong. */
const ERRORS = new Set([
  'IpInHdrErrors',
  'IpInAddrErrors',
  'IpInUnknownProtos',
  'IpInDiscards',
  'IpReasmFails',
  'IpExtInTruncatedPkts',
  'IpExtInCsumErrors',
  'IcmpInErrors',
  'IcmpInCsumErrors',
  'UdpInErrors',
  'UdpInCsumErrors',
  'TcpInErrs',
  'TcpInCsumErrors',
  'TcpExtPAWSEstab',
  'TcpExtTCPSACKReneging',
  'TcpExtTCPDSACKRecv',
  'TcpExtTCPDSACKOldSent',
  'TcpExtTCPChallengeACK',
  'TcpExtBeyondWindow',
  'TcpExtTCPOFOQueue',
  'Ip6InHdrErrors',
  'Icmp6InErrors',
  'Icmp6InCsumErrors',
]);
const SKIPPED_ACKS = /^TcpExtTCPACKSkipped/;

/** The namespace's error counters, all of them, by nstat's names. */
export async function errorCounters(ns: Namespace): Promise<Map<string, number>> {
  return new Map(
    Object.entries(await counters(ns)).filter(([name]) => ERRORS.has(name) || SKIPPED_ACKS.test(name)),
  );
}

/** One counter of the namespace. */
export async function counter(ns: Namespace, name: string): Promise<number> {
  return (await counters(ns))[name] ?? Number.NaN;
}

async function counters(ns: Namespace): Promise<Record<string, number>> {
  const report = JSON.parse(await ns.run('nstat', '--json', '-asz')) as { kernel: Record<string, number> };
  return report.kernel;
}

/** The error counters that have grown, with by how much: `{}` when the host found nothing wrong. */
export function grown(
  before: ReadonlyMap<string, number>,
  after: ReadonlyMap<string, number>,
): Record<string, number> {
  const out: Record<string, number> = {};
  for (const [name, count] of after) {
    const more = count - (before.get(name) ?? 0);
    if (more !== 0) out[name] = more;
  }
  return out;
}
