import { MIB } from '../counters.ts';
import { TCP_HLEN } from '../wire/tcp.ts';
import type { Connection } from './connection.ts';
import { currentSsthresh } from './cwnd.ts';
import { currentMss, mssToMtu, mtuToMss, syncMss } from './mss.ts';
import { after } from './sequence.ts';

/**
 * Packetization-layer path MTU discovery (RFC 4821): the search between a size that passes and one that may not. Sizes are those of
 * whole packets. What is sent as a probe stands in `mtu-probe-send.ts`.
 */

/** `tcp_mtu_probing`: from the start, and not only where a black hole is suspected. */
const ALWAYS = 2;

/** Begins the search, as wide as the handshake lets it be (Linux: `tcp_mtup_init`). */
export function initMtuProbing(conn: Connection): void {
  const { tcb, tcp } = conn;
  const { settings } = tcp;
  tcb.mtupEnabled = settings.mtuProbing.value >= ALWAYS ? 1 : 0;
  tcb.mtupSearchHigh = greatest(conn);
  tcb.mtupSearchLow = mssToMtu(conn, settings.baseMss.value);
  tcb.mtupProbeSize = 0;
  if (tcb.mtupEnabled !== 0) tcb.mtupProbeStampMs = tcp.now();
}

/** A packet of the greatest segment that the peer takes. */
function greatest({ tcb, network }: Connection): number {
  return tcb.mssClamp + TCP_HLEN + network.family.headerLength;
}

/** What came last is acknowledged: if it reaches the probe's end, its size passes (Linux: `tcp_mtup_probe_success`). */
export function mtuProbeDone(conn: Connection): void {
  const { tcb, tcp } = conn;
  if (after(tcb.mtupProbeEnd, tcb.sndUna)) return;
  const bytes = tcb.sndCwnd * mssToMtu(conn, tcb.mssCache);
  tcb.sndCwnd = Math.max(1, Math.floor(bytes / tcb.mtupProbeSize));
  tcb.sndCwndCnt = 0;
  tcb.sndCwndStampMs = tcp.now();
  tcb.sndSsthresh = currentSsthresh(tcb);
  tcb.mtupSearchLow = tcb.mtupProbeSize;
  tcb.mtupProbeSize = 0;
  syncMss(conn, tcb.pmtuCookie);
  tcp.mib.add(MIB.TcpExtTCPMTUPSuccess);
}

/** The probe is lost, and with it no more than its size is shown (Linux: `tcp_mtup_probe_failed`). */
export function mtuProbeLost({ tcb, tcp }: Connection): void {
  tcb.mtupSearchHigh = tcb.mtupProbeSize - 1;
  tcb.mtupProbeSize = 0;
  tcp.mib.add(MIB.TcpExtTCPMTUPFail);
  // One was taken for the probe, which counts for two packets.
  tcb.sndCwnd++;
}

/** Retransmissions get no answer: packets may be too long for a path that does not say so (Linux: `tcp_mtu_probing`). */
export function mtuBlackHole(conn: Connection): void {
  const { tcb, tcp } = conn;
  const { mtuProbing, baseMss, mtuProbeFloor, minSndMss } = tcp.settings;
  if (mtuProbing.value === 0) return;
  if (tcb.mtupEnabled === 0) {
    tcb.mtupEnabled = 1;
    tcb.mtupProbeStampMs = tcp.now();
  } else {
    const half = mtuToMss(conn, tcb.mtupSearchLow) >> 1;
    const mss = Math.max(Math.min(baseMss.value, half), mtuProbeFloor.value, minSndMss.value);
    tcb.mtupSearchLow = mssToMtu(conn, mss);
  }
  syncMss(conn, tcb.pmtuCookie);
}

/** The search is over; after a while a new one begins, for paths change (Linux: `tcp_mtu_check_reprobe`). */
export function probeAgain(conn: Connection): void {
  const { tcb, tcp } = conn;
  if (tcp.now() - tcb.mtupProbeStampMs < tcp.settings.probeInterval.value * 1000) return;
  tcb.mtupProbeSize = 0;
  tcb.mtupSearchHigh = greatest(conn);
  tcb.mtupSearchLow = mssToMtu(conn, currentMss(conn));
  tcb.mtupProbeStampMs = tcp.now();
}
