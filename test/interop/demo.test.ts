import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import t, { type Test } from 'tap';
import { Child, until } from './support/child.ts';
import { requirements } from './support/requirements.ts';

t.jobs = 1;
const skip = requirements('ping', 'bridge');
const CLI = fileURLToPath(new URL('../../tools/cli.js', import.meta.url));

interface Outage {
  readonly outageMs: number;
  readonly capped: boolean;
}

/** Starts the demo, which makes namespaces of its own and so needs none. */
function startDemo(t: Test, ...options: string[]): Child {
  const demo = new Child(process.execPath, [CLI, 'demo', '--kernel', ...options]);
  t.teardown(() => demo.stop('SIGTERM'));
  return demo;
}

/** Runs `ip` to its end, whatever that is; its output by lines. */
async function ip(...args: string[]): Promise<string[]> {
  const { stdout } = await new Child('ip', args).exited;
  return stdout.split('\n').filter((line) => line !== '');
}

/** Which of these network namespaces are there. */
async function present(names: readonly string[]): Promise<string[]> {
  const there = (await ip('netns', 'list')).map((line) => line.split(' ')[0]);
  return names.filter((name) => there.includes(name));
}

t.test('demo --kernel: a bridge moves the machine when it is announced, not before', { skip }, async (t) => {
  const { code, stdout, stderr } = await startDemo(t, '--cap', '3', '--json').exited;
  t.strictSame([code, stderr], [0, '']);
  const result = JSON.parse(stdout) as { silent: Outage; notified: Outage; fdb: object };
  t.match(result.silent, { outageMs: 3000, capped: true });
  t.equal(result.notified.capped, false);
  t.ok(result.notified.outageMs < 1000, `notified: ${result.notified.outageMs} ms`);
  t.strictSame(result.fdb, {
    silent: { before: 'tapA', carrierUp: 'tapA', after: 'tapA' },
    notified: { before: 'tapA', carrierUp: 'tapA', after: 'tapB' },
  });
});

for (const signal of [null, 'SIGINT', 'SIGTERM'] as const) {
  t.test(`demo --kernel: nothing is left after ${signal ?? 'its end'}`, { skip }, async (t) => {
    const demo = startDemo(t, '--cap', '1');
    const [, host, peer] = await demo.says(/Network namespaces (\S+) \(bridge\) and (\S+),/);
    const names = [host!, peer!];
    t.strictSame(await present(names), names);
    const pings = await until('the peer pings', 10_000, async () => {
      const pids = await ip('netns', 'pids', peer!);
      return pids.length > 0 && pids;
    });
    const { code } = signal === null ? await demo.exited : await demo.stop(signal);
    t.equal(code, signal === null ? 0 : 130);
    t.strictSame(await present(names), [], 'its namespaces are removed');
    await until(
      'the programs in them have ended',
      2000,
      () => !pings.some((pid) => existsSync(`/proc/${pid}/cwd`)),
    );
  });
}
