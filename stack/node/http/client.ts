import { type Agent, ClientRequest } from 'node:http';
import { callable } from '../callable.ts';

/** The agent of requests that name none; programs may replace it. */
export interface DefaultAgent {
  globalAgent: Agent;
}

/** `ClientRequest`, `request` and `get` whose connections are those of a stack's agent, unless they are told another. */
export function requests(defaults: DefaultAgent) {
  const Request = callable(
    class extends (ClientRequest as unknown as new (...args: unknown[]) => ClientRequest) {
      constructor(...args: unknown[]) {
        super(...withAgent(args, defaults.globalAgent));
      }
    },
    'ClientRequest',
  );
  const request = (...args: unknown[]): ClientRequest => new Request(...args);
  const get = (...args: unknown[]): ClientRequest => {
    const sent = new Request(...args);
    sent.end();
    return sent;
  };
  return { ClientRequest: Request, request, get };
}

/** The arguments of a request, `(url[, options][, callback])` or `(options[, callback])`, with the agent that it falls back on. */
function withAgent(args: readonly unknown[], agent: Agent): unknown[] {
  const [first, second, third] = args;
  const hasUrl = typeof first === 'string' || first instanceof URL;
  if (!hasUrl) return [{ _defaultAgent: agent, ...(first as object) }, second];
  return typeof second === 'function'
    ? [first, { _defaultAgent: agent }, second]
    : [first, { _defaultAgent: agent, ...(second as object) }, third];
}
