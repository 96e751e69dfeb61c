// Sends back what it is sent, on port 7 (RFC 862), each connection in its turn of a loop.

import { pipeline } from 'node:stream/promises';
import { alone, exampleStack } from './network.ts';

const { net } = exampleStack();
const server = net.createServer().listen(7);

if (alone) {
  const client = net.connect(7, '127.0.0.1', () => client.end('to and fro\n'));
  client.pipe(process.stdout);
  client.on('close', () => server.close());
}

for await (const socket of net.connections(server)) {
  // A connection that fails is the end of that one only.
  pipeline(socket, socket).catch((error: Error) => console.error(error.message));
}
