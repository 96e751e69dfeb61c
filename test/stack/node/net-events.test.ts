import { AsyncLocalStorage } from 'node:async_hooks';
import { type ChannelListener, channel } from 'node:diagnostics_channel';
import type { Socket } from 'node:net';
import t from 'tap';
import { NetBench } from './net-bench.ts';

t.test('the events of a connection, from its lookup to its close', async (t) => {
  const on = new NetBench();
  await on.serve((socket) => {
    on.note('server', socket);
    socket.on('data', (data) => on.log.push(`server data ${data.toString()}`));
  });
  const client = on.connect();
  t.equal(client.connecting, true);
  t.equal(client.readyState, 'opening');
  client.on('connectionAttempt', (...at) => on.log.push(`client attempt ${at.join(' ')}`));
  client.write('before');
  t.equal(client.bytesWritten, 6, 'what waits for the connection counts');
  await on.settle();
  t.strictSame(on.take(), [
    'client attempt 192.0.2.2 7 4',
    'client connect',
    'client ready',
    'server data before',
  ]);
  t.ok(client instanceof on.left.net.Socket);
  t.notOk(client instanceof on.right.net.Socket, 'a class a stack');
  t.equal(client.readyState, 'open');
  t.strictSame([client.remoteAddress, client.remotePort, client.remoteFamily], ['192.0.2.2', 7, 'IPv4']);
  t.equal(client.localAddress, '192.0.2.1');
  t.strictSame(client.address(), { address: '192.0.2.1', family: 'IPv4', port: client.localPort });
  client.resume();
  client.end('last');
  await on.settle();
  t.strictSame(on.take(), [
    'server data last',
    'client finish',
    'server end',
    'server finish',
    'server close',
    'client end',
    'client close',
  ]);
  t.equal(client.readyState, 'closed');
  t.equal(client.bytesWritten, 10);
  t.equal(client.localAddress, undefined);
  on.close();
});

t.test('a half-open connection sends on after the peer has ended', async (t) => {
  const on = new NetBench();
  let server: Socket | undefined;
  await on.serve(
    (socket) => {
      server = on.note('server', socket);
      socket.resume();
    },
    { allowHalfOpen: true },
  );
  const client = on.connect();
  client.on('data', (data) => on.log.push(`client data ${data.toString()}`));
  client.end('question');
  await on.settle();
  t.strictSame(on.take(), ['client connect', 'client ready', 'client finish', 'server end']);
  t.equal(server!.readyState, 'writeOnly');
  t.equal(client.readyState, 'readOnly');
  server!.end('answer');
  await on.settle();
  t.strictSame(on.take(), [
    'client data answer',
    'server finish',
    'server close',
    'client end',
    'client close',
  ]);
  on.close();
});

t.test('nobody listens: ECONNREFUSED in the shape of Node', async (t) => {
  const on = new NetBench();
  const client = on.connect();
  const error = new Promise<object>((resolve) => client.once('error', resolve));
  client.on('connectionAttemptFailed', (address, port) => on.log.push(`failed ${address} ${port}`));
  await on.settle();
  t.match(await error, {
    message: 'connect ECONNREFUSED 192.0.2.2:7',
    code: 'ECONNREFUSED',
    errno: -111,
    syscall: 'connect',
    address: '192.0.2.2',
    port: 7,
  });
  t.strictSame(on.take(), [
    'failed 192.0.2.2 7',
    'client error connect ECONNREFUSED 192.0.2.2:7',
    'client close after an error',
  ]);
  on.close();
});

t.test(
  'a host that does not answer: ETIMEDOUT when TCP has given up, or EHOSTUNREACH when ARP has',
  async (t) => {
    const on = new NetBench();
    on.connect({ host: '192.0.2.9' });
    await on.pass(5000);
    t.strictSame(on.take(), ['client error connect EHOSTUNREACH 192.0.2.9:7', 'client close after an error']);
    on.left.net.connect(7, '203.0.113.1').on('error', (error) => on.log.push(error.message));
    await on.settle();
    t.strictSame(on.take(), ['connect ENETUNREACH 203.0.113.1:7 - Local (0.0.0.0:0)'], 'no way at all');
    on.close();
  },
);

t.test('the peer resets: who reads hears ECONNRESET', async (t) => {
  const on = new NetBench();
  let server: Socket | undefined;
  await on.serve((socket) => {
    server = socket;
  });
  const client = on.connect();
  await on.settle();
  server!.resetAndDestroy();
  await on.settle();
  t.strictSame(on.take().slice(2), ['client error read ECONNRESET', 'client close after an error']);
  t.equal(client.destroyed, true);
  const failed = new Promise<unknown>((resolve) => client.write('late', resolve));
  await on.settle();
  t.match(await failed, { code: 'ERR_STREAM_DESTROYED' });
  on.close();
});

t.test('silence is measured by the clock of the stack', async (t) => {
  const on = new NetBench();
  await on.serve((socket) => socket.pipe(socket));
  const client = on.connect({ timeout: 1000 });
  client.resume();
  await on.settle();
  on.take();
  await on.pass(900);
  client.write('alive');
  await on.pass(900);
  t.strictSame(on.take(), [], 'activity begins it anew');
  await on.pass(200);
  t.strictSame(on.take(), ['client timeout']);
  client.setTimeout(0);
  await on.pass(5000);
  t.strictSame(on.take(), []);
  t.throws(() => client.setTimeout(-1), { code: 'ERR_OUT_OF_RANGE' });
  client.destroy();
  await on.settle();
  on.close();
});

t.test('an AbortSignal ends a connection that is under way', async (t) => {
  const on = new NetBench();
  await on.serve((socket) => socket.resume());
  const abort = new AbortController();
  on.connect({ signal: abort.signal });
  abort.abort();
  await on.settle();
  t.strictSame(on.take(), ['client error The operation was aborted', 'client close after an error']);
  t.throws(() => on.connect({ signal: 'none' }), { code: 'ERR_INVALID_ARG_TYPE' });
  on.close();
});

t.test('a destroyed socket connects again', async (t) => {
  const on = new NetBench();
  await on.serve((socket) => socket.end('once'));
  const client = on.connect();
  client.resume();
  await on.settle();
  on.take();
  client.connect(7, '192.0.2.2');
  await on.settle();
  t.strictSame(on.take(), ['client connect', 'client ready', 'client end', 'client finish', 'client close']);
  t.equal(client.bytesRead, 4);
  on.close();
});

t.test('callbacks run in the asynchronous context of who made the socket', async (t) => {
  const on = new NetBench();
  const storage = new AsyncLocalStorage<string>();
  const seen: unknown[] = [];
  await storage.run('listening', () =>
    on.serve((socket) => {
      seen.push(['connection', storage.getStore()]);
      socket.resume();
    }),
  );
  storage.run('connecting', () => {
    const client = on.connect();
    client.on('connect', () => seen.push(['connect', storage.getStore()]));
    client.on('close', () => seen.push(['close', storage.getStore()]));
    client.end();
    client.resume();
  });
  await on.settle();
  t.strictSame(seen, [
    ['connect', 'connecting'],
    ['connection', 'listening'],
    ['close', 'connecting'],
  ]);
  on.close();
});

t.test('observers hear of sockets on the channels that Node uses', async (t) => {
  const on = new NetBench();
  const heard: string[] = [];
  const listeners = ['net.client.socket', 'net.server.socket', 'tracing:net.server.listen:asyncEnd'].map(
    (name): [string, ChannelListener] => [name, () => heard.push(name)],
  );
  for (const [name, listener] of listeners) channel(name).subscribe(listener);
  await on.serve((socket) => socket.end());
  on.connect().resume();
  await on.settle();
  for (const [name, listener] of listeners) channel(name).unsubscribe(listener);
  t.strictSame(heard, ['tracing:net.server.listen:asyncEnd', 'net.client.socket', 'net.server.socket']);
  on.close();
});

t.test('when the stack is closed its sockets and servers are', async (t) => {
  const on = new NetBench();
  const server = await on.serve((socket) => {
    on.note('server', socket);
    socket.resume();
  });
  server.on('close', () => on.log.push('listening ends'));
  on.connect().resume();
  await on.settle();
  on.take();
  on.close();
  await on.settle();
  t.strictSame(on.take().sort(), ['client close', 'listening ends', 'server close']);
  t.equal(on.clock.held, 0);
});
