import type { NetDevice } from '../../device/netdevice/netdevice.ts';
import type { NextHop, RouteResult } from '../inet.ts';
import { type Ipv4, SCOPE_LINK } from '../wire/address.ts';
import { IP_MAX } from '../wire/ipv4.ts';
import type { FibEntry } from './fib-entry.ts';

/** The greatest MTU that a packet without DF to a gateway is cut to when the MTU is locked (Linux: `ipv4_mtu`). */
const LOCKED_MTU = 576;

/**
 * The way that a packet goes (Linux: `struct rtable`). One object a route, one a learned exception, and a few a device;
 * lookups hand out the same ones again and again.
 */
export class Path implements RouteResult {
  /** `RTN_*`. */
  readonly type: number;
  readonly dev: NetDevice;
  /** The route that it stands for; null when there is none, as for the limited broadcast. */
  readonly entry: FibEntry | null;
  /** Next hop, 0 when the destination is on the link. */
  gateway: Ipv4;
  /** What is answered to a packet that can't go on, as a positive errno; 0: it can. */
  readonly error: number;
  /** The neighbour that the last packet went to, which may be gone by now; null: none did. */
  neighbour: NextHop | null = null;
  /** A learned path MTU in bytes, 0: none; and until when it holds, in milliseconds of the clock. */
  pmtu = 0;
  expires: number = Number.POSITIVE_INFINITY;
  /** The MTU is not to be discovered: no DF. */
  mtuLocked: boolean;

  constructor(type: number, dev: NetDevice, entry: FibEntry | null, error = 0) {
    this.type = type;
    this.dev = dev;
    this.entry = entry;
    this.gateway = entry?.gateway ?? 0;
    this.error = error;
    this.mtuLocked = entry?.attributes.mtuLock ?? false;
  }

  get scope(): number {
    return this.entry?.scope ?? SCOPE_LINK;
  }

  get source(): Ipv4 {
    return this.entry?.preferredSource ?? 0;
  }

  get mtu(): number {
    return this.pmtu !== 0 ? this.pmtu : (this.entry?.attributes.mtu ?? 0);
  }
}

/** The MTU of a path for packets made here, in bytes (Linux: `ipv4_mtu`). */
export function pathMtu(path: Path, now: number): number {
  if (path.pmtu !== 0 && now < path.expires) return Math.min(path.pmtu, IP_MAX);
  return routeMtu(path);
}

/** The MTU of a path for packets passing through, which learned MTUs don't concern (Linux: `ip_dst_mtu_maybe_forward`). */
export function forwardMtu(path: Path, now: number, usePmtu: boolean): number {
  return usePmtu || path.mtuLocked ? pathMtu(path, now) : routeMtu(path);
}

function routeMtu(path: Path): number {
  const attribute = path.entry?.attributes.mtu ?? 0;
  if (attribute !== 0) return Math.min(attribute, IP_MAX);
  const mtu = Math.min(path.dev.mtu, IP_MAX);
  return path.mtuLocked && path.gateway !== 0 ? Math.min(mtu, LOCKED_MTU) : mtu;
}
