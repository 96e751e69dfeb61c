// Which test files a run is about. The sources decide, not dist/: a compiled file whose source is gone does not run.

import { readdir } from 'node:fs/promises';
import { sep } from 'node:path';

/** Folders under test/ that a suite is made of. */
const SUITES = {
  unit: ['device', 'stack', 'tools', 'testing'],
  interop: ['interop'],
  fuzz: ['fuzz'],
  simulation: ['simulation'],
};

/** `test/x.test.ts` -> `dist/test/x.test.js`. */
export function compiledPath(source) {
  return `dist/${source.replace(/\.ts$/, '.js')}`;
}

/** `dist/test/x.test.js` (or a path that ends so) -> `test/x.test.ts`; anything else stays as it is. */
export function sourcePath(path) {
  return path.replace(/^(?:\.\/)?dist\/(test\/.*\.test)\.js$/, '$1.ts');
}

async function sources() {
  const entries = await readdir('test', { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile() && entry.name.endsWith('.test.ts'))
    .map((entry) => `${entry.parentPath}/${entry.name}`.split(sep).join('/'))
    .sort();
}

/** The sources that the words (suites, files, parts of paths) name; all without a word. Throws for one that names none. */
export async function select(words) {
  const all = await sources();
  if (words.length === 0) return all;
  const chosen = new Set();
  for (const word of words) {
    const folders = SUITES[word]?.map((folder) => `test/${folder}/`);
    const matches = all.filter((file) =>
      folders === undefined
        ? file.includes(sourcePath(word))
        : folders.some((folder) => file.startsWith(folder)),
    );
    if (matches.length === 0) throw new Error(`no test file for ${word}`);
    for (const file of matches) chosen.add(file);
  }
  return all.filter((file) => chosen.has(file));
}
