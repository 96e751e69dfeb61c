import type { LookupFunction } from 'node:net';
import t from 'tap';
import { NetBench } from './net-bench.ts';

/** A lookup that knows one name. */
function knows(...addresses: readonly string[]): LookupFunction {
  return (hostname, options, callback) => {
    const found = addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 }));
    setImmediate(() => {
      if (hostname !== 'host.example') callback(new Error('unknown'), '');
      else if (options.all) callback(null, found);
      else callback(null, found[0]!.address, found[0]!.family);
    });
  };
}

t.test('localhost needs no server, a literal no lookup', async (t) => {
  const on = new NetBench();
  const { net } = on.left;
  const server = net.createServer((socket) => socket.end()).listen(7);
  await on.settle();
  const local = net.connect(7);
  local.on('lookup', (...args) => on.log.push(`lookup ${args.join(' ')}`));
  on.note('local', local).resume();
  await on.settle();
  t.strictSame(on.take().slice(0, 3), ['lookup  127.0.0.1 4 localhost', 'local connect', 'local ready']);
  const literal = net.connect(7, '127.0.0.1');
  literal.on('lookup', () => t.fail('no lookup'));
  await on.settle();
  literal.destroy();
  server.close();
  on.close();
});

t.test('names are found by the option, else by the stack', async (t) => {
  const on = new NetBench();
  await on.serve((socket) => socket.end());
  on.connect({ host: 'host.example', lookup: knows('192.0.2.2') }).resume();
  await on.settle();
  t.equal(on.take()[0], 'client connect');
  on.connect({ host: 'host.example' });
  await on.settle();
  t.equal(on.take()[0], 'client error getaddrinfo ENOTFOUND host.example');
  on.left.lookup = knows('192.0.2.2');
  on.connect({ host: 'host.example' }).resume();
  await on.settle();
  t.equal(on.take()[0], 'client connect');
  on.connect({ host: 'other.example' }).resume();
  await on.settle();
  t.equal(on.take()[0], 'client error unknown');
  on.connect({ host: 'host.example', lookup: knows('no address'), autoSelectFamily: false });
  await on.settle();
  t.equal(on.take()[0], 'client error Invalid IP address: no address');
  on.close();
});

t.test('all addresses of a name are tried, each for a time, families in turn', async (t) => {
  const on = new NetBench();
  await on.serve((socket) => socket.end());
  const client = on.connect({
    host: 'host.example',
    lookup: knows('192.0.2.8', '192.0.2.2', '2001:db8::2'),
    autoSelectFamilyAttemptTimeout: 250,
  });
  client.resume();
  for (const event of ['connectionAttempt', 'connectionAttemptTimeout', 'connectionAttemptFailed'])
    client.on(event, (address) => on.log.push(`${event} ${address}`));
  await on.pass(100);
  t.strictSame(on.take(), ['connectionAttempt 192.0.2.8']);
  await on.pass(200);
  t.strictSame(on.take().slice(0, 5), [
    'connectionAttemptTimeout 192.0.2.8',
    'connectionAttempt 2001:db8::2',
    'connectionAttemptFailed 2001:db8::2',
    'connectionAttempt 192.0.2.2',
    'client connect',
  ]);
  t.strictSame(client.autoSelectFamilyAttemptedAddresses, ['192.0.2.8:7', '2001:db8::2:7', '192.0.2.2:7']);
  on.close();
});

t.test('when none answers the error has them all', async (t) => {
  const on = new NetBench();
  const client = on.connect({ host: 'host.example', lookup: knows('192.0.2.2', '192.0.2.1') });
  const failure = new Promise<AggregateError & { code?: string }>((resolve) =>
    client.once('error', (error) => resolve(error as AggregateError)),
  );
  await on.pass(1000);
  const error = await failure;
  t.ok(error instanceof AggregateError);
  t.equal(error.code, 'ECONNREFUSED');
  t.strictSame(
    error.errors.map((each: Error) => each.message),
    ['connect ECONNREFUSED 192.0.2.2:7', 'connect ECONNREFUSED 192.0.2.1:7'],
  );
  on.close();
});

t.test('defaults of the attempts are the module’s', (t) => {
  const on = new NetBench();
  const { net } = on.left;
  t.equal(net.getDefaultAutoSelectFamily(), true);
  net.setDefaultAutoSelectFamily(false);
  t.equal(net.getDefaultAutoSelectFamily(), false);
  t.equal(on.right.net.getDefaultAutoSelectFamily(), true, 'each stack has its own');
  net.setDefaultAutoSelectFamilyAttemptTimeout(5);
  t.equal(net.getDefaultAutoSelectFamilyAttemptTimeout(), 10);
  t.throws(() => net.setDefaultAutoSelectFamilyAttemptTimeout(0), { code: 'ERR_OUT_OF_RANGE' });
  on.close();
  t.end();
});

t.test('a local address and port are bound', async (t) => {
  const on = new NetBench();
  await on.serve((socket) => socket.resume());
  const client = on.connect({ localAddress: '192.0.2.1', localPort: 4000 });
  await on.settle();
  t.strictSame(client.address(), { address: '192.0.2.1', family: 'IPv4', port: 4000 });
  on.take();
  on.connect({ localAddress: '192.0.2.77', localPort: 4001 });
  await on.settle();
  t.equal(on.take()[0], 'client error bind EADDRNOTAVAIL 192.0.2.77:4001');
  const refused = on.left.net.connect({
    port: 9,
    host: '192.0.2.2',
    localAddress: '192.0.2.1',
    localPort: 4002,
  });
  const error = new Promise((resolve) => refused.once('error', resolve));
  await on.settle();
  t.match(await error, {
    message: 'connect ECONNREFUSED 192.0.2.2:9 - Local (192.0.2.1:4002)',
    localAddress: '192.0.2.1',
    localPort: 4002,
  });
  on.close();
});

t.test('what connect refuses', async (t) => {
  const on = new NetBench();
  const { net } = on.left;
  const connect = net.connect as (...args: unknown[]) => unknown;
  const throws = (code: string, ...args: unknown[]): void =>
    void t.throws(() => connect(...args), { code }, JSON.stringify(args));
  throws('ERR_MISSING_ARGS');
  throws('ERR_SOCKET_BAD_PORT', 65_536);
  throws('ERR_INVALID_ARG_TYPE', { port: true });
  throws('ERR_INVALID_IP_ADDRESS', { port: 1, localAddress: 'here' });
  throws('ERR_INVALID_ARG_TYPE', { port: 1, localPort: 'x' });
  throws('ERR_INVALID_ARG_TYPE', { port: 1, lookup: 'x' });
  throws('ERR_INVALID_ARG_TYPE', { port: 1, autoSelectFamily: 'x' });
  throws('ERR_INVALID_ARG_TYPE', { path: 5 });
  throws('ERR_INVALID_ARG_VALUE', { port: 1, hints: 9999 });
  t.throws(() => new net.Socket({ fd: 3 }), { code: 'ERR_INVALID_FD_TYPE' });
  t.throws(() => new net.Socket({ handle: {} } as object), { code: 'ERR_INVALID_HANDLE_TYPE' });
  t.throws(() => new net.Socket({ objectMode: true } as object), { code: 'ERR_INVALID_ARG_VALUE' });
  on.note('pipe', net.connect('/run/a-pipe'));
  await on.settle();
  t.strictSame(on.take(), ['pipe error connect ENOENT /run/a-pipe', 'pipe close after an error']);
  const called = net.Socket as unknown as () => object;
  t.ok(called() instanceof net.Socket, 'no new is needed');
  on.close();
});
