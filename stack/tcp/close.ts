import { ECONNRESET } from '../../device/errno.ts';
import { MIB } from '../counters.ts';
import type { Connection } from './connection.ts';
import { SEND_SHUTDOWN, TIMEWAIT_MS } from './constants.ts';
import { destroy, done, doneWithError } from './done.ts';
import { finTime } from './fin-time.ts';
import { sendFin } from './output.ts';
import { closeSendsFin, EVENT_CLOSE, nextState, stateIn } from './states.ts';
import {
  TCP_CLOSE,
  TCP_CLOSE_WAIT,
  TCP_CLOSING,
  TCP_ESTABLISHED,
  TCP_FIN_WAIT1,
  TCP_FIN_WAIT2,
  TCP_LAST_ACK,
  TCP_SYN_RECV,
  TCP_SYN_SENT,
} from './tcb.ts';
import { sendReset } from './transmit.ts';

const HALVES_OPEN = (1 << TCP_ESTABLISHED) | (1 << TCP_SYN_SENT) | (1 << TCP_CLOSE_WAIT);
const NEEDS_RESET =
  (1 << TCP_ESTABLISHED) |
  (1 << TCP_CLOSE_WAIT) |
  (1 << TCP_FIN_WAIT1) |
  (1 << TCP_FIN_WAIT2) |
  (1 << TCP_SYN_RECV);

/** Our half is shut: the FIN follows the last data (Linux: `tcp_shutdown` with `SEND_SHUTDOWN`). */
export function shutdownSend(conn: Connection): void {
  const { tcb } = conn;
  tcb.shutdown |= SEND_SHUTDOWN;
  if (stateIn(tcb.state, HALVES_OPEN)) closeState(conn);
  conn.account();
}

/** Linux: `tcp_close_state`, `tcp_send_fin`. */
function closeState(conn: Connection): void {
  const { state } = conn;
  const fin = closeSendsFin(state);
  const next = nextState(state, EVENT_CLOSE);
  if (next !== state) conn.setState(next);
  if (fin) sendFin(conn);
}

/**
 * Its user lets go of a connection (Linux: `__tcp_close`): unread data or a linger time of 0 reset it, else it ends by itself,
 * as an orphan.
 */
export function close(conn: Connection): void {
  const { tcb, tcp, receiveQueue } = conn;
  const unread = receiveQueue.bytes > 0;
  tcb.shutdown = 3;
  receiveQueue.clear();
  if (tcb.state !== TCP_CLOSE) {
    if (unread) {
      tcp.mib.add(MIB.TcpExtTCPAbortOnClose);
      abort(conn);
    } else if (tcb.lingerMs === 0) {
      disconnect(conn);
      tcp.mib.add(MIB.TcpExtTCPAbortOnData);
    } else {
      closeState(conn);
    }
  }
  conn.keepsPort = false;
  tcp.orphan(conn);
  if (tcb.state === TCP_FIN_WAIT2 && !waitForFin(conn)) return;
  if (tcb.state !== TCP_CLOSE && tcp.tooManyOrphans(0)) {
    tcp.mib.add(MIB.TcpExtTCPAbortOnMemory);
    abort(conn);
  }
  if (tcb.state === TCP_CLOSE) destroy(conn);
  else conn.account();
}

/** An orphan in FIN-WAIT-2 waits as a mini record; false: it is that now. */
function waitForFin(conn: Connection): boolean {
  const { tcb, tcp } = conn;
  if (tcb.linger2Ms < 0) {
    tcp.mib.add(MIB.TcpExtTCPAbortOnLinger);
    abort(conn);
    return true;
  }
  const wait = finTime(conn);
  if (wait > TIMEWAIT_MS) {
    conn.keepaliveTimer.start(wait - TIMEWAIT_MS);
    return true;
  }
  tcp.timeWait(conn, TCP_FIN_WAIT2, wait);
  return false;
}

function abort(conn: Connection): void {
  sendReset(conn);
  conn.setState(TCP_CLOSE);
}

/** Ends a connection at once, telling the peer by a reset where it must (Linux: `tcp_disconnect`). */
export function disconnect(conn: Connection): void {
  const { tcb } = conn;
  const { state } = tcb;
  const pending = tcb.sndNxt !== tcb.writeSeq && (state === TCP_CLOSING || state === TCP_LAST_ACK);
  if (stateIn(state, NEEDS_RESET) || pending) {
    sendReset(conn);
    doneWithError(conn, ECONNRESET);
  } else if (state === TCP_SYN_SENT) {
    doneWithError(conn, ECONNRESET);
  } else {
    done(conn);
  }
}
