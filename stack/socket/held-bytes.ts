import type { Packet } from '../../device/memory/packet.ts';

const NONE = new Uint8Array(0);

/**
 * Received bytes where they lie, lent to the application instead of copied: `length` bytes of `u8` from `offset` on. They stay as they
 * are until `release`, and tie up the packet that they came in: who keeps them for long copies them. An object can be filled
 * again and again; it holds at most one stretch.
 */
export class HeldBytes {
  u8: Uint8Array = NONE;
  offset = 0;
  length = 0;
  #packet: Packet | null = null;

  /** Takes the ownership of `packet`, in whose pool the bytes lie. Throws when others are held still. */
  hold(packet: Packet, offset: number, length: number): void {
    if (this.#packet !== null) throw new Error('bytes are held that were not released');
    this.#packet = packet;
    this.u8 = packet.pool.u8;
    this.offset = offset;
    this.length = length;
  }

  /** Gives the bytes back; nothing happens when none are held. */
  release(): void {
    const packet = this.#packet;
    this.#packet = null;
    this.u8 = NONE;
    this.offset = 0;
    this.length = 0;
    packet?.release();
  }
}
