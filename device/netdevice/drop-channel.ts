import { channel } from 'node:diagnostics_channel';
import { dropReasonName } from '../drop.ts';
import type { Packet } from '../memory/packet.ts';
import type { NetDevice } from './netdevice.ts';

/** A message of the channel `tapir:drop`. */
export interface DropMessage {
  readonly reason: string;
  /** The device that the packet came by or was to leave by, null: none or unknown. */
  readonly device: string | null;
  /** Bytes of the packet, with the headers that were pulled off; 0 for one that found no memory to be made in. */
  readonly length: number;
}

const drops = channel('tapir:drop');

/** Tells the subscribers of `tapir:drop`, if there are any, of a packet that is about to be dropped; null: it was never made. */
export function publishDrop(reason: number, packet: Packet | null, dev: NetDevice | null): void {
  if (!drops.hasSubscribers) return;
  const message: DropMessage = {
    reason: dropReasonName(reason),
    device: dev?.name ?? null,
    length: packet === null ? 0 : lengthOf(packet),
  };
  drops.publish(message);
}

function lengthOf(packet: Packet): number {
  return packet.end - Math.min(packet.link, packet.start) + packet.payloadLength;
}
