import type * as dgram from 'node:dgram';
import { deprecate } from 'node:util';
import type { DgramHost } from './host.ts';
import { addDeprecated } from './legacy.ts';
import { createSocketHandle } from './new-handle.ts';
import { DgramSocket } from './socket.ts';

/** What Node's `dgram` exports, over a stack. */
export interface Dgram {
  readonly createSocket: typeof dgram.createSocket;
  readonly Socket: typeof dgram.Socket;
}

/** Makes a stack's `dgram`. */
export function createDgram(host: DgramHost): Dgram {
  class Socket extends DgramSocket {
    constructor(type: unknown, listener?: unknown) {
      super(host, type, listener);
    }
  }
  addDeprecated(Socket.prototype);
  // No arrow: Node's can be called with `new`, and is.
  function createSocket(type: unknown, listener?: unknown): Socket {
    return new Socket(type, listener);
  }
  const old = (...args: [string | null, number, unknown, number?, number?]): unknown =>
    createSocketHandle(host, ...args);
  const module = {
    createSocket,
    Socket,
    _createSocketHandle: deprecate(old, 'dgram._createSocketHandle() is deprecated', 'DEP0112'),
  };
  return module as unknown as Dgram;
}
