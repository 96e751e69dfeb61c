import type { Agent, buildConnector, fetch as undiciFetch } from 'undici';
import type { Net } from '../net/net.ts';
import type { Tls } from '../tls/tls.ts';

/** The standard's `fetch`, as undici has it. */
export type Fetch = typeof undiciFetch;

/** `fetch` over a stack. undici is loaded with the first request, and connections are kept for the next ones until it is closed. */
export class Fetching {
  readonly #net: Net;
  readonly #tls: Tls;
  #agent: Agent | undefined;

  constructor(net: Net, tls: Tls) {
    this.#net = net;
    this.#tls = tls;
  }

  /** Rejects with a TypeError whose `cause` is the connection's error; a `dispatcher` of its own goes before the stack's. */
  readonly fetch: Fetch = async (input, init) => {
    const { Agent, fetch } = await import('undici');
    this.#agent ??= new Agent({ connect: this.#connect });
    return fetch(input, { dispatcher: this.#agent, ...init });
  };

  readonly #connect: buildConnector.connector = ({ hostname, protocol, port, servername }, callback) => {
    const host = hostname.startsWith('[') ? hostname.slice(1, -1) : hostname;
    const secure = protocol === 'https:';
    const ready = secure ? 'secureConnect' : 'connect';
    const socket = secure
      ? this.#tls.connect({
          host,
          port: Number(port || 443),
          ALPNProtocols: ['http/1.1'],
          ...(this.#net.isIP(host) === 0 ? { servername: servername || host } : {}),
        })
      : this.#net.connect({ host, port: Number(port || 80) });
    const failed = (error: Error): void => callback(error, null);
    socket.setNoDelay(true);
    socket.once('error', failed).once(ready, () => {
      socket.off('error', failed);
      callback(null, socket);
    });
  };

  /** Ends its connections. */
  close(): void {
    void this.#agent?.destroy();
    this.#agent = undefined;
  }
}
