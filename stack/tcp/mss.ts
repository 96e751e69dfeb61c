import { TCP_HLEN } from '../wire/tcp.ts';
import {
  MAX_TCP_OPTION_SPACE,
  TCPOLEN_SACK_BASE_ALIGNED,
  TCPOLEN_SACK_PERBLOCK,
  TCPOLEN_TSTAMP_ALIGNED,
} from '../wire/tcp-options.ts';
import type { Connection } from './connection.ts';
import { GSO_MAX_SEGS, GSO_MAX_SIZE, MAX_TCP_HEADER, MSS_DEFAULT } from './constants.ts';
import type { NetworkPath } from './network.ts';
import type { Tcb } from './tcb.ts';

/** The least packet that every IPv4 link takes; no window makes segments smaller (Linux: `tcp_bound_to_half_wnd`). */
const LEAST_PACKET = 68;

/** No more than half of the greatest window that the peer ever offered (Linux: `tcp_bound_to_half_wnd`). */
export function boundToHalfWindow(tcb: Tcb, bytes: number): number {
  const most = tcb.maxWindow > MSS_DEFAULT ? tcb.maxWindow >> 1 : tcb.maxWindow;
  return most > 0 && bytes > most ? Math.max(most, LEAST_PACKET - tcb.tcpHeaderLen) : bytes;
}

/** Bytes of payload that fit into a packet of `mtu` bytes (Linux: `tcp_mtu_to_mss`). */
export function mtuToMss(conn: Connection, mtu: number): number {
  return bareMss(conn, mtu) - (conn.tcb.tcpHeaderLen - TCP_HLEN);
}

/** The same if there were no options (Linux: `__tcp_mtu_to_mss`). */
export function bareMss(conn: Connection, mtu: number): number {
  const { tcb, network, tcp } = conn;
  let mss = mtu - network.family.headerLength - TCP_HLEN;
  if (mss > tcb.mssClamp) mss = tcb.mssClamp;
  return Math.max(mss - optionBytes(conn), tcp.settings.minSndMss.value);
}

/** The packet that `mss` bytes of payload make (Linux: `tcp_mss_to_mtu`). */
export function mssToMtu(conn: Connection, mss: number): number {
  return mss + conn.tcb.tcpHeaderLen + conn.network.family.headerLength + optionBytes(conn);
}

/** Bytes of IP options on each segment (Linux: `icsk_ext_hdr_len`). */
function optionBytes(conn: Connection): number {
  return conn.ipOptions === null ? 0 : conn.ipOptions.length;
}

/** Sets the segment size by a path MTU, and by what probes have shown to pass when it is probed for (Linux: `tcp_sync_mss`). */
export function syncMss(conn: Connection, mtu: number): number {
  const { tcb } = conn;
  if (tcb.mtupSearchHigh > mtu) tcb.mtupSearchHigh = mtu;
  tcb.pmtuCookie = mtu;
  tcb.mssCache = boundToHalfWindow(tcb, mtuToMss(conn, mtu));
  if (tcb.mtupEnabled !== 0) tcb.mssCache = Math.min(tcb.mssCache, mtuToMss(conn, tcb.mtupSearchLow));
  return tcb.mssCache;
}

/** Bytes of options on the next data segment, blocks to report included (Linux: `tcp_established_options`). */
export function establishedOptionsLength(conn: Connection): number {
  const { tcb } = conn;
  let length = tcb.tstampOk !== 0 ? TCPOLEN_TSTAMP_ALIGNED : 0;
  const blocks = sackBlocksThatFit(conn, length);
  if (blocks > 0) length += TCPOLEN_SACK_BASE_ALIGNED + blocks * TCPOLEN_SACK_PERBLOCK;
  return length;
}

/** How many blocks fit beside `used` bytes of other options. */
export function sackBlocksThatFit(conn: Connection, used: number): number {
  const blocks = conn.receiverSack.reported;
  if (blocks === 0) return 0;
  const room = MAX_TCP_OPTION_SPACE - used;
  return Math.min(blocks, Math.floor((room - TCPOLEN_SACK_BASE_ALIGNED) / TCPOLEN_SACK_PERBLOCK));
}

/** Bytes of payload that the next segment may carry (Linux: `tcp_current_mss`). */
export function currentMss(conn: Connection): number {
  const { tcb, path, network } = conn;
  let mss = tcb.mssCache;
  if (path !== null) {
    const mtu = network.mtu(path);
    if (mtu !== tcb.pmtuCookie) mss = syncMss(conn, mtu);
  }
  return mss - (TCP_HLEN + establishedOptionsLength(conn) - tcb.tcpHeaderLen);
}

/** Bytes that one super-segment should be filled to (Linux: `tcp_xmit_size_goal`). */
export function sizeGoal(tcb: Tcb, mss: number): number {
  const most = boundToHalfWindow(tcb, GSO_MAX_SIZE - 1 - MAX_TCP_HEADER);
  let goal = tcb.gsoSegs * mss;
  if (most < goal || most >= goal + mss) {
    tcb.gsoSegs = Math.min(Math.floor(most / mss), GSO_MAX_SEGS);
    goal = tcb.gsoSegs * mss;
  }
  return Math.max(goal, mss);
}

/** The MSS to announce on a path (Linux: `dst_metric_advmss`, `ipv4_default_advmss`). */
export function pathAdvmss(conn: Pick<Connection, 'network' | 'tcp'>, path: NetworkPath): number {
  const { network, tcp } = conn;
  const { advmss } = network.metrics(path);
  if (advmss !== undefined && advmss > 0) return Math.min(advmss, 65_535 - 40);
  const mss = network.mtu(path) - network.family.headerLength - TCP_HLEN;
  return Math.min(Math.max(mss, tcp.minAdvmss), 65_535 - 40);
}

/** The MSS that the peer seems to use, for a connection that begins (Linux: `tcp_initialize_rcv_mss`). */
export function initializeRcvMss(tcb: Tcb): void {
  let hint = Math.min(tcb.advmss, tcb.mssCache);
  hint = Math.min(hint, Math.floor(tcb.rcvWnd / 2));
  hint = Math.min(hint, MSS_DEFAULT);
  tcb.rcvMss = Math.max(hint, 88);
}
