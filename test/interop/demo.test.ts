import { fileURLToPath } from 'node:url';
import t from 'tap';
import { until } from './support/child.ts';
import { type Namespace, withNamespace } from './support/namespace.ts';
import { requirements } from './support/requirements.ts';
import { startScript } from './support/tapir.ts';

t.jobs = 1;
const skip = requirements('ping', 'bridge', 'pgrep');
const CLI = fileURLToPath(new URL('../../tools/cli.js', import.meta.url));

interface Outage {
  readonly outageMs: number;
  readonly capped: boolean;
}

/** Network namespaces of the demo that are there. */
async function demoNamespaces(ns: Namespace): Promise<string> {
  const { stdout } = await ns.try('ip', 'netns', 'list');
  return stdout
    .split('\n')
    .filter((line) => line.startsWith('tapir-demo-'))
    .join(' ');
}

t.test(
  'demo --kernel: a Linux bridge moves the machine at its announcement, and not before',
  { skip },
  async (t) => {
    const ns = await withNamespace(t);
    const { code, stdout, stderr } = await ns.try(
      process.execPath,
      CLI,
      'demo',
      '--kernel',
      '--cap',
      '3',
      '--json',
    );
    t.strictSame([code, stderr], [0, '']);
    const result = JSON.parse(stdout) as { silent: Outage; notified: Outage; fdb: object };
    t.match(result.silent, { outageMs: 3000, capped: true });
    t.equal(result.notified.capped, false);
    t.ok(result.notified.outageMs < 1000, `notified: ${result.notified.outageMs} ms`);
    t.strictSame(result.fdb, {
      silent: { before: 'tapA', carrierUp: 'tapA', after: 'tapA' },
      notified: { before: 'tapA', carrierUp: 'tapA', after: 'tapB' },
    });
    t.equal(await demoNamespaces(ns), '', 'its namespaces are removed');
  },
);

t.test('demo --kernel: nothing is left after SIGTERM in the middle of it', { skip }, async (t) => {
  const ns = await withNamespace(t);
  const demo = startScript(ns, CLI, 'demo', '--kernel');
  const pinging = async (): Promise<boolean> =>
    (await ns.try('pgrep', '-f', 'ping -n -D -i 0.020')).code === 0;
  await until('the peer pings', 10_000, pinging);
  t.not(await demoNamespaces(ns), '');
  const { code } = await demo.stop('SIGTERM');
  t.not(code, 0);
  t.equal(await demoNamespaces(ns), '');
  await until('the peer pings no more', 1000, async () => !(await pinging()));
});
