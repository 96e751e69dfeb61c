import { fileURLToPath } from 'node:url';
import type { Child } from './child.ts';
import type { Namespace } from './namespace.ts';

/** The compiled command line program. */
const CLI = fileURLToPath(new URL('../../../tools/cli.js', import.meta.url));

/** Starts a script of this project in a namespace. */
export function startScript(ns: Namespace, script: string, ...args: string[]): Child {
  return ns.start(process.execPath, '--enable-source-maps', script, ...args);
}

/** Starts `tapir up` in a namespace and waits for its line `ready ...`. */
export async function startTapir(ns: Namespace, ...args: string[]): Promise<Child> {
  const child = startScript(ns, CLI, 'up', ...args);
  await child.says(/^ready\b.*$/m);
  return child;
}
