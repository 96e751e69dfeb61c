import type { NetDevice } from '../../../device/netdevice/netdevice.ts';
import type { Ping } from '../../ip/ping.ts';
import { NO_ADDRESS } from '../../neighbour/neighbour.ts';
import { NEIGH_UPDATE_F_ADMIN, NEIGH_UPDATE_F_OVERRIDE, NUD_FAILED, NUD_VALID } from '../../neighbour/nud.ts';
import type { Ipv4 } from '../../wire/address.ts';
import type { DhcpHost } from '../host.ts';

/** Addresses that are looked for at a time. */
const MOST = 64;

/**
 * Looks whether somebody has an address before it is offered (RFC 2131, section 2.2): it is pinged; and who is on the link and does not
 * answer pings has answered ARP, without which none is sent.
 */
export class AddressProbe {
  readonly #host: DhcpHost;
  readonly #dev: NetDevice;
  readonly #ms: number;
  readonly #pings = new Map<Ipv4, Ping>();

  constructor(host: DhcpHost, dev: NetDevice, ms: number) {
    this.#host = host;
    this.#dev = dev;
    this.#ms = ms;
  }

  get isFull(): boolean {
    return this.#pings.size >= MOST;
  }

  isUnderWay(address: Ipv4): boolean {
    return this.#pings.has(address);
  }

  /** Tells whether an address is taken, later; at once, and that it is not, where nothing is looked for. */
  start(address: Ipv4, done: (taken: boolean) => void): void {
    if (this.#ms === 0) {
      done(false);
      return;
    }
    this.#forget(address);
    let answered = false;
    const ping = this.#host.ping(address, { count: 1, timeoutMs: this.#ms });
    this.#pings.set(address, ping);
    ping.onReply(({ kind }) => {
      if (kind === 'reply') answered = true;
    });
    ping.onEnd(() => {
      if (this.#pings.get(address) !== ping) return;
      this.#pings.delete(address);
      done(answered || this.#isNeighbour(address));
    });
  }

  close(): void {
    const pings = [...this.#pings.values()];
    this.#pings.clear();
    for (const ping of pings) ping.stop();
  }

  /** What is known of who had the address before says nothing of now. */
  #forget(address: Ipv4): void {
    const { table } = this.#host.arp;
    const entry = table.lookup(this.#dev, address);
    if (entry === null) return;
    entry.update(NO_ADDRESS, NUD_FAILED, NEIGH_UPDATE_F_ADMIN | NEIGH_UPDATE_F_OVERRIDE);
    table.remove(entry);
  }

  #isNeighbour(address: Ipv4): boolean {
    const entry = this.#host.arp.table.lookup(this.#dev, address);
    return entry !== null && (entry.state & NUD_VALID) !== 0;
  }
}
