import { MIB } from '../counters.ts';
import type { Connection } from './connection.ts';
import { highestSackSeq } from './sent-queue.ts';
import { before } from './sequence.ts';

/**
 * How far packets overtake one another on the path, learned from holes that filled by themselves, from `low` on (Linux:
 * `tcp_check_sack_reordering`). `byTimestamp`: a timestamp has shown it.
 */
export function checkSackReordering(conn: Connection, low: number, byTimestamp: boolean): void {
  const { tcb, tcp } = conn;
  const highest = highestSackSeq(conn);
  if (!before(low, highest)) return;
  const metric = (highest - low) >>> 0;
  const mss = tcb.mssCache;
  if (mss > 0 && metric > tcb.reordering * mss)
    tcb.reordering = Math.min(Math.ceil(metric / mss), tcp.settings.maxReordering.value);
  tcb.reordSeen++;
  tcp.mib.add(byTimestamp ? MIB.TcpExtTCPTSReorder : MIB.TcpExtTCPSACKReorder);
}
