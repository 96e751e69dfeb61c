import type { Packet } from '../../device/memory/packet.ts';
import { NETEVENT_NEIGH_UPDATE } from '../neighbour/netevent.ts';
import { NUD_VALID } from '../neighbour/nud.ts';
import {
  type Ipv4,
  isLimitedBroadcast,
  isMulticast,
  isZeronet,
  RTN_UNICAST,
  SCOPE_LINK,
} from '../wire/address.ts';
import { ICMP_CODE, ICMP_HLEN, ICMP_REDIR_HOSTTOS } from '../wire/icmp.ts';
import { IP_DESTINATION, IP_SOURCE } from '../wire/ipv4.ts';
import type { IpContext } from './context.ts';
import { type InetDevice, inetDevice } from './inet-device.ts';
import { quotedPath } from './pmtu.ts';
import { RouteExceptions } from './route-exceptions.ts';

const SECOND = 1000;

/**
 * Follows a redirect of a datagram of ours, which is quoted at `packet.start`, to `gateway` (Linux: `__ip_do_redirect`): only
 * from the gateway that is in use, to a neighbour, and as the `accept_redirects` family of settings allows.
 */
export function followRedirect(context: IpContext, packet: Packet, gateway: Ipv4): void {
  const { view } = packet.pool;
  const code = view.getUint8(packet.start - ICMP_HLEN + ICMP_CODE) & 7;
  const path = quotedPath(context, packet);
  const from = view.getUint32(packet.network + IP_SOURCE);
  if (code > ICMP_REDIR_HOSTTOS || path === null || path.entry === null) return;
  if (path.gateway === 0 || path.gateway !== from) return;
  const dev = context.ns.deviceByIndex(packet.ifindex);
  const inet = dev === undefined ? null : inetDevice(dev);
  if (inet === null || !isAcceptable(context, inet, gateway, from)) return;
  const neighbour = context.arp.nextHop(path.dev, gateway);
  if (neighbour === null) return;
  if ((neighbour.state & NUD_VALID) === 0) {
    // Nobody has seen the new gateway yet: it is asked for, and the next redirect will be followed.
    neighbour.use();
    return;
  }
  const { machine, settings } = context;
  const destination = view.getUint32(packet.start + IP_DESTINATION);
  const { entry } = path;
  entry.exceptions ??= new RouteExceptions();
  const expires = machine.clock.now() + settings.redirectTimeout.value * SECOND;
  context.fib.generation.value++;
  entry.exceptions.learnGateway(entry, path.dev, destination, gateway, expires);
  context.neteventChain.call(NETEVENT_NEIGH_UPDATE, neighbour);
}

function isAcceptable(context: IpContext, inet: InetDevice, gateway: Ipv4, from: Ipv4): boolean {
  const { values } = inet.conf;
  if (gateway === from || values.accept_redirects === 0) return false;
  if (isMulticast(gateway) || isLimitedBroadcast(gateway) || isZeronet(gateway)) return false;
  if (values.shared_media === 1) return context.routes.addressType(gateway) === RTN_UNICAST;
  if (!inet.onLink(gateway, from)) return false;
  return values.secure_redirects === 0 || isDefaultGateway(context, inet, gateway);
}

/** Linux: `ip_fib_check_default`: some route through the device has this gateway. */
function isDefaultGateway(context: IpContext, inet: InetDevice, gateway: Ipv4): boolean {
  return context.fib
    .entries()
    .some((entry) => entry.dev === inet.dev && entry.gateway === gateway && entry.nextHopScope >= SCOPE_LINK);
}
