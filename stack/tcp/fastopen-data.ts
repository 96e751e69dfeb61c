import type { Packet } from '../../device/memory/packet.ts';
import { TH_FIN } from '../wire/tcp.ts';
import type { Connection } from './connection.ts';
import { advanceRcvNxt, finReceived } from './data.ts';
import type { Incoming } from './incoming.ts';
import { truesize } from './payload.ts';

/**
 * Takes the data of a SYN or a SYN-ACK, and the FIN behind it, with the packet's ownership (Linux: `tcp_fastopen_add_skb`). `packet.start` is at the TCP
 * header.
 */
export function takeSynData(conn: Connection, packet: Packet, incoming: Incoming): void {
  const { tcb } = conn;
  const { bytes, flags } = incoming;
  const fin = (flags & TH_FIN) !== 0;
  if (bytes > 0) {
    packet.pull(incoming.headerLength);
    advanceRcvNxt(conn, bytes);
    conn.receiveQueue.push(packet, truesize(packet));
    tcb.dataSegsIn++;
  } else {
    packet.release();
    if (!fin) return;
  }
  tcb.synDataAcked = 1;
  tcb.segsIn = 1;
  if (!fin) return;
  tcb.rcvNxt = incoming.endSeq;
  finReceived(conn);
}
