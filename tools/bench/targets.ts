import type { BenchResult } from './result.ts';

/** What a figure is to reach, median of the rounds. */
export interface Target {
  readonly result: string;
  /** What is compared: the result's ratio, the ratio to one of the others, or a field of its own. */
  readonly field: string;
  readonly least?: number;
  readonly most?: number;
}

/** The speed issue's table. */
export const TARGETS: readonly Target[] = [
  { result: 'bulk-receive', field: 'ratio', least: 0.8 },
  { result: 'bulk-send', field: 'ratio', least: 0.7 },
  { result: 'bulk-receive-zerocopy', field: 'ratio', least: 1 },
  { result: 'bulk-send-zerocopy', field: 'ratio', least: 1 },
  { result: 'bulk-receive-stream', field: 'ratio', least: 0.45 },
  { result: 'bulk-send-stream', field: 'ratio', least: 0.45 },
  { result: 'bulk-receive-onread', field: 'ratio', least: 0.6 },
  { result: 'bulk-receive-plain', field: 'ratio', least: 1.8 },
  { result: 'bulk-send-plain', field: 'ratio', least: 1.8 },
  { result: 'request-response', field: 'ratio', most: 1.15 },
  { result: 'request-response-busy', field: 'ratio', most: 0.35 },
  { result: 'connections', field: 'ratio', least: 0.95 },
  { result: 'arp-transmit', field: 'ratio', least: 0.92 },
  { result: 'arp-transmit', field: 'bytesAllocatedPerFrame', most: 0 },
  { result: 'event-loop-delay-receive', field: 'value', most: 5 },
  { result: 'event-loop-delay-send', field: 'value', most: 5 },
  { result: 'flows-receive-1000', field: 'ratio', least: 0.7 },
  { result: 'flows-send-1000', field: 'ratio', least: 0.7 },
];

export interface Verdict {
  readonly target: Target;
  /** What was measured; undefined: the benchmark is not there, or was not run. */
  readonly measured: number | undefined;
  readonly met: boolean;
}

/** Sets each target beside what was measured. */
export function judge(results: ReadonlyMap<string, BenchResult>): Verdict[] {
  return TARGETS.map((target) => {
    const value = results.get(target.result)?.[target.field];
    const measured = typeof value === 'number' ? value : undefined;
    const { least = Number.NEGATIVE_INFINITY, most = Number.POSITIVE_INFINITY } = target;
    return { target, measured, met: measured !== undefined && measured >= least && measured <= most };
  });
}
