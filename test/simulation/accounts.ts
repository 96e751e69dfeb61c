import type { Connection } from '../../stack/tcp/connection.ts';
import { LOST, SACKED_ACKED, SACKED_RETRANS } from '../../stack/tcp/segment.ts';

/**
 * Counts what a connection's queues hold anew and compares: what is out, retransmitted, known to be received and given up, and
 * that sequence numbers are in order. The first thing that is wrong, or null.
 */
export function wrongAccount(conn: Connection): string | null {
  const { tcb, rtxQueue } = conn;
  let [out, retransmitted, received, lost] = [0, 0, 0, 0];
  let end = -1;
  for (let segment = rtxQueue.head; segment !== null; segment = segment.next) {
    const { pcount, sacked } = segment;
    out += pcount;
    if ((sacked & SACKED_RETRANS) !== 0) retransmitted += pcount;
    if ((sacked & SACKED_ACKED) !== 0) received += pcount;
    if ((sacked & LOST) !== 0) lost += pcount;
    if (end >= 0 && segment.seq !== end) return `a hole in the sent queue at ${end}`;
    end = segment.endSeq;
  }
  if (end >= 0 && end !== tcb.sndNxt) return `the sent queue ends at ${end}, not at ${tcb.sndNxt}`;
  if (((tcb.sndNxt - tcb.sndUna) | 0) < 0) return `sndUna ${tcb.sndUna} beyond sndNxt ${tcb.sndNxt}`;
  if (out !== tcb.packetsOut) return `packetsOut ${tcb.packetsOut}, but ${out} are`;
  if (retransmitted !== tcb.retransOut) return `retransOut ${tcb.retransOut}, but ${retransmitted} are`;
  // Without SACK duplicates are counted, not marked.
  if (tcb.sackOk !== 0 && received !== tcb.sackedOut)
    return `sackedOut ${tcb.sackedOut}, but ${received} are`;
  if (lost !== tcb.lostOut) return `lostOut ${tcb.lostOut}, but ${lost} are`;
  return null;
}
