import { MIB } from '../counters.ts';
import type { Connection } from './connection.ts';
import { ACK_SCHED, ATO_MIN_MS } from './constants.ts';
import type { Tcb } from './tcb.ts';

/** Whether data goes both ways, so that ACKs travel with it (Linux: `inet_csk_in_pingpong_mode`). */
export function inPingpong(conn: Connection): boolean {
  return conn.tcb.ackPingpong >= conn.tcp.settings.pingpongThresh.value;
}

/** Whether ACKs go out at once (Linux: `tcp_in_quickack_mode`). */
export function inQuickack(conn: Connection): boolean {
  const { tcb, path, network } = conn;
  if (tcb.ackQuick > 0 && !inPingpong(conn)) return true;
  return path !== null && network.metrics(path).quickack === true;
}

/** Linux: `tcp_incr_quickack`. */
export function increaseQuickack(tcb: Tcb, most: number): void {
  const acks = Math.floor(tcb.rcvWnd / (2 * tcb.rcvMss)) || 2;
  tcb.ackQuick = Math.max(tcb.ackQuick, Math.min(acks, most));
}

/** The next ACKs go out at once: the peer is in trouble, or begins (Linux: `tcp_enter_quickack_mode`). */
export function enterQuickack(tcb: Tcb, most: number): void {
  increaseQuickack(tcb, most);
  tcb.ackPingpong = 0;
  tcb.ackAtoMs = ATO_MIN_MS;
}

/** A segment with an ACK up to `rcvNxt` leaves (Linux: `tcp_event_ack_sent`). */
export function ackSent(conn: Connection, rcvNxt: number): void {
  const { tcb, tcp } = conn;
  if (tcb.compressedAck > 0) {
    tcp.mib.add(MIB.TcpExtTCPAckCompressed, tcb.compressedAck);
    tcb.compressedAck = 0;
    conn.compressedAckTimer.stop();
  }
  if (rcvNxt !== tcb.rcvNxt) return;
  if (tcb.ackQuick > 0) {
    const used = (tcb.ackPending & ACK_SCHED) !== 0 ? 1 : 0;
    if (used >= tcb.ackQuick) {
      tcb.ackQuick = 0;
      tcb.ackAtoMs = ATO_MIN_MS;
    } else {
      tcb.ackQuick -= used;
    }
  }
  conn.clearDelack();
}
