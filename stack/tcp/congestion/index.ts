import type { Congestion } from './congestion.ts';
import { Cubic } from './cubic.ts';
import { Reno } from './reno.ts';

const ALGORITHMS: ReadonlyMap<string, () => Congestion> = new Map<string, () => Congestion>([
  ['reno', () => new Reno()],
  ['cubic', () => new Cubic()],
]);

/** Names of the algorithms that there are (`tcp_available_congestion_control`). */
export const CONGESTION_NAMES: readonly string[] = [...ALGORITHMS.keys()];

/** A connection's own state of the algorithm called `name`; null: there is none of that name. */
export function createCongestion(name: string): Congestion | null {
  return ALGORITHMS.get(name)?.() ?? null;
}
