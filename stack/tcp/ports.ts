import type { PortTable, PortUser } from '../socket/ports.ts';

/**
 * A port that is in use, by one socket or by all connections that a listener has taken: those share one entry, so that a busy
 * server's connections come and go at no cost (Linux: `inet_bind_bucket`).
 */
export class PortLease implements PortUser {
  readonly local: number;
  readonly localPort: number;
  readonly boundIfindex: number;
  reuseAddress: number;
  reusePort: number;
  listening = false;
  /** Chosen by connect, which other connections may do too. */
  readonly shared: boolean;
  users = 1;
  readonly #table: PortTable<PortLease>;

  constructor(table: PortTable<PortLease>, user: PortUser, port: number, shared: boolean) {
    this.#table = table;
    this.local = user.local;
    this.localPort = port;
    this.boundIfindex = user.boundIfindex;
    this.reuseAddress = user.reuseAddress;
    this.reusePort = user.reusePort;
    this.shared = shared;
    table.add(this);
  }

  retain(): this {
    this.users++;
    return this;
  }

  /** Gives up one use; the last one frees the port. */
  release(): void {
    if (--this.users === 0) this.#table.remove(this);
  }
}
