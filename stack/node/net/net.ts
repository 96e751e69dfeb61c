import * as nodeNet from 'node:net';
import { Duplex } from 'node:stream';
import { callable } from '../callable.ts';
import { normalizeArguments } from './arguments.ts';
import { AutoSelectDefaults } from './auto-select.ts';
import { clientSockets } from './channels.ts';
import { Connections } from './connections.ts';
import type { NetSeam } from './seam.ts';
import { Server, type ServerOptions } from './server.ts';
import { Socket, type SocketOptions } from './socket.ts';

/** Node's `net` module, as far as it is about TCP. */
export type Net = Pick<
  typeof nodeNet,
  | 'BlockList'
  | 'SocketAddress'
  | 'connect'
  | 'createConnection'
  | 'createServer'
  | 'isIP'
  | 'isIPv4'
  | 'isIPv6'
  | 'Server'
  | 'Socket'
  | 'getDefaultAutoSelectFamily'
  | 'setDefaultAutoSelectFamily'
  | 'getDefaultAutoSelectFamilyAttemptTimeout'
  | 'setDefaultAutoSelectFamilyAttemptTimeout'
> & {
  /** The older name of `Socket`. */
  readonly Stream: typeof nodeNet.Socket;
  /** Its ends as streams of the WHATWG's; what goes through them is a Uint8Array. Of a socket that is destroyed they are closed. */
  toWeb(socket: nodeNet.Socket): ReturnType<typeof Duplex.toWeb>;
  /** The connections of a server of this module, one after another, until it has closed; leaving the loop leaves it listening. */
  connections(server: nodeNet.Server): AsyncIterableIterator<nodeNet.Socket>;
};

/** Makes the `net` module of a stack: what Node's own does over the host's sockets, it does over the stack's. */
export function createNet(stack: Omit<NetSeam, 'autoSelect'>): Net {
  const autoSelect = new AutoSelectDefaults();
  const seam: NetSeam = {
    sockets: stack.sockets,
    get lookup() {
      return stack.lookup;
    },
    autoSelect,
  };
  const StackSocket = callable(
    class extends Socket {
      constructor(options?: SocketOptions | number) {
        super(seam, options);
      }
    },
    'Socket',
  );
  const StackServer = callable(
    class extends Server {
      constructor(options?: ServerOptions, listener?: (socket: Socket) => void) {
        super(seam, StackSocket, options, listener);
      }
    },
    'Server',
  );
  const connect = (...args: readonly unknown[]): Socket => {
    const normalized = normalizeArguments(args);
    const [options] = normalized;
    const socket = new StackSocket(options);
    clientSockets.publish({ socket });
    if (options['timeout']) socket.setTimeout(options['timeout'] as number);
    return socket.connect(normalized);
  };
  const createServer = (options?: ServerOptions, listener?: (socket: Socket) => void): Server =>
    new StackServer(options, listener);
  const { BlockList, SocketAddress, isIP, isIPv4, isIPv6 } = nodeNet;
  const { _setSimultaneousAccepts } = nodeNet as unknown as { _setSimultaneousAccepts: unknown };
  return {
    BlockList,
    SocketAddress,
    isIP,
    isIPv4,
    isIPv6,
    Socket: StackSocket,
    Stream: StackSocket,
    Server: StackServer,
    connect,
    createConnection: connect,
    createServer,
    toWeb: (socket: Duplex) => Duplex.toWeb(socket),
    connections: (server: Server) => new Connections(server),
    getDefaultAutoSelectFamily: () => autoSelect.family,
    setDefaultAutoSelectFamily: (value: boolean) => {
      autoSelect.family = value;
    },
    getDefaultAutoSelectFamilyAttemptTimeout: () => autoSelect.timeoutMs,
    setDefaultAutoSelectFamilyAttemptTimeout: (value: number) => {
      autoSelect.timeoutMs = value;
    },
    _normalizeArgs: normalizeArguments,
    _setSimultaneousAccepts,
  } as unknown as Net;
}
