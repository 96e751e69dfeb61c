import type { NetDevice } from '../../device/netdevice/netdevice.ts';
import type { Ipv4 } from '../wire/address.ts';
import { Path } from './path.ts';
import type { RouteExceptions } from './route-exceptions.ts';

/** Tables (Linux: `RT_TABLE_*`). */
export const RT_TABLE_MAIN = 254;
export const RT_TABLE_LOCAL = 255;

/** Who made a route (Linux: `RTPROT_*`). */
export const RTPROT_UNSPEC = 0;
export const RTPROT_REDIRECT = 1;
export const RTPROT_KERNEL = 2;
export const RTPROT_BOOT = 3;
export const RTPROT_STATIC = 4;
export const RTPROT_DHCP = 16;

/** State of a route's next hop (Linux: `RTNH_F_*`). */
export const RTNH_F_DEAD = 1;
export const RTNH_F_ONLINK = 4;
export const RTNH_F_LINKDOWN = 16;

/** Metrics of a route (`ip route ... mtu 1400 advmss 1360`); what is left out is not set. */
export interface RouteAttributes {
  /** Bytes. */
  readonly mtu?: number;
  /** Path MTU discovery must not change the MTU, and packets carry no DF (`mtu lock`). */
  readonly mtuLock?: boolean;
  /** Bytes. */
  readonly advmss?: number;
  /** Bytes. */
  readonly window?: number;
  /** Milliseconds. */
  readonly rtt?: number;
  readonly rttvar?: number;
  /** Milliseconds. */
  readonly rtoMin?: number;
  readonly ssthresh?: number;
  readonly cwnd?: number;
  readonly initcwnd?: number;
  readonly initrwnd?: number;
  readonly reordering?: number;
  readonly hopLimit?: number;
  readonly quickack?: boolean;
  readonly congestion?: string;
}

/** What a route is made of; how it is found among others is `FibTable`'s matter. */
export interface FibEntryFields {
  readonly table: number;
  readonly destination: Ipv4;
  readonly prefixLength: number;
  readonly tos: number;
  readonly metric: number;
  readonly type: number;
  readonly scope: number;
  readonly protocol: number;
  readonly preferredSource: Ipv4;
  readonly gateway: Ipv4;
  readonly dev: NetDevice | null;
  readonly attributes: RouteAttributes;
}

/** A route in a table (Linux: `struct fib_alias` with its `fib_info`). */
export class FibEntry implements FibEntryFields {
  readonly table: number;
  readonly destination: Ipv4;
  readonly prefixLength: number;
  readonly tos: number;
  readonly metric: number;
  readonly type: number;
  readonly scope: number;
  readonly protocol: number;
  readonly preferredSource: Ipv4;
  /** 0: the destination is on the link. */
  readonly gateway: Ipv4;
  /** Null for the types that refuse. */
  readonly dev: NetDevice | null;
  readonly attributes: RouteAttributes;
  /** Of the next hop: what may be reached through it (Linux: `nhc_scope`). */
  readonly nextHopScope: number;
  /** `RTNH_F_*`. */
  flags: number;
  /** What a lookup for a packet gives, null for the types that refuse. */
  readonly path: Path | null;
  /** Per destination: learned MTUs and redirects; null until there is one. */
  exceptions: RouteExceptions | null = null;

  /** `via`: the device that a path of this route leaves by, which for local addresses is the loopback device. */
  constructor(fields: FibEntryFields, nextHopScope: number, flags: number, via: NetDevice | null) {
    this.table = fields.table;
    this.destination = fields.destination;
    this.prefixLength = fields.prefixLength;
    this.tos = fields.tos;
    this.metric = fields.metric;
    this.type = fields.type;
    this.scope = fields.scope;
    this.protocol = fields.protocol;
    this.preferredSource = fields.preferredSource;
    this.gateway = fields.gateway;
    this.dev = fields.dev;
    this.attributes = fields.attributes;
    this.nextHopScope = nextHopScope;
    this.flags = flags;
    this.path = via === null ? null : new Path(fields.type, via, this);
  }
}
