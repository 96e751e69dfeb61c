import { DROP_POOL_EXHAUSTED, dropReason } from '../../device/drop.ts';
import { PACKET_HOST, type Packet } from '../../device/memory/packet.ts';
import type { NetDevice } from '../../device/netdevice/netdevice.ts';
import { MIB } from '../counters.ts';
import type { Ipv4 } from '../wire/address.ts';
import {
  ICMP_DEST_UNREACH,
  ICMP_EXC_TTL,
  ICMP_FRAG_NEEDED,
  ICMP_REDIR_HOST,
  ICMP_REDIRECT,
  ICMP_SR_FAILED,
  ICMP_TIME_EXCEEDED,
} from '../wire/icmp.ts';
import {
  decreaseTtl,
  IP_DESTINATION,
  IP_DF,
  IP_FRAGMENT,
  IP_SOURCE,
  IP_TOS,
  IP_TTL,
  IPTOS_RT_MASK,
} from '../wire/ipv4.ts';
import type { IpContext } from './context.ts';
import { DROP_IP_FRAG_NEEDED, segmentsExceed } from './fragment.ts';
import { inetDevice } from './inet-device.ts';
import { forwardMtu, type Path } from './path.ts';

/** Came to all on the link, but is for one that is elsewhere. */
export const DROP_FORWARD_NOT_HOST: number = dropReason('ip_forward_not_host');
/** It has been on its way for too long. */
export const DROP_FORWARD_TTL: number = dropReason('ip_forward_ttl');
/** A strict source route that leads through a gateway. */
export const DROP_FORWARD_STRICT: number = dropReason('ip_forward_strict_route');

/** Sends a received datagram on (Linux: `ip_forward`). Takes the packet's ownership; `packet.start` is at its IP header. */
export function forward(context: IpContext, shared: Packet, dev: NetDevice, path: Path): void {
  const { mib, ip, icmp, machine, settings } = context;
  const options = ip.input.options.current;
  if (shared.packetType !== PACKET_HOST) {
    dev.drop(shared, DROP_FORWARD_NOT_HOST);
    return;
  }
  const at = shared.network;
  if (shared.pool.view.getUint8(at + IP_TTL) <= 1) {
    mib.add(MIB.IpInHdrErrors);
    icmp.error(shared, ICMP_TIME_EXCEEDED, ICMP_EXC_TTL, 0, path, options);
    dev.drop(shared, DROP_FORWARD_TTL);
    return;
  }
  if (options.strict && path.gateway !== 0) {
    icmp.error(shared, ICMP_DEST_UNREACH, ICMP_SR_FAILED, 0, path, options);
    dev.drop(shared, DROP_FORWARD_STRICT);
    return;
  }
  mib.add(MIB.IpForwDatagrams);
  const mtu = forwardMtu(path, machine.clock.recent(), settings.forwardUsePmtu.value === 1);
  const dontFragment = (shared.pool.view.getUint16(at + IP_FRAGMENT) & IP_DF) !== 0;
  const tooLong = shared.length > mtu && (shared.gsoSize === 0 || segmentsExceed(context, shared, mtu));
  if (tooLong && dontFragment) {
    mib.add(MIB.IpFragFails);
    icmp.error(shared, ICMP_DEST_UNREACH, ICMP_FRAG_NEEDED, mtu, path, options);
    dev.drop(shared, DROP_IP_FRAG_NEEDED);
    return;
  }
  const packet = machine.pool.unshare(shared);
  if (packet === null) {
    context.ns.dropUnmade(DROP_POOL_EXHAUSTED);
    return;
  }
  decreaseTtl(packet.pool.view, packet.network);
  if (path.dev === dev && options.sourceRoute === 0) redirect(context, packet, dev, path);
  if (options.length > 0) {
    const { view } = packet.pool;
    const source = view.getUint32(packet.network + IP_SOURCE);
    const destination = view.getUint32(packet.network + IP_DESTINATION);
    ip.input.options.pass(packet, recordedAddress(context, path, source, destination));
  }
  packet.packetType = PACKET_HOST;
  ip.output.transmitWithin(packet, path, mtu);
}

/** The address that record route and its kin get from a router (Linux: `ip_rt_get_source`). */
function recordedAddress(context: IpContext, path: Path, source: Ipv4, destination: Ipv4): Ipv4 {
  return context.routes.sourceFor(path, destination) || source;
}

/**
 * Tells the sender of a better first hop when a packet leaves by the interface that it came by (Linux: `ip_rt_send_redirect`),
 * less and less often, and not at all to one that does not listen.
 */
function redirect(context: IpContext, packet: Packet, dev: NetDevice, path: Path): void {
  const inet = inetDevice(dev);
  if (inet === null || inet.conf.values.send_redirects === 0) return;
  const { view } = packet.pool;
  const at = packet.network;
  const source = view.getUint32(at + IP_SOURCE);
  const tos = view.getUint8(at + IP_TOS) & IPTOS_RT_MASK;
  if (context.routes.validateSource(source, tos, dev.ifindex, dev) !== 1) return;
  if (inet.conf.values.shared_media === 0 && !inet.onLink(source, path.gateway)) return;
  const { settings, machine } = context;
  const now = machine.clock.recent();
  const peer = context.ip.peers.get(source, now);
  if (now > peer.last + settings.redirectSilence.value) {
    peer.tokens = 0;
    peer.redirects = 0;
  }
  if (peer.redirects >= settings.redirectNumber.value) {
    peer.last = now;
    return;
  }
  const wait = settings.redirectLoad.value * 2 ** peer.redirects;
  if (peer.redirects !== 0 && now <= peer.last + wait) return;
  const gateway = path.gateway !== 0 ? path.gateway : view.getUint32(at + IP_DESTINATION);
  const { current } = context.ip.input.options;
  context.icmp.error(packet, ICMP_REDIRECT, ICMP_REDIR_HOST, gateway, path, current);
  peer.last = now;
  peer.redirects++;
}
