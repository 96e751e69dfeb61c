import type { Packet } from '../../device/memory/packet.ts';

/** Of a kind of slot, one in so many is never held by what is out of order: the segment that fills the hole must find one. */
const SPARED_FOR_HOLES = 8;
/** And one in so many not by what waits to be read: he who should read it may wait for an acknowledgement, which must find one, too. */
const SPARED_FOR_ACKS = 32;

/** Whether a packet's slot is too dear to hold it until a hole in front of it is filled. */
export function isTooDearForHoles(packet: Packet): boolean {
  return slotsLeft(packet) * SPARED_FOR_HOLES < slotsOfKind(packet);
}

/** Whether a packet's slot is too dear to hold it until it is read. */
export function isTooDearToQueue(packet: Packet): boolean {
  return slotsLeft(packet) * SPARED_FOR_ACKS < slotsOfKind(packet);
}

/** Whether no slot of the packet's kind is left: what a link has posted is all that it can still receive into. */
export function isLastOfItsKind(packet: Packet): boolean {
  return slotsLeft(packet) === 0;
}

function slotsLeft({ pool, slot }: Packet): number {
  return slot < pool.smallSlots ? pool.smallFree : pool.largeFree;
}

function slotsOfKind({ pool, slot }: Packet): number {
  return slot < pool.smallSlots ? pool.smallSlots : pool.largeSlots;
}
