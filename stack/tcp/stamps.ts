import type { Packet } from '../../device/memory/packet.ts';
import { SOF_TIMESTAMPING_TX_ACK, TX_PACKET, TX_RECORD } from '../socket/timestamping.ts';
import type { Connection } from './connection.ts';
import type { Segment } from './segment.ts';
import { before } from './sequence.ts';

/**
 * Stamps of the moments that a stream's bytes go through (SO_TIMESTAMPING). A segment bears those of one byte, its last one when
 * it was written, and hands them on to whichever segment has that byte later.
 */

/** Asks for stamps of the byte that was written last (Linux: `tcp_tx_timestamp`). */
export function stampLast(conn: Connection, stamps: number): void {
  const wanted = stamps & TX_RECORD;
  if (wanted === 0) return;
  const segment = conn.writeQueue.tail ?? conn.rtxQueue.tail;
  if (segment === null) return;
  segment.stamps |= wanted;
  segment.stampSeq = (conn.tcb.writeSeq - 1) | 0;
}

/** `rest` was cut off `segment`: the byte's stamps go with it (Linux: `tcp_fragment_tstamp`). */
export function splitStamps(segment: Segment, rest: Segment): void {
  if (segment.stamps === 0 || before(segment.stampSeq, rest.seq)) return;
  rest.stamps = segment.stamps;
  rest.stampSeq = segment.stampSeq;
  segment.stamps = 0;
}

/** `segment` takes `next` in (Linux: `tcp_skb_collapse_tstamp`). */
export function joinStamps(segment: Segment, next: Segment): void {
  if (next.stamps === 0) return;
  segment.stamps |= next.stamps;
  segment.stampSeq = next.stampSeq;
}

/** The last packet of a segment carries the stamps that the device makes. */
export function stampOnWay(conn: Connection, segment: Segment, packet: Packet): void {
  if (conn.owner === null) return;
  packet.owner = conn.owner;
  packet.charge = 0;
  packet.stamps = segment.stamps & TX_PACKET;
  packet.stampKey = segment.stampSeq;
}

/** The peer has all of a segment (Linux: `tcp_ack_tstamp`). */
export function stampAcknowledged(conn: Connection, segment: Segment): void {
  if ((segment.stamps & SOF_TIMESTAMPING_TX_ACK) === 0) return;
  const { seq, stampSeq } = segment;
  conn.owner?.acknowledgedStamp(stampSeq, () => conn.sendBuffer.bytesFrom(seq, (stampSeq + 1 - seq) >>> 0));
}
