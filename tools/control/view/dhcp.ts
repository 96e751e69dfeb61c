import type { DhcpClient } from '../../../stack/dhcp/client/client.ts';
import type { DhcpServer } from '../../../stack/dhcp/server/server.ts';
import { INFINITE } from '../../../stack/dhcp/values.ts';
import { formatIpv4 } from '../../../stack/wire/address.ts';

/** Numbers by name, those of dropped messages within. */
export type DhcpCounts = Readonly<Record<string, number | Readonly<Record<string, number>>>>;

export interface DhcpClientView {
  readonly ifname: string;
  readonly role: 'client';
  readonly state: string;
  readonly address?: string;
  readonly prefixlen?: number;
  readonly server?: string;
  readonly routers?: readonly string[];
  readonly dns?: readonly string[];
  readonly domain?: string;
  /** Whole seconds until the lease is over, and until it is renewed; null: never. */
  readonly left?: number | null;
  readonly renew?: number | null;
  readonly counters?: DhcpCounts;
}

export interface DhcpLeaseView {
  readonly address: string;
  readonly state: string;
  readonly client: string;
  readonly hostname: string;
  readonly left: number | null;
}

export interface DhcpServerView {
  readonly ifname: string;
  readonly role: 'server';
  readonly state: string;
  readonly free: number;
  readonly leases: readonly DhcpLeaseView[];
  readonly counters?: DhcpCounts;
}

export type DhcpView = DhcpClientView | DhcpServerView;

/** `now`: milliseconds since the Unix epoch. */
export function dhcpClientView(client: DhcpClient, now: number, stats: boolean): DhcpClientView {
  const { dev, state, lease } = client;
  const secondsTo = (seconds: number): number | null =>
    lease === null || lease.leaseTime === INFINITE ? null : left(lease.obtainedAt + seconds * 1000, now);
  return {
    ifname: dev.name,
    role: 'client',
    state,
    ...(lease !== null && {
      address: formatIpv4(lease.address),
      prefixlen: lease.prefixLength,
      server: formatIpv4(lease.server),
      routers: lease.routers.map(formatIpv4),
      dns: lease.dnsServers.map(formatIpv4),
      ...(lease.domain !== null && { domain: lease.domain }),
      left: secondsTo(lease.leaseTime),
      renew: secondsTo(lease.renewalTime),
    }),
    ...(stats && { counters: countsOf(client.counters) }),
  };
}

export function dhcpServerView(server: DhcpServer, now: number, stats: boolean): DhcpServerView {
  const { leases } = server;
  return {
    ifname: server.dev.name,
    role: 'server',
    state: server.isOpen ? 'SERVING' : 'STOPPED',
    free: leases.freeAddresses,
    leases: leases.leases.map(({ address, state, client, hostname, expiresAt }) => ({
      address: formatIpv4(address),
      state,
      client,
      hostname,
      left: expiresAt === Number.POSITIVE_INFINITY ? null : left(expiresAt, now),
    })),
    ...(stats && { counters: countsOf(server.counters) }),
  };
}

function countsOf(counters: object): DhcpCounts {
  return Object.fromEntries(Object.entries(counters)) as DhcpCounts;
}

function left(at: number, now: number): number {
  return Math.max(0, Math.floor((at - now) / 1000));
}
