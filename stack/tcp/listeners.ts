import { flowHash } from '../socket/flow-table.ts';
import type { Listener } from './listener.ts';

const NOBODY: readonly Listener[] = [];

/** Listeners by port (Linux: `lhash2`); of several that fit, the most particular is found, or one of a group by the sender. */
export class ListenerTable {
  readonly #byPort = new Map<number, Listener[]>();
  readonly #secret: number;

  constructor(secret: number) {
    this.#secret = secret;
  }

  add(listener: Listener): void {
    const known = this.#byPort.get(listener.localPort);
    if (known === undefined) this.#byPort.set(listener.localPort, [listener]);
    else known.push(listener);
  }

  remove(listener: Listener): void {
    const known = this.#byPort.get(listener.localPort);
    const at = known?.indexOf(listener) ?? -1;
    if (known === undefined || at < 0) return;
    known.splice(at, 1);
    if (known.length === 0) this.#byPort.delete(listener.localPort);
  }

  /** All of them. */
  all(): Listener[] {
    return [...this.#byPort.values()].flat();
  }

  /** The listener for a segment that came by `ifindex`, null: none (Linux: `__inet_lookup_listener`). */
  find(
    local: number,
    localPort: number,
    remote: number,
    remotePort: number,
    ifindex: number,
  ): Listener | null {
    const known = this.#byPort.get(localPort) ?? NOBODY;
    if (known.length === 0) return null;
    const exact = this.#best(known, local, local, remote, remotePort, ifindex);
    return exact ?? this.#best(known, 0, local, remote, remotePort, ifindex);
  }

  #best(
    known: readonly Listener[],
    address: number,
    local: number,
    remote: number,
    remotePort: number,
    ifindex: number,
  ): Listener | null {
    let best: Listener | null = null;
    let most = 0;
    for (let i = 0; i < known.length; i++) {
      const listener = known[i]!;
      if (listener.local !== address) continue;
      if (listener.boundIfindex !== 0 && listener.boundIfindex !== ifindex) continue;
      const score = listener.boundIfindex !== 0 ? 2 : 1;
      if (score > most) {
        most = score;
        best = listener;
      }
    }
    if (best === null || best.lease.reusePort === 0) return best;
    return this.#ofGroup(known, best, local, remote, remotePort);
  }

  /** Linux: `reuseport_select_sock`. */
  #ofGroup(
    known: readonly Listener[],
    best: Listener,
    local: number,
    remote: number,
    remotePort: number,
  ): Listener {
    let size = 0;
    for (let i = 0; i < known.length; i++) if (inGroup(known[i]!, best)) size++;
    const hash = flowHash(this.#secret, local, best.localPort, remote, remotePort);
    let chosen = Math.floor((hash / 0x1_0000_0000) * size);
    for (let i = 0; i < known.length; i++) {
      const listener = known[i]!;
      if (inGroup(listener, best) && chosen-- === 0) return listener;
    }
    return best;
  }
}

/** Whether two share a port by SO_REUSEPORT. */
function inGroup(listener: Listener, other: Listener): boolean {
  return (
    listener.lease.reusePort !== 0 &&
    listener.local === other.local &&
    listener.boundIfindex === other.boundIfindex
  );
}
