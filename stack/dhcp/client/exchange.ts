import type { NetDevice } from '../../../device/netdevice/netdevice.ts';
import type { Entropy } from '../../../device/random.ts';
import type { Ipv4 } from '../../wire/address.ts';
import { DHCPDECLINE, DHCPDISCOVER, DHCPRELEASE, DHCPREQUEST } from '../../wire/dhcp.ts';
import { type DhcpHost, wallClock } from '../host.ts';
import type { ClientCounters } from './counters.ts';
import type { DhcpLease } from './lease.ts';
import { type Asking, clientMessage } from './messages.ts';
import type { ClientSettings } from './options.ts';
import type { ClientPort } from './port.ts';

/** What a client and servers are just saying to each other: its number, when it began, and what was sent of it. */
export class Exchange {
  /** -1: no question is open. */
  xid = -1;
  /** Messages that were sent in the client's state. */
  sent = 0;
  /** Milliseconds since the Unix epoch at which it began, and at which what is waited for was first asked. */
  begunAt = 0;
  askedAt = 0;
  readonly #host: DhcpHost;
  readonly #dev: NetDevice;
  readonly #settings: ClientSettings;
  readonly #entropy: Entropy;
  readonly #port: ClientPort;
  readonly #counters: ClientCounters;

  constructor(
    host: DhcpHost,
    dev: NetDevice,
    settings: ClientSettings,
    entropy: Entropy,
    port: ClientPort,
    counters: ClientCounters,
  ) {
    this.#host = host;
    this.#dev = dev;
    this.#settings = settings;
    this.#entropy = entropy;
    this.#port = port;
    this.#counters = counters;
  }

  begin(): void {
    this.xid = this.#entropy.u32();
    this.begunAt = wallClock(this.#host);
    this.sent = 0;
  }

  /** Nothing that comes is an answer any more. */
  end(): void {
    this.xid = -1;
  }

  /** `wish`: the address that is asked for, 0: any. */
  discover(wish: Ipv4): void {
    this.#counters.discovers++;
    this.#send(this.#message(DHCPDISCOVER, { requested: wish }), 0, 0);
  }

  /** `server` 0: broadcasts. */
  request(asking: Partial<Asking>, server: Ipv4 = 0): void {
    this.#counters.requests++;
    // The lease's times begin when it was first asked for, which is before it was granted.
    if (this.sent === 0) this.askedAt = wallClock(this.#host);
    this.#send(this.#message(DHCPREQUEST, asking), asking.ciaddr ?? 0, server);
  }

  decline({ address, server }: DhcpLease): void {
    this.#counters.declines++;
    this.#send(this.#message(DHCPDECLINE, { requested: address, server }), 0, 0);
  }

  release({ address, server }: DhcpLease): void {
    this.#counters.releases++;
    const message = this.#message(DHCPRELEASE, { ciaddr: address, server });
    if (!this.#port.unicastAtOnce(message, address, server)) this.#counters.unsent++;
  }

  #message(type: number, asking: Partial<Asking>): Uint8Array {
    const xid = this.xid < 0 ? this.#entropy.u32() : this.xid;
    const secs = Math.floor((wallClock(this.#host) - this.begunAt) / 1000);
    return clientMessage(type, this.#dev, this.#settings, { xid, secs, ...asking });
  }

  #send(message: Uint8Array, source: Ipv4, server: Ipv4): void {
    this.sent++;
    const sent =
      server === 0 ? this.#port.broadcast(message, source) : this.#port.unicast(message, source, server);
    if (!sent) this.#counters.unsent++;
  }
}
