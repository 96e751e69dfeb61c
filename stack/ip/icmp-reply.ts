import { DROP_POOL_EXHAUSTED, dropReason } from '../../device/drop.ts';
import { checksum, checksumAdjust } from '../../device/memory/checksum.ts';
import type { Packet } from '../../device/memory/packet.ts';
import type { NetDevice } from '../../device/netdevice/netdevice.ts';
import { RTN_LOCAL } from '../wire/address.ts';
import {
  ICMP_CHECKSUM,
  ICMP_CODE,
  ICMP_ECHO,
  ICMP_ECHOREPLY,
  ICMP_HLEN,
  ICMP_ORIGINATE,
  ICMP_RECEIVE,
  ICMP_TIMESTAMPREPLY,
  ICMP_TRANSMIT,
  ICMP_TYPE,
  icmpTimestampLayout,
} from '../wire/icmp.ts';
import { IP_DESTINATION, IP_HLEN_MAX, IP_SOURCE, IP_TOS, IPPROTO_ICMP, IPTOS_RT_MASK } from '../wire/ipv4.ts';
import type { IpContext } from './context.ts';
import { IpOptions } from './options.ts';
import { echoOptions } from './options-echo.ts';
import type { Path } from './path.ts';

/** An echo request, while `icmp_echo_ignore_all` is set. */
export const DROP_ICMP_ECHO_IGNORED: number = dropReason('icmp_echo_ignored');
/** No way back to who asked, or options that leave no answer. */
export const DROP_ICMP_REPLY_NO_ROUTE: number = dropReason('icmp_reply_no_route');

/** Bytes of a timestamp behind the header: the one that the sender filled in. */
const ORIGINATE_BYTES = 4;

/** Room that the reply may need in front of its ICMP header: IP header, link header, virtio header. */
const FRONT = IP_HLEN_MAX + 40;

/**
 * Answers echo and timestamp requests (Linux: `icmp_reply`). The answer is written where the request lies, with no copy and
 * no allocation, unless the request has another owner.
 */
export class IcmpReplies {
  readonly #context: IpContext;
  readonly #options = new IpOptions();

  constructor(context: IpContext) {
    this.#context = context;
  }

  /** Takes an echo request and sends its data back. */
  echo(request: Packet, dev: NetDevice, path: Path): void {
    if (this.#context.settings.icmpEchoIgnoreAll.value === 1) {
      dev.drop(request, DROP_ICMP_ECHO_IGNORED);
      return;
    }
    const reply = this.#writable(request);
    if (reply === null) return;
    const { view } = reply.pool;
    const at = reply.start;
    const code = view.getUint8(at + ICMP_CODE);
    view.setUint8(at + ICMP_TYPE, ICMP_ECHOREPLY);
    const sum = view.getUint16(at + ICMP_CHECKSUM);
    view.setUint16(
      at + ICMP_CHECKSUM,
      checksumAdjust(sum, (ICMP_ECHO << 8) | code, (ICMP_ECHOREPLY << 8) | code),
    );
    this.#send(reply, dev, path);
  }

  /** Takes a timestamp request and answers with the time of day in milliseconds since midnight UT. */
  timestamp(request: Packet, dev: NetDevice, path: Path): void {
    if (request.end - request.start < ICMP_HLEN + ORIGINATE_BYTES) {
      this.#context.icmp.refuseShort(request, dev);
      return;
    }
    const reply = this.#writable(request);
    if (reply === null) return;
    const at = reply.start;
    reply.end = at + icmpTimestampLayout.span;
    const { view } = reply.pool;
    const now = this.#context.ip.input.options.timestamp();
    view.setUint8(at + ICMP_TYPE, ICMP_TIMESTAMPREPLY);
    view.setUint8(at + ICMP_CODE, 0);
    view.setUint32(at + ICMP_ORIGINATE, view.getUint32(at + ICMP_HLEN));
    view.setUint32(at + ICMP_RECEIVE, now);
    view.setUint32(at + ICMP_TRANSMIT, now);
    view.setUint16(at + ICMP_CHECKSUM, 0);
    view.setUint16(at + ICMP_CHECKSUM, checksum(reply.pool, at, icmpTimestampLayout.span));
    this.#send(reply, dev, path);
  }

  /** Sends an answer whose ICMP header is at `start` and behind the IP header of its request. */
  #send(reply: Packet, dev: NetDevice, path: Path): void {
    const { ip, routes } = this.#context;
    const { view, u8 } = reply.pool;
    const at = reply.network;
    const sender = view.getUint32(at + IP_SOURCE);
    const tos = view.getUint8(at + IP_TOS);
    const options = this.#options;
    const received = ip.input.options.current;
    const echoed =
      received.length === 0
        ? this.#noOptions()
        : echoOptions(options, received, u8, at, sender, this.#addressType);
    const source =
      path.type === RTN_LOCAL
        ? view.getUint32(at + IP_DESTINATION)
        : ip.input.options.addressFor(dev, sender);
    const hop = options.sourceRoute === 0 ? sender : options.firstHop;
    const way = echoed ? routes.output(hop, source, 0, tos & IPTOS_RT_MASK) : -1;
    if (typeof way === 'number') {
      dev.drop(reply, DROP_ICMP_REPLY_NO_ROUTE);
      return;
    }
    const { fields } = ip.output;
    fields.source = source;
    fields.destination = sender;
    fields.protocol = IPPROTO_ICMP;
    fields.ttl = ip.output.defaultTtl(way);
    fields.tos = tos;
    fields.fragment = 0;
    ip.output.push(reply, way, fields, options);
  }

  readonly #addressType = (address: number): number => this.#context.routes.addressType(address);

  #noOptions(): boolean {
    this.#options.reset();
    return true;
  }

  /** The packet itself when it is ours alone and has room in front, else a copy; null when there is no memory. */
  #writable(packet: Packet): Packet | null {
    const { pool } = this.#context.machine;
    let own: Packet | null = packet;
    if (packet.headroom < FRONT || packet.limit - packet.start < icmpTimestampLayout.span) {
      own = pool.copy(packet);
      packet.release();
    } else {
      own = pool.unshare(packet);
    }
    if (own === null) this.#context.ns.dropUnmade(DROP_POOL_EXHAUSTED);
    return own;
  }
}
