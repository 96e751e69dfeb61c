import type { Clock } from '../clock/clock.ts';
import { INPUT, Work } from '../clock/deferred.ts';
import { ETH_HLEN } from '../frame/ethernet.ts';
import { copyBytes } from '../memory/copy.ts';
import type { Packet } from '../memory/packet.ts';
import { HEADROOM, LARGE_SLOT } from '../memory/pool.ts';

/** Packets that are held at once, each of another flow (Linux: `MAX_GRO_SKBS`). */
const MOST_HELD = 8;
/** Bytes of a merged packet from the network header on, and one more (Linux: `GRO_LEGACY_MAX_SIZE`). */
const TOO_LONG = 65536;

/** A packet that is held, and what was merged into it. Made once, and used again and again. */
export class HeldPacket {
  packet: Packet | null = null;
  merger: Merger | null = null;
  /** Packets that it is made of. */
  count = 0;
  /** Bytes of payload of the first of them. */
  segment = 0;
  /** The packets don't count their identifications up (IPv4). */
  fixedId = false;
}

/** How packets of one protocol are merged: what of it depends on the protocols, of which this floor knows nothing. */
export interface Merger {
  /** Bytes of payload of the packet that was examined last; those in front of it are headers. */
  readonly payload: number;
  /** Whether a packet whose checksums are right and that ends where it says can be merged with others at all. */
  examine(packet: Packet): boolean;
  sameFlow(held: Packet, packet: Packet): boolean;
  /** Whether the packet examined last is what comes next, with headers that say nothing new. */
  continues(held: HeldPacket, packet: Packet): boolean;
  /** The packet's payload was appended to `held`: what of its headers must not get lost. */
  merge(held: Packet, packet: Packet): void;
  /** Whether the packet examined last, of which the first had `segment` bytes of payload, is the last of its kind for now. */
  ends(packet: Packet, segment: number, count: number): boolean;
  /** Makes one packet of what was merged: lengths, checksums, and that it is a super-segment. */
  complete(held: HeldPacket): void;
}

/** Finds who merges a packet whose network header is at `packet.start`; null: nobody does. */
export type MergerChoice = (packet: Packet) => Merger | null;

/**
 * Generic receive offload (Linux: `net/core/gro.c`): packets of a flow that come in one batch go up as one. Nothing is held longer than
 * the batch, and the order within a flow stays.
 */
export class Gro {
  readonly #clock: Clock;
  readonly #deliver: (packet: Packet) => void;
  /** The oldest first. */
  readonly #held: HeldPacket[] = Array.from({ length: MOST_HELD }, () => new HeldPacket());
  #count = 0;
  readonly #flushWork = new Work(() => this.flush(), INPUT);

  /** `deliver` takes what goes up. */
  constructor(clock: Clock, deliver: (packet: Packet) => void) {
    this.#clock = clock;
    this.#deliver = deliver;
  }

  /** Takes a packet that `merger` is for (Linux: `dev_gro_receive`): it goes up, now or at the end of the batch. */
  receive(packet: Packet, merger: Merger): void {
    if (!merger.examine(packet)) {
      this.pass(packet);
      return;
    }
    const index = this.#find(packet, merger);
    if (index >= 0) {
      const held = this.#held[index]!;
      if (merger.continues(held, packet) && append(held, packet, merger.payload)) {
        merger.merge(held.packet!, packet);
        const ends = merger.ends(packet, held.segment, held.count);
        packet.release();
        if (ends) this.#complete(index);
        return;
      }
      this.#complete(index);
    }
    if (merger.ends(packet, 1, 1)) this.#deliver(packet);
    else this.#hold(packet, merger);
  }

  /** Takes a packet that can't be merged: it goes up behind all that is held, of which some may be of its flow. */
  pass(packet: Packet): void {
    this.flush();
    this.#deliver(packet);
  }

  /** Everything that is held goes up. */
  flush(): void {
    while (this.#count > 0) this.#complete(0);
  }

  /** Takes everything that is held, with its ownership, to be dropped. */
  purge(drop: (packet: Packet) => void): void {
    while (this.#count > 0) drop(this.#take(0));
  }

  #find(packet: Packet, merger: Merger): number {
    for (let i = 0; i < this.#count; i++) {
      const { packet: held, merger: its } = this.#held[i]!;
      if (its === merger && sameLink(held!, packet) && merger.sameFlow(held!, packet)) return i;
    }
    return -1;
  }

  #hold(packet: Packet, merger: Merger): void {
    if (this.#count === MOST_HELD) this.#complete(0);
    const held = this.#held[this.#count++]!;
    held.packet = packet;
    held.merger = merger;
    held.count = 1;
    held.segment = merger.payload;
    held.fixedId = false;
    this.#clock.defer(this.#flushWork);
  }

  #complete(index: number): void {
    const held = this.#held[index]!;
    if (held.count > 1) held.merger!.complete(held);
    this.#deliver(this.#take(index));
  }

  /** Takes an entry out; those behind it move up, and it is free for the next one. */
  #take(index: number): Packet {
    const entry = this.#held[index]!;
    const last = --this.#count;
    for (let i = index; i < last; i++) this.#held[i] = this.#held[i + 1]!;
    this.#held[last] = entry;
    const packet = entry.packet!;
    entry.packet = null;
    entry.merger = null;
    return packet;
  }
}

/** Whether the link headers are the same. */
function sameLink(held: Packet, packet: Packet): boolean {
  const length = packet.start - packet.link;
  if (held.start - held.link !== length) return false;
  if (length !== ETH_HLEN) return length === 0;
  const { view } = packet.pool;
  const a = held.link;
  const b = packet.link;
  return (
    view.getUint32(a) === view.getUint32(b) &&
    view.getUint32(a + 4) === view.getUint32(b + 4) &&
    view.getUint32(a + 8) === view.getUint32(b + 8) &&
    view.getUint16(a + 12) === view.getUint16(b + 12)
  );
}

/**
 * Appends the last `bytes` of `packet` to what is held, which moves to a large slot for it (Linux: `skb_gro_receive`). False: it would be
 * too long, or half of the large slots are in use, of which others need some.
 */
function append(held: HeldPacket, packet: Packet, bytes: number): boolean {
  let into = held.packet!;
  const { pool } = into;
  if (packet.pool !== pool || into.length + bytes >= TOO_LONG) return false;
  if (into.tailroom < bytes) {
    const large = pool.largeFree > pool.largeSlots >>> 1 ? pool.copy(into, LARGE_SLOT - HEADROOM) : null;
    if (large === null || large.tailroom < bytes) {
      large?.release();
      return false;
    }
    into.release();
    held.packet = large;
    into = large;
  }
  const at = into.put(bytes);
  copyBytes(pool.u8, packet.end - bytes, pool.u8, at, bytes);
  held.count++;
  return true;
}
