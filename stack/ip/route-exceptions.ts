import type { NetDevice } from '../../device/netdevice/netdevice.ts';
import type { Ipv4 } from '../wire/address.ts';
import type { FibEntry } from './fib-entry.ts';
import { Path } from './path.ts';

/** Exceptions a route; the oldest makes room (Linux: 2048 hash chains of five). */
const MOST = 2048;

/**
 * What was learned about single destinations of a route: the path MTU from "fragmentation needed", another gateway from a
 * redirect (Linux: `struct fib_nh_exception`).
 */
export class RouteExceptions {
  readonly #byDestination = new Map<number, Path>();
  /** Exceptions that had to make room for newer ones. */
  evicted = 0;

  get size(): number {
    return this.#byDestination.size;
  }

  /** The path for `destination` at `now`, null when nothing is known about it; an expired one is forgotten. */
  find(destination: Ipv4, now: number): Path | null {
    const path = this.#byDestination.get(destination | 0);
    if (path === undefined) return null;
    if (now < path.expires) return path;
    this.#byDestination.delete(destination | 0);
    return null;
  }

  /** Notes a path MTU of `mtu` bytes until `expires`; `locked`: it is below what is believed, so packets go without DF. */
  learnMtu(
    entry: FibEntry,
    dev: NetDevice,
    destination: Ipv4,
    mtu: number,
    locked: boolean,
    expires: number,
  ): void {
    const path = this.#take(entry, dev, destination);
    path.pmtu = mtu;
    path.mtuLocked = locked || (entry.attributes.mtuLock ?? false);
    path.expires = expires;
  }

  /** Notes another gateway until `expires`. */
  learnGateway(entry: FibEntry, dev: NetDevice, destination: Ipv4, gateway: Ipv4, expires: number): void {
    const path = this.#take(entry, dev, destination);
    path.gateway = gateway;
    path.expires = expires;
  }

  /** The device's MTU changed from `old` to `now`: what was learned follows it (Linux: `nh_update_mtu`). */
  deviceMtuChanged(old: number, now: number): void {
    for (const path of this.#byDestination.values()) {
      if (path.pmtu === 0) continue;
      if (path.mtuLocked) {
        if (now > path.pmtu) continue;
        path.mtuLocked = false;
        path.pmtu = now;
      } else if (now < path.pmtu || old === path.pmtu) {
        path.pmtu = now;
      }
    }
  }

  /** All that is known, oldest first: `[destination, path]`. */
  entries(): [Ipv4, Path][] {
    return [...this.#byDestination].map(([destination, path]) => [destination >>> 0, path]);
  }

  #take(entry: FibEntry, dev: NetDevice, destination: Ipv4): Path {
    const key = destination | 0;
    let path = this.#byDestination.get(key);
    if (path === undefined) {
      if (this.#byDestination.size >= MOST) {
        for (const oldest of this.#byDestination.keys()) {
          this.#byDestination.delete(oldest);
          this.evicted++;
          break;
        }
      }
      path = new Path(entry.type, dev, entry);
      this.#byDestination.set(key, path);
    }
    return path;
  }
}
