import { once } from 'node:events';
import t from 'tap';
import { type RawData, WebSocket, WebSocketServer } from 'ws';
import { listen, loopbackStack } from './http-bench.ts';

// @rfc 6455 1.3
t.test('the ws package, as server and client over a stack', async (t) => {
  const { http, net } = loopbackStack(t);
  const server = http.createServer();
  const sockets = new WebSocketServer({ server });
  sockets.on('connection', (socket, request) => {
    socket.send(`hello ${request.socket.remoteAddress}`);
    socket.on('message', (data: RawData, binary) => socket.send(data, { binary }));
  });
  const port = await listen(server);
  const client = new WebSocket(`ws://localhost:${port}/`, { createConnection: net.createConnection });
  const [hello] = await once(client, 'message');
  t.equal(String(hello), 'hello 127.0.0.1');
  client.send('text');
  const [text, isBinary] = await once(client, 'message');
  t.strictSame([String(text), isBinary], ['text', false]);
  const bytes = Buffer.alloc(200_000, 'bytes');
  client.send(bytes);
  const [binary] = (await once(client, 'message')) as [Buffer];
  t.ok(binary.equals(bytes));
  client.ping('beat');
  const [pong] = await once(client, 'pong');
  t.equal(String(pong), 'beat');
  client.close(1000, 'done');
  const [code, reason] = await once(client, 'close');
  t.strictSame([code, String(reason)], [1000, 'done']);
});
