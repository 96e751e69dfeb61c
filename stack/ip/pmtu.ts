import type { Packet } from '../../device/memory/packet.ts';
import { RTN_UNICAST } from '../wire/address.ts';
import { IP_DESTINATION, IP_SOURCE, IP_TOS, IPTOS_RT_MASK } from '../wire/ipv4.ts';
import type { IpContext } from './context.ts';
import { type Path, pathMtu } from './path.ts';
import { RouteExceptions } from './route-exceptions.ts';

/** Milliseconds in a second. */
const SECOND = 1000;

/**
 * Takes note that the path of a datagram of ours, whose header is quoted at `packet.start`, carries no more than `mtu` bytes
 * (Linux: `ipv4_update_pmtu`). Below `min_pmtu` nobody is believed: such a path gets that minimum and no DF.
 */
export function learnPmtu(context: IpContext, packet: Packet, mtu: number): void {
  const { settings, machine } = context;
  const path = quotedPath(context, packet);
  if (path === null || path.mtuLocked || path.entry === null || path.type !== RTN_UNICAST) return;
  const now = machine.clock.now();
  const before = pathMtu(path, now);
  if (before < mtu) return;
  const locked = mtu < settings.minPmtu.value;
  const believed = locked ? Math.min(before, settings.minPmtu.value) : mtu;
  const lifetime = settings.mtuExpires.value * SECOND;
  if (path.pmtu === believed && !locked && now < path.expires - lifetime / 2) return;
  const destination = packet.pool.view.getUint32(packet.start + IP_DESTINATION);
  const { entry } = path;
  entry.exceptions ??= new RouteExceptions();
  context.fib.generation.value++;
  entry.exceptions.learnMtu(entry, path.dev, destination, believed, locked, now + lifetime);
}

/** The path of a datagram that an error quotes; null when this host can't have sent it. */
export function quotedPath(context: IpContext, packet: Packet): Path | null {
  const { view } = packet.pool;
  const at = packet.start;
  const source = view.getUint32(at + IP_SOURCE);
  if (source === 0) return null;
  const tos = view.getUint8(at + IP_TOS) & IPTOS_RT_MASK;
  const path = context.routes.output(view.getUint32(at + IP_DESTINATION), source, 0, tos);
  return typeof path === 'number' ? null : path;
}
