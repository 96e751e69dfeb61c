import type { Entropy } from '../../device/random.ts';

/** What a table of flows must know of one: a connection's two ends, and the interface it is bound to (0: any). */
export interface Flow<Self> {
  readonly local: number;
  readonly localPort: number;
  readonly remote: number;
  readonly remotePort: number;
  readonly boundIfindex: number;
  /** The next one in the same bucket; the table's. */
  flowNext: Self | null;
}

/** The two ends that are looked for. One object is filled in again and again, since passing large numbers allocates. */
export class FlowKey {
  local = 0;
  localPort = 0;
  remote = 0;
  remotePort = 0;
  /** Interface that the packet came by. */
  ifindex = 0;
}

const LEAST_BUCKETS = 64;

/**
 * Connected sockets by both ends (Linux: `ehash`): an open hash of numbers with a secret, chained through the entries, so that
 * looking up costs the same however many there are, and nothing is allocated.
 */
export class FlowTable<T extends Flow<T>> {
  readonly #secret: number;
  #buckets: (T | null)[] = new Array<T | null>(LEAST_BUCKETS).fill(null);
  #size = 0;
  readonly #key = new FlowKey();

  constructor(entropy: Entropy) {
    this.#secret = entropy.u32();
  }

  get size(): number {
    return this.#size;
  }

  /** The hash of two ends, unsigned (Linux: `inet_ehashfn`). */
  hash(local: number, localPort: number, remote: number, remotePort: number): number {
    return flowHash(this.#secret, local, localPort, remote, remotePort);
  }

  /** {@link lookup} by numbers. */
  find(local: number, localPort: number, remote: number, remotePort: number, ifindex: number): T | null {
    const key = this.#key;
    key.local = local;
    key.localPort = localPort;
    key.remote = remote;
    key.remotePort = remotePort;
    key.ifindex = ifindex;
    return this.lookup(key);
  }

  /** The flow of a packet; one that is bound to its interface is preferred; null: none. Allocates nothing. */
  lookup(key: Readonly<FlowKey>): T | null {
    const { localPort, remotePort, ifindex } = key;
    const hash = flowHash(this.#secret, key.local | 0, localPort, key.remote | 0, remotePort);
    let found: T | null = null;
    let entry = this.#buckets[hash & (this.#buckets.length - 1)] ?? null;
    for (; entry !== null; entry = entry.flowNext) {
      if (entry.localPort !== localPort || entry.remotePort !== remotePort) continue;
      if (entry.local !== key.local || entry.remote !== key.remote) continue;
      if (entry.boundIfindex === ifindex) return entry;
      if (entry.boundIfindex === 0 && found === null) found = entry;
    }
    return found;
  }

  /** Adds a flow; its ends may not change until it is removed. */
  add(entry: T): void {
    if (this.#size >= this.#buckets.length) this.#grow();
    this.#size++;
    this.#insert(entry);
  }

  /** Removes a flow; whether it was there. */
  remove(entry: T): boolean {
    const at = this.#bucketOf(entry);
    let before: T | null = null;
    for (let other = this.#buckets[at] ?? null; other !== null; other = other.flowNext) {
      if (other === entry) {
        if (before === null) this.#buckets[at] = entry.flowNext;
        else before.flowNext = entry.flowNext;
        entry.flowNext = null;
        this.#size--;
        return true;
      }
      before = other;
    }
    return false;
  }

  /** All flows, in no particular order. */
  *all(): IterableIterator<T> {
    for (const first of this.#buckets)
      for (let entry = first; entry !== null; entry = entry.flowNext) yield entry;
  }

  #bucketOf(entry: T): number {
    const { local, localPort, remote, remotePort } = entry;
    return this.hash(local, localPort, remote, remotePort) & (this.#buckets.length - 1);
  }

  #insert(entry: T): void {
    const at = this.#bucketOf(entry);
    entry.flowNext = this.#buckets[at]!;
    this.#buckets[at] = entry;
  }

  #grow(): void {
    const old = this.#buckets;
    this.#buckets = new Array<T | null>(old.length * 2).fill(null);
    for (const first of old) {
      let entry = first;
      while (entry !== null) {
        const next: T | null = entry.flowNext;
        this.#insert(entry);
        entry = next;
      }
    }
  }
}

/** A keyed hash of two ends, unsigned: MurmurHash3's mixing, for tables whose collisions cost time and nothing else. */
export function flowHash(
  secret: number,
  local: number,
  localPort: number,
  remote: number,
  remotePort: number,
): number {
  let hash = mix(secret, local | 0);
  hash = mix(hash, remote | 0);
  hash = mix(hash, (localPort << 16) | remotePort);
  hash ^= hash >>> 16;
  hash = Math.imul(hash, 0x85ebca6b);
  hash ^= hash >>> 13;
  hash = Math.imul(hash, 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

function mix(hash: number, word: number): number {
  let k = Math.imul(word, 0xcc9e2d51);
  k = Math.imul((k << 15) | (k >>> 17), 0x1b873593);
  const h = hash ^ k;
  return (Math.imul((h << 13) | (h >>> 19), 5) + 0xe6546b64) | 0;
}
