import type { Machine } from '../device/machine.ts';
import type { Packet } from '../device/memory/packet.ts';
import type { NetDevice } from '../device/netdevice/netdevice.ts';
import type { Netns } from '../device/netdevice/netns.ts';
import type { NotifierChain } from '../device/netdevice/notifier.ts';
import type { Mib } from './counters.ts';
import type { InetAddress, InetDevice } from './ip/inet-device.ts';
import type { SysctlTable } from './sysctl/table.ts';
import type { Ipv4 } from './wire/address.ts';

/**
 * The seams between the stack's protocols: each part is written against these, and `stack.ts` puts them together. Parts reach
 * one another through {@link Inet} at run time only, so that none imports another that imports it.
 */
export interface Inet {
  readonly ns: Netns;
  readonly machine: Machine;
  readonly sysctl: SysctlTable;
  readonly mib: Mib;
  /** Address events: NETDEV_UP and NETDEV_DOWN with the address (Linux: `inetaddr_chain`). */
  readonly inetaddrChain: NotifierChain<InetAddress>;
  /** May veto an addition before it happens (Linux: `inetaddr_validator_chain`). */
  readonly inetaddrValidatorChain: NotifierChain<InetAddress>;
  /** NEIGH_UPDATE, REDIRECT, DELAY_PROBE_TIME_UPDATE ... (Linux: `netevent_notif_chain`). */
  readonly neteventChain: NotifierChain<unknown>;
  readonly addresses: AddressSeam;
  readonly routes: RouteSeam;
  readonly arp: NeighbourSeam;
  readonly ip: IpSeam;
}

/** What the address book offers (Linux: `net/ipv4/devinet.c`). */
export interface AddressSeam {
  /** A device's IPv4 state, null when it has none. */
  inetDevice(dev: NetDevice): InetDevice | null;
  /** A source address on `dev` of at most `scope` for traffic to `destination`, 0: none (Linux: `inet_select_addr`). */
  select(dev: NetDevice, destination: Ipv4, scope: number): Ipv4;
  /**
   * A local address fit for `destination` (0: any) that is `local` (0: any), with at most `scope`, on `dev` or, null, on any
   * device; 0: none (Linux: `inet_confirm_addr`).
   */
  confirm(dev: NetDevice | null, destination: Ipv4, local: Ipv4, scope: number): Ipv4;
}

/** A route that was found for a packet. One object a route and next hop, never one a packet. */
export interface RouteResult {
  /** `RTN_*`. */
  readonly type: number;
  readonly dev: NetDevice;
  /** Next hop, 0 when the destination is on the link. */
  readonly gateway: Ipv4;
  readonly scope: number;
  /** Preferred source, 0: select by device. */
  readonly source: Ipv4;
  /** Locked or attribute MTU in bytes, 0: the device's. */
  readonly mtu: number;
}

/** What the route table offers (Linux: `net/ipv4/fib_*.c`, `route.c`). */
export interface RouteSeam {
  /** The kind of an address: `RTN_LOCAL`, `RTN_BROADCAST`, `RTN_MULTICAST`, `RTN_UNICAST` (Linux: `inet_addr_type`). */
  addressType(address: Ipv4): number;
  /** The same, counting local addresses of `dev` only (Linux: `inet_dev_addr_type`). */
  addressTypeOn(dev: NetDevice, address: Ipv4): number;
  /** The route for a packet made here, or a negated errno (Linux: `ip_route_output_key`). `oif` 0: any device. */
  output(destination: Ipv4, source: Ipv4, oif: number, tos: number): RouteResult | number;
  /**
   * The route for a packet received on `dev`, or a negated errno when its source is not acceptable: own, multicast,
   * broadcast, loopback, or refused by rp_filter (Linux: `ip_route_input_noref`).
   */
  input(destination: Ipv4, source: Ipv4, tos: number, dev: NetDevice): RouteResult | number;
}

/** A neighbour that a packet can be sent to; owned by the table, never kept past a change of route. */
export interface NextHop {
  /** The protocol address as the family's number. */
  readonly key: number;
  /** It is no longer in the table. */
  readonly dead: boolean;
  /**
   * Puts the link header on the packet and transmits it, or queues it until the address is known. Takes the packet's
   * ownership; a `NET_XMIT_*` code or a negated errno (Linux: `neigh_output`).
   */
  output(packet: Packet): number;
  /** Upper layers heard from it: it is reachable (Linux: `neigh_confirm`). */
  confirm(): void;
}

/** What the ARP layer offers. */
export interface NeighbourSeam {
  /**
   * The neighbour for `address` on `dev`, made when there is none; null when the table is full. For broadcast, multicast,
   * loopback and NOARP devices it resolves by itself (Linux: `ip_neigh_gw4`, `arp_constructor`).
   */
  nextHop(dev: NetDevice, address: Ipv4): NextHop | null;
}

/** What the IP layer offers to protocols above and to ARP. */
export interface IpSeam {
  /**
   * Sends a transport packet whose `start` is its transport header: routes it, puts the IP header on, fragments, transmits.
   * Takes the packet's ownership; 0 or a negated errno.
   */
  send(packet: Packet, options: SendOptions): number;
  /** A packet that waited for a neighbour that does not answer: tell its sender and release it (Linux: `ipv4_link_failure`). */
  linkFailure(packet: Packet): void;
}

export interface SendOptions {
  readonly source: Ipv4;
  readonly destination: Ipv4;
  readonly protocol: number;
  /** 0: the default of `net.ipv4.ip_default_ttl`. */
  readonly ttl?: number;
  readonly tos?: number;
  /** Interface to send from, 0: the route's. */
  readonly oif?: number;
  /** Set DF and never fragment here. */
  readonly dontFragment?: boolean;
  /** Set DF where the packet fits the path's MTU, so that routers report a smaller one (Linux: `IP_PMTUDISC_WANT`). */
  readonly discoverMtu?: boolean;
  /** IP options, padded to a multiple of 4. */
  readonly ipOptions?: Uint8Array;
}
