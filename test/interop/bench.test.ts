import { execFile } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { requirements } from './support/requirements.ts';

/** One short round each: that benchmarks end, print their line and leave nothing behind. No figure is looked at. */

/** This file runs from `dist/test/interop/`. */
const CLI = join(dirname(fileURLToPath(import.meta.url)), '..', '..', 'tools', 'cli.js');
/** All that end soon. `loss` needs nft, which is rarely there. */
const NAMES = [
  'bulk-receive',
  'bulk-receive-onread',
  'bulk-receive-plain',
  'bulk-receive-stream',
  'bulk-receive-zerocopy',
  'bulk-send',
  'bulk-send-plain',
  'bulk-send-stream',
  'bulk-send-zerocopy',
  'connections',
  'event-loop-delay-receive',
  'event-loop-delay-send',
  'flows-receive-10',
  'flows-receive-100',
  'flows-receive-1000',
  'flows-send-10',
  'flows-send-100',
  'flows-send-1000',
  'forward-bulk',
  'forward-datagrams',
  'frame-build',
  'frame-parse',
  'multi-queue-receive',
  'multi-queue-send',
  'request-response',
  'request-response-busy',
  'request-response-two-cpus',
  'udp-receive',
  'udp-send',
];
const PATIENCE = 240_000;

/** Folders of the system's namespaces and of temporary files that are the benchmarks'. */
function leftBehind(): string[] {
  return ['/run/netns', '/tmp'].flatMap((folder) =>
    readdirSync(folder)
      .filter((name) => name.startsWith('tapir-bench-'))
      .map((name) => join(folder, name)),
  );
}

t.setTimeout(PATIENCE);

t.test(
  'benchmarks: a smoke run ends, and leaves nothing behind',
  {
    skip: requirements('cc', 'unshare', 'nsenter', 'taskset'),
  },
  async (t) => {
    const before = leftBehind();
    const { code, stdout, stderr, pid } = await smoke(...NAMES);
    t.equal(code, 0, stderr);
    const results = stdout.split('\n').filter((line) => line.startsWith('{'));
    const read = results.map((line) => JSON.parse(line) as { name: string; value: number; ratio: number });
    t.strictSame(read.map(({ name }) => name).sort(), NAMES);
    for (const { name, value, ratio } of read)
      t.ok(value > 0 && ratio > 0, `${name}: ${value}, ratio ${ratio}`);
    const mine = leftBehind().filter((path) => !before.includes(path) && path.includes(`${pid}`));
    t.strictSame(mine, []);
  },
);

function smoke(
  ...names: string[]
): Promise<{ code: number | null; stdout: string; stderr: string; pid: number | undefined }> {
  return new Promise((resolve) => {
    const args = [CLI, 'bench', '--smoke', '--json', ...names];
    const child = execFile(
      process.execPath,
      args,
      { timeout: PATIENCE - 10_000 },
      (_error, stdout, stderr) => {
        resolve({ code: child.exitCode, stdout, stderr, pid: child.pid });
      },
    );
  });
}
