import { fold, sumBytes } from './checksum.ts';
import { CHECKSUM_NONE, type Packet } from './packet.ts';

/** Only UDP says 0xffff for 0, which means none there. Linux says it for TCP as well, which checkers take for a mistake. */
const UDP_CHECKSUM_OFFSET = 6;

/** Whether the field of an open checksum, and what it covers, is part of the packet's linear bytes. */
export function checksumIsInside(packet: Packet): boolean {
  const { checksumStart } = packet;
  return checksumStart >= packet.start && checksumStart + packet.checksumOffset + 2 <= packet.end;
}

/** Computes a transport checksum that was left to the device, over gathered payload too (Linux: `skb_checksum_help`). The field lies inside. */
export function completeChecksum(packet: Packet): void {
  const { pool } = packet;
  const linear = packet.end - packet.checksumStart;
  let sum = sumBytes(pool, packet.checksumStart, linear);
  if (packet.payloadLength > 0) {
    const rest = sumBytes(pool, packet.payload, packet.payloadLength);
    sum += (linear & 1) === 0 ? rest : ((rest & 0xff) << 8) | (rest >>> 8);
  }
  const value = ~fold(sum) & 0xffff;
  const none = value === 0 && packet.checksumOffset === UDP_CHECKSUM_OFFSET;
  pool.view.setUint16(packet.checksumStart + packet.checksumOffset, none ? 0xffff : value);
  packet.checksum = CHECKSUM_NONE;
}
