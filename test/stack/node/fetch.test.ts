import t from 'tap';
import { certificate } from './certificate.ts';
import { listen, loopbackStack, text, until } from './http-bench.ts';

t.test('fetch: text, JSON, bodies, streams, redirects', async (t) => {
  const stack = loopbackStack(t);
  const server = stack.http.createServer((request, response) => {
    if (request.url === '/moved') response.writeHead(302, { location: '/json' }).end();
    else if (request.url === '/json')
      response.setHeader('Content-Type', 'application/json').end('{"a":[1,2]}');
    else if (request.url === '/missing') response.writeHead(404).end('no');
    else void text(request).then((body) => response.end(`${request.method} ${body}`));
  });
  let connections = 0;
  server.on('connection', () => connections++);
  const url = `http://web.example:${await listen(server)}`;
  const plain = await stack.fetch(`${url}/`);
  t.equal(plain.status, 200);
  t.equal(await plain.text(), 'GET ');
  const moved = await stack.fetch(`${url}/moved`);
  t.equal(moved.redirected, true);
  t.strictSame(await moved.json(), { a: [1, 2] });
  const missing = await stack.fetch(new URL('/missing', url));
  t.equal(missing.ok, false);
  t.equal(await missing.text(), 'no');
  const sent = await stack.fetch(url, { method: 'POST', body: 'y'.repeat(300_000) });
  let length = 0;
  for await (const chunk of sent.body!) length += (chunk as Uint8Array).length;
  t.equal(length, 300_005);
  t.ok(connections < 5, 'fewer connections than requests');
});

t.test('fetch: what is aborted, refused, or not trusted', async (t) => {
  const stack = loopbackStack(t);
  let closed = 0;
  const server = stack.http.createServer((_request, response) => {
    response.on('close', () => closed++);
    response.write('part');
  });
  const url = `http://localhost:${await listen(server)}`;
  const controller = new AbortController();
  const response = await stack.fetch(url, { signal: controller.signal });
  controller.abort();
  await t.rejects(response.text(), { name: 'AbortError' });
  await until(() => closed === 1);
  await t.rejects(stack.fetch('http://127.0.0.1:83/'), {
    name: 'TypeError',
    message: 'fetch failed',
    cause: { code: 'ECONNREFUSED', message: 'connect ECONNREFUSED 127.0.0.1:83' },
  });
  const secure = stack.https.createServer(certificate());
  await t.rejects(stack.fetch(`https://localhost:${await listen(secure)}`), {
    message: 'fetch failed',
    cause: { code: 'DEPTH_ZERO_SELF_SIGNED_CERT' },
  });
});
