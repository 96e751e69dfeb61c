import { once } from 'node:events';
import type { Socket } from 'node:net';
import t from 'tap';
import { listen, loopbackStack, text } from './http-bench.ts';

t.test('a connection as streams of the WHATWG', async (t) => {
  const { net } = loopbackStack(t);
  const port = await listen(net.createServer((socket) => socket.pipe(socket)));
  const { readable, writable } = net.toWeb(net.connect(port));
  const writer = writable.getWriter();
  await writer.write(Buffer.from('through '));
  await writer.write(Buffer.from('and back'));
  await writer.close();
  const decoder = new TextDecoder();
  let received = '';
  for await (const chunk of readable) received += decoder.decode(chunk as Uint8Array, { stream: true });
  t.equal(received, 'through and back');
});

t.test('the connections of a server, in a loop that ends when it is closed', async (t) => {
  const { net } = loopbackStack(t);
  const server = net.createServer();
  const port = await listen(server);
  const connections = net.connections(server);
  const received = [1, 2].map(() => text(net.connect(port)));
  let served = 0;
  for await (const socket of connections) {
    socket.end(`${++served}`);
    if (served === 2) server.close();
  }
  t.strictSame(await Promise.all(received), ['1', '2']);
  t.equal(server.listenerCount('connection'), 0);
});

t.test('a loop that is left destroys who waits for it, and ends questions that are open', async (t) => {
  const { net } = loopbackStack(t);
  const server = net.createServer();
  const port = await listen(server);
  const connections = net.connections(server);
  const clients: Socket[] = [];
  for (let i = 0; i < 2; i++) {
    clients.push(net.connect(port));
    await once(server, 'connection');
  }
  for await (const socket of connections) {
    socket.end('first');
    break;
  }
  t.equal(await text(clients[0]!), 'first');
  t.equal(await text(clients[1]!), '');
  t.equal(server.listening, true);
  const more = net.connections(server);
  const open = more.next();
  await more.return!();
  t.strictSame(await open, { value: undefined, done: true });
});

t.test('a server that fails ends the loop with its error', async (t) => {
  const { net } = loopbackStack(t);
  const port = await listen(net.createServer());
  const server = net.createServer();
  const connections = net.connections(server);
  server.listen(port);
  await t.rejects(connections.next(), { code: 'EADDRINUSE' });
  t.strictSame(await connections.next(), { value: undefined, done: true });
});
