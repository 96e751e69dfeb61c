import { fileURLToPath } from 'node:url';
import t, { type Test } from 'tap';
import type { Child } from './support/child.ts';
import { type Namespace, withNamespace } from './support/namespace.ts';
import { requirements } from './support/requirements.ts';
import { startScript } from './support/tapir.ts';

t.jobs = 1;
t.setTimeout(90_000);
const skip = requirements('nc', 'ping', 'arping', 'sha256sum');
const HOST = fileURLToPath(new URL('fixtures/queue-group.js', import.meta.url));
const OURS = '10.0.0.2';
const PEER = '10.0.0.1';
const CONNECTIONS = 24;

interface Report {
  readonly threads: readonly {
    readonly owner: number;
    readonly accepted: number;
    readonly handed: number;
    readonly received: number;
    readonly returned: number;
    readonly outstanding: number;
    readonly questions: number;
    readonly resets: number;
    readonly arpRequests: number;
  }[];
  readonly held: readonly string[];
}

async function start(t: Test, orders: readonly string[] = []): Promise<[Namespace, Child]> {
  const ns = await withNamespace(t);
  await ns.ip('link set lo up');
  await ns.ip('tuntap add dev tap0 mode tap multi_queue');
  await ns.ip(`addr add ${PEER}/24 dev tap0`);
  await ns.ip('link set tap0 up');
  const host = startScript(ns, HOST, 'tap0', '2', ...orders);
  await host.says(/^ready$/m, 30_000);
  return [ns, host];
}

async function end(host: Child): Promise<Report> {
  host.signal('SIGINT');
  const [, report = ''] = await host.says(/^ended (.*)$/m);
  return JSON.parse(report) as Report;
}

t.test('two stacks on one device answer ping, arping and nc as one host', { skip }, async (t) => {
  const [ns, host] = await start(t);
  const arping = await ns.try('arping', '-c', '3', '-W', '0.2', '-I', 'tap0', OURS);
  t.equal(arping.code, 0, arping.stdout);
  t.equal(arping.stdout.match(/02:00:00:00:00:02/g)?.length, 3, 'one answer a request');
  const ping = await ns.run('ping', '-c', '5', '-i', '0.05', '-W', '1', OURS);
  t.match(ping, /5 packets transmitted, 5 received, 0% packet loss/);
  const echo = `head -c 300000 /dev/zero | tr '\\0' 'x' | nc -N ${OURS} 7 | sha256sum`;
  const loop = `for i in $(seq ${CONNECTIONS}); do (${echo}) & done; wait`;
  const sums = (await ns.run('sh', '-c', loop)).trim().split('\n');
  t.equal(sums.length, CONNECTIONS);
  t.equal(new Set(sums).size, 1, 'every connection brought the same back');
  const datagram = await ns.run('sh', '-c', `printf datagram | nc -u -w 1 ${OURS} 7`);
  t.equal(datagram, 'datagram');
  t.equal((await ns.try('nc', '-z', OURS, '7777')).code, 1, 'refused');
  const { threads, held } = await end(host);
  t.equal(threads[0]!.accepted + threads[1]!.accepted, CONNECTIONS);
  t.ok(threads[0]!.accepted > 0 && threads[1]!.accepted > 0, 'the kernel spread them');
  t.equal(threads[0]!.resets + threads[1]!.resets, 1);
  t.equal(threads[0]!.returned + threads[1]!.returned, 1, 'only the refused one was nobody’s');
  t.equal(threads[1]!.arpRequests, 0, 'the other answers ARP');
  t.strictSame(held, ['0', '0']);
  t.end();
});

/** The kernel forgets after three seconds by which queue a flow came. */
const LATE = 7000;

t.test('what comes to the wrong queue of connections of our own finds them', { skip }, async (t) => {
  const flows = Array.from({ length: 12 }, (_, i) => `connect:${i % 2}:${PEER}:9000`);
  const [ns, host] = await start(t, [`ping:0:${PEER}`, `ping:1:${PEER}`, ...flows]);
  const server = `require('net').createServer((s) => setTimeout(() => s.end('late'), ${LATE})).listen(9000, () => console.log('listening'))`;
  const peer = ns.start(process.execPath, '-e', server);
  await peer.says(/^listening$/m);
  host.signal('SIGUSR2');
  const [, answers = ''] = await host.says(/^done (.*)$/m, 3 * LATE);
  t.strictSame(JSON.parse(answers), ['3 of 3', '3 of 3', ...flows.map(() => 'late')]);
  const { threads, held } = await end(host);
  t.ok(threads[0]!.handed + threads[1]!.handed > 0, 'some came to the wrong queue');
  t.equal(threads[0]!.handed, threads[1]!.received);
  t.equal(threads[1]!.handed, threads[0]!.received);
  t.equal(threads[0]!.returned + threads[1]!.returned, 0);
  t.ok(threads[1]!.questions > 0, 'the second asked the first for the address');
  t.equal(threads[0]!.owner + threads[1]!.owner, 0);
  t.equal(threads[0]!.resets + threads[1]!.resets, 0);
  t.equal(threads[0]!.outstanding + threads[1]!.outstanding, 0);
  t.strictSame(held, ['0', '0']);
  t.end();
});
