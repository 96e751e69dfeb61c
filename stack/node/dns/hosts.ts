import { isIP } from 'node:net';

/** An address with its family. */
export interface HostAddress {
  readonly address: string;
  readonly family: number;
}

/** A hosts file (hosts(5)), of which the stack is given the text. */
export class HostsTable {
  readonly #addresses = new Map<string, HostAddress[]>();
  readonly #names = new Map<string, string[]>();

  constructor(text: string) {
    for (const line of text.split('\n')) {
      const [address, ...names] = line.replace(/#.*/, '').trim().split(/\s+/);
      const family = isIP(address ?? '');
      if (address === undefined || family === 0) continue;
      for (const name of names) {
        const key = name.toLowerCase();
        const known = this.#addresses.get(key) ?? [];
        if (!known.some((one) => one.address === address)) known.push({ address, family });
        this.#addresses.set(key, known);
      }
      if (names.length > 0) this.#names.set(address, [...(this.#names.get(address) ?? []), ...names]);
    }
  }

  /** Addresses of a name, in the file's order; `family` 0: of both. */
  addresses(name: string, family: number): readonly HostAddress[] {
    const key = name.toLowerCase().replace(/\.$/, '');
    const known = this.#addresses.get(key) ?? [];
    return family === 0 ? known : known.filter((one) => one.family === family);
  }

  /** Names of an address, the one that it is called by first. */
  names(address: string): readonly string[] {
    return this.#names.get(address) ?? [];
  }
}
