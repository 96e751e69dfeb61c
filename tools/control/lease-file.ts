import { appendFileSync, existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import type { LeaseStore } from '../../stack/dhcp/client/options.ts';
import type { SavedServerLease, ServerStore } from '../../stack/dhcp/server/options.ts';

/** A client's lease in a file, as JSON. A file that is not to be read is as good as none. */
export function clientLeaseFile(path: string): LeaseStore {
  return {
    load: () => {
      const [lease = null] = readLines(path);
      return lease;
    },
    save: (lease) => replaceFile(path, lease === null ? [] : [lease]),
  };
}

/** A server's leases in a file: one a line, the last one of an address counts; a line with the address alone ends it. */
export function serverLeaseFile(path: string): ServerStore {
  return {
    load: () => {
      const leases = new Map<string, unknown>();
      for (const line of readLines(path)) {
        const { address, client } = (line ?? {}) as Partial<SavedServerLease>;
        if (address === undefined) continue;
        leases.delete(address);
        if (client !== undefined) leases.set(address, line);
      }
      const kept = [...leases.values()];
      replaceFile(path, kept);
      return kept;
    },
    put: (lease) => appendFileSync(path, `${JSON.stringify(lease)}\n`),
    remove: (address) => appendFileSync(path, `${JSON.stringify({ address })}\n`),
  };
}

/** The values of the lines; a line that was cut by a crash is left out. */
function readLines(path: string): unknown[] {
  if (!existsSync(path)) return [];
  return readFileSync(path, 'utf8')
    .split('\n')
    .flatMap((line) => {
      try {
        return line === '' ? [] : [JSON.parse(line) as unknown];
      } catch {
        return [];
      }
    });
}

/** All or nothing: a crash leaves the old file or the new one. */
function replaceFile(path: string, values: readonly unknown[]): void {
  const text = values.map((value) => `${JSON.stringify(value)}\n`).join('');
  writeFileSync(`${path}.new`, text);
  renameSync(`${path}.new`, path);
}
