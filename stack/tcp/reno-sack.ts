import { MIB } from '../counters.ts';
import type { Connection } from './connection.ts';
import type { Tcb } from './tcb.ts';

/**
 * Without SACK a duplicate ACK says that something arrived, not what: it is counted as if it were the segment behind the hole
 * (RFC 6582; Linux: `tcp_add_reno_sack` and its neighbours).
 */

/** No more can have arrived than is out behind the holes; true: more was counted (Linux: `tcp_limit_reno_sacked`). */
export function limitRenoSacked(tcb: Tcb): boolean {
  const holes = Math.min(Math.max(tcb.lostOut, 1), tcb.packetsOut);
  if (tcb.sackedOut + holes <= tcb.packetsOut) return false;
  tcb.sackedOut = tcb.packetsOut - holes;
  return true;
}

/** Linux: `tcp_check_reno_reordering`. */
function checkRenoReordering(conn: Connection, addend: number): void {
  const { tcb, tcp } = conn;
  if (!limitRenoSacked(tcb)) return;
  tcb.reordering = Math.min(tcb.packetsOut + addend, tcp.settings.maxReordering.value);
  tcb.reordSeen++;
  tcp.mib.add(MIB.TcpExtTCPRenoReorder);
}

export function addRenoSack(conn: Connection, duplicates: number): void {
  const { tcb } = conn;
  if (duplicates === 0) return;
  const prior = tcb.sackedOut;
  tcb.sackedOut += duplicates;
  checkRenoReordering(conn, 0);
  if (tcb.sackedOut > prior) tcb.delivered += tcb.sackedOut - prior;
}

/** An ACK took `acked` segments off: one was the hole, the others had been counted. */
export function removeRenoSacks(conn: Connection, acked: number): void {
  const { tcb } = conn;
  if (acked > 0) {
    tcb.delivered += Math.max(acked - tcb.sackedOut, 1);
    tcb.sackedOut = acked - 1 >= tcb.sackedOut ? 0 : tcb.sackedOut - (acked - 1);
  }
  checkRenoReordering(conn, acked);
}

export function resetRenoSack(tcb: Tcb): void {
  tcb.sackedOut = 0;
}
