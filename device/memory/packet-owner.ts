import type { Packet } from './packet.ts';

/** Moments that a packet's owner can ask to be told of, as bits (Linux: `SOF_TIMESTAMPING_TX_*`). */
export const STAMP_SENT = 0x002;
export const STAMP_QUEUED = 0x100;

/** Who sent a packet, and wants to hear what becomes of it (Linux: `skb->sk`). It is told inside the device and must only note. */
export interface PacketOwner {
  /** The packet was released, or passed on to a receiver: what it was charged is free again. Told once. */
  packetGone(charge: number): void;
  /**
   * The packet, whole from `packet.start` on, was given to the device (`STAMP_QUEUED`), or is given to its driver (`STAMP_SENT`).
   * `key`: see `Packet.stampKey`.
   */
  packetStamped(packet: Packet, moment: number, key: number): void;
}

/** Gives what one packet's owner is to hear to another one that takes its place. */
export function moveOwner(from: Packet, to: Packet): void {
  to.owner = from.owner;
  to.charge = from.charge;
  to.stamps = from.stamps;
  to.stampKey = from.stampKey;
  from.owner = null;
  from.stamps = 0;
}

/** Ends the owner's interest: the packet goes to a receiver now (Linux: `skb_orphan`). */
export function orphan(packet: Packet): void {
  const { owner } = packet;
  if (owner === null) return;
  packet.owner = null;
  packet.stamps = 0;
  owner.packetGone(packet.charge);
}

/** Tells the owner of a moment that it asked for, once. */
export function stampPacket(packet: Packet, moment: number): void {
  if ((packet.stamps & moment) === 0) return;
  packet.stamps &= ~moment;
  packet.owner?.packetStamped(packet, moment, packet.stampKey);
}
