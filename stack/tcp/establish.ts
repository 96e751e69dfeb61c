import { POLLOUT, POLLWRNORM } from '../socket/abi.ts';
import { TCPOLEN_TSTAMP_ALIGNED } from '../wire/tcp-options.ts';
import type { Connection } from './connection.ts';
import type { Incoming } from './incoming.ts';
import { initializeRcvMss } from './mss.ts';
import { rearmRto } from './rearm.ts';
import { expandSndbuf } from './send-space.ts';
import { initSender, rttSample, updatePacingRate } from './sender.ts';
import { TCP_ESTABLISHED } from './tcb.ts';
import { initReceiveSpace } from './window.ts';

/** What both ways of opening do when the connection stands (Linux: `tcp_init_transfer`). */
export function initTransfer(conn: Connection): void {
  const { path, network } = conn;
  const initcwnd = path === null ? 0 : (network.metrics(path).initcwnd ?? 0);
  initSender(conn, initcwnd);
  expandSndbuf(conn);
  initReceiveSpace(conn);
}

/** The ACK that ends a handshake came in SYN-RECEIVED (Linux: `tcp_rcv_state_process`, `TCP_SYN_RECV`). */
export function establish(conn: Connection, incoming: Incoming): void {
  const { tcb, tcp } = conn;
  if (tcb.srttUs === 0 && conn.synAckSentUs > 0) rttSample(conn, tcp.nowUs() - conn.synAckSentUs);
  tcb.retransStampMs = 0;
  tcb.delivered++;
  initTransfer(conn);
  tcb.copiedSeq = tcb.rcvNxt;
  conn.setState(TCP_ESTABLISHED);
  tcb.sndUna = incoming.ack;
  tcb.sndWnd = incoming.window * 2 ** tcb.sndWscale;
  tcb.sndWl1 = incoming.seq;
  if (tcb.tstampOk !== 0) tcb.advmss -= TCPOLEN_TSTAMP_ALIGNED;
  rearmRto(conn);
  updatePacingRate(conn);
  tcb.lsndtimeMs = tcp.now();
  initializeRcvMss(tcb);
  conn.predicted = true;
  conn.notify(POLLOUT | POLLWRNORM);
}
