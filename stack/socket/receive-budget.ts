import type { Packet } from '../../device/memory/packet.ts';
import type { PacketPool } from '../../device/memory/pool.ts';

/** Bytes that Linux adds to a buffer for its descriptors: `sk_buff`, `skb_shared_info`. */
const DESCRIPTOR = 256;
const SHARED_INFO = 320;
const KMALLOC_LEAST = 512;
const PAGE = 4096;

/**
 * The memory that a received packet counts for, in bytes, as Linux counts it (`skb->truesize`): the buffer that would hold it, a power
 * of two up to a page and whole pages beyond, and its descriptors. 768 for a small datagram, 2304 for 1500 bytes.
 */
export function truesize(packet: Packet): number {
  const bytes = packet.end - packet.link + packet.payloadLength + 64 + SHARED_INFO;
  if (bytes > PAGE) return Math.ceil(bytes / PAGE) * PAGE + DESCRIPTOR;
  let buffer = KMALLOC_LEAST;
  while (buffer < bytes) buffer *= 2;
  return buffer + DESCRIPTOR;
}

/**
 * How many of the pool's slots the receive queues of all datagram sockets, and flows that wait for a decision, hold together: at
 * most half of each size, so that owners who don't read leave the stack the memory to work (Linux has `udp_mem` for that).
 */
export class ReceiveBudget {
  readonly #small: number;
  readonly #large: number;
  readonly #smallSlots: number;
  smallHeld = 0;
  largeHeld = 0;

  constructor(pool: PacketPool) {
    this.#small = pool.smallSlots >> 1;
    this.#large = pool.largeSlots >> 1;
    this.#smallSlots = pool.smallSlots;
  }

  /** Takes a packet's slot into account; false, and nothing taken, when that is too many. */
  take(packet: Packet): boolean {
    if (packet.slot < this.#smallSlots) {
      if (this.smallHeld >= this.#small) return false;
      this.smallHeld++;
      return true;
    }
    if (this.largeHeld >= this.#large) return false;
    this.largeHeld++;
    return true;
  }

  give(packet: Packet): void {
    if (packet.slot < this.#smallSlots) this.smallHeld--;
    else this.largeHeld--;
  }
}
