import { once } from 'node:events';
import type { ClientRequest, IncomingMessage } from 'node:http';
import type { ClientHttp2Session, ClientHttp2Stream } from 'node:http2';
import type { TLSSocket } from 'node:tls';
import t from 'tap';
import { certificate } from './certificate.ts';
import { listen, loopbackStack, text, until } from './http-bench.ts';

const { key, cert } = certificate();

const responseTo = async (request: ClientRequest): Promise<IncomingMessage> => {
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  return response;
};

/** What a session answers to a GET. */
async function get(session: ClientHttp2Session, path: string): Promise<string> {
  const stream: ClientHttp2Stream = session.request({ ':path': path });
  const [headers] = await once(stream, 'response');
  return `${headers[':status']} ${await text(stream)}`;
}

t.test('tls: an echo, the names that both sides asked for, and the addresses beneath', async (t) => {
  const { tls } = loopbackStack(t);
  const server = tls.createServer({ key, cert, ALPNProtocols: ['two', 'one'] }, (socket) => {
    socket.write(
      `${socket.servername} ${socket.alpnProtocol} ${socket.remoteAddress}:${socket.remotePort}\n`,
    );
    socket.pipe(socket);
  });
  t.ok(server instanceof tls.Server);
  const port = await listen(server);
  const socket = tls.connect(port, 'localhost', {
    ca: cert,
    servername: 'web.example',
    ALPNProtocols: ['one'],
  });
  const events: string[] = [];
  for (const event of ['connect', 'secureConnect', 'end', 'close'])
    socket.on(event, () => events.push(event));
  t.equal(socket.connecting, true);
  socket.end('echo');
  await once(socket, 'secureConnect');
  t.equal(socket.authorized, true);
  t.equal(socket.alpnProtocol, 'one');
  t.equal(socket.remoteAddress, '127.0.0.1');
  t.equal(socket.remotePort, port);
  const { localPort } = socket;
  t.equal(await text(socket), `web.example one 127.0.0.1:${localPort}\necho`);
  await until(() => events.includes('close'));
  t.strictSame(events, ['connect', 'secureConnect', 'end', 'close']);
});

// @rfc 6066 3
t.test('SNI chooses the context', async (t) => {
  const { tls } = loopbackStack(t);
  const asked: string[] = [];
  const server = tls.createServer({
    SNICallback: (name, done) => {
      asked.push(name);
      done(null, tls.createSecureContext({ key, cert }));
    },
  });
  const port = await listen(server);
  const socket = tls.connect({ port, ca: cert, servername: 'web.example' });
  await once(socket, 'secureConnect');
  t.strictSame(asked, ['web.example']);
  socket.destroy();
});

t.test('a TLS socket over a connection that is there already', async (t) => {
  const { net, tls } = loopbackStack(t);
  const server = net.createServer((raw) => {
    const secure = new tls.TLSSocket(raw, { isServer: true, key, cert });
    secure.end('over it');
  });
  const raw = net.connect(await listen(server));
  await once(raw, 'connect');
  t.equal(await text(tls.connect({ socket: raw, ca: cert, host: 'localhost' })), 'over it');
});

t.test('what goes wrong with TLS', async (t) => {
  const { tls, net } = loopbackStack(t);
  const server = tls.createServer({ key, cert });
  const port = await listen(server);
  await t.rejects(once(tls.connect(port, 'localhost'), 'secureConnect'), {
    code: 'DEPTH_ZERO_SELF_SIGNED_CERT',
  });
  await t.rejects(
    once(tls.connect({ port, ca: cert, servername: 'other.example', host: '127.0.0.1' }), 'secureConnect'),
    {
      code: 'ERR_TLS_CERT_ALTNAME_INVALID',
    },
  );
  await t.rejects(once(tls.connect(82, '127.0.0.1'), 'secureConnect'), {
    code: 'ECONNREFUSED',
    message: 'connect ECONNREFUSED 127.0.0.1:82',
  });
  const other = tls.createServer({ key, cert });
  net.connect(await listen(other)).end('not TLS at all\r\n');
  const [error] = await once(other, 'tlsClientError');
  t.match(error, { code: 'ERR_SSL_WRONG_VERSION_NUMBER' });
});

t.test('https: kept connections, resumed sessions, the agent of the stack', async (t) => {
  const { https } = loopbackStack(t);
  const server = https.createServer({ key, cert }, (request, response) => {
    const secure = request.socket as TLSSocket;
    response.end(`${request.url} ${secure.servername} ${secure.remoteAddress} ${secure.isSessionReused()}`);
  });
  let connections = 0;
  server.on('secureConnection', () => connections++);
  const port = await listen(server);
  const agent = new https.Agent({ keepAlive: true, ca: cert });
  t.ok(https.globalAgent instanceof https.Agent);
  const url = `https://localhost:${port}/`;
  t.equal(await text(await responseTo(https.get(`${url}1`, { agent }))), '/1 localhost 127.0.0.1 false');
  await until(() => Object.keys(agent.freeSockets).length === 1);
  t.equal(await text(await responseTo(https.get(`${url}2`, { agent }))), '/2 localhost 127.0.0.1 false');
  t.equal(connections, 1);
  agent.destroy();
  const again = https.get(`${url}3`, { agent });
  t.equal(await text(await responseTo(again)), '/3 localhost 127.0.0.1 true');
  t.equal(connections, 2);
  agent.destroy();
  await t.rejects(responseTo(https.get(url)), { code: 'DEPTH_ZERO_SELF_SIGNED_CERT' });
  await t.rejects(responseTo(https.get('https://127.0.0.1:82/')), { code: 'ECONNREFUSED' });
});

// @rfc 9113 3.3
t.test('http2 without TLS: streams at the same time on one connection', async (t) => {
  const { http2 } = loopbackStack(t);
  const server = http2.createServer();
  let sessions = 0;
  server.on('session', () => sessions++);
  server.on('stream', (stream, headers) => {
    stream.respond({ ':status': 200 });
    if (headers[':method'] === 'POST') stream.pipe(stream);
    else stream.end(`${headers[':path']} `.repeat(1000));
  });
  const session = http2.connect(`http://localhost:${await listen(server)}`);
  const answers = await Promise.all(['/a', '/b', '/c'].map((path) => get(session, path)));
  t.strictSame(
    answers,
    ['/a ', '/b ', '/c '].map((part) => `200 ${part.repeat(1000)}`),
  );
  const echo = session.request({ ':method': 'POST' });
  echo.end('x'.repeat(200_000));
  t.equal((await text(echo)).length, 200_000);
  t.equal(sessions, 1);
  session.close();
  await once(session, 'close');
});

// @rfc 9113 3.2
t.test('http2 with TLS, and HTTP/1.1 beside it', async (t) => {
  const { http2, https } = loopbackStack(t);
  const server = http2.createSecureServer({ key, cert, allowHTTP1: true }, (request, response) => {
    response.end(`${request.httpVersion} ${request.socket.remoteAddress}`);
  });
  const port = await listen(server);
  const session = http2.connect(`https://localhost:${port}`, { ca: cert });
  t.equal(await get(session, '/'), '200 2.0 127.0.0.1');
  t.equal(session.alpnProtocol, 'h2');
  session.close();
  const old = https.get({ port, ca: cert, agent: false });
  t.equal(await text(await responseTo(old)), '1.1 127.0.0.1');
  const refused = http2.connect('https://localhost:82');
  await t.rejects(once(refused, 'connect'), { code: 'ECONNREFUSED' });
});
