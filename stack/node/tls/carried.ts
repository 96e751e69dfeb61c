import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';

const NAMES = [
  'remoteAddress',
  'remotePort',
  'remoteFamily',
  'localAddress',
  'localPort',
  'localFamily',
] as const;
const METHODS = ['ref', 'unref', 'setNoDelay', 'setKeepAlive'] as const;

/**
 * Lets a TLS socket answer for the connection that carries it. Node's does so through libuv's handle, which a connection of a stack has not:
 * without this it knows no addresses, and `unref` reaches nothing.
 */
export function carried(secure: TLSSocket, carrier: Socket): TLSSocket {
  for (const name of NAMES)
    Object.defineProperty(secure, name, { configurable: true, enumerable: true, get: () => carrier[name] });
  for (const name of METHODS)
    Object.defineProperty(secure, name, {
      configurable: true,
      writable: true,
      value: (...args: never[]) => {
        Reflect.apply(carrier[name], carrier, args);
        return secure;
      },
    });
  Object.defineProperty(secure, 'address', { configurable: true, value: () => carrier.address() });
  return secure;
}

/** The stream that Node's TLS socket reads from and writes to; null when its connection is gone. */
export function carrierOf(secure: TLSSocket): Socket | null {
  const { _handle: handle } = secure as unknown as { _handle?: { _parentWrap?: { stream?: Socket } } | null };
  return handle?._parentWrap?.stream ?? null;
}

/** {@link carried}, for a connection that is being made: the TLS socket is `connecting` as long as that is, and tells when it stands. */
export function carriedSoon(secure: TLSSocket, carrier: Socket): TLSSocket {
  const state = secure as { connecting: boolean };
  state.connecting = carrier.connecting;
  carrier.once('connect', () => {
    state.connecting = false;
    secure.emit('connect');
    secure.emit('ready');
  });
  return carried(secure, carrier);
}
