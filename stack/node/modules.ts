import type { SocketLayer } from '../socket/layer.ts';
import { createDgram, type Dgram } from './dgram/index.ts';
import type { DnsCounters } from './dns/counters.ts';
import { createDns, type Dns, type DnsOptions } from './dns/index.ts';
import { type Fetch, Fetching } from './fetch/fetch.ts';
import { createHttp, type Http } from './http/http.ts';
import { createHttps, type Https } from './http/https.ts';
import { createHttp2, type Http2 } from './http2/http2.ts';
import { createNet, type Net } from './net/net.ts';
import { createTls, type Tls } from './tls/tls.ts';

/** Node's modules over one stack, each made when it is first asked for. They find names through its `dns.lookup`, as Node's do. */
export class NodeModules {
  readonly #sockets: SocketLayer;
  readonly #dnsOptions: DnsOptions | undefined;
  #net: Net | undefined;
  #dgram: Dgram | undefined;
  #dns: Dns | undefined;
  #tls: Tls | undefined;
  #http: Http | undefined;
  #https: Https | undefined;
  #http2: Http2 | undefined;
  #fetching: Fetching | undefined;

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

  get tls(): Tls {
    this.#tls ??= createTls(this.net);
    return this.#tls;
  }

  get http(): Http {
    this.#http ??= createHttp(this.net);
    return this.#http;
  }

  get https(): Https {
    this.#https ??= createHttps(this.net);
    return this.#https;
  }

  get http2(): Http2 {
    this.#http2 ??= createHttp2(this.net, this.tls);
    return this.#http2;
  }

  get fetch(): Fetch {
    this.#fetching ??= new Fetching(this.net, this.tls);
    return this.#fetching.fetch;
  }

  /** What {@link dns} has counted; undefined while nobody has asked for it. */
  get dnsCounters(): DnsCounters | undefined {
    return this.#dns?.counters;
  }

  /** Ends what is under way and has no socket of its user's. */
  close(): void {
    this.#dns?.close();
    this.#fetching?.close();
  }
}
