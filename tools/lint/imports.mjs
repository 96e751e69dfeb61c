// Checks that imports go tools -> stack -> device and in no circle: the rules of .oxlintrc.json, and only those. Before it looks
// at the project it plants one violation of each kind in a copy of the configuration and fails unless every one is found, so
// that the check can't silently stop working.

import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';

const CONFIG = '.oxlintrc.json';
const OXLINT = resolve('node_modules/.bin/oxlint');
const RULES = new Set(['eslint(no-restricted-imports)', 'import(no-cycle)']);

/** Each file breaks the rules; the second part is what stands in it. */
const PLANTED = {
  'device/up.ts': "import { x } from '../stack/x.ts';\nexport const y = x;",
  'device/deep/up.ts': "import { x } from '../../tools/x.ts';\nexport const y = x;",
  'device/reexport.ts': "export { x } from '../stack/x.ts';",
  'device/type.ts': "import type { x } from '../stack/x.ts';\nexport type Y = typeof x;",
  'device/dynamic.ts': "export const y = await import('../stack/x.ts');",
  'device/self.ts': "export { x } from 'tapir';",
  'device/test.ts': "export { x } from '../test/x.ts';",
  'stack/up.ts': "export { x } from '../tools/x.ts';",
  'stack/self.ts': "export { x } from 'tapir/testing';",
  'stack/test.ts': "export { x } from '../test/x.ts';",
  'tools/test.ts': "export { x } from '../test/x.ts';",
  'stack/circle-a.ts': "import { b } from './circle-b.ts';\nexport const a = () => b;",
  'stack/circle-b.ts': "import { a } from './circle-a.ts';\nexport const b = () => a;",
};

/** Files that keep the rules. */
const LAWFUL = {
  'device/x.ts': 'export const x = 1;',
  'stack/x.ts': "export { x } from '../device/x.ts';",
  'tools/x.ts': "export { x } from '../stack/x.ts';",
  'test/x.ts': "export { x } from '../tools/x.ts';",
};

/** What breaks the import rules in a folder, as `{ file, text }`. */
function violations(folder) {
  const { stdout, stderr, error } = spawnSync(OXLINT, ['-c', CONFIG, '-f', 'json', '.'], {
    cwd: folder,
    encoding: 'utf8',
    maxBuffer: 1 << 28,
  });
  if (error !== undefined) throw error;
  let report;
  try {
    report = JSON.parse(stdout);
  } catch {
    throw new Error(`oxlint gave no report: ${stdout}${stderr}`);
  }
  if (!(report.number_of_files > 0)) throw new Error(`oxlint looked at no file in ${folder}`);
  return report.diagnostics
    .filter(({ code }) => RULES.has(code))
    .map(({ filename, message, help, labels }) => {
      const line = labels?.[0]?.span?.line ?? 0;
      return { file: filename, text: `${filename}:${line}: ${message} ${help ?? ''}`.trimEnd() };
    });
}

/** Throws unless each planted violation is found, and nothing else. */
function checkTheCheck() {
  const folder = mkdtempSync(join(tmpdir(), 'tapir-imports-'));
  try {
    copyFileSync(CONFIG, join(folder, CONFIG));
    for (const [path, text] of Object.entries({ ...PLANTED, ...LAWFUL })) {
      mkdirSync(dirname(join(folder, path)), { recursive: true });
      writeFileSync(join(folder, path), `${text}\n`);
    }
    const found = new Set(violations(folder).map(({ file }) => file));
    const missed = Object.keys(PLANTED).filter((file) => !found.has(file));
    if (missed.length > 0) throw new Error(`the import check finds no violation in: ${missed.join(', ')}`);
    const wrong = [...found].filter((file) => !(file in PLANTED));
    if (wrong.length > 0) throw new Error(`the import check blames lawful imports: ${wrong.join(', ')}`);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

checkTheCheck();
const broken = violations('.');
for (const { text } of broken) console.error(text);
console.log(
  `imports: ${Object.keys(PLANTED).length} planted violations found, ${broken.length} in the project`,
);
process.exitCode = broken.length === 0 ? 0 : 1;
