import { cpus } from 'node:os';
import { fileURLToPath } from 'node:url';
import { Program } from '../program.ts';
import { run } from '../sandbox.ts';
import { nextNetwork, type Subject } from '../subject.ts';

const HOST = fileURLToPath(new URL('../host/group.js', import.meta.url));

let groups = 0;

/** So many stacks as one host, a thread each, on whatever CPUs the system gives them. */
export async function startGroup(threads: number): Promise<Subject> {
  const { peer, subject, prefix } = nextNetwork();
  const tap = `group${groups++}`;
  const words = [`tap=${tap}`, `address=${subject}/${prefix}`, `threads=${threads}`];
  const host = new Program('taskset', ['-c', `0-${cpus().length - 1}`, process.execPath, HOST, ...words]);
  await host.says(/^ready$/m);
  run('ip', 'address', 'add', `${peer}/${prefix}`, 'dev', tap);
  return { name: `tapir, ${threads} threads`, address: subject, enter: [], stop: () => host.stop() };
}
