import nodeTls, { type ConnectionOptions, type TLSSocket } from 'node:tls';
import { callable } from '../callable.ts';
import { normalizeArguments } from '../net/arguments.ts';
import type { Net } from '../net/net.ts';
import { replace } from '../replace.ts';
import { served } from '../served.ts';
import { carried, carriedSoon, carrierOf } from './carried.ts';

/** Node's `tls` module. */
export type Tls = typeof nodeTls;

type Options = Record<string, unknown>;

/** Makes the `tls` module of a stack: Node's own TLS, over the stack's connections. */
export function createTls(net: Net): Tls {
  const Server = callable(secureServed(nodeTls.Server, net), 'Server');
  return replace(nodeTls, {
    Server,
    createServer: (...args: ConstructorParameters<typeof Server>) => new Server(...args),
    connect: (...args: readonly unknown[]) => connect(net, args),
  });
}

/** {@link served}, for classes whose connections are TLS sockets: these know their addresses before anybody hears of them. */
export function secureServed<T>(Base: T, net: Net): T {
  class SecureServed extends (served(Base, net) as unknown as new (...args: never[]) => nodeTls.Server) {
    constructor(...args: never[]) {
      super(...args);
      this.prependListener('secureConnection', attach);
    }
  }
  return SecureServed as T;
}

function attach(secure: TLSSocket): void {
  const carrier = carrierOf(secure);
  if (carrier !== null) carried(secure, carrier);
}

/** `tls.connect`, in each of its forms: over the `socket` of the options, or a connection of the stack's to where they say. */
function connect(net: Net, args: readonly unknown[]): TLSSocket {
  const [given, callback] = normalizeArguments(args);
  const more = args.slice(1, 3).find((value) => value !== null && typeof value === 'object');
  const options: Options = { ...given, ...more };
  const listener = (callback ?? undefined) as (() => void) | undefined;
  const { socket, timeout: _timeout, onread: _onread, ...carrierOptions } = options;
  if (socket != null) return nodeTls.connect(options as ConnectionOptions, listener);
  const carrier = net.connect(carrierOptions as never);
  return carriedSoon(
    nodeTls.connect({ ...options, socket: carrier } as ConnectionOptions, listener),
    carrier,
  );
}
