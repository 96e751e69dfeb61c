// test/expected.json: tests that are known to fail, as [{ "test": full name or the beginning of one, "reason": why }].

import { existsSync, readFileSync } from 'node:fs';

/** Between the parts of a full name: file, subtests, assertion. */
export const SEPARATOR = ' > ';

/** Whether `name` is `ancestor` or lies under it. */
export function isUnder(name, ancestor) {
  return name === ancestor || name.startsWith(ancestor + SEPARATOR);
}

/** Reads the list; no file is an empty one. Throws for anything that isn't a list of tests with reasons, or repeats one. */
export function readExpected(path) {
  if (!existsSync(path)) return [];
  const list = JSON.parse(readFileSync(path, 'utf8'));
  if (!Array.isArray(list)) throw new Error(`${path} is not a list`);
  const seen = new Set();
  for (const entry of list) {
    for (const key of ['test', 'reason'])
      if (typeof entry?.[key] !== 'string' || entry[key].trim() === '')
        throw new Error(`${path}: an entry has no ${key}: ${JSON.stringify(entry)}`);
    if (seen.has(entry.test)) throw new Error(`${path}: listed twice: ${entry.test}`);
    seen.add(entry.test);
  }
  return list;
}
