import nodeHttp, { type AgentOptions } from 'node:http';
import type { Duplex } from 'node:stream';
import { callable } from '../callable.ts';
import type { Net } from '../net/net.ts';
import { replace } from '../replace.ts';
import { served } from '../served.ts';
import { requests } from './client.ts';

/** Node's `http` module. */
export type Http = typeof nodeHttp;

/** What Node's global agents are made with. */
export const GLOBAL_AGENT = { keepAlive: true, scheduling: 'lifo', timeout: 5000 } as const;

/** Makes the `http` module of a stack: Node's own HTTP, over the stack's connections. */
export function createHttp(net: Net): Http {
  const Server = callable(served(nodeHttp.Server, net), 'Server');
  const Agent = callable(
    class extends (nodeHttp.Agent as unknown as new (options?: AgentOptions) => object) {
      createConnection(options: object, connected?: () => void): Duplex {
        return net.createConnection(options as never, connected);
      }
    },
    'Agent',
  ) as unknown as Http['Agent'];
  const defaults = { globalAgent: new Agent(GLOBAL_AGENT) };
  return replace(nodeHttp, {
    Agent,
    get globalAgent() {
      return defaults.globalAgent;
    },
    set globalAgent(agent) {
      defaults.globalAgent = agent;
    },
    Server,
    createServer: (...args: ConstructorParameters<typeof Server>) => new Server(...args),
    ...requests(defaults),
  });
}
