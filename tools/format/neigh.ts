import type { NeighView } from '../control/view/neigh.ts';

/** A neighbour as `ip neigh show` prints it, a blank at the end included. */
export function formatNeigh(neigh: NeighView): string {
  let line = `${neigh.dst} dev ${neigh.dev} `;
  if (neigh.lladdr !== undefined) line += `lladdr ${neigh.lladdr} `;
  if (neigh.proxy === null) line += 'proxy ';
  if (neigh.probes !== undefined) {
    const references = neigh.refcnt === undefined ? '' : ` ref ${neigh.refcnt}`;
    line += `${references} used ${neigh.used}/${neigh.confirmed}/${neigh.updated}probes ${neigh.probes} `;
  }
  for (const state of neigh.state ?? []) line += `${state} `;
  return line;
}
