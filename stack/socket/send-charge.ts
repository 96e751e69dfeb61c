import type { Packet } from '../../device/memory/packet.ts';
import { truesize } from './receive-budget.ts';
import type { Socket } from './socket.ts';

/**
 * Makes `socket` the owner of a datagram that is about to be sent: its memory counts against the send buffer until it is released
 * (Linux: `skb_set_owner_w`), and the socket hears of the moments in `stamps`.
 */
export function own(packet: Packet, socket: Socket, stamps: number, stampKey: number): void {
  const charge = truesize(packet);
  packet.owner = socket;
  packet.charge = charge;
  packet.stamps = stamps;
  packet.stampKey = stampKey;
  socket.writeMemory += charge;
}
