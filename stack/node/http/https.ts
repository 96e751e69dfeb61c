import nodeHttps, { type AgentOptions } from 'node:https';
import type { Duplex } from 'node:stream';
import { callable } from '../callable.ts';
import type { Net } from '../net/net.ts';
import { replace } from '../replace.ts';
import { carriedSoon } from '../tls/carried.ts';
import { secureServed } from '../tls/tls.ts';
import { requests } from './client.ts';
import { GLOBAL_AGENT } from './http.ts';

/** Node's `https` module. */
export type Https = typeof nodeHttps;

/** Node's agent, whose part is to keep sessions to resume; in the types it has no `createConnection`. */
const NodeAgent = nodeHttps.Agent as unknown as new (
  options?: AgentOptions,
) => { createConnection(options: object, connected?: () => void): Duplex };

/** Makes the `https` module of a stack: Node's own, over the stack's connections. */
export function createHttps(net: Net): Https {
  const Server = callable(secureServed(nodeHttps.Server, net), 'Server');
  const Agent = callable(
    class extends NodeAgent {
      override createConnection(options: object, connected?: () => void): Duplex {
        const carrier = net.connect(options as never);
        return carriedSoon(
          super.createConnection({ ...options, socket: carrier }, connected) as never,
          carrier,
        );
      }
    },
    'Agent',
  ) as unknown as Https['Agent'];
  const defaults = { globalAgent: new Agent(GLOBAL_AGENT) };
  const { request, get } = requests(defaults);
  return replace(nodeHttps, {
    Agent,
    get globalAgent() {
      return defaults.globalAgent;
    },
    set globalAgent(agent) {
      defaults.globalAgent = agent;
    },
    Server,
    createServer: (...args: ConstructorParameters<typeof Server>) => new Server(...args),
    request,
    get,
  });
}
