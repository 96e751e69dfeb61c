import { EADDRINUSE, EADDRNOTAVAIL, EINVAL } from '../../device/errno.ts';
import type { Entropy } from '../../device/random.ts';
import type { SysctlTable } from '../sysctl/table.ts';

const PORTS = 0x10000;
/** Linux: `INET_TABLE_PERTURB_SIZE`. */
const PERTURB_SIZE = 0x10000;

/** What a table of ports must know of who has one. */
export interface PortUser {
  /** Address that it is bound to, 0: any. */
  readonly local: number;
  readonly localPort: number;
  /** Interface that it is bound to, 0: any. */
  readonly boundIfindex: number;
  readonly reuseAddress: number;
  readonly reusePort: number;
  readonly listening: boolean;
}

/** Whether two that want the same port stand in each other's way. */
export type PortConflict = (one: PortUser, other: PortUser) => boolean;

function meet(one: PortUser, other: PortUser): boolean {
  if (one.boundIfindex !== 0 && other.boundIfindex !== 0 && one.boundIfindex !== other.boundIfindex)
    return false;
  return one.local === 0 || other.local === 0 || one.local === other.local;
}

/** Datagram sockets (Linux: `udp_lib_lport_inuse`): both with SO_REUSEADDR may share, and both with SO_REUSEPORT. */
export function datagramConflict(one: PortUser, other: PortUser): boolean {
  if (one.reuseAddress !== 0 && other.reuseAddress !== 0) return false;
  return meet(one, other) && (one.reusePort === 0 || other.reusePort === 0);
}

/**
 * Streams (Linux: `inet_bind_conflict`): SO_REUSEADDR lets `one`, who asks, share with whoever does not listen, SO_REUSEPORT with
 * everybody.
 */
export function streamConflict(one: PortUser, other: PortUser): boolean {
  if (!meet(one, other)) return false;
  if (one.reuseAddress !== 0 && other.reuseAddress !== 0 && !other.listening) return false;
  return one.reusePort === 0 || other.reusePort === 0;
}

/**
 * The ports of a protocol and who has them (Linux: `udp_table`, `inet_bind_hashbucket`). The users of a port stand in order of
 * binding.
 */
export class PortTable<T extends PortUser> {
  readonly #users = new Map<number, T[]>();
  readonly #conflict: PortConflict;
  readonly #ephemeral: EphemeralPorts;

  constructor(ephemeral: EphemeralPorts, conflict: PortConflict) {
    this.#ephemeral = ephemeral;
    this.#conflict = conflict;
  }

  /** Who has a port, oldest first; the list is the table's. */
  users(port: number): readonly T[] {
    return this.#users.get(port) ?? NOBODY;
  }

  /** Whether `user` could have `port`. */
  isFree(user: PortUser, port: number): boolean {
    const users = this.#users.get(port);
    if (users === undefined) return true;
    for (let i = 0; i < users.length; i++) {
      const other = users[i]!;
      if (other !== user && this.#conflict(user, other)) return false;
    }
    return true;
  }

  /** A port for `user` that wants `wanted`, 0: any ephemeral one. `-EADDRINUSE`. The user then takes it with {@link add}. */
  choose(user: PortUser, wanted: number): number {
    if (wanted !== 0) return this.isFree(user, wanted) ? wanted : -EADDRINUSE;
    return this.#ephemeral.forBind((port) => this.isFree(user, port));
  }

  /** Notes that `user` has its `localPort`. */
  add(user: T): void {
    const users = this.#users.get(user.localPort);
    if (users === undefined) this.#users.set(user.localPort, [user]);
    else users.push(user);
  }

  /** The user gives its `localPort` back; nothing when it had none. */
  remove(user: T): void {
    const users = this.#users.get(user.localPort);
    const at = users?.indexOf(user) ?? -1;
    if (users === undefined || at < 0) return;
    users.splice(at, 1);
    if (users.length === 0) this.#users.delete(user.localPort);
  }

  /** Everybody who has a port, oldest first within one. */
  *all(): IterableIterator<T> {
    for (const users of this.#users.values()) yield* users;
  }
}

const NOBODY: readonly never[] = [];

/**
 * Chooses ephemeral ports as Linux does: for a bind a random start and every other port first; for a connection the
 * double-hash algorithm (RFC 6056, algorithm 4) over a table of counters that are stirred at random.
 */
export class EphemeralPorts {
  low = 32768;
  high = 60999;
  readonly #entropy: Entropy;
  readonly #reserved = new Uint8Array(PORTS);
  readonly #perturb: Uint32Array = new Uint32Array(PERTURB_SIZE);
  #perturbed = false;

  constructor(entropy: Entropy, sysctl: SysctlTable) {
    this.#entropy = entropy;
    sysctl.addText('net.ipv4.ip_local_port_range', {
      get: () => `${this.low}\t${this.high}`,
      set: (text) => this.#setRange(text),
    });
    sysctl.addText('net.ipv4.ip_local_reserved_ports', {
      get: () => formatPorts(this.#reserved),
      set: (text) => this.#setReserved(text),
    });
  }

  isReserved(port: number): boolean {
    return this.#reserved[port] === 1;
  }

  /** A port that `free` has nothing against; `-EADDRINUSE` when there is none (Linux: `inet_csk_find_open_port`). */
  forBind(free: (port: number) => boolean): number {
    const span = this.high - this.low + 1;
    const start = this.#entropy.below(span);
    // Connections like the low bound's parity; binds take the other first, so as not to use theirs up.
    for (let parity = 1; parity >= 0; parity--) {
      for (let i = 0; i < span; i++) {
        const at = (start + i) % span;
        const port = this.low + at;
        if ((at & 1) === parity && !this.isReserved(port) && free(port)) return port;
      }
    }
    return -EADDRINUSE;
  }

  /**
   * A port for a connection whose ends hash to `low` and `high` (the halves of a keyed 64-bit hash) and that `usable` has
   * nothing against; `-EADDRNOTAVAIL` when there is none (Linux: `__inet_hash_connect`).
   */
  forConnect(low: number, high: number, usable: (port: number) => boolean): number {
    this.#stir();
    let span = this.high - this.low + 1;
    if (span > 1) span &= ~1;
    const index = low & (PERTURB_SIZE - 1);
    const start = ((this.#perturb[index]! + high) % span) & ~1;
    for (let parity = 0; parity <= 1 && parity < span; parity++) {
      for (let i = 0; i < span; i += 2) {
        const port = this.low + ((start + parity + i) % span);
        if (this.isReserved(port) || !usable(port)) continue;
        // A step of chance, so that the counters tell nothing of other connections.
        this.#perturb[index]! += Math.max(i, this.#entropy.below(8) * 2) + 2;
        return port;
      }
    }
    return -EADDRNOTAVAIL;
  }

  #stir(): void {
    if (this.#perturbed) return;
    this.#perturbed = true;
    for (let i = 0; i < PERTURB_SIZE; i++) this.#perturb[i] = this.#entropy.u32();
  }

  #setRange(text: string): number {
    const match = /^\s*(\d+)\s+(\d+)\s*$/.exec(text);
    if (match === null) return -EINVAL;
    const low = Number(match[1]);
    const high = Number(match[2]);
    if (low < 1 || high >= PORTS || low > high) return -EINVAL;
    this.low = low;
    this.high = high;
    return 0;
  }

  #setReserved(text: string): number {
    const parts = text.trim() === '' ? [] : text.trim().split(/[\s,]+/);
    const reserved = new Uint8Array(PORTS);
    for (const part of parts) {
      const match = /^(\d+)(?:-(\d+))?$/.exec(part);
      if (match === null) return -EINVAL;
      const from = Number(match[1]);
      const to = match[2] === undefined ? from : Number(match[2]);
      if (to >= PORTS || from > to) return -EINVAL;
      reserved.fill(1, from, to + 1);
    }
    this.#reserved.set(reserved);
    return 0;
  }
}

/** `8080,9000-9010`, as Linux prints a bitmap. */
function formatPorts(bits: Uint8Array): string {
  const parts: string[] = [];
  for (let from = bits.indexOf(1); from >= 0; ) {
    let to = from;
    while (bits[to + 1] === 1) to++;
    parts.push(from === to ? `${from}` : `${from}-${to}`);
    from = bits.indexOf(1, to + 1);
  }
  return parts.join(',');
}
