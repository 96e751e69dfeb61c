import { DROP_POOL_EXHAUSTED } from '../../device/drop.ts';
import { checksum } from '../../device/memory/checksum.ts';
import { PACKET_HOST, type Packet } from '../../device/memory/packet.ts';
import { IFF_LOOPBACK } from '../../device/netdevice/flags.ts';
import { MIB } from '../counters.ts';
import { type Ipv4, RTN_LOCAL, SCOPE_LINK } from '../wire/address.ts';
import { ICMP_CHECKSUM, ICMP_CODE, ICMP_HLEN, ICMP_INFO, ICMP_TYPE, isIcmpError } from '../wire/icmp.ts';
import {
  IP_DESTINATION,
  IP_FRAGMENT,
  IP_HLEN,
  IP_OFFSET_MASK,
  IP_PROTOCOL,
  IP_SOURCE,
  IP_TOS,
  IPPROTO_ICMP,
  IPTOS_PREC_INTERNETCONTROL,
  IPTOS_RT_MASK,
  ipv4HeaderLength,
  isIpv4Header,
} from '../wire/ipv4.ts';
import type { IpContext } from './context.ts';
import { copyPacket } from './fragment.ts';
import { IcmpRateLimit } from './icmp-rate.ts';
import { IpOptions } from './options.ts';
import { echoOptions } from './options-echo.ts';
import { type Path, pathMtu } from './path.ts';
import { isBroadcastPath } from './routes.ts';

/** An error, with its headers, is no longer than what every host takes (RFC 1122, section 3.2.2; RFC 1812, 4.3.2.3). */
const ERROR_MAX = 576;
/** "No address here" (RFC 7600; Linux: `INADDR_DUMMY`): the source of an error where the host has no address. */
const INADDR_DUMMY: Ipv4 = 0xc0000008;

/** The TOS of an error: internetwork control, with the type of service that it is about. */
const TOS_MASK = 0x1e;

/** Sends ICMP errors (Linux: `icmp_send`) under the rules of RFC 1122, section 3.2.2, and RFC 1812, section 4.3.2. */
export class IcmpErrors {
  readonly limit: IcmpRateLimit;
  readonly #context: IpContext;
  readonly #options = new IpOptions();
  readonly #none = new IpOptions();

  constructor(context: IpContext) {
    const { settings, machine, ns } = context;
    this.#context = context;
    this.limit = new IcmpRateLimit(settings, ns.entropy.fork(), machine.clock.now());
  }

  /**
   * Tells the sender of `packet`, whose IP header is at `packet.network` and which stays the caller's, what became of it.
   * Nothing is sent about ICMP errors, fragments but the first, broadcasts, multicasts, or over the rate limits.
   * `info`: the header's second word, host order. `path`: the packet's, null for one made here or waiting to leave.
   * `options`: the packet's.
   */
  send(
    packet: Packet,
    type: number,
    code: number,
    info: number,
    path: Path | null,
    options: IpOptions | null,
  ): void {
    if (packet.packetType !== PACKET_HOST || (path !== null && isBroadcastPath(path))) return;
    if (!this.#mayAnswer(packet, type)) return;
    const { machine, mib, routes, ns } = this.#context;
    const now = machine.clock.recent();
    const limited = this.limit.concerns(type, code);
    const incoming = packet.ifindex === 0 ? undefined : ns.deviceByIndex(packet.ifindex);
    const fromLoopback = incoming !== undefined && (incoming.flags & IFF_LOOPBACK) !== 0;
    if (limited && !fromLoopback && !this.limit.allowsGlobally(now)) {
      mib.add(MIB.IcmpOutRateLimitGlobal);
      return;
    }
    const { view, u8 } = packet.pool;
    const at = packet.network;
    const sender = view.getUint32(at + IP_SOURCE);
    const reply = this.#options;
    const kept = options ?? this.#none;
    if (!echoOptions(reply, kept, u8, at, sender, (address) => routes.addressType(address))) return;
    const hop = reply.sourceRoute === 0 ? sender : reply.firstHop;
    const wanted = this.#source(packet, path, sender);
    const way = routes.output(hop, wanted, 0, view.getUint8(at + IP_TOS) & IPTOS_RT_MASK);
    if (typeof way === 'number') return;
    const viaLoopback = (way.dev.flags & IFF_LOOPBACK) !== 0;
    if (limited && !viaLoopback && !this.limit.allows(this.#context.ip.peers, hop, now)) {
      mib.add(MIB.IcmpOutRateLimitHost);
      return;
    }
    const source = wanted !== 0 ? wanted : routes.sourceFor(way, hop);
    this.#transmit(packet, type, code, info, way, source !== 0 ? source : INADDR_DUMMY, sender, reply);
  }

  /** Whether an error may be sent about a packet, as far as its bytes say. */
  #mayAnswer(packet: Packet, type: number): boolean {
    const { view } = packet.pool;
    const at = packet.network;
    if (!isIpv4Header(packet.pool, at, packet.end - at)) return false;
    if ((view.getUint16(at + IP_FRAGMENT) & IP_OFFSET_MASK) !== 0) return false;
    if (!isIcmpError(type) || view.getUint8(at + IP_PROTOCOL) !== IPPROTO_ICMP) return true;
    const inner = at + ipv4HeaderLength(view, at);
    return inner < packet.end && !isIcmpError(view.getUint8(inner + ICMP_TYPE));
  }

  /** The address that the error comes from: the one that the packet was for, if it was ours; 0: the way back decides. */
  #source(packet: Packet, path: Path | null, sender: Ipv4): Ipv4 {
    const { settings, addresses, ns } = this.#context;
    if (path?.type === RTN_LOCAL) return packet.pool.view.getUint32(packet.network + IP_DESTINATION);
    if (path === null || settings.icmpErrorsUseInbound.value === 0) return 0;
    const dev = ns.deviceByIndex(packet.ifindex);
    return dev === undefined ? 0 : addresses.select(dev, sender, SCOPE_LINK);
  }

  /** Quotes as much as fits and sends. */
  #transmit(
    packet: Packet,
    type: number,
    code: number,
    info: number,
    way: Path,
    source: Ipv4,
    destination: Ipv4,
    options: IpOptions,
  ): void {
    const { machine, mib, ns, ip } = this.#context;
    const room = Math.min(pathMtu(way, machine.clock.recent()), ERROR_MAX);
    const most = room - IP_HLEN - options.length - ICMP_HLEN;
    if (most <= IP_HLEN) return;
    const from = packet.network - packet.start;
    const quoted = Math.min(packet.length - from, most);
    const error = machine.pool.alloc(ICMP_HLEN + quoted);
    if (error === null) {
      mib.add(MIB.IcmpOutErrors);
      ns.dropUnmade(DROP_POOL_EXHAUSTED);
      return;
    }
    const at = error.put(ICMP_HLEN + quoted);
    const { view } = error.pool;
    view.setUint8(at + ICMP_TYPE, type);
    view.setUint8(at + ICMP_CODE, code);
    view.setUint16(at + ICMP_CHECKSUM, 0);
    view.setUint32(at + ICMP_INFO, info);
    copyPacket(packet, from, quoted, error, at + ICMP_HLEN);
    view.setUint16(at + ICMP_CHECKSUM, checksum(error.pool, at, ICMP_HLEN + quoted));
    const { fields } = ip.output;
    fields.source = source;
    fields.destination = destination;
    fields.protocol = IPPROTO_ICMP;
    fields.ttl = ip.output.defaultTtl(way);
    const tos = packet.pool.view.getUint8(packet.network + IP_TOS);
    fields.tos = isIcmpError(type) ? (tos & TOS_MASK) | IPTOS_PREC_INTERNETCONTROL : tos;
    fields.fragment = 0;
    ip.output.push(error, way, fields, options);
  }
}
