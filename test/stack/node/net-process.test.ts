import { spawnSync } from 'node:child_process';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { NetBench } from './net-bench.ts';

const STACK = join(dirname(fileURLToPath(import.meta.url)), '..', '..', '..', 'stack', 'index.js');

/** Runs a program over a stack that has only its loopback device; what it prints, or that it had to be ended. */
function run(program: string): string {
  const source = `import { createStack } from ${JSON.stringify(STACK)};\nconst { net } = createStack();\n${program}`;
  const { stdout, signal, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', source], {
    encoding: 'utf8',
    timeout: 20_000,
    killSignal: 'SIGKILL',
  });
  return signal === null ? stdout + stderr : `ended by ${signal}`;
}

t.test('what holds the process: what reads, writes, connects or listens, unless unref’d', async (t) => {
  const on = new NetBench();
  const { clock } = on;
  t.equal(clock.held, 0);
  const server = await on.serve(() => {}, { pauseOnConnect: true });
  t.equal(clock.held, 1);
  server.unref();
  t.equal(clock.held, 0);
  server.ref();
  const client = on.connect();
  client.resume();
  await on.settle();
  t.equal(clock.held, 2, 'the server, and the client, which reads; not the server’s socket, which does not');
  client.unref();
  t.equal(clock.held, 1);
  client.ref();
  client.pause();
  client.destroy();
  await on.settle();
  t.equal(clock.held, 1);
  server.close();
  t.equal(clock.held, 0);
  on.close();
});

t.test('a process lives as long as it has something to wait for, and no longer', (t) => {
  t.equal(run('console.log("nothing to do");'), 'nothing to do\n');
  t.equal(
    run(`
      const server = net.createServer((socket) => socket.end('hello')).listen(0, () => {
        let text = '';
        const client = net.connect(server.address().port);
        client.on('data', (data) => (text += data));
        client.on('close', () => setTimeout(() => server.close(), 100));
        server.on('close', () => console.log(text));
      });
    `),
    'hello\n',
  );
  t.equal(run('net.createServer().listen(0, () => console.log("listens")).unref();'), 'listens\n');
  t.equal(
    run(`
      const socket = new net.Socket();
      socket.setTimeout(60_000);
      process.on('exit', () => console.log('no timeout holds it'));
    `),
    'no timeout holds it\n',
  );
  t.end();
});

t.test('a process stays while it listens', (t) => {
  t.equal(
    run(`
      net.createServer().listen(0, () => setTimeout(() => {
        console.log('still there');
        process.exit();
      }, 300).unref());
    `),
    'still there\n',
  );
  t.end();
});
