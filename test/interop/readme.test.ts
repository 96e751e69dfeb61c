import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { until } from './support/child.ts';
import { withNamespace } from './support/namespace.ts';
import { requirements } from './support/requirements.ts';
import { startScript } from './support/tapir.ts';

const skip = requirements('ping');
/** The package's root: this file runs from `dist/test/interop/`. */
const ROOT = join(dirname(fileURLToPath(import.meta.url)), '..', '..', '..');

t.test('the smallest useful program of the README answers ping as it says', { skip }, async (t) => {
  const readme = readFileSync(join(ROOT, 'README.md'), 'utf8');
  const program = [...readme.matchAll(/```ts\n([\s\S]*?)```/g)]
    .map(([, code]) => code!)
    .find((code) => code.includes('TapLink'));
  const command = /^ip (address add .* dev tap0) && ping ([\d.]+)$/m.exec(readme);
  if (program === undefined || command === null) throw new Error('the README has no such program');
  const script = join(ROOT, 'dist', `readme-${process.pid}.mjs`);
  writeFileSync(script, program);
  t.teardown(() => rmSync(script, { force: true }));
  const ns = await withNamespace(t);
  startScript(ns, script);
  await until('the program has opened its TAP', 5000, async () =>
    (await ns.try('ip', 'link', 'show', 'tap0')).code === 0 ? true : undefined,
  );
  await ns.ip(command[1]!);
  const stdout = await ns.run('ping', '-c', '5', '-i', '0.05', '-W', '2', command[2]!);
  t.match(stdout, / 5 received/);
});
