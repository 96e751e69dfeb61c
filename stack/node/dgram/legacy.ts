import { deprecate } from 'node:util';
import type { DgramSocket } from './socket.ts';
import { running } from './socket-settings.ts';
import { kStateSymbol, type SocketState } from './state.ts';

const CODE = 'DEP0112';

/** The names under which Node's sockets once showed what is their own, and still do, with a warning. */
const FIELDS: readonly (readonly [string, keyof SocketState])[] = [
  ['_handle', 'handle'],
  ['_receiving', 'receiving'],
  ['_bindState', 'bindState'],
  ['_queue', 'queue'],
  ['_reuseAddr', 'reuseAddr'],
];

/** Gives a class of sockets its deprecated members. */
export function addDeprecated(prototype: DgramSocket): void {
  for (const [name, field] of FIELDS) {
    const message = `Socket.prototype.${name} is deprecated`;
    Object.defineProperty(prototype, name, {
      get: deprecate(
        function (this: DgramSocket) {
          return this[kStateSymbol][field];
        },
        message,
        CODE,
      ),
      set: deprecate(
        function (this: DgramSocket, value: never) {
          Object.assign(this[kStateSymbol], { [field]: value });
        },
        message,
        CODE,
      ),
    });
  }
  const methods = {
    _healthCheck(this: DgramSocket) {
      running(this);
    },
    _stopReceiving(this: DgramSocket) {
      this.stopReceiving();
    },
  };
  for (const [name, method] of Object.entries(methods))
    Object.defineProperty(prototype, name, {
      value: deprecate(method, `Socket.prototype.${name}() is deprecated`, CODE),
      writable: true,
      configurable: true,
    });
}
