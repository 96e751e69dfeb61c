// `fetch`, over the stack: an URL of a server on the network (`node dist/examples/fetch.js tap0 10.0.0.2/24 http://10.0.0.1/`), else of the
// example's own.

import { alone, exampleStack } from './network.ts';

const stack = exampleStack();
if (alone) {
  const server = stack.http.createServer((_request, response) => response.end('{"hello":"world"}'));
  server.listen(80).unref();
}

const response = await stack.fetch(process.argv[4] ?? 'http://localhost/');
console.log(response.status, await response.text());
stack.close();
