import { updateChrono } from './chrono.ts';
import type { Connection } from './connection.ts';
import { DELACK_MAX_MS, ECN_OK, ECN_SEEN, PACING_UNLIMITED } from './constants.ts';
import { deliveryRate } from './delivery-rate.ts';
import { unsentBytes } from './send-space.ts';
import { TCP_LISTEN } from './tcb.ts';

/** Bytes of `struct tcp_info` up to `tcpi_total_rto_time`. */
export const TCP_INFO_LENGTH = 248;

const OPT_TIMESTAMPS = 1;
const OPT_SACK = 2;
const OPT_WSCALE = 4;
const OPT_ECN = 8;
const OPT_ECN_SEEN = 16;
const OPT_SYN_DATA = 32;
const OPT_TFO_CHILD = 128;

/** Writes `struct tcp_info` as it stands in memory on x86-64 (Linux: `tcp_get_info`); unknown numbers are 0. */
export function writeTcpInfo(conn: Connection, out: DataView): void {
  const { tcb, tcp } = conn;
  const now = tcp.now();
  updateChrono(conn);
  out.setUint8(0, tcb.state);
  out.setUint8(1, tcb.caState);
  out.setUint8(2, tcb.retransmits);
  out.setUint8(3, tcb.probesOut);
  out.setUint8(4, tcb.backoff);
  const options =
    (tcb.tstampOk !== 0 ? OPT_TIMESTAMPS : 0) |
    (tcb.sackOk !== 0 ? OPT_SACK : 0) |
    (tcb.wscaleOk !== 0 ? OPT_WSCALE : 0) |
    ((tcb.ecnFlags & ECN_OK) !== 0 ? OPT_ECN : 0) |
    ((tcb.ecnFlags & ECN_SEEN) !== 0 ? OPT_ECN_SEEN : 0) |
    (tcb.synDataAcked !== 0 ? OPT_SYN_DATA : 0) |
    (tcb.tfoChild !== 0 ? OPT_TFO_CHILD : 0);
  out.setUint8(5, options);
  out.setUint8(6, tcb.sndWscale | (tcb.rcvWscale << 4));
  out.setUint8(7, tcb.rateAppLimited | (tcb.fastopenClientFail << 1));
  out.setUint32(8, tcb.rtoMs * 1000, true);
  out.setUint32(12, Math.min(tcb.ackAtoMs, DELACK_MAX_MS) * 1000, true);
  out.setUint32(16, tcb.mssCache, true);
  out.setUint32(20, tcb.rcvMss, true);
  out.setUint32(24, tcb.state === TCP_LISTEN ? 0 : tcb.packetsOut, true);
  out.setUint32(28, tcb.sackedOut, true);
  out.setUint32(32, tcb.lostOut, true);
  out.setUint32(36, tcb.retransOut, true);
  out.setUint32(44, now - tcb.lsndtimeMs, true);
  out.setUint32(52, now - tcb.lrcvtimeMs, true);
  out.setUint32(56, now - tcb.lastAckMs, true);
  out.setUint32(60, tcb.pmtuCookie, true);
  out.setUint32(64, tcb.rcvSsthresh, true);
  out.setUint32(68, tcb.srttUs >>> 3, true);
  out.setUint32(72, tcb.mdevUs >>> 2, true);
  out.setUint32(76, tcb.sndSsthresh, true);
  out.setUint32(80, tcb.sndCwnd, true);
  out.setUint32(84, tcb.advmss, true);
  out.setUint32(88, tcb.reordering, true);
  out.setUint32(92, tcb.rcvRttUs / 8, true);
  out.setUint32(96, tcb.rcvqSpace, true);
  out.setUint32(100, tcb.totalRetrans, true);
  setRate(out, 104, tcb.pacingRate);
  setRate(out, 112, tcb.maxPacingRate);
  setU64(out, 120, tcb.bytesAcked);
  setU64(out, 128, tcb.bytesReceived);
  out.setUint32(136, tcb.segsOut, true);
  out.setUint32(140, tcb.segsIn, true);
  out.setUint32(144, unsentBytes(conn), true);
  out.setUint32(148, tcb.minRttUs, true);
  out.setUint32(152, tcb.dataSegsIn, true);
  out.setUint32(156, tcb.dataSegsOut, true);
  setU64(out, 160, deliveryRate(conn));
  setU64(out, 168, tcb.busyUs);
  setU64(out, 176, tcb.rwndLimitedUs);
  setU64(out, 184, tcb.sndbufLimitedUs);
  out.setUint32(192, tcb.delivered, true);
  out.setUint32(196, tcb.deliveredCe, true);
  setU64(out, 200, tcb.bytesSent);
  setU64(out, 208, tcb.bytesRetrans);
  out.setUint32(216, tcb.dsackDups, true);
  out.setUint32(220, tcb.reordSeen, true);
  out.setUint32(224, tcb.rcvOooPackets, true);
  out.setUint32(228, tcb.sndWnd, true);
  out.setUint32(232, tcb.rcvWnd, true);
  out.setUint16(240, tcb.totalRto, true);
  out.setUint16(242, tcb.totalRtoRecoveries, true);
  const recovering = tcb.rtoStampMs === 0 ? 0 : now - tcb.rtoStampMs;
  out.setUint32(244, tcb.totalRtoTimeMs + recovering, true);
}

/** A rate in bytes a second; none is all ones. */
function setRate(out: DataView, at: number, rate: number): void {
  if (rate !== PACING_UNLIMITED) {
    setU64(out, at, rate);
    return;
  }
  out.setUint32(at, 0xffffffff, true);
  out.setUint32(at + 4, 0xffffffff, true);
}

function setU64(out: DataView, at: number, value: number): void {
  out.setUint32(at, value % 0x1_0000_0000, true);
  out.setUint32(at + 4, Math.floor(value / 0x1_0000_0000), true);
}
