import { DROP_POOL_EXHAUSTED, dropReason } from '../../device/drop.ts';
import { EINVAL, EMSGSIZE, ENOBUFS } from '../../device/errno.ts';
import { checksumIsInside, completeChecksum } from '../../device/memory/complete-checksum.ts';
import { copyBytes } from '../../device/memory/copy.ts';
import { CHECKSUM_PARTIAL, GSO_ECN, type Packet } from '../../device/memory/packet.ts';
import { moveOwner } from '../../device/memory/packet-owner.ts';
import { DROP_CHECKSUM_OUTSIDE, sendSegments } from '../../device/netdevice/segment.ts';
import { MIB } from '../counters.ts';
import { ICMP_DEST_UNREACH, ICMP_FRAG_NEEDED } from '../wire/icmp.ts';
import {
  IP_DF,
  IP_FRAGMENT,
  IP_HLEN,
  IP_MF,
  IP_OFFSET_MASK,
  IP_TOTAL_LENGTH,
  ipv4HeaderLength,
  setIpv4Checksum,
} from '../wire/ipv4.ts';
import type { IpContext } from './context.ts';
import { clearUncopiedOptions } from './options-echo.ts';
import type { Path } from './path.ts';

/** Larger than the MTU with fragmentation forbidden. */
export const DROP_IP_FRAG_NEEDED: number = dropReason('ip_frag_needed');

/**
 * Sends a datagram in fragments of at most `mtu` bytes (Linux: `ip_fragment`): all but the last carry a multiple of eight
 * bytes, and only the first the options that are not to be copied. Takes the packet's ownership; `-EMSGSIZE` when it says
 * DF, `-ENOBUFS` when there is no memory, with the rest not sent.
 */
export function sendFragments(context: IpContext, packet: Packet, path: Path, mtu: number): number {
  const { mib, ns, machine } = context;
  const at = packet.start;
  const { view } = packet.pool;
  const field = view.getUint16(at + IP_FRAGMENT);
  if ((field & IP_DF) !== 0) {
    mib.add(MIB.IpFragFails);
    context.icmp.error(packet, ICMP_DEST_UNREACH, ICMP_FRAG_NEEDED, mtu, null);
    ns.drop(packet, DROP_IP_FRAG_NEEDED, path.dev);
    return -EMSGSIZE;
  }
  const header = ipv4HeaderLength(view, at);
  const room = mtu - header;
  const most = room & ~7;
  if (most <= 0) {
    // A route's MTU may be too small for anything.
    mib.add(MIB.IpFragFails);
    ns.drop(packet, DROP_IP_FRAG_NEEDED, path.dev);
    return -EMSGSIZE;
  }
  if (packet.checksum === CHECKSUM_PARTIAL) {
    if (!checksumIsInside(packet)) {
      mib.add(MIB.IpFragFails);
      ns.drop(packet, DROP_CHECKSUM_OUTSIDE, path.dev);
      return -EINVAL;
    }
    completeChecksum(packet);
  }
  const total = packet.length - header;
  for (let done = 0; done < total; done += most) {
    const last = total - done <= room;
    const size = last ? total - done : most;
    const fragment = machine.pool.alloc(header + size);
    if (fragment === null) {
      mib.add(MIB.IpFragFails);
      ns.drop(packet, DROP_POOL_EXHAUSTED, path.dev);
      return -ENOBUFS;
    }
    const to = fragment.put(header + size);
    copyBytes(packet.pool.u8, at, fragment.pool.u8, to, header);
    copyPacket(packet, header + done, size, fragment, to + header);
    if (done > 0) clearUncopiedOptions(fragment.pool.u8, to + IP_HLEN, header - IP_HLEN);
    const more = (field & IP_MF) !== 0 || !last ? IP_MF : 0;
    const out = fragment.pool.view;
    out.setUint16(to + IP_TOTAL_LENGTH, header + size);
    out.setUint16(to + IP_FRAGMENT, more | ((field & IP_OFFSET_MASK) + (done >>> 3)));
    setIpv4Checksum(out, to, header);
    fragment.network = to;
    fragment.transport = to + header;
    fragment.protocol = packet.protocol;
    fragment.priority = packet.priority;
    fragment.mark = packet.mark;
    fragment.ifindex = packet.ifindex;
    if (done === 0) moveOwner(packet, fragment);
    mib.add(MIB.IpFragCreates);
    context.ip.output.finish(fragment, path);
    if (last) break;
  }
  mib.add(MIB.IpFragOKs);
  packet.release();
  return 0;
}

/** Whether the datagrams that a super-segment stands for are longer than `mtu` bytes (Linux: `skb_gso_validate_network_len`). */
export function segmentsExceed(context: IpContext, packet: Packet, mtu: number): boolean {
  const segmenter = context.machine.segmenters.get(packet.gsoType & ~GSO_ECN);
  return segmenter === undefined || segmenter.headerLength(packet) + packet.gsoSize > mtu;
}

/**
 * Cuts a super-segment that passes into datagrams and sends each in fragments (Linux: `ip_finish_output_gso`). Takes the packet's
 * ownership; 0 or the last negated errno.
 */
export function sendSegmentsInFragments(context: IpContext, packet: Packet, path: Path, mtu: number): number {
  return sendSegments(path.dev, packet, 0, (segment) => sendFragments(context, segment, path, mtu));
}

/** Copies `length` bytes that begin `from` bytes into a packet, wherever they are gathered, to `at` in another. */
export function copyPacket(packet: Packet, from: number, length: number, to: Packet, at: number): void {
  const linear = packet.end - packet.start;
  const first = Math.max(0, Math.min(length, linear - from));
  const source = packet.pool.u8;
  copyBytes(source, packet.start + from, to.pool.u8, at, first);
  const rest = length - first;
  if (rest > 0) copyBytes(source, packet.payload + (from + first - linear), to.pool.u8, at + first, rest);
}
