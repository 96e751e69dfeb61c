import { EventEmitter } from 'node:events';
import type { AddressInfo, Socket } from 'node:net';
import t from 'tap';
import { NetBench } from './net-bench.ts';

t.test('listen in its forms', async (t) => {
  const on = new NetBench();
  const { net } = on.right;
  const listening: string[] = [];
  const at = (...args: unknown[]): void => {
    const server = net.createServer();
    (server.listen as (...all: unknown[]) => void).call(server, ...args, () => {
      const { address, family, port } = server.address() as AddressInfo;
      listening.push(`${family} ${address} ${port > 32_767 ? 'any' : port}`);
      server.close();
    });
  };
  at();
  at(0);
  at(80);
  at('81', '192.0.2.2');
  at(82, '127.0.0.1', 5);
  at({ port: 83, host: 'localhost', backlog: 5, exclusive: true });
  at({ port: null });
  await on.settle();
  t.strictSame(listening.sort(), [
    'IPv4 0.0.0.0 80',
    'IPv4 0.0.0.0 any',
    'IPv4 0.0.0.0 any',
    'IPv4 0.0.0.0 any',
    'IPv4 127.0.0.1 82',
    'IPv4 127.0.0.1 83',
    'IPv4 192.0.2.2 81',
  ]);
  on.close();
});

t.test('what listen refuses', async (t) => {
  const on = new NetBench();
  const { net } = on.right;
  const server = await on.serve(() => {});
  t.throws(() => server.listen(8), { code: 'ERR_SERVER_ALREADY_LISTEN' });
  t.throws(() => net.createServer().listen(65_536), { code: 'ERR_SOCKET_BAD_PORT' });
  t.throws(() => net.createServer().listen({}), {
    code: 'ERR_INVALID_ARG_VALUE',
    message: 'The argument \'options\' must have the property "port" or "path". Received {}',
  });
  const errors: object[] = [];
  const refused = (...args: unknown[]): void => {
    const other = net.createServer().on('error', (error) => errors.push(error));
    (other.listen as (...all: unknown[]) => void).call(other, ...args);
  };
  refused(7);
  refused(7, '192.0.2.9');
  refused('/run/a-pipe');
  refused(7, 'no.such.name');
  refused(7, '::1');
  await on.settle();
  t.match(errors, [
    {
      message: 'listen EADDRINUSE: address already in use 0.0.0.0:7',
      code: 'EADDRINUSE',
      errno: -98,
      syscall: 'listen',
      address: '0.0.0.0',
      port: 7,
    },
    { message: 'listen ENOTSUP: operation not supported on socket /run/a-pipe', address: '/run/a-pipe' },
    { code: 'EADDRNOTAVAIL', address: '192.0.2.9' },
    { code: 'EAFNOSUPPORT', address: '::1' },
    // There is no name server.
    { message: 'getaddrinfo EAI_AGAIN no.such.name', code: 'EAI_AGAIN', hostname: 'no.such.name' },
  ]);
  const closing = new Promise<unknown>((resolve) => net.createServer().close(resolve));
  await on.settle();
  t.match(await closing, { code: 'ERR_SERVER_NOT_RUNNING', message: 'Server is not running.' });
  on.close();
});

t.test('more connections than are wanted are dropped', async (t) => {
  const on = new NetBench();
  const server = await on.serve((socket) => socket.resume());
  server.maxConnections = 1;
  const drops: object[] = [];
  server.on('drop', (data) => drops.push(data ?? {}));
  const first = on.connect();
  await on.settle();
  on.take();
  on.connect().resume();
  await on.settle();
  t.match(drops, [
    { localAddress: '192.0.2.2', localPort: 7, remoteAddress: '192.0.2.1', remoteFamily: 'IPv4' },
  ]);
  t.strictSame(on.take(), ['client connect', 'client ready', 'client end', 'client finish', 'client close']);
  const count = new Promise((resolve) =>
    server.getConnections((_error, connections) => resolve(connections)),
  );
  t.equal(await count, 1);
  first.destroy();
  await on.settle();
  t.equal(await new Promise((resolve) => server.getConnections((_error, n) => resolve(n))), 0);
  on.close();
});

t.test('close waits for connections, and takes no more', async (t) => {
  const on = new NetBench();
  const server = await on.serve((socket) => socket.resume());
  const client = on.connect();
  await on.settle();
  let closed = false;
  server.close(() => {
    closed = true;
  });
  t.equal(server.listening, false);
  t.equal(server.address(), null);
  await on.settle();
  t.equal(closed, false);
  on.take();
  on.connect();
  await on.settle();
  t.ok(on.take().includes('client error connect ECONNREFUSED 192.0.2.2:7'));
  client.end();
  await on.settle();
  t.equal(closed, true);
  await server[Symbol.asyncDispose]();
  on.close();
});

t.test('pauseOnConnect: nothing is read before it is wanted', async (t) => {
  const on = new NetBench();
  let server: Socket | undefined;
  await on.serve(
    (socket) => {
      server = socket;
    },
    { pauseOnConnect: true },
  );
  on.connect().write('waits');
  await on.settle();
  t.equal(server!.bytesRead, 0);
  const data = new Promise((resolve) => server!.once('data', resolve));
  server!.resume();
  await on.settle();
  t.equal(String(await data), 'waits');
  on.close();
});

t.test('a signal closes a server', async (t) => {
  const on = new NetBench();
  const abort = new AbortController();
  const server = on.right.net.createServer().listen({ port: 7, signal: abort.signal });
  await on.settle();
  t.equal(server.listening, true);
  abort.abort();
  t.equal(server.listening, false);
  on.close();
});

t.test('a listener that fails later destroys its connection, when rejections are captured', async (t) => {
  const on = new NetBench();
  const { net } = on.right;
  EventEmitter.captureRejections = true;
  const server = net.createServer();
  EventEmitter.captureRejections = false;
  const fails = (socket: Socket): unknown => {
    on.note('server', socket);
    return Promise.reject(new Error('oh'));
  };
  server.on('connection', fails);
  server.listen(7);
  await on.settle();
  on.connect().resume();
  await on.settle();
  t.ok(on.take().includes('server error oh'));
  on.close();
});
