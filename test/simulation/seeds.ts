import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import tap, { type Test } from 'tap';
import { PcapngWriter } from '../../device/pcap/pcapng-writer.ts';
import { runSeed } from './run-seed.ts';
import { scenario } from './scenario.ts';

/** Where the frames of seeds that failed are left. */
const TRACES = '.tap/simulation';
/** What a test file may take in real time, on a machine that is busy. */
const MOST_MS = 400_000;
/** Seeds that fail are run again for their frames; not more than these. */
const MOST_TRACES = 10;

/**
 * Runs `count` seeds from `first` on. A seed that fails names itself and leaves its frames; `SEED=123` runs that one alone,
 * `SEEDS=5000` so many from `first` on.
 */
export function seeds(t: Test, first: number, count: number): void {
  tap.setTimeout(MOST_MS);
  const one = process.env['SEED'];
  const numbers =
    one !== undefined
      ? [Number(one)]
      : Array.from({ length: Number(process.env['SEEDS'] ?? count) }, (_, i) => first + i);
  const began = performance.now();
  let [whole, frames, retransmissions, traces, virtual] = [0, 0, 0, 0, 0];
  for (const seed of numbers) {
    const result = attempt(seed);
    if (result.whole) whole++;
    frames += result.frames;
    retransmissions += result.retransmissions;
    virtual += result.took;
    if (result.findings.length === 0 && one === undefined) continue;
    const trace = traces++ < MOST_TRACES ? leaveTrace(seed) : 'not kept';
    t.strictSame(result.findings, [], `seed ${seed} (SEED=${seed}; frames: ${trace})`, {
      scenario: JSON.stringify(scenario(seed)),
    });
  }
  const real = (performance.now() - began) / 1000;
  t.comment(
    `${numbers.length} seeds in ${real.toFixed(1)} s: ${whole} whole, ${frames} frames, ${retransmissions} retransmissions, ${(virtual / 3_600_000).toFixed(1)} virtual hours`,
  );
  if (one === undefined)
    t.ok(whole > numbers.length * 0.7, `${whole} of ${numbers.length} connections went through`);
  t.end();
}

function attempt(seed: number): ReturnType<typeof runSeed> {
  try {
    return runSeed(seed);
  } catch (error) {
    const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
    return { seed, findings: [`thrown: ${text}`], whole: false, frames: 0, retransmissions: 0, took: 0 };
  }
}

/** Runs a seed once more for its frames; the file's path. */
function leaveTrace(seed: number): string {
  const blocks: Uint8Array[] = [];
  try {
    runSeed(seed, new PcapngWriter((bytes) => blocks.push(bytes)));
  } catch {
    // It threw before; what came until then is what is wanted.
  }
  mkdirSync(TRACES, { recursive: true });
  const path = join(TRACES, `seed-${seed}.pcapng`);
  writeFileSync(path, Buffer.concat(blocks));
  return path;
}
