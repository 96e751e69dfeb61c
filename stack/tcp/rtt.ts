import type { Connection } from './connection.ts';
import { after } from './sequence.ts';
import type { Tcb } from './tcb.ts';

/**
 * Takes a round-trip time in microseconds into the estimate and sets the RTO by it (RFC 6298, section 2; Linux:
 * `tcp_rtt_estimator`, `tcp_set_rto`), in Linux's integers: `srtt` is kept eightfold, the deviation fourfold.
 */
export function rttSample(conn: Connection, sampleUs: number): void {
  const { tcb, tcp } = conn;
  const minUs = tcb.rtoMinMs * 1000;
  let m = Math.max(Math.floor(sampleUs), 1);
  if (tcb.srttUs !== 0) {
    m -= Math.floor(tcb.srttUs / 8);
    tcb.srttUs = Math.max(tcb.srttUs + m, 1);
    if (m < 0) {
      m = -m - Math.floor(tcb.mdevUs / 4);
      // A fall of the round-trip time says little of its deviation.
      if (m > 0) m = Math.floor(m / 8);
    } else {
      m -= Math.floor(tcb.mdevUs / 4);
    }
    tcb.mdevUs += m;
    if (tcb.mdevUs > tcb.mdevMaxUs) {
      tcb.mdevMaxUs = tcb.mdevUs;
      if (tcb.mdevMaxUs > tcb.rttvarUs) tcb.rttvarUs = tcb.mdevMaxUs;
    }
    if (after(tcb.sndUna, tcb.rttSeq)) {
      if (tcb.mdevMaxUs < tcb.rttvarUs) tcb.rttvarUs -= Math.floor((tcb.rttvarUs - tcb.mdevMaxUs) / 4);
      tcb.rttSeq = tcb.sndNxt;
      tcb.mdevMaxUs = minUs;
    }
  } else {
    tcb.srttUs = m * 8;
    tcb.mdevUs = m * 2;
    tcb.rttvarUs = Math.max(tcb.mdevUs, minUs);
    tcb.mdevMaxUs = tcb.rttvarUs;
    tcb.rttSeq = tcb.sndNxt;
  }
  const rtoUs = Math.floor(tcb.srttUs / 8) + tcb.rttvarUs;
  tcb.rtoMs = Math.min(Math.ceil(rtoUs / 1000), tcp.settings.rtoMaxMs.value);
  tcb.backoff = 0;
}

/** Keeps the least round-trip time of the last `tcp_min_rtt_wlen` seconds (Linux: `tcp_update_rtt_min`, `minmax_running_min`). */
export function updateMinRtt(conn: Connection, sampleUs: number): void {
  const { tcb, tcp } = conn;
  const now = tcp.now();
  const us = Math.max(sampleUs, 1);
  const window = tcp.settings.minRttWlen.value * 1000;
  if (tcb.minRttUs === 0xffffffff || us <= tcb.minRttUs || now - tcb.minRtt3AtMs > window) {
    set1(tcb, us, now);
    set2(tcb, us, now);
    set3(tcb, us, now);
    return;
  }
  if (us <= tcb.minRtt2Us) {
    set2(tcb, us, now);
    set3(tcb, us, now);
  } else if (us <= tcb.minRtt3Us) {
    set3(tcb, us, now);
  }
  const age = now - tcb.minRttAtMs;
  if (age > window) {
    set1(tcb, tcb.minRtt2Us, tcb.minRtt2AtMs);
    set2(tcb, tcb.minRtt3Us, tcb.minRtt3AtMs);
    set3(tcb, us, now);
    if (now - tcb.minRttAtMs > window) {
      set1(tcb, tcb.minRtt2Us, tcb.minRtt2AtMs);
      set2(tcb, tcb.minRtt3Us, tcb.minRtt3AtMs);
    }
  } else if (tcb.minRtt2AtMs === tcb.minRttAtMs && age > window / 4) {
    set2(tcb, us, now);
    set3(tcb, us, now);
  } else if (tcb.minRtt3AtMs === tcb.minRtt2AtMs && age > window / 2) {
    set3(tcb, us, now);
  }
}

function set1(tcb: Tcb, us: number, atMs: number): void {
  tcb.minRttUs = us;
  tcb.minRttAtMs = atMs;
}
function set2(tcb: Tcb, us: number, atMs: number): void {
  tcb.minRtt2Us = us;
  tcb.minRtt2AtMs = atMs;
}
function set3(tcb: Tcb, us: number, atMs: number): void {
  tcb.minRtt3Us = us;
  tcb.minRtt3AtMs = atMs;
}
