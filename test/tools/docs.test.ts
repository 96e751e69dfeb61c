import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';

/** The package's root: this file runs from `dist/test/tools/`. */
const ROOT = join(dirname(fileURLToPath(import.meta.url)), '..', '..', '..');
const read = (path: string): string => readFileSync(join(ROOT, path), 'utf8');

/** Covered by a neighbouring row: the addon's loader, and ARP put together with the rest. */
const UNNAMED = new Set(['native.test.ts', 'real.test.ts']);

t.test('README: every row of the feature table names tests that exist and test something', (t) => {
  const rows = read('README.md')
    .split('\n')
    .filter((line) => line.startsWith('| ') && line.includes('`test/'));
  t.ok(rows.length >= 20, 'the table is there');
  for (const row of rows) {
    for (const [, path] of row.matchAll(/`(test\/[^`]+)`/g)) {
      t.ok(existsSync(join(ROOT, path!)) && read(path!).includes("from 'tap'"), path!);
    }
  }
  t.end();
});

t.test('README: every test file of the unit suites proves some row', (t) => {
  const readme = read('README.md');
  for (const folder of [
    'test/device',
    'test/stack/neighbour',
    'test/stack/ip',
    'test/stack/node',
    'test/fuzz',
  ]) {
    for (const name of readdirSync(join(ROOT, folder)).filter((file) => file.endsWith('.test.ts'))) {
      if (UNNAMED.has(name)) continue;
      t.ok(readme.includes(`${folder}/${name}`), `${folder}/${name}`);
    }
  }
  t.end();
});

t.test('documents: every link and every file named in backticks exists', (t) => {
  const documents = [
    'README.md',
    ...readdirSync(join(ROOT, 'docs'))
      .filter((file) => file.endsWith('.md'))
      .map((file) => `docs/${file}`),
  ];
  for (const document of documents) {
    const text = read(document);
    for (const [, target] of text.matchAll(/\]\(([^)#:]+\.md)\)/g)) {
      t.ok(existsSync(join(ROOT, dirname(document), target!)), `${document} links to ${target}`);
    }
    for (const [, path] of text.matchAll(/`((?:device|stack|tools|test)\/[\w./-]+\.(?:ts|mjs|c|json))`/g)) {
      t.ok(existsSync(join(ROOT, path!)), `${document} names ${path}`);
    }
  }
  t.end();
});

t.test('dependencies: every one is documented with its version', (t) => {
  const manifest = JSON.parse(read('package.json')) as Record<string, Record<string, string>>;
  const text = read('docs/dependencies.md');
  for (const group of ['dependencies', 'devDependencies']) {
    for (const [name, version] of Object.entries(manifest[group]!)) {
      t.match(version, /^\d/, `${name} is pinned`);
      t.ok(text.includes(`\`${name}\``), name);
    }
  }
  for (const [name, version] of Object.entries(manifest['dependencies']!))
    t.ok(text.includes(`\`${name}\` ${version}`), name);
  t.end();
});

t.test('README: the program in virtual time runs as it stands, and says what it says', (t) => {
  const programs = [...read('README.md').matchAll(/```ts\n([\s\S]*?)```/g)].map(([, code]) => code!);
  const program = programs.find((code) => code.includes('VirtualClock'))!;
  const result = spawnSync(process.execPath, ['--input-type=module'], {
    cwd: ROOT,
    input: program,
    encoding: 'utf8',
  });
  t.equal(result.stderr, '');
  t.equal(result.stdout, '3\n');
  t.end();
});
