import { readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';

/** A script to run, and what is known of how it comes out. */
export interface Item {
  readonly path: string;
  readonly expected: Expected | undefined;
}

/** An entry of expected.json: a script that does not hold on a backend, and why. */
export interface Expected {
  /** Below the folder of expected.json. */
  readonly path: string;
  readonly backend: string;
  /** `differs`: it runs and fails; `skip`: it isn't run. */
  readonly verdict: 'differs' | 'skip';
  readonly reason: string;
}

const SCRIPT = '.pkt';
const EXPECTED = 'expected.json';

/** The scripts that files and folders name, in order of their paths. Throws for paths that are not there. */
export function collect(paths: readonly string[], backend: string): Item[] {
  return paths.flatMap((path) => {
    const isFolder = statSync(path).isDirectory();
    const files = isFolder ? scriptsBelow(path) : [path];
    return files.map((file) => ({ path: file, expected: expectedFor(file, backend) }));
  });
}

function scriptsBelow(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith(SCRIPT))
    .sort()
    .map((name) => join(folder, name));
}

const read = new Map<string, readonly Expected[] | undefined>();

/** Looks into the nearest expected.json above a script. */
function expectedFor(file: string, backend: string): Expected | undefined {
  for (let folder = dirname(file); ; folder = dirname(folder)) {
    const entries = entriesIn(folder);
    if (entries !== undefined) {
      const path = relative(folder, file);
      return entries.find((entry) => entry.path === path && entry.backend === backend);
    }
    if (folder === dirname(folder)) return undefined;
  }
}

function entriesIn(folder: string): readonly Expected[] | undefined {
  if (!read.has(folder)) read.set(folder, load(join(folder, EXPECTED)));
  return read.get(folder);
}

/** Undefined when there is none, or one of something else. */
function load(path: string): readonly Expected[] | undefined {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
  const { packetdrill } = JSON.parse(text) as { packetdrill?: readonly Expected[] };
  return packetdrill;
}
