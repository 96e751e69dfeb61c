import { AsyncLocalStorage } from 'node:async_hooks';
import type { RemoteInfo, Socket, SocketOptions } from 'node:dgram';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import t from 'tap';
import { LEFT, RIGHT, virtualHosts } from './virtual-hosts.ts';

/** Writes what a socket tells: `message 4 from 192.0.2.1:1000`. */
function logged(name: string, socket: Socket, log: string[]): Socket {
  socket.on('listening', () => log.push(`${name} listening on ${socket.address().address}`));
  socket.on('connect', () => log.push(`${name} connected to ${socket.remoteAddress().address}`));
  socket.on('message', (bytes: Buffer, { address, port, family, size }: RemoteInfo) =>
    log.push(`${name} got ${bytes.toString()} (${size}) from ${address}:${port} ${family}`),
  );
  socket.on('error', (error) => log.push(`${name} ${error.message}`));
  socket.on('close', () => log.push(`${name} closed`));
  return socket;
}

t.test('a datagram each way between two hosts', async (t) => {
  const { left, right, pass } = virtualHosts(t);
  const log: string[] = [];
  const server = logged('server', right.dgram.createSocket('udp4'), log);
  server.on('message', (bytes, { port, address }) => server.send(`${bytes.toString()}!`, port, address));
  server.bind(7);
  const client = logged('client', left.dgram.createSocket('udp4'), log);
  client.bind(1000, LEFT);
  await pass();
  client.send(['he', Buffer.from('llo')], 7, RIGHT, (error, bytes) => log.push(`sent ${error} ${bytes}`));
  await pass(1);
  client.close();
  server.close();
  await pass();
  t.strictSame(log, [
    'server listening on 0.0.0.0',
    'client listening on 192.0.2.1',
    'sent null 5',
    'server got hello (5) from 192.0.2.1:1000 IPv4',
    'client got hello! (6) from 192.0.2.2:7 IPv4',
    'client closed',
    'server closed',
  ]);
});

t.test(
  'every form of send, before the socket is bound: it is bound, and all goes out in order',
  async (t) => {
    const { left, right, pass } = virtualHosts(t);
    const log: string[] = [];
    logged('server', right.dgram.createSocket('udp4'), log).bind(7);
    await pass();
    const client = left.dgram.createSocket('udp4').bind(1000);
    const bytes = Buffer.from('0123456789');
    client.send('text', 7, RIGHT);
    client.send(bytes, 2, 3, 7, RIGHT);
    client.send(new DataView(bytes.buffer, bytes.byteOffset + 8, 2), 7, RIGHT);
    client.send([], 7, RIGHT);
    client.send(new Uint16Array([0x4241]), 7, RIGHT, () => log.push('last one sent'));
    await pass(1);
    const from = 'from 192.0.2.1:1000 IPv4';
    t.strictSame(log.slice(1), [
      'last one sent',
      `server got text (4) ${from}`,
      `server got 234 (3) ${from}`,
      `server got 89 (2) ${from}`,
      `server got  (0) ${from}`,
      `server got AB (2) ${from}`,
    ]);
  },
);

t.test(
  'connected: an unreachable port is an error of the socket; disconnected it hears anyone',
  async (t) => {
    const { left, right, pass } = virtualHosts(t);
    const log: string[] = [];
    const client = logged('client', left.dgram.createSocket('udp4'), log);
    client.bind(1000);
    client.connect(9, RIGHT);
    t.throws(() => client.send('x'), { code: 'ERR_SOCKET_BAD_PORT' }, 'it is not connected yet');
    await pass();
    t.throws(() => client.connect(9), {
      code: 'ERR_SOCKET_DGRAM_IS_CONNECTED',
      message: 'Already connected',
    });
    t.throws(() => client.send('x', 0, 1, 9, RIGHT), { code: 'ERR_SOCKET_DGRAM_IS_CONNECTED' });
    client.send('nobody');
    await pass(1);
    client.disconnect();
    t.throws(() => client.remoteAddress(), {
      code: 'ERR_SOCKET_DGRAM_NOT_CONNECTED',
      message: 'Not connected',
    });
    right.dgram.createSocket('udp4').bind(2000).send('anyone', 1000, LEFT);
    await pass(1);
    t.strictSame(log, [
      'client listening on 0.0.0.0',
      'client connected to 192.0.2.2',
      'client recvmsg ECONNREFUSED',
      'client got anyone (6) from 192.0.2.2:2000 IPv4',
    ]);
  },
);

t.test('what is wrong with a bind is an event, with a call an exception', async (t) => {
  const { left, pass } = virtualHosts(t);
  const { dgram } = left;
  const log: string[] = [];
  const first = logged('first', dgram.createSocket('udp4'), log).bind(53);
  await pass();
  t.throws(() => first.bind(54), { code: 'ERR_SOCKET_ALREADY_BOUND', message: 'Socket is already bound' });
  logged('second', dgram.createSocket('udp4'), log).bind(53);
  logged('elsewhere', dgram.createSocket('udp4'), log).bind({ address: '198.51.100.1', port: 5 });
  logged('six', dgram.createSocket('udp6'), log).bind(5);
  logged('shared', dgram.createSocket({ type: 'udp4', reuseAddr: true }), log).bind(54);
  for (const name of ['one of many', 'another'])
    logged(name, dgram.createSocket({ type: 'udp4', reusePort: true } as SocketOptions), log).bind(55);
  logged('sharing', dgram.createSocket({ type: 'udp4', reuseAddr: true }), log).bind(54);
  await pass();
  t.strictSame(log, [
    'first listening on 0.0.0.0',
    'second bind EADDRINUSE 0.0.0.0:53',
    'elsewhere bind EADDRNOTAVAIL 198.51.100.1:5',
    'six bind EAFNOSUPPORT :::5',
    'shared listening on 0.0.0.0',
    'one of many listening on 0.0.0.0',
    'another listening on 0.0.0.0',
    'sharing listening on 0.0.0.0',
  ]);
  t.throws(() => dgram.createSocket('udp' as 'udp4'), { code: 'ERR_SOCKET_BAD_TYPE', name: 'TypeError' });
  t.throws(() => dgram.createSocket('udp4').address(), { code: 'EBADF', message: 'getsockname EBADF' });
  t.throws(() => first.setTTL(256), { code: 'EINVAL', message: 'setTTL EINVAL', syscall: 'setTTL' });
  t.throws(() => first.addMembership(RIGHT), { message: 'addMembership EINVAL' });
  first.close();
  t.throws(() => first.close(), { code: 'ERR_SOCKET_DGRAM_NOT_RUNNING', message: 'Not running' });
  t.throws(() => first.send('x', 1), { code: 'ERR_SOCKET_DGRAM_NOT_RUNNING' });
});

t.test('a group is heard by those who joined it, on the interface that they named', async (t) => {
  const { left, right, pass } = virtualHosts(t);
  const log: string[] = [];
  const member = logged('member', right.dgram.createSocket('udp4'), log).bind(5000);
  const picky = logged('picky', right.dgram.createSocket({ type: 'udp4', reuseAddr: true }), log).bind(5001);
  const sender = left.dgram.createSocket('udp4').bind(1000, LEFT);
  await pass();
  member.addMembership('239.1.2.3', RIGHT);
  picky.addSourceSpecificMembership('192.0.2.9', '239.1.2.3', RIGHT);
  sender.setMulticastInterface(LEFT);
  sender.setMulticastTTL(3);
  sender.setMulticastLoopback(false);
  sender.send('group', 5000, '239.1.2.3');
  sender.send('group', 5001, '239.1.2.3');
  await pass(1);
  member.dropMembership('239.1.2.3', RIGHT);
  picky.dropSourceSpecificMembership('192.0.2.9', '239.1.2.3', RIGHT);
  sender.send('nobody', 5000, '239.1.2.3');
  await pass(1);
  t.strictSame(log.slice(2), ['member got group (5) from 192.0.2.1:1000 IPv4']);
});

t.test('broadcasts need leave to be sent', async (t) => {
  const { left, right, pass } = virtualHosts(t);
  const log: string[] = [];
  logged('server', right.dgram.createSocket('udp4'), log).bind(7);
  const client = left.dgram.createSocket('udp4').bind(1000);
  await pass();
  client.send('no', 7, '192.0.2.255', (error) => log.push(`${error}`));
  await pass(1);
  client.setBroadcast(true);
  client.send('yes', 7, '192.0.2.255');
  await pass(1);
  t.strictSame(log.slice(1), [
    'Error: send EACCES 192.0.2.255:7',
    'server got yes (3) from 192.0.2.1:1000 IPv4',
  ]);
});

t.test(
  'a full send buffer makes datagrams wait, which are counted, and sent when there is room',
  async (t) => {
    const { left, right, pass } = virtualHosts(t);
    const log: string[] = [];
    let received = 0;
    const server = right.dgram.createSocket({ type: 'udp4', recvBufferSize: 100_000 }).bind(7);
    server.on('message', () => received++);
    const client = left.dgram.createSocket({ type: 'udp4', sendBufferSize: 4000 });
    client.bind(1000);
    await pass();
    t.equal(client.getSendBufferSize(), 8000);
    t.equal(server.getRecvBufferSize(), 200_000);
    const bytes = Buffer.alloc(1000);
    for (let i = 0; i < 10; i++) client.send(bytes, 7, RIGHT, (error) => log.push(`${i} ${error}`));
    // The address is looked up in the next tick.
    await Promise.resolve();
    await new Promise((resolve) => process.nextTick(resolve));
    const waiting = client.getSendQueueCount();
    t.ok(waiting > 0 && waiting < 10, `${waiting} wait`);
    t.equal(client.getSendQueueSize(), waiting * 1000);
    await pass(10);
    t.equal(received, 10);
    t.equal(client.getSendQueueCount(), 0);
    t.strictSame(log.sort(), Array.from({ length: 10 }, (_, i) => `${i} null`).sort());
  },
);

t.test('signal, asyncDispose, the end of the stack: each closes', async (t) => {
  const { clock, left, right, pass } = virtualHosts(t);
  const log: string[] = [];
  const controller = new AbortController();
  const { signal } = controller;
  logged('aborted', left.dgram.createSocket({ type: 'udp4', signal }), log).bind(1);
  const disposed = logged('disposed', left.dgram.createSocket('udp4'), log).bind(2);
  logged('left', right.dgram.createSocket('udp4'), log).bind(3);
  await pass();
  log.length = 0;
  t.equal(clock.held, 3);
  controller.abort();
  await disposed[Symbol.asyncDispose]();
  await disposed[Symbol.asyncDispose]();
  t.equal(clock.held, 1);
  right.close();
  await pass();
  t.strictSame(log, ['aborted closed', 'disposed closed', 'left closed']);
  t.equal(clock.held, 0);
});

t.test('ref and unref say whether a bound socket holds the clock', async (t) => {
  const { clock, left, pass } = virtualHosts(t);
  const socket = left.dgram.createSocket('udp4');
  t.equal(clock.held, 0, 'one that is not bound holds nothing');
  socket.bind(1);
  await pass();
  t.equal(clock.held, 1);
  t.equal(socket.unref(), socket);
  t.equal(clock.held, 0);
  socket.ref();
  t.equal(clock.held, 1);
  socket.close();
  t.equal(clock.held, 0);
  socket.ref();
  t.equal(clock.held, 0, 'closed');
});

t.test('a listener that throws is not the end of what comes after it', async (t) => {
  const { clock, left, right, pass } = virtualHosts(t);
  const got: string[] = [];
  const server = right.dgram.createSocket('udp4').bind(7);
  server.on('message', (bytes) => {
    got.push(bytes.toString());
    if (got.length === 1) throw new Error('of the listener');
  });
  const client = left.dgram.createSocket('udp4').bind(1000);
  await pass();
  for (const text of ['a', 'b', 'c']) client.send(text, 7, RIGHT);
  await new Promise((resolve) => process.nextTick(resolve));
  clock.advance(1);
  t.throws(() => clock.turn(), { message: 'of the listener' });
  await pass();
  t.strictSame(got, ['a', 'b', 'c']);
});

t.test('callbacks run where the socket was made; sockets are announced on udp.socket', async (t) => {
  const { left, right, pass } = virtualHosts(t);
  const storage = new AsyncLocalStorage<string>();
  const made: unknown[] = [];
  const announce = (message: unknown): unknown => made.push((message as { socket: unknown }).socket);
  subscribe('udp.socket', announce);
  const server = storage.run('server', () => right.dgram.createSocket('udp4'));
  unsubscribe('udp.socket', announce);
  t.strictSame(made.length, 1);
  t.equal(made[0], server);
  t.ok(server instanceof right.dgram.Socket);
  let where: string | undefined;
  server.on('message', () => {
    where = storage.getStore();
  });
  server.bind(7);
  await pass();
  storage.run('client', () => left.dgram.createSocket('udp4').send('x', 7, RIGHT));
  await pass(1);
  t.equal(where, 'server');
});
