import type { Flow } from '../socket/flow-table.ts';

/** What an entry of the table of flows is. */
export const ENTRY_CONNECTION = 0;
export const ENTRY_REQUEST = 1;
export const ENTRY_TIMEWAIT = 2;

/** What segments of one pair of ends belong to: a connection, a request for one (SYN received), or what is left of one. */
export abstract class TcpEntry implements Flow<TcpEntry> {
  abstract readonly kind: number;
  /** `TCP_*`. */
  abstract readonly state: number;
  local = 0;
  localPort = 0;
  remote = 0;
  remotePort = 0;
  boundIfindex = 0;
  flowNext: TcpEntry | null = null;
  /** Whether it stands in the table. */
  hashed = false;
}
