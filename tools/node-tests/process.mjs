// One test in a process of its own, with tapir's modules in the place of Node's.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { flagsOf } from './selection.mjs';

const SWAP = new URL('./swap.mjs', import.meta.url).href;
/** Seconds that a test may take: Node's own take less than two. */
const LIMIT = 120;
/** Of what a test wrote, this many characters are kept. */
const KEPT = 20_000;

/** Kills a process with all that it started. */
function killGroup(pid) {
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // all gone
  }
}

/**
 * Runs a test; `{ outcome: 'passed' | 'failed' | 'skipped', detail, seconds }`, where `detail` says why, or is what it wrote.
 * `folder` is where it may write, `slot` a number that no other test under way has.
 */
export async function runTest({ file }, folder, slot) {
  const started = performance.now();
  const child = spawn(process.execPath, [...(await flagsOf(file)), file], {
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: {
      ...process.env,
      NODE_OPTIONS: `--import=${SWAP}`,
      NODE_TEST_DIR: folder,
      TEST_THREAD_ID: `${slot}`,
    },
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text) => {
      output = (output + text).slice(-KEPT);
    });
  const limit = new AbortController();
  let late = false;
  delay(LIMIT * 1000, undefined, { signal: limit.signal }).then(
    () => {
      late = true;
      killGroup(child.pid);
    },
    () => {},
  );
  const [code, signal] = await once(child, 'exit');
  limit.abort();
  // What it left running would hold its streams open.
  killGroup(child.pid);
  if (!child.stdout.closed || !child.stderr.closed) await once(child, 'close');
  const seconds = (performance.now() - started) / 1000;
  if (late) return { outcome: 'failed', detail: `${output}did not end in ${LIMIT} s`, seconds };
  if (code !== 0) return { outcome: 'failed', detail: `${output}ended by ${signal ?? code}`, seconds };
  const skipped = /^1\.\.0 # Skipped: (.*)$/m.exec(output);
  if (skipped !== null) return { outcome: 'skipped', detail: skipped[1], seconds };
  return { outcome: 'passed', detail: output, seconds };
}
