import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/**
 * Bytes that a path allocates on the JavaScript heap, exactly: in a process of its own, whose young generation is so large
 * that nothing is collected while it is measured, so that the heap grows by what was allocated.
 */

/** Megabytes of the young generation: what may be allocated in one measurement. */
const SEMI_SPACE = 64;

export interface Allocation {
  readonly name: string;
  readonly calls: number;
  readonly bytesPerCall: number;
}

declare const gc: () => void;

/**
 * To be called in the process that {@link allocationsOf} starts. `run` does `calls` calls in one loop of its own; it is
 * warmed up until it is compiled, then measured three times, of which the least counts: compilers allocate too.
 */
export function measureAllocation(name: string, calls: number, run: (calls: number) => void): void {
  for (let i = 0; i < 20; i++) run(calls / 20);
  let least = Number.POSITIVE_INFINITY;
  for (let round = 0; round < 3; round++) {
    gc();
    const before = process.memoryUsage().heapUsed;
    run(calls);
    least = Math.min(least, process.memoryUsage().heapUsed - before);
  }
  process.stdout.write(`${JSON.stringify({ name, calls, bytesPerCall: least / calls })}\n`);
}

/** Runs a module that calls {@link measureAllocation}, and gives what it measured, by name. */
export function allocationsOf(module: URL): Record<string, Allocation> {
  const flags = [
    '--expose-gc',
    `--min-semi-space-size=${SEMI_SPACE}`,
    `--max-semi-space-size=${SEMI_SPACE}`,
    // The optimizing compiler works on this thread, so that it is done when the warm-up is.
    '--no-concurrent-recompilation',
  ];
  const env = { ...process.env };
  delete env['NODE_OPTIONS'];
  const output = execFileSync(process.execPath, [...flags, fileURLToPath(module)], { env, encoding: 'utf8' });
  return Object.fromEntries(
    output
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Allocation)
      .map((allocation) => [allocation.name, allocation]),
  );
}
