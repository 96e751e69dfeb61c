import { GSO_TCPV4, type Packet } from '../../device/memory/packet.ts';
import type { IpContext } from '../ip/context.ts';
import { IpOptions } from '../ip/options.ts';
import type { HeaderFields } from '../ip/output.ts';
import { type Path, pathMtu } from '../ip/path.ts';
import { learnPmtu } from '../ip/pmtu.ts';
import { type Family, IPV4 } from '../socket/family.ts';
import { isLimitedBroadcast, isMulticast, isZeronet, RTN_LOCAL } from '../wire/address.ts';
import { IP_DF, IPPROTO_TCP, IPTOS_RT_MASK } from '../wire/ipv4.ts';
import type { Ends, NetworkMetrics, NetworkPath, TcpNetwork } from './network.ts';

const NO_METRICS: NetworkMetrics = {};

/** TCP over IPv4 (Linux: `ipv4_specific`). Paths are the routes' own. */
export class Ipv4Network implements TcpNetwork {
  readonly family: Family = IPV4;
  readonly gsoType: number = GSO_TCPV4;
  readonly #context: IpContext;
  readonly #options = new IpOptions();
  readonly #fields: HeaderFields = {
    source: 0,
    destination: 0,
    protocol: IPPROTO_TCP,
    ttl: 0,
    tos: 0,
    fragment: 0,
    mtu: 0,
    loop: true,
  };

  constructor(context: IpContext) {
    this.#context = context;
  }

  get generation(): number {
    return this.#context.routes.generation;
  }

  route(local: number, remote: number, ifindex: number, tos: number): NetworkPath | number {
    return this.#context.routes.output(remote, local, ifindex, tos & IPTOS_RT_MASK);
  }

  sourceFor(path: NetworkPath, remote: number): number {
    return this.#context.routes.sourceFor(path as Path, remote);
  }

  mtu(path: NetworkPath): number {
    return pathMtu(path as Path, this.#context.machine.clock.recent());
  }

  learnMtu(packet: Packet, mtu: number): void {
    learnPmtu(this.#context, packet, mtu);
  }

  metrics(path: NetworkPath): NetworkMetrics {
    return (path as Path).entry?.attributes ?? NO_METRICS;
  }

  isLocal(address: number): boolean {
    return this.#context.routes.addressType(address) === RTN_LOCAL;
  }

  isUnicast(address: number): boolean {
    return !isMulticast(address) && !isLimitedBroadcast(address) && !isZeronet(address);
  }

  send(
    packet: Packet,
    path: NetworkPath,
    ends: Ends,
    tos: number,
    ttl: number,
    dontFragment: boolean,
    options: IpOptions | null,
  ): number {
    const { output } = this.#context.ip;
    const fields = this.#fields;
    const way = path as Path;
    fields.source = ends.local;
    fields.destination = ends.remote;
    fields.ttl = ttl > 0 ? ttl : output.defaultTtl(way);
    fields.tos = tos;
    fields.fragment = dontFragment ? IP_DF : 0;
    return output.push(packet, way, fields, options ?? this.#options);
  }

  confirm(path: NetworkPath, remote: number): void {
    const way = path as Path;
    this.#context.arp.nextHop(way.dev, way.gateway !== 0 ? way.gateway : remote)?.confirm();
  }
}
