import nodeHttp2, { type ClientHttp2Session, type SecureClientSessionOptions } from 'node:http2';
import type { Duplex } from 'node:stream';
import { callable } from '../callable.ts';
import type { Net } from '../net/net.ts';
import { replace } from '../replace.ts';
import { served } from '../served.ts';
import { secureServed, type Tls } from '../tls/tls.ts';

/** Node's `http2` module. */
export type Http2 = typeof nodeHttp2;

type Listener = (session: ClientHttp2Session) => void;
type ServerConstructor = new (options?: unknown, listener?: unknown) => object;

const PORTS: Readonly<Record<string, number>> = { 'http:': 80, 'https:': 443 };

/** Makes the `http2` module of a stack: Node's own HTTP/2, over the stack's connections. */
export function createHttp2(net: Net, tls: Tls): Http2 {
  // Node exports the functions that make servers, but not their classes.
  const Plain = callable(served(classOf(nodeHttp2.createServer()), net), 'Http2Server');
  const Secure = callable(secureServed(classOf(nodeHttp2.createSecureServer()), net), 'Http2SecureServer');
  const createConnection = (authority: URL, options: SecureClientSessionOptions): Duplex => {
    const host = bare(authority.hostname);
    const port = authority.port === '' ? PORTS[authority.protocol]! : Number(authority.port);
    if (authority.protocol === 'http:') return net.connect({ ...options, host, port } as never);
    const names = net.isIP(host) === 0 ? { servername: host } : {};
    return tls.connect({ ALPNProtocols: ['h2'], ...names, ...options, host, port } as never);
  };
  return replace(nodeHttp2, {
    createServer: (...args: unknown[]) => make(Plain, args),
    createSecureServer: (...args: unknown[]) => make(Secure, args),
    connect: (authority: string | URL, second?: Listener | Record<string, unknown>, third?: Listener) => {
      const [options, listener] = typeof second === 'function' ? [{}, second] : [second, third];
      return nodeHttp2.connect(authority, { createConnection, ...options }, listener);
    },
  });
}

function classOf(server: object): ServerConstructor {
  return server.constructor as ServerConstructor;
}

function make(Class: ServerConstructor, [first, second]: readonly unknown[]): object {
  return typeof first === 'function' ? new Class({}, first) : new Class(first, second);
}

/** A host as sockets take it: IPv6 addresses without brackets. */
function bare(hostname: string): string {
  return hostname.startsWith('[') ? hostname.slice(1, -1) : hostname;
}
