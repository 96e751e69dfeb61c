import type { Socket } from 'node:net';
import t from 'tap';
import { NetBench } from './net-bench.ts';

const pattern = (length: number): Buffer =>
  Buffer.from(Array.from({ length }, (_, i) => (i * 31 + (i >> 8)) & 255));

t.test('a writer is held back by a reader that waits, and told when there is room', async (t) => {
  const on = new NetBench();
  let server: Socket | undefined;
  await on.serve((socket) => {
    server = socket;
    socket.pause();
  });
  const client = on.connect();
  await on.settle();
  on.take();
  const chunk = pattern(65_536);
  let writes = 0;
  for (let goes = true; goes && writes < 100; writes++) {
    goes = client.write(chunk);
    await on.pass(1000);
    goes ||= on.take().includes('client drain');
  }
  t.ok(writes > 1 && writes < 100, 'the buffers of both ends take some, and no more while nobody reads');
  t.equal(client.writableNeedDrain, true);
  let same = true;
  let received = 0;
  server!.on('data', (data: Buffer) => {
    for (const byte of data) if (byte !== chunk[received++ % chunk.length]) same = false;
  });
  server!.resume();
  await on.pass(20_000);
  t.ok(on.take().includes('client drain'));
  t.equal(received, client.bytesWritten);
  t.ok(same, 'in order and whole');
  t.equal(server!.bytesRead, received);
  t.equal(client.writableLength, 0);
  on.close();
});

t.test('writes while the stream is corked go as one', async (t) => {
  const on = new NetBench();
  const chunks: string[] = [];
  await on.serve((socket) => socket.on('data', (data) => chunks.push(data.toString())));
  const client = on.connect();
  await on.settle();
  const before = on.left.counters().mib.TcpOutSegs;
  client.cork();
  client.write('one ');
  client.write('two ', 'latin1');
  client.write(Buffer.from('three'));
  t.equal(client.bytesWritten, 13);
  client.uncork();
  await on.settle();
  t.strictSame(chunks, ['one two three']);
  t.equal(on.left.counters().mib.TcpOutSegs - before, 1);
  on.close();
});

t.test('a chunk is the reader’s for good', async (t) => {
  const on = new NetBench();
  const kept: Buffer[] = [];
  await on.serve((socket) => socket.on('data', (data: Buffer) => kept.push(data)));
  const client = on.connect();
  const sent = pattern(300_000);
  for (let at = 0; at < sent.length; at += 7000) {
    client.write(sent.subarray(at, at + 7000));
    await on.pass(50);
  }
  await on.pass(1000);
  t.ok(kept.length > 10);
  t.equal(Buffer.compare(Buffer.concat(kept), sent), 0, 'none was overwritten by a later one');
  on.close();
});

t.test('onread: what comes lies in the user’s buffer, and false pauses', async (t) => {
  const on = new NetBench();
  await on.serve((socket) => socket.end('twelve bytes'));
  const buffer = new Uint8Array(5);
  const seen: string[] = [];
  const client = on.connect({
    onread: {
      buffer,
      callback(bytes: number, into: Uint8Array): boolean {
        t.equal(into, buffer);
        seen.push(Buffer.from(into.subarray(0, bytes)).toString());
        return seen.length !== 1;
      },
    },
  });
  client.on('data', () => t.fail('no data event'));
  await on.settle();
  t.strictSame(seen, ['twelv']);
  client.resume();
  await on.settle();
  t.strictSame(seen, ['twelv', 'e byt', 'es']);
  t.ok(on.take().includes('client end'));
  on.close();
});

t.test('a socket is an async iterable', async (t) => {
  const on = new NetBench();
  await on.serve((socket) => socket.end('some text'));
  const client = on.connect({});
  const read = (async () => {
    let text = '';
    for await (const chunk of client) text += String(chunk);
    return text;
  })();
  await on.settle();
  t.equal(await read, 'some text');
  on.close();
});

t.test('who writes to what the peer has closed hears EPIPE or ECONNRESET', async (t) => {
  const on = new NetBench();
  await on.serve((socket) => socket.destroy());
  const client = on.connect({ allowHalfOpen: true });
  client.resume();
  await on.settle();
  on.take();
  client.write('one');
  await on.settle();
  t.strictSame(on.take(), [], 'the first is sent');
  client.write('two');
  await on.settle();
  t.match(on.take(), [/client error write (EPIPE|ECONNRESET)/, 'client close after an error']);
  on.close();
});

t.test('what was written when the socket is destroyed is told of', async (t) => {
  const on = new NetBench();
  const client = on.left.net.connect(7, '192.0.2.2');
  client.on('error', () => {});
  const failed = new Promise<unknown>((resolve) => client.write('never', resolve));
  client.destroy();
  await on.settle();
  t.match(await failed, { code: 'ERR_SOCKET_CLOSED_BEFORE_CONNECTION' });
  const unconnected = new on.left.net.Socket();
  unconnected.on('error', () => {});
  t.match(await new Promise((resolve) => unconnected.write('x', resolve)), { code: 'ERR_SOCKET_CLOSED' });
  on.close();
});

t.test('settings reach the connection', async (t) => {
  const on = new NetBench();
  await on.serve((socket) => socket.resume(), {
    noDelay: true,
    keepAlive: true,
    keepAliveInitialDelay: 60_000,
  });
  const client = on.connect({ noDelay: true, keepAlive: true, keepAliveInitialDelay: 30_000 });
  await on.settle();
  const before = on.left.counters().mib.TcpOutSegs;
  await on.pass(31_000, 1000);
  t.equal(on.left.counters().mib.TcpOutSegs - before, 1, 'a probe of ours after 30 s');
  client.setKeepAlive(false);
  await on.pass(28_000, 1000);
  const silent = on.left.counters().mib.TcpOutSegs;
  await on.pass(90_000, 1000);
  t.ok(on.left.counters().mib.TcpOutSegs - silent <= 2, 'from now on answers only');
  t.equal(client.destroyed, false);
  on.close();
});
