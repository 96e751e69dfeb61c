import type { UdpHandle } from './handle.ts';

/** Whether a socket has its port. */
export const UNBOUND = 0;
export const BINDING = 1;
export const BOUND = 2;

/** Whether it has a peer. */
export const DISCONNECTED = 0;
export const CONNECTING = 1;
export const CONNECTED = 2;

/** Under which a socket keeps what is its own, as in Node. */
export const kStateSymbol: unique symbol = Symbol('state symbol');

/** What a socket of `dgram` knows about itself. */
export interface SocketState {
  /** null: closed. */
  handle: UdpHandle | null;
  receiving: boolean;
  bindState: typeof UNBOUND | typeof BINDING | typeof BOUND;
  connectState: typeof DISCONNECTED | typeof CONNECTING | typeof CONNECTED;
  /** What waits for the port; undefined: nothing waits. */
  queue: (() => void)[] | undefined;
  readonly reuseAddr: boolean;
  readonly reusePort: boolean;
  readonly ipv6Only: boolean;
  readonly recvBufferSize: number | undefined;
  readonly sendBufferSize: number | undefined;
}
