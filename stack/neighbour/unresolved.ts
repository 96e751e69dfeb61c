import { dropReason } from '../../device/drop.ts';
import type { Packet } from '../../device/memory/packet.ts';
import { PacketQueue } from '../../device/memory/queue.ts';
import type { NetDevice } from '../../device/netdevice/netdevice.ts';
import { MIB } from '../counters.ts';
import type { NeighbourTable } from './table.ts';

/** It was the oldest of too many that wait for a neighbour (Linux: `NEIGH_QUEUEFULL`). */
export const DROP_NEIGH_QUEUE_FULL: number = dropReason('neigh_queue_full');

/**
 * A packet holds a slot of 2 KiB however small it is, so bytes alone would let one silent neighbour hold the whole pool:
 * an entry holds at most this many packets, and a table at most half of the pool's.
 */
const PACKETS = 1024;

/** The packets that wait for one neighbour's address. When there are too many the oldest go (RFC 1122, section 2.3.2.2). */
export class UnresolvedQueue {
  /** Bytes held: of packets, or of their buffers with `compat.unresolvedByTruesize`. */
  bytes = 0;
  /** The packet that came last, while any is left. */
  newest: Packet | null = null;
  readonly #table: NeighbourTable;
  readonly #packets = new PacketQueue(PACKETS);

  constructor(table: NeighbourTable) {
    this.#table = table;
  }

  get length(): number {
    return this.#packets.length;
  }

  /** Takes a packet, and drops the oldest until all fit in `limit` bytes; a packet that is larger alone is held alone. */
  push(packet: Packet, limit: number, dev: NetDevice): void {
    const table = this.#table;
    const size = this.#sizeOf(packet);
    while (this.length > 0 && (this.bytes + size > limit || this.length >= PACKETS || table.unresolvedFull)) {
      this.#discard(this.shift()!, dev);
    }
    if (table.unresolvedFull) {
      this.#discard(packet, dev);
      return;
    }
    this.#packets.push(packet);
    this.newest = packet;
    this.bytes += size;
    table.unresolved++;
  }

  /** The oldest, with its ownership. */
  shift(): Packet | null {
    const packet = this.#packets.shift();
    if (packet === null) return null;
    this.bytes -= this.#sizeOf(packet);
    this.#table.unresolved--;
    if (this.length === 0) this.newest = null;
    return packet;
  }

  /** Drops all under `reason`. */
  purge(reason: number, dev: NetDevice): void {
    for (let packet = this.shift(); packet !== null; packet = this.shift()) dev.drop(packet, reason);
  }

  #discard(packet: Packet, dev: NetDevice): void {
    this.#table.mib.add(MIB.NeighUnresDiscards);
    dev.drop(packet, DROP_NEIGH_QUEUE_FULL);
  }

  #sizeOf(packet: Packet): number {
    return this.#table.machine.compat.unresolvedByTruesize
      ? packet.limit - packet.base + packet.payloadLength
      : packet.length;
  }
}
