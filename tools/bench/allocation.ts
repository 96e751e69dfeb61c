import { getHeapStatistics } from 'node:v8';

/** Runs the garbage collector; `node --expose-gc` is what makes it there. */
export function collectGarbage(): void {
  const { gc } = globalThis as { gc?: () => void };
  if (gc === undefined) throw new Error('run with --expose-gc');
  gc();
}

/** Bytes in use on the JavaScript heap. */
export function heapUsed(): number {
  return getHeapStatistics().used_heap_size;
}

/** Bytes in which the engine accounts for its heap (a page): growth below that, over millions of calls, is none. */
const HEAP_STEP = 256 * 1024;

/**
 * Bytes that each of `count` calls of `step` leaves on the heap, garbage included: the least of three tries, since the
 * engine itself allocates now and then. A collection in the middle would hide garbage, so the young generation must be
 * large (`--max-semi-space-size`); a negative difference, which shows one, is an error.
 */
export function bytesAllocatedPerCall(step: () => void, count: number): number {
  const tries: number[] = [];
  for (let i = 0; i < 3; i++) {
    collectGarbage();
    const before = heapUsed();
    for (let n = 0; n < count; n++) step();
    const grown = heapUsed() - before;
    if (grown < 0) throw new Error('a collection ran during the measurement: enlarge --max-semi-space-size');
    tries.push(grown <= HEAP_STEP ? 0 : grown / count);
  }
  return Number(Math.min(...tries).toFixed(2));
}
