import type { SocketLayer } from '../socket/layer.ts';
import { createDgram, type Dgram } from './dgram/index.ts';
import type { DnsCounters } from './dns/counters.ts';
import { createDns, type Dns, type DnsOptions } from './dns/index.ts';
import { createNet, type Net } from './net/net.ts';

/** Node's modules over one stack, each made when it is first asked for. They find names through its `dns.lookup`, as Node's do. */
export class NodeModules {
  readonly #sockets: SocketLayer;
  readonly #dnsOptions: DnsOptions | undefined;
  #net: Net | undefined;
  #dgram: Dgram | undefined;
  #dns: Dns | undefined;

  constructor(sockets: SocketLayer, dnsOptions: DnsOptions | undefined) {
    this.#sockets = sockets;
    this.#dnsOptions = dnsOptions;
  }

  get net(): Net {
    this.#net ??= createNet({
      sockets: this.#sockets,
      lookup: (...args) => this.dns.lookup(...args),
    });
    return this.#net;
  }

  get dgram(): Dgram {
    this.#dgram ??= createDgram({
      sockets: this.#sockets,
      lookup: (...args) => this.dns.lookup(...args),
    });
    return this.#dgram;
  }

  /** Throws ERR_INVALID_IP_ADDRESS when a server that the stack was given is none. */
  get dns(): Dns {
    this.#dns ??= createDns(this.#sockets, this.#dnsOptions);
    return this.#dns;
  }

  /** What {@link dns} has counted; undefined while nobody has asked for it. */
  get dnsCounters(): DnsCounters | undefined {
    return this.#dns?.counters;
  }

  /** Ends what is under way and has no socket of its user's. */
  close(): void {
    this.#dns?.close();
  }
}
