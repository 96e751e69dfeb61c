import { POLLOUT, POLLWRNORM } from '../socket/abi.ts';
import { TCPOLEN_TSTAMP_ALIGNED } from '../wire/tcp-options.ts';
import type { Connection } from './connection.ts';
import { TIMEOUT_FALLBACK_MS } from './constants.ts';
import { initialCwnd, updatePacingRate } from './cwnd.ts';
import { endFastOpenHandshake } from './fastopen-handshake.ts';
import type { Incoming } from './incoming.ts';
import { initializeRcvMss } from './mss.ts';
import { initMtuProbing } from './mtu-probe.ts';
import { rttSample, updateMinRtt } from './rtt.ts';
import { expandSndbuf } from './send-space.ts';
import { TCP_ESTABLISHED, TCP_INFINITE_SSTHRESH } from './tcb.ts';
import { initReceiveSpace } from './window.ts';

/** What both ways of opening do when the connection stands (Linux: `tcp_init_transfer`). */
export function initTransfer(conn: Connection): void {
  const { tcb, tcp } = conn;
  initMtuProbing(conn);
  // A SYN that had to be sent twice says that the path is bad (Linux: `tcp_init_transfer`; RFC 6298, section 5.7).
  tcb.sndCwnd = tcb.totalRetrans > 1 && tcb.undoMarker !== 0 ? 1 : initialCwnd(conn);
  tcb.sndSsthresh = TCP_INFINITE_SSTHRESH;
  if (tcb.srttUs === 0) {
    // The handshake gave no round trip (RFC 6298, section 5.7; Linux: `tcp_init_metrics`).
    tcb.rttvarUs = TIMEOUT_FALLBACK_MS * 1000;
    tcb.mdevUs = tcb.rttvarUs;
    tcb.mdevMaxUs = tcb.rttvarUs;
    tcb.rtoMs = TIMEOUT_FALLBACK_MS;
  }
  tcb.sndCwndStampMs = tcp.now();
  tcb.reordering = tcp.settings.reordering.value;
  tcp.metrics.use(conn);
  conn.congestion.begin(conn);
  expandSndbuf(conn);
  initReceiveSpace(conn);
}

/** The peer answers our first SYN, not the one that was sent again (Linux: `tcp_try_undo_spurious_syn`). */
export function undoSpuriousSyn({ tcb }: Connection): void {
  if (
    tcb.undoMarker !== 0 &&
    tcb.retransStampMs !== 0 &&
    tcb.sawTstamp !== 0 &&
    tcb.retransStampMs === tcb.rcvTsecr
  )
    tcb.undoMarker = 0;
}

/** The ACK that ends a handshake came in SYN-RECEIVED (Linux: `tcp_rcv_state_process`, `TCP_SYN_RECV`). */
export function establish(conn: Connection, incoming: Incoming): void {
  const { tcb, tcp } = conn;
  if (tcb.srttUs === 0 && conn.synAckSentUs > 0) {
    updateMinRtt(conn, tcp.nowUs() - conn.synAckSentUs);
    rttSample(conn, tcp.nowUs() - conn.synAckSentUs);
  }
  tcb.delivered++;
  if (conn.request !== null) {
    endFastOpenHandshake(conn);
  } else {
    undoSpuriousSyn(conn);
    tcb.retransStampMs = 0;
    initTransfer(conn);
    tcb.copiedSeq = tcb.rcvNxt;
  }
  conn.setState(TCP_ESTABLISHED);
  tcb.sndUna = incoming.ack;
  tcb.sndWnd = incoming.window << tcb.sndWscale;
  tcb.sndWl1 = incoming.seq;
  if (tcb.tstampOk !== 0) tcb.advmss -= TCPOLEN_TSTAMP_ALIGNED;
  updatePacingRate(conn);
  tcb.lsndtimeMs = tcp.now();
  initializeRcvMss(tcb);
  conn.predicted = true;
  conn.notify(POLLOUT | POLLWRNORM);
}
