import type { Installed } from './installer.ts';
import type { DhcpLease } from './lease.ts';
import type { DhcpState } from './table.ts';

/** A client as a plain object; moments are milliseconds ago, so that the lease goes on where it was, on whatever machine. */
export interface SavedDhcpClient {
  readonly dev: string;
  readonly state: DhcpState;
  /** -1: no question is open. */
  readonly xid: number;
  /** Messages that were sent in this state. */
  readonly sent: number;
  readonly naks: number;
  /** Since the exchange began, and since what is waited for was asked. */
  readonly begun: number;
  readonly asked: number;
  /** Milliseconds until its timer fires, -1: not armed. */
  readonly remaining: number;
  /** Its `obtainedAt` is milliseconds ago. */
  readonly lease: DhcpLease | null;
  readonly offer: DhcpLease | null;
  /** The address that it asks for next time, 0: none. */
  readonly wish: number;
  readonly gatewayMac: number;
  readonly installed: Installed | null;
}

/** A lease with its moment turned into time that has passed, or back. */
export function turned(lease: DhcpLease | null, now: number): DhcpLease | null {
  return lease === null ? null : { ...lease, obtainedAt: now - lease.obtainedAt };
}

const NUMBERS = [
  'address',
  'prefixLength',
  'broadcast',
  'server',
  'leaseTime',
  'renewalTime',
  'rebindingTime',
  'obtainedAt',
  'mtu',
] as const;
const LISTS = ['routers', 'routes', 'dnsServers', 'search', 'ntpServers'] as const;

/** What a store gave, when it is a lease that was saved. */
export function storedLease(stored: unknown): DhcpLease | null {
  if (typeof stored !== 'object' || stored === null) return null;
  const fields = stored as Record<string, unknown>;
  const whole =
    NUMBERS.every((name) => typeof fields[name] === 'number' && Number.isFinite(fields[name])) &&
    LISTS.every((name) => Array.isArray(fields[name]));
  return whole ? (stored as DhcpLease) : null;
}
