import { existsSync, linkSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import t, { type Test } from 'tap';
import { ControlClient } from '../../tools/control/client.ts';
import { LineReader } from '../../tools/control/lines.ts';
import { type MethodTable, method } from '../../tools/control/method.ts';
import { integer, optional, text } from '../../tools/control/params.ts';
import { ControlError } from '../../tools/control/protocol.ts';
import { ControlServer, type ControlServerOptions } from '../../tools/control/server.ts';
import { claimSocketPath } from '../../tools/control/socket-path.ts';

/** What the methods below act on, so that a test sees whether anything was changed. */
interface Board {
  value: number;
  emit: ((event: unknown) => void) | null;
  aborted: boolean;
}

const METHODS: MethodTable<Board> = {
  get: method({}, (board: Board) => board.value),
  set: method({ value: integer(0, 10), note: optional(text(4)) }, (board: Board, { value }) => {
    board.value = value;
  }),
  refuse: method({}, () => {
    throw new ControlError('EEXIST', 'RTNETLINK answers: File exists');
  }),
  bug: method({}, () => {
    throw new Error('a bug');
  }),
  big: method({ bytes: integer(0, 1_000_000) }, (_board: Board, { bytes }) => 'x'.repeat(bytes)),
  watch: method({}, (board: Board, _params, call) => {
    board.emit = (event) => call.emit(event);
    return new Promise((resolve) => {
      call.signal.addEventListener('abort', () => {
        board.aborted = true;
        resolve('ended');
      });
    });
  }),
};

interface Bench {
  readonly path: string;
  readonly board: Board;
  readonly server: ControlServer<Board>;
}

async function bench(t: Test, limits: ControlServerOptions<Board>['limits'] = {}): Promise<Bench> {
  const directory = mkdtempSync(join(tmpdir(), 'tapir-control-'));
  const path = join(directory, 'c.sock');
  const board: Board = { value: 1, emit: null, aborted: false };
  const server = await ControlServer.listen({ path, subject: board, methods: METHODS, limits });
  t.teardown(async () => {
    await server.close();
    rmSync(directory, { recursive: true });
  });
  return { path, board, server };
}

/** A client that writes bytes as they are and collects answers by line. */
class RawClient {
  readonly socket: Socket;
  readonly closed: Promise<void>;
  readonly lines: unknown[] = [];
  #waiting: (() => void)[] = [];

  private constructor(socket: Socket) {
    this.socket = socket;
    const reader = new LineReader(1 << 24, {
      line: (line) => {
        this.lines.push(JSON.parse(line));
        for (const wake of this.#waiting.splice(0)) wake();
      },
      tooLong: () => {},
    });
    socket.on('data', (chunk: Buffer) => reader.push(chunk));
    this.closed = new Promise((resolve) => socket.on('close', () => resolve()));
  }

  static connect(path: string): Promise<RawClient> {
    return new Promise((resolve, reject) => {
      const socket = connect(path, () => resolve(new RawClient(socket)));
      socket.on('error', reject);
    });
  }

  write(data: string | Buffer): void {
    this.socket.write(data);
  }

  async take(count: number): Promise<unknown[]> {
    while (this.lines.length < count) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    return this.lines.splice(0, count);
  }
}

t.test('answers, errors with their parameter, and nothing changed by a bad request', async (t) => {
  const { path, board } = await bench(t);
  const raw = await RawClient.connect(path);
  const bad: [string, object][] = [
    [
      '{"id":1,"method":"set","params":{"value":11}}',
      {
        id: 1,
        error: {
          code: 'EPARAM',
          message: 'parameter "value": 11 is not an integer from 0 to 10',
          param: 'value',
        },
      },
    ],
    [
      '{"id":2,"method":"set","params":{"value":"3"}}',
      {
        id: 2,
        error: {
          code: 'EPARAM',
          message: 'parameter "value": "3" is not an integer from 0 to 10',
          param: 'value',
        },
      },
    ],
    [
      '{"id":3,"method":"set","params":{}}',
      { id: 3, error: { code: 'EPARAM', message: 'parameter "value": is missing', param: 'value' } },
    ],
    [
      '{"id":4,"method":"set","params":{"value":3,"extra":1}}',
      {
        id: 4,
        error: { code: 'EPARAM', message: 'parameter "extra": is not known to this method', param: 'extra' },
      },
    ],
    [
      '{"id":5,"method":"set","params":{"value":3,"note":"12345"}}',
      {
        id: 5,
        error: {
          code: 'EPARAM',
          message: 'parameter "note": "12345" is not a text of at most 4 bytes',
          param: 'note',
        },
      },
    ],
    [
      '{"id":6,"method":"set","params":{"value":3,"__proto__":1}}',
      {
        id: 6,
        error: {
          code: 'EPARAM',
          message: 'parameter "__proto__": is not known to this method',
          param: '__proto__',
        },
      },
    ],
    [
      '{"id":7,"method":"constructor"}',
      { id: 7, error: { code: 'EMETHOD', message: 'no method "constructor"' } },
    ],
    [
      '{"id":8,"method":"set","params":[3]}',
      { id: 8, error: { code: 'EPROTO', message: '"params" is an object' } },
    ],
    [
      '{"id":9,"method":"set","params":{"value":3},"x":1}',
      { id: 9, error: { code: 'EPROTO', message: 'unknown field "x"' } },
    ],
    [
      '{"id":10,"method":7}',
      { id: 10, error: { code: 'EPROTO', message: 'a request has a "method": a text' } },
    ],
    [
      '{"method":"get"}',
      {
        id: null,
        error: { code: 'EPROTO', message: 'a request has an "id": a whole number or a short text' },
      },
    ],
    [
      '{"id":1.5,"method":"get"}',
      {
        id: null,
        error: { code: 'EPROTO', message: 'a request has an "id": a whole number or a short text' },
      },
    ],
    ['[1]', { id: null, error: { code: 'EPROTO', message: 'a request is one JSON object on a line' } }],
    ['null', { id: null, error: { code: 'EPROTO', message: 'a request is one JSON object on a line' } }],
    ['{"id":', { id: null, error: { code: 'EPROTO', message: 'a request is one JSON object on a line' } }],
    [
      '\u0000\ufffd garbage',
      { id: null, error: { code: 'EPROTO', message: 'a request is one JSON object on a line' } },
    ],
    [
      '['.repeat(60_000),
      { id: null, error: { code: 'EPROTO', message: 'a request is one JSON object on a line' } },
    ],
    [
      '{"id":11,"method":"refuse"}',
      { id: 11, error: { code: 'EEXIST', message: 'RTNETLINK answers: File exists' } },
    ],
    ['{"id":12,"method":"bug"}', { id: 12, error: { code: 'EFAULT', message: 'a bug' } }],
    [
      '{"id":13,"method":"cancel","params":{"id":null}}',
      {
        id: 13,
        error: { code: 'EPARAM', message: 'parameter "id": is not the id of a request', param: 'id' },
      },
    ],
  ];
  for (const [line, answer] of bad) {
    raw.write(`${line}\n`);
    t.strictSame(await raw.take(1), [answer], line.slice(0, 60));
  }
  t.equal(board.value, 1, 'nothing was changed');
  raw.write('{"id":"last","method":"set","params":{"value":3}}\n');
  t.strictSame(await raw.take(1), [{ id: 'last', result: null }]);
  t.equal(board.value, 3);
});

t.test('requests in pieces, and many in one piece', async (t) => {
  const { path } = await bench(t);
  const raw = await RawClient.connect(path);
  const request = '{"id":1,"method":"get"}\r\n';
  for (const byte of request) {
    raw.write(byte);
    await sleep(0);
  }
  t.strictSame(await raw.take(1), [{ id: 1, result: 1 }]);
  raw.write(`\n\n  \n${Array.from({ length: 1000 }, (_, id) => `{"id":${id},"method":"get"}\n`).join('')}`);
  t.strictSame(
    await raw.take(1000),
    Array.from({ length: 1000 }, (_, id) => ({ id, result: 1 })),
  );
  raw.write('{"id":1,"method":"set","params":{"value":9}}');
  raw.socket.end();
  await raw.closed;
  const other = await RawClient.connect(path);
  other.write('{"id":2,"method":"get"}\n');
  t.strictSame(await other.take(1), [{ id: 2, result: 1 }], 'half a line is no request');
});

t.test('a line that is too long ends its connection only', async (t) => {
  const { path, server } = await bench(t, { line: 1000 });
  const raw = await RawClient.connect(path);
  const other = await RawClient.connect(path);
  raw.write(Buffer.alloc(300_000, 0x61));
  t.strictSame(await raw.take(1), [
    { id: null, error: { code: 'EPROTO', message: 'a request is longer than 1000 bytes' } },
  ]);
  await raw.closed;
  other.write('{"id":1,"method":"get"}\n');
  t.strictSame(await other.take(1), [{ id: 1, result: 1 }]);
  t.equal(server.clients, 1);
});

t.test('too many clients, too many requests under way', async (t) => {
  const { path, server } = await bench(t, { clients: 2, inFlight: 3 });
  const first = await RawClient.connect(path);
  await RawClient.connect(path);
  const third = await RawClient.connect(path);
  t.strictSame(await third.take(1), [{ id: null, error: { code: 'EBUSY', message: 'too many clients' } }]);
  await third.closed;
  t.equal(server.refused, 1);
  for (const id of [1, 2, 3, 4, 3]) first.write(`{"id":${id},"method":"watch"}\n`);
  t.strictSame(await first.take(5), [
    { id: 1, started: true },
    { id: 2, started: true },
    { id: 3, started: true },
    { id: 4, error: { code: 'EBUSY', message: 'more than 3 requests under way' } },
    { id: 3, error: { code: 'EPROTO', message: 'request 3 is still under way' } },
  ]);
  first.write('{"id":9,"method":"cancel","params":{"id":2}}\n');
  t.strictSame(await first.take(2), [
    { id: 9, result: true },
    { id: 2, result: 'ended' },
  ]);
  first.write('{"id":10,"method":"cancel","params":{"id":2}}\n');
  t.strictSame(await first.take(1), [{ id: 10, result: false }]);
});

t.test(
  'a client that does not read: events are dropped and counted, requests wait, others are served',
  async (t) => {
    const { path, board } = await bench(t, { output: 100_000 });
    const slow = await RawClient.connect(path);
    slow.write('{"id":1,"method":"watch"}\n');
    slow.write('{"id":2,"method":"get"}\n');
    await slow.take(1);
    slow.socket.pause();
    const event = 'e'.repeat(1000);
    for (let i = 0; i < 5000; i++) {
      board.emit?.(event);
      if (i % 100 === 0) await sleep(0);
    }
    const asked = 200;
    for (let id = 100; id < 100 + asked; id++)
      slow.write(`{"id":${id},"method":"big","params":{"bytes":50000}}\n`);
    const other = await RawClient.connect(path);
    other.write('{"id":1,"method":"get"}\n');
    t.strictSame(await other.take(1), [{ id: 1, result: 1 }], 'another client is served meanwhile');

    slow.socket.resume();
    while (
      slow.lines.filter((line) => typeof (line as { result?: unknown }).result === 'string').length < asked
    )
      await sleep(5);
    board.emit?.('last');
    while (!slow.lines.some((line) => (line as { event?: unknown }).event === 'last')) await sleep(5);
    const lines = slow.lines as { event?: string; dropped?: number }[];
    const events = lines.filter((line) => line.event === event).length;
    const dropped = lines.reduce((sum, line) => sum + (line.dropped ?? 0), 0);
    t.ok(dropped > 0, 'events were dropped');
    t.equal(events + dropped, 5000, 'and every one is accounted for');
  },
);

t.test('a client that goes away ends what it had asked for', async (t) => {
  const { path, board, server } = await bench(t);
  const raw = await RawClient.connect(path);
  raw.write('{"id":1,"method":"watch"}\n');
  while (board.emit === null) await sleep(1);
  raw.socket.destroy();
  while (!board.aborted) await sleep(1);
  board.emit('to nobody');
  t.equal(server.clients, 0);
});

t.test("the socket is its owner's from the start, and gone after close", async (t) => {
  const umask = process.umask(0o022);
  const { path, server } = await bench(t);
  t.equal(statSync(path).mode & 0o777, 0o600);
  t.equal(process.umask(umask), 0o022, 'the umask is back');
  await server.close();
  t.equal(existsSync(path), false);
});

t.test('a stale socket is replaced; a live one, a file, an overlong path are refused', async (t) => {
  const { path, server } = await bench(t);
  await t.rejects(ControlServer.listen({ path, subject: server, methods: {} }), {
    message: `control socket ${path}: another process serves it`,
  });
  const client = await ControlClient.connect(path);
  t.equal(await client.call('get'), 1, 'the live one still serves');
  client.close();

  const stale = `${path}.stale`;
  const dead = createServer().listen(stale);
  await new Promise((resolve) => dead.once('listening', resolve));
  // closing removes the socket's name, as dying does not: a second name stays behind
  linkSync(stale, `${stale}2`);
  await new Promise((resolve) => dead.close(resolve));
  t.equal(existsSync(`${stale}2`), true);
  const successor = await ControlServer.listen({ path: `${stale}2`, subject: null, methods: {} });
  await successor.close();

  const file = `${path}.txt`;
  writeFileSync(file, 'mine');
  await t.rejects(claimSocketPath(file), {
    message: `control socket ${file}: the file exists and is no socket`,
  });
  t.equal(statSync(file).size, 4, 'the file is untouched');
  await t.rejects(claimSocketPath(`/tmp/${'x'.repeat(110)}`), { message: /longer than 107 bytes/ });
});

t.test('the client: results, errors, events, and a server that goes away', async (t) => {
  const { path, board, server } = await bench(t);
  const client = await ControlClient.connect(path);
  t.equal(await client.call('set', { value: 4 }), null);
  t.equal(board.value, 4);
  await t.rejects(client.call('set', { value: 40 }), {
    code: 'EPARAM',
    param: 'value',
    refusedByStack: false,
  });
  await t.rejects(client.call('refuse'), { code: 'EEXIST', refusedByStack: true });
  const events: unknown[] = [];
  const stream = client.stream('watch', {}, { event: (event) => events.push(event) });
  await client.call('get');
  board.emit?.({ a: 1 });
  stream.cancel();
  t.equal(await stream.done, 'ended');
  t.strictSame(events, [{ a: 1 }]);
  const pending = client.call('watch');
  await client.call('get');
  await server.close();
  await t.rejects(pending, { message: 'the stack went away' });
  await t.rejects(ControlClient.connect(path), { message: /ENOENT/ });
});
