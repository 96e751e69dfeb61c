import { dropReason } from '../../device/drop.ts';
import type { Packet } from '../../device/memory/packet.ts';
import type { NetDevice } from '../../device/netdevice/netdevice.ts';
import { RTN_BROADCAST } from '../wire/address.ts';
import {
  ICMP_CODE,
  ICMP_DEST_UNREACH,
  ICMP_EXC_FRAGTIME,
  ICMP_FRAG_NEEDED,
  ICMP_HLEN,
  ICMP_INFO,
  ICMP_MTU,
  ICMP_PARAMETERPROB,
  ICMP_REDIRECT,
  ICMP_TIME_EXCEEDED,
  ICMP_TYPE,
  NR_ICMP_UNREACH,
} from '../wire/icmp.ts';
import { IP_DESTINATION, IP_HLEN, IP_PROTOCOL, IPPROTO_TCP, isIpv4Header } from '../wire/ipv4.ts';
import type { IpContext } from './context.ts';

/** An error that nobody is told of: unknown code, a lost fragment, "fragmentation needed" while that is ignored. */
export const DROP_ICMP_ERROR_IGNORED: number = dropReason('icmp_error_ignored');
/** An error about a broadcast, which no host may send (`icmp_ignore_bogus_error_responses`). */
export const DROP_ICMP_BOGUS: number = dropReason('icmp_bogus_error');

/** `ip_no_pmtu_disc`: frag needed is ignored; only where the protocol vouches for it. */
const PMTU_IGNORE = 2;
const PMTU_HARDENED = 3;

/** Takes an ICMP error and tells the protocol that it is about (Linux: `icmp_unreach`). */
export function receiveError(context: IpContext, packet: Packet, dev: NetDevice): void {
  const { icmp, routes, settings } = context;
  const { view } = packet.pool;
  const at = packet.start;
  const inner = at + ICMP_HLEN;
  if (!isQuote(packet, inner)) {
    icmp.refuseShort(packet, dev);
    return;
  }
  const type = view.getUint8(at + ICMP_TYPE);
  const code = view.getUint8(at + ICMP_CODE);
  let info = 0;
  let ignored = false;
  if (type === ICMP_DEST_UNREACH) {
    ignored = code > NR_ICMP_UNREACH;
    if (code === ICMP_FRAG_NEEDED) {
      const mode = settings.noPmtuDiscovery.value;
      const hardened = mode === PMTU_HARDENED && view.getUint8(inner + IP_PROTOCOL) !== IPPROTO_TCP;
      ignored = mode === PMTU_IGNORE || hardened;
      if (mode === 0 || mode === PMTU_HARDENED) info = view.getUint16(at + ICMP_MTU);
    }
  } else if (type === ICMP_PARAMETERPROB) {
    info = view.getUint8(at + ICMP_INFO);
  } else if (type === ICMP_TIME_EXCEEDED) {
    ignored = code === ICMP_EXC_FRAGTIME;
  }
  if (ignored) {
    dev.drop(packet, DROP_ICMP_ERROR_IGNORED);
    return;
  }
  const about = view.getUint32(inner + IP_DESTINATION);
  if (settings.icmpIgnoreBogusErrors.value === 0 && routes.addressTypeOn(dev, about) === RTN_BROADCAST) {
    dev.drop(packet, DROP_ICMP_BOGUS);
    return;
  }
  tellProtocol(context, packet, dev, type, code, info);
}

/** Takes a redirect and tells the protocol that it is about (Linux: `icmp_redirect`). */
export function receiveRedirect(context: IpContext, packet: Packet, dev: NetDevice): void {
  const inner = packet.start + ICMP_HLEN;
  if (!isQuote(packet, inner)) {
    context.icmp.refuseShort(packet, dev);
    return;
  }
  const { view } = packet.pool;
  const code = view.getUint8(packet.start + ICMP_CODE);
  tellProtocol(context, packet, dev, ICMP_REDIRECT, code, view.getUint32(packet.start + ICMP_INFO));
}

/** Linux: `icmp_socket_deliver`. RFC 1122 wants eight bytes of the transport header; with fewer nobody can tell whose it is. */
function tellProtocol(
  context: IpContext,
  packet: Packet,
  dev: NetDevice,
  type: number,
  code: number,
  info: number,
): void {
  const { view } = packet.pool;
  const inner = packet.start + ICMP_HLEN;
  const header = (view.getUint8(inner) & 0x0f) << 2;
  if (packet.end - inner < header + ICMP_HLEN) {
    context.icmp.refuseShort(packet, dev);
    return;
  }
  const handler = context.ip.protocols.get(view.getUint8(inner + IP_PROTOCOL));
  packet.pull(ICMP_HLEN);
  context.ip.protocols.tellError(packet, type, code, info);
  handler?.error?.(packet, type, code, info);
  packet.release();
}

function isQuote(packet: Packet, inner: number): boolean {
  const length = packet.end - inner;
  return length >= IP_HLEN && isIpv4Header(packet.pool, inner, length);
}
