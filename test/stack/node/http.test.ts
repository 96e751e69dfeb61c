import { once } from 'node:events';
import type { ClientRequest, IncomingMessage, Server } from 'node:http';
import type { Socket } from 'node:net';
import t from 'tap';
import { listen, loopbackStack, text, until } from './http-bench.ts';

const responseTo = async (request: ClientRequest): Promise<IncomingMessage> => {
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  return response;
};

t.test('a request with a body, and its answer, by name', async (t) => {
  const { http } = loopbackStack(t);
  const server = http.createServer((request, response) => {
    response.writeHead(201, { 'X-From': `${request.socket.remoteAddress}` });
    const { method, url, headers } = request;
    void text(request).then((body) => response.end(`${method} ${url} ${headers.host} ${body}`));
  });
  t.ok(server instanceof http.Server);
  const port = await listen(server);
  t.strictSame(server.address(), { address: '0.0.0.0', family: 'IPv4', port });
  const request = http.request({ host: 'web.example', port, path: '/a?b', method: 'POST' });
  request.write('one ');
  request.end('two');
  const response = await responseTo(request);
  t.equal(response.statusCode, 201);
  t.equal(response.headers['x-from'], '127.0.0.1');
  t.equal(response.headers['transfer-encoding'], 'chunked');
  t.equal(await text(response), `POST /a?b web.example:${port} one two`);
  const url = await responseTo(http.get(new URL(`http://localhost:${port}/url`), { headers: { host: 'x' } }));
  t.equal(await text(url), 'GET /url x ');
});

t.test('large bodies go through in both directions', async (t) => {
  const { http } = loopbackStack(t);
  const port = await listen(http.createServer((request, response) => request.pipe(response)));
  const body = Buffer.alloc(3_000_000, 'abcdefghijk');
  const request = http.request({ port, method: 'POST' });
  request.end(body);
  const chunks: Buffer[] = [];
  for await (const chunk of await responseTo(request)) chunks.push(chunk as Buffer);
  t.ok(Buffer.concat(chunks).equals(body));
});

// @rfc 9112 9.3
t.test('a connection is kept and used again; a closed server ends it', async (t) => {
  const { http } = loopbackStack(t);
  let connections = 0;
  const server = http.createServer((_request, response) => response.end('ok'));
  server.on('connection', () => connections++);
  const port = await listen(server);
  const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
  t.ok(http.globalAgent instanceof http.Agent);
  for (const reused of [false, true, true]) {
    const request = http.get({ port, agent });
    t.equal(await text(await responseTo(request)), 'ok');
    t.equal(request.reusedSocket, reused);
    await until(() => Object.keys(agent.freeSockets).length === 1);
  }
  t.equal(connections, 1);
  server.close();
  await once(server, 'close');
  t.equal(server.listening, false);
  await until(() => Object.keys(agent.freeSockets).length === 0);
});

t.test('without an agent each request has a connection of its own', async (t) => {
  const { http } = loopbackStack(t);
  const ports = new Set<number>();
  const port = await listen(
    http.createServer((request, response) => {
      ports.add(request.socket.remotePort!);
      response.end();
    }),
  );
  for (let i = 0; i < 2; i++) {
    const response = await responseTo(http.get({ port, agent: false }));
    t.equal(response.headers.connection, 'close');
    await text(response);
  }
  t.equal(ports.size, 2);
});

// @rfc 9112 9.3.2
t.test('pipelined requests are answered in order', async (t) => {
  const { http, net } = loopbackStack(t);
  const held: (() => void)[] = [];
  const port = await listen(
    http.createServer((request, response) => {
      response.sendDate = false;
      const answer = (): void => void response.end(request.url);
      if (request.url === '/1') held.push(answer);
      else {
        answer();
        held[0]!();
      }
    }),
  );
  const client = net.connect(port);
  client.end('GET /1 HTTP/1.1\r\nHost: x\r\n\r\nGET /2 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n');
  t.equal(
    await text(client),
    'HTTP/1.1 200 OK\r\nConnection: keep-alive\r\nKeep-Alive: timeout=5\r\nContent-Length: 2\r\n\r\n/1' +
      'HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\n/2',
  );
});

// @rfc 9110 10.1.1
t.test('a body that waits for 100 Continue', async (t) => {
  const { http } = loopbackStack(t);
  const server = http.createServer();
  server.on('checkContinue', (request, response) => {
    response.writeContinue();
    void text(request).then((body) => response.end(body));
  });
  const port = await listen(server);
  const request = http.request({ port, method: 'PUT', headers: { expect: '100-continue' } });
  request.flushHeaders();
  await once(request, 'continue');
  request.end('now');
  t.equal(await text(await responseTo(request)), 'now');
});

// @rfc 9110 7.8
t.test('an upgrade gives both sides the socket, of the stack', async (t) => {
  const { http, net } = loopbackStack(t);
  const server = http.createServer();
  server.on('upgrade', (_request, socket, head) => {
    t.equal(head.toString(), '');
    socket.write('HTTP/1.1 101 Switching Protocols\r\nUpgrade: echo\r\nConnection: Upgrade\r\n\r\n');
    socket.pipe(socket);
  });
  const port = await listen(server);
  const request = http.get({ port, headers: { connection: 'Upgrade', upgrade: 'echo' } });
  const [response, socket] = (await once(request, 'upgrade')) as [IncomingMessage, Socket];
  t.equal(response.statusCode, 101);
  t.ok(socket instanceof net.Socket);
  socket.end('to and fro');
  t.equal(await text(socket), 'to and fro');
});

t.test('what is aborted: by the client, by a signal, by the server', async (t) => {
  const { http } = loopbackStack(t);
  const ended: string[] = [];
  const server = http.createServer((request, response) => {
    response.on('close', () => ended.push(`${request.url} ${response.writableFinished}`));
    if (request.url === '/reset') request.socket.destroy();
    else response.write('part');
  });
  const port = await listen(server);
  const destroyed = http.get({ port, path: '/destroyed' });
  (await responseTo(destroyed)).destroy();
  await until(() => ended.length === 1);
  const controller = new AbortController();
  const aborted = http.get({ port, path: '/signal', signal: controller.signal });
  const response = await responseTo(aborted);
  controller.abort();
  await t.rejects(text(response), { code: 'ECONNRESET', message: 'aborted' });
  await until(() => ended.length === 2);
  await t.rejects(responseTo(http.get({ port, path: '/reset' })), {
    code: 'ECONNRESET',
    message: 'socket hang up',
  });
  await until(() => ended.length === 3);
  t.strictSame(ended, ['/destroyed false', '/signal false', '/reset false']);
});

t.test('timeouts, of a request and of a server', async (t) => {
  const { http, net } = loopbackStack(t);
  const silent = http.createServer(() => {});
  const port = await listen(silent);
  const request = http.get({ port, timeout: 50 });
  await once(request, 'timeout');
  request.destroy();
  await t.rejects(once(request, 'close'), { code: 'ECONNRESET', message: 'socket hang up' });
  const strict: Server = http.createServer({ headersTimeout: 50, connectionsCheckingInterval: 20 });
  const slow = net.connect(await listen(strict));
  slow.write('GET / HTTP/1.1\r\n');
  t.match(await text(slow), /^HTTP\/1.1 408 Request Timeout/);
  silent.closeAllConnections();
});

t.test('errors are Node’s', async (t) => {
  const { http } = loopbackStack(t);
  await t.rejects(responseTo(http.get('http://127.0.0.1:81/')), {
    code: 'ECONNREFUSED',
    syscall: 'connect',
    address: '127.0.0.1',
    port: 81,
    message: 'connect ECONNREFUSED 127.0.0.1:81',
  });
  const server = http.createServer();
  const port = await listen(server);
  const other = http.createServer().listen(port);
  const [error] = await once(other, 'error');
  t.match(error, {
    code: 'EADDRINUSE',
    message: `listen EADDRINUSE: address already in use 0.0.0.0:${port}`,
  });
  await new Promise<void>((resolve) =>
    other.close((failure) => {
      t.match(failure, { code: 'ERR_SERVER_NOT_RUNNING' });
      resolve();
    }),
  );
});

t.test('connections beyond the most that a server wants are dropped', async (t) => {
  const { http, net } = loopbackStack(t);
  const server = http.createServer();
  server.maxConnections = 1;
  const port = await listen(server);
  net.connect(port);
  await once(server, 'connection');
  net.connect(port);
  const [dropped] = await once(server, 'drop');
  t.match(dropped, { localPort: port, remoteAddress: '127.0.0.1' });
  const count = await new Promise((resolve) => server.getConnections((_error, open) => resolve(open)));
  t.equal(count, 1);
});
