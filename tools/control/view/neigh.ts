/** A neighbour as `ip -json neigh show` prints it, key by key. */
export interface NeighView {
  readonly dst: string;
  readonly dev: string;
  readonly lladdr?: string;
  readonly proxy?: null;
  readonly refcnt?: number;
  /** Whole seconds since it was last used, confirmed, changed. */
  readonly used?: number;
  readonly confirmed?: number;
  readonly updated?: number;
  readonly probes?: number;
  readonly state?: readonly string[];
}
