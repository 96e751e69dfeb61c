import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import t from 'tap';
import { until } from './support/child.ts';
import { type Namespace, withNamespace } from './support/namespace.ts';
import { requirements } from './support/requirements.ts';

const skip = requirements();

/** Whether a process exists. */
function lives(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

/** A program that ignores the polite signals, started in a namespace; its process id. */
async function stubborn(ns: Namespace): Promise<number> {
  const child = ns.start('sh', '-c', 'trap "" INT TERM; echo "pid $$"; while :; do sleep 1; done');
  return Number((await child.says(/pid (\d+)/))[1]);
}

t.test('a namespace is gone after its test, with what ran in it', { skip }, async (t) => {
  let ns: Namespace | undefined;
  let pid = 0;
  await t.test('inside', async (t) => {
    ns = await withNamespace(t);
    t.match(await ns.run('ip', 'netns', 'list'), ns.name);
    pid = await stubborn(ns);
    t.ok(lives(pid));
    await t.rejects(ns.run('false'), { message: /^false: exit code 1/ });
    await t.rejects(ns.start('true').says(/never/), /ended before it said/);
  });
  t.notOk(lives(pid));
  const other = await withNamespace(t);
  t.notMatch(await other.run('ip', 'netns', 'list'), ns!.name);
});

t.test('and after a test that is ended by exit or a signal', { skip }, async (t) => {
  const support = resolve('dist/test/interop/support');
  const script = join(t.testdir({}), 'leaves.mjs');
  writeFileSync(
    script,
    `import { Namespace } from '${support}/namespace.js';
     const ns = new Namespace();
     const child = ns.start('sh', '-c', 'trap "" INT TERM; echo "pid $$"; while :; do sleep 1; done');
     const [, pid] = await child.says(/pid (\\d+)/);
     console.log(ns.name, pid);
     if (process.argv[2] === 'exit') process.exit(0);
     setInterval(() => {}, 1000);`,
  );
  const watcher = await withNamespace(t);
  for (const end of ['exit', 'SIGTERM', 'SIGINT', 'SIGHUP'] as const) {
    const child = spawn(process.execPath, [script, end], { stdio: ['ignore', 'pipe', 'inherit'] });
    let said = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      said += text;
    });
    const closed = once(child, 'close');
    const [, name, pid] = await until(
      'the script is ready',
      10_000,
      () => /^(\S+) (\d+)$/m.exec(said) ?? undefined,
    );
    if (end !== 'exit') child.kill(end);
    await closed;
    await until(`${end}: the process ends`, 2000, () => !lives(Number(pid)));
    t.notMatch(await watcher.run('ip', 'netns', 'list'), name, end);
  }
});
