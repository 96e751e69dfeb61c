// Which of Node's tests a run is about, and the options that each of them asks for.

import { readdir, readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';

/** Modules whose tests run. */
const GROUPS = ['net', 'dgram'];

/** The options of node in a test's `// Flags:` line. */
export async function flagsOf(file) {
  const flags = /^\/\/ Flags:(.*)$/m.exec(await readFile(file, 'utf8'))?.[1] ?? '';
  return flags.split(/\s+/).filter((flag) => flag !== '');
}

/**
 * The tests that the words name, as `{ group, name, file }` in order: groups, names or parts of names; without a word all.
 * Throws for a word that names none.
 */
export async function select(sources, words) {
  const folder = join(sources, 'test/parallel');
  const files = (await readdir(folder)).filter((name) => name.endsWith('.js')).sort();
  const all = GROUPS.flatMap((group) =>
    files
      .filter((file) => file.startsWith(`test-${group}-`))
      .map((file) => ({ group, name: basename(file, '.js'), file: join(folder, file) })),
  );
  if (words.length === 0) return all;
  const chosen = new Set();
  for (const word of words) {
    const part = basename(word, '.js');
    const matches = all.filter(({ group, name }) =>
      GROUPS.includes(word) ? group === word : name.includes(part),
    );
    if (matches.length === 0) throw new Error(`no test of Node for ${word}`);
    for (const match of matches) chosen.add(match);
  }
  return all.filter((test) => chosen.has(test));
}
