import { POLLERR, POLLHUP, POLLNVAL } from './abi.ts';
import type { FdTable } from './fd-table.ts';

/** One descriptor that is asked about (Linux: `struct pollfd`). */
export interface PollEntry {
  /** A negative one is passed over. */
  readonly fd: number;
  /** `POLL*` bits that are asked for; POLLERR, POLLHUP and POLLNVAL always are. */
  readonly events: number;
  revents: number;
}

/** Fills in what is true now; how many entries have something (Linux: `do_poll`). */
export function pollFiles(files: FdTable, entries: readonly PollEntry[]): number {
  let count = 0;
  for (let i = 0; i < entries.length; i++) {
    const entry = entries[i]!;
    entry.revents = 0;
    if (entry.fd < 0) continue;
    const file = files.get(entry.fd);
    entry.revents = file === null ? POLLNVAL : file.poll() & (entry.events | POLLERR | POLLHUP);
    if (entry.revents !== 0) count++;
  }
  return count;
}
