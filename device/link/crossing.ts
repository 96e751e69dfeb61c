import { PACKET_HOST, type Packet } from '../memory/packet.ts';
import { orphan } from '../memory/packet-owner.ts';
import type { PacketPool } from '../memory/pool.ts';

/**
 * What a packet goes through when it passes from one device to another inside the process. A receiver moves the packet's
 * offsets and may write into it, so whoever calls `receive` or `enqueue` must be the packet's only owner.
 */

/**
 * A packet of `pool` with one owner: `packet` itself when that is what it is, else a copy for which the caller's ownership
 * of the original is given up. Null when no slot is free; the original is then still the caller's, to be dropped and counted.
 */
export function takeOver(pool: PacketPool, packet: Packet): Packet | null {
  if (packet.references === 1 && packet.pool === pool) {
    orphan(packet);
    return packet;
  }
  const copy = pool.copy(packet);
  if (copy !== null) packet.release();
  return copy;
}

/** As {@link takeOver}, and all linear, to be written to: gathered payload lies in a page that its sender still reads. */
export function takeLinear(pool: PacketPool, packet: Packet): Packet | null {
  if (packet.payloadLength === 0) return takeOver(pool, packet);
  const copy = pool.copy(packet);
  if (copy !== null) packet.release();
  return copy;
}

/** Forgets what only the sending side knew (Linux: `skb_scrub_packet` between two namespaces). */
export function scrub(packet: Packet): void {
  packet.packetType = PACKET_HOST;
  packet.ifindex = 0;
  packet.priority = 0;
  packet.mark = 0;
  packet.timestamp = 0;
}
