import type { Packet } from '../../device/memory/packet.ts';
import type { NetDevice } from '../../device/netdevice/netdevice.ts';
import type { IpOptions } from '../ip/options.ts';
import type { Family } from '../socket/family.ts';

/** A path to a peer, as far as TCP must know it. */
export interface NetworkPath {
  readonly dev: NetDevice;
  /** Nobody may send smaller packets to find out what passes: no DF. */
  readonly mtuLocked: boolean;
  /** Until when it holds, in milliseconds of the clock; mostly for ever. */
  readonly expires: number;
}

/** The addresses that a segment goes between. They are passed in an object, since to pass large numbers allocates. */
export interface Ends {
  readonly local: number;
  readonly remote: number;
}

/** Metrics of a route that concern TCP; what is not set is left out. */
export interface NetworkMetrics {
  readonly advmss?: number;
  readonly window?: number;
  readonly initcwnd?: number;
  readonly initrwnd?: number;
  readonly ssthresh?: number;
  readonly reordering?: number;
  /** Milliseconds. */
  readonly rtoMin?: number;
  readonly quickack?: boolean;
  readonly congestion?: string;
}

/** What TCP needs of the network layer below, one object an address family (Linux: `inet_connection_sock_af_ops`). */
export interface TcpNetwork {
  readonly family: Family;
  /** `GSO_TCPV4`, `GSO_TCPV6`. */
  readonly gsoType: number;
  /** Grows when a path that was found may not hold any more. */
  readonly generation: number;
  /** The path to `remote`, or a negated errno. `local` 0: any source; `ifindex` 0: any interface. */
  route(local: number, remote: number, ifindex: number, tos: number): NetworkPath | number;
  /** The source address that a path suggests; 0: none. */
  sourceFor(path: NetworkPath, remote: number): number;
  /** Bytes that pass in one packet. */
  mtu(path: NetworkPath): number;
  /** Notes that the path of a segment, whose IP header is quoted at `packet.start`, carries no more than `mtu` bytes. */
  learnMtu(packet: Packet, mtu: number): void;
  metrics(path: NetworkPath): NetworkMetrics;
  /** Whether an address is one of this host's own. */
  isLocal(address: number): boolean;
  /** Whether a connection with `address` can be: it is one host's. */
  isUnicast(address: number): boolean;
  /**
   * Sends a segment whose TCP header is at `packet.start`, its checksum left to the device. Takes the packet's ownership; 0 or a
   * negated errno.
   */
  send(
    packet: Packet,
    path: NetworkPath,
    ends: Ends,
    tos: number,
    ttl: number,
    dontFragment: boolean,
    options: IpOptions | null,
  ): number;
  /** The peer makes progress: its neighbour is there (Linux: `sk_dst_confirm`). */
  confirm(path: NetworkPath, remote: number): void;
}
