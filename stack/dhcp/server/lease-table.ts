import type { Clock } from '../../../device/clock/clock.ts';
import { Timer } from '../../../device/clock/timer.ts';
import type { Machine } from '../../../device/machine.ts';
import { formatIpv4, type Ipv4, parseIpv4 } from '../../wire/address.ts';
import { guarded } from '../guarded.ts';
import { isIn, type LeaseState, type SavedServerLease, type ServerStore, type Subnet } from './options.ts';

export interface ServerLease {
  readonly address: Ipv4;
  /** See `SavedServerLease`; empty for a declined address. */
  readonly client: string;
  state: LeaseState;
  /** Milliseconds since the Unix epoch, `Infinity`: never. */
  expiresAt: number;
  hostname: string;
}

/** The longest that one arming of the timer covers, in milliseconds: a day. */
const LONGEST_MS = 86_400_000;

/**
 * Who has which address, and which are free. A client has one address at most, and gets the one again that it had before, as long as
 * nobody else needs it. There are never more leases than addresses in the ranges and reservations.
 */
export class LeaseTable {
  readonly #machine: Machine;
  readonly #clock: Clock;
  readonly #store: ServerStore | null;
  readonly #expired: () => void;
  readonly #byAddress = new Map<Ipv4, ServerLease>();
  readonly #byClient = new Map<string, ServerLease>();
  /** Addresses of the ranges that nobody has, those that were free longest first; with the client that had each last. */
  readonly #free = new Map<Ipv4, string>();
  readonly #lastOf = new Map<string, Ipv4>();
  readonly #reserved = new Map<Ipv4, string>();
  readonly #timer: Timer;

  constructor(machine: Machine, subnets: readonly Subnet[], store: ServerStore | null, expired: () => void) {
    this.#machine = machine;
    this.#clock = machine.clock;
    this.#store = store;
    this.#expired = expired;
    this.#timer = new Timer(machine.clock, () => this.#expire());
    for (const { reservations } of subnets)
      for (const { address, client } of reservations) this.#reserved.set(address, client);
    for (const { ranges } of subnets)
      for (const [first, last] of ranges)
        for (let address = first; address <= last; address++)
          if (!this.#reserved.has(address)) this.#free.set(address, '');
  }

  get leases(): readonly ServerLease[] {
    return [...this.#byAddress.values()];
  }

  get freeAddresses(): number {
    return this.#free.size;
  }

  now(): number {
    return this.#clock.epoch + this.#clock.now();
  }

  /** The lease of a client in a subnet, whether offered or bound. */
  of(client: string, subnet: Subnet): ServerLease | undefined {
    const lease = this.#byClient.get(client);
    return lease !== undefined && isIn(subnet, lease.address) ? lease : undefined;
  }

  at(address: Ipv4): ServerLease | undefined {
    return this.#byAddress.get(address);
  }

  /**
   * An address for a client: his reservation, what he has, what he had, what he wishes, then what was free longest. 0: none is left.
   * Nothing is changed (RFC 2131, section 4.3.1).
   */
  choose(client: string, subnet: Subnet, reserved: Ipv4, wish: Ipv4): Ipv4 {
    if (reserved !== 0) {
      const holder = this.#byAddress.get(reserved);
      if (holder === undefined || holder.client === client) return reserved;
    }
    const has = this.of(client, subnet);
    if (has !== undefined) return has.address;
    for (const address of [this.#lastOf.get(client) ?? 0, wish])
      if (this.#free.has(address) && isIn(subnet, address)) return address;
    for (const address of this.#free.keys()) if (isIn(subnet, address)) return address;
    return 0;
  }

  /** Whether `address` may be given to a client: it is his, or free, or kept for him. */
  isOpen(address: Ipv4, client: string): boolean {
    const holder = this.#byAddress.get(address);
    if (holder !== undefined) return holder.client === client;
    return this.#free.has(address) || this.#reserved.get(address) === client;
  }

  /** Gives an address to a client, who loses another one that he had. */
  give(address: Ipv4, client: string, state: 'offered' | 'bound', expiresAt: number, hostname: string): void {
    const before = this.#byClient.get(client);
    if (before !== undefined && before.address !== address) this.free(before);
    const lease: ServerLease = { address, client, state, expiresAt, hostname };
    this.#takeFromFree(address);
    this.#byAddress.set(address, lease);
    this.#byClient.set(client, lease);
    if (state === 'bound') this.#keep(lease);
    this.#arm(expiresAt);
  }

  /** Nobody gets an address until then: somebody who is not known here has it. */
  quarantine(address: Ipv4, until: number): void {
    const holder = this.#byAddress.get(address);
    if (holder !== undefined) this.#byClient.delete(holder.client);
    const lease: ServerLease = { address, client: '', state: 'declined', expiresAt: until, hostname: '' };
    this.#takeFromFree(address);
    this.#byAddress.set(address, lease);
    this.#keep(lease);
    this.#arm(until);
  }

  /** A lease is over: the address is free, and the client's again if he comes back before anybody else needs it. */
  free(lease: ServerLease): void {
    const { address, client } = lease;
    if (this.#byAddress.get(address) !== lease) return;
    this.#byAddress.delete(address);
    if (this.#byClient.get(client) === lease) this.#byClient.delete(client);
    if (lease.state !== 'offered') guarded(this.#machine, () => this.#store?.remove(formatIpv4(address)));
    if (this.#reserved.has(address)) return;
    this.#free.set(address, client);
    if (client !== '') this.#lastOf.set(client, address);
  }

  /** Puts back saved leases; those that are over, of no subnet of ours, or not to be read are left out. Returns how many. */
  load(saved: readonly unknown[], subnets: readonly Subnet[]): number {
    let loaded = 0;
    for (const one of saved) {
      const lease = leaseOf(one);
      if (lease === undefined || lease.expiresAt <= this.now()) continue;
      const ours = this.#free.has(lease.address) || this.#reserved.get(lease.address) === lease.client;
      if (!ours || !subnets.some((subnet) => isIn(subnet, lease.address))) continue;
      this.#takeFromFree(lease.address);
      this.#byAddress.set(lease.address, lease);
      if (lease.client !== '') this.#byClient.set(lease.client, lease);
      this.#arm(lease.expiresAt);
      loaded++;
    }
    return loaded;
  }

  /** All of it, as plain objects. */
  save(): SavedServerLease[] {
    return this.leases.map(savedLease);
  }

  close(): void {
    this.#timer.stop();
  }

  #keep(lease: ServerLease): void {
    guarded(this.#machine, () => this.#store?.put(savedLease(lease)));
  }

  #takeFromFree(address: Ipv4): void {
    const last = this.#free.get(address);
    if (last === undefined) return;
    this.#free.delete(address);
    if (this.#lastOf.get(last) === address) this.#lastOf.delete(last);
  }

  #arm(expiresAt: number): void {
    if (expiresAt === Number.POSITIVE_INFINITY) return;
    const delay = Math.min(Math.max(0, expiresAt - this.now()), LONGEST_MS);
    if (!this.#timer.pending || this.#timer.remaining > delay) this.#timer.start(delay);
  }

  #expire(): void {
    const now = this.now();
    let next = Number.POSITIVE_INFINITY;
    for (const lease of this.#byAddress.values()) {
      if (lease.expiresAt > now) {
        next = Math.min(next, lease.expiresAt);
        continue;
      }
      if (lease.state === 'bound') this.#expired();
      this.free(lease);
    }
    this.#arm(next);
  }
}

function savedLease({ address, client, state, expiresAt, hostname }: ServerLease): SavedServerLease {
  return {
    address: formatIpv4(address),
    client,
    state,
    expiresAt: expiresAt === Number.POSITIVE_INFINITY ? null : expiresAt,
    hostname,
  };
}

function leaseOf(saved: unknown): ServerLease | undefined {
  if (typeof saved !== 'object' || saved === null) return undefined;
  const { address, client, state, expiresAt, hostname } = saved as Record<string, unknown>;
  const parsed = typeof address === 'string' ? parseIpv4(address) : Number.NaN;
  const end = expiresAt === null ? Number.POSITIVE_INFINITY : expiresAt;
  const right =
    !Number.isNaN(parsed) &&
    typeof client === 'string' &&
    (state === 'offered' || state === 'bound' || state === 'declined') &&
    typeof end === 'number' &&
    typeof hostname === 'string';
  return right ? { address: parsed, client, state, expiresAt: end, hostname } : undefined;
}
