import { receivesSegments } from '../../device/netdevice/features.ts';
import { MIB } from '../counters.ts';
import type { Connection } from './connection.ts';
import { ACK_NOMEM, MAX_WINDOW, RCVBUF_LOCK } from './constants.ts';
import type { Tcb } from './tcb.ts';

/** The greatest window of 16 bits. */
const U16 = 0xffff;

/** What part of `space` bytes of buffer can be announced (Linux: `tcp_win_from_space`). */
export function windowFromSpace(scalingRatio: number, space: number): number {
  return Math.floor((space * scalingRatio) / 256);
}

/** The buffer that a window of `window` bytes needs (Linux: `tcp_space_from_win`). */
export function spaceFromWindow(scalingRatio: number, window: number): number {
  return Math.floor((window * 256) / scalingRatio);
}

/** What of the announced window the peer has not used (Linux: `tcp_receive_window`). */
export function receiveWindow(tcb: Tcb): number {
  return Math.max(0, (tcb.rcvWup + tcb.rcvWnd - tcb.rcvNxt) | 0);
}

/** Window that the free part of the receive buffer is worth (Linux: `tcp_space`). */
export function freeSpace(conn: Connection): number {
  const { tcb } = conn;
  return windowFromSpace(tcb.scalingRatio, tcb.rcvbuf - conn.receiveMemory);
}

/** Window that the whole receive buffer is worth (Linux: `tcp_full_space`). */
export function fullSpace(conn: Connection): number {
  return windowFromSpace(conn.tcb.scalingRatio, conn.tcb.rcvbuf);
}

/** Of the frames that the link's queue holds, as many may be data: the peer's acknowledgements of ours wait there too. */
const DATA_SHARE = 0.5;

/**
 * The most that may be under way to us: on plain frames no more than the link's receive queue has room for, because what comes
 * beyond it is lost without a trace. Linux has no such limit; its devices have no such queue.
 */
export function linkLimit(conn: Connection): number {
  const { path, tcb } = conn;
  if (path === null || receivesSegments(path.dev)) return Number.POSITIVE_INFINITY;
  const frames = path.dev.link.receiveQueueFrames;
  if (frames === Number.POSITIVE_INFINITY) return frames;
  return Math.max(Math.floor(frames * DATA_SHARE) * Math.max(tcb.rcvMss, 536), 4096);
}

/** The window that a handshake begins with, and the scale it needs. */
export interface InitialWindow {
  rcvWnd: number;
  rcvWscale: number;
  windowClamp: number;
}

/** Linux: `tcp_select_initial_window`. `initSegments`: of a route's `initrwnd`, 0: none. */
export function selectInitialWindow(
  space: number,
  mss: number,
  clamp: number,
  scales: boolean,
  initSegments: number,
  rmemMax: number,
  signed: boolean,
  out: InitialWindow,
): void {
  let windowClamp = clamp === 0 ? U16 * 2 ** 14 : clamp;
  let room = Math.min(windowClamp, Math.max(space, 0));
  if (room > mss && mss > 0) room -= room % mss;
  out.rcvWnd = signed ? Math.min(room, MAX_WINDOW) : room;
  if (initSegments > 0) out.rcvWnd = Math.min(out.rcvWnd, initSegments * mss);
  out.rcvWscale = 0;
  if (scales) {
    const most = Math.min(Math.max(room, rmemMax), windowClamp);
    out.rcvWscale = most > 0 ? Math.min(Math.max(Math.floor(Math.log2(most)) - 15, 0), 14) : 0;
  }
  windowClamp = Math.min(U16 << out.rcvWscale, windowClamp);
  out.windowClamp = windowClamp;
}

/** The window field of the next segment, after scaling; notes what it announces (Linux: `tcp_select_window`). */
export function selectWindow(conn: Connection): number {
  const { tcb, tcp } = conn;
  const old = tcb.rcvWnd;
  if ((tcb.ackPending & ACK_NOMEM) !== 0) {
    conn.predicted = false;
    tcb.rcvWnd = 0;
    tcb.rcvWup = tcb.rcvNxt;
    return 0;
  }
  const current = receiveWindow(tcb);
  const unit = 1 << tcb.rcvWscale;
  let window = wantedWindow(conn);
  if (window < current && (tcp.settings.shrinkWindow.value === 0 || tcb.rcvWscale === 0)) {
    if (window === 0) tcp.mib.add(MIB.TcpExtTCPWantZeroWindowAdv);
    window = Math.ceil(current / unit) * unit;
  }
  tcb.rcvWnd = window;
  tcb.rcvWup = tcb.rcvNxt;
  const signed = tcb.rcvWscale === 0 && tcp.settings.workaroundSignedWindows.value !== 0;
  const field = Math.floor(Math.min(window, signed ? MAX_WINDOW : U16 * unit) / unit);
  if (field === 0) {
    conn.predicted = false;
    if (old !== 0) tcp.mib.add(MIB.TcpExtTCPToZeroWindowAdv);
  } else if (old === 0) {
    tcp.mib.add(MIB.TcpExtTCPFromZeroWindowAdv);
  }
  return field;
}

/** The window to announce, silly ones avoided (RFC 1122, section 4.2.3.3; Linux: `__tcp_select_window`). */
export function wantedWindow(conn: Connection): number {
  const { tcb } = conn;
  const unit = 1 << tcb.rcvWscale;
  const limit = linkLimit(conn);
  const allowed = Math.min(fullSpace(conn), limit);
  let free = Math.min(freeSpace(conn), limit);
  const full = Math.min(tcb.windowClamp, allowed);
  let mss = tcb.rcvMss;
  if (mss > full) {
    mss = full;
    if (mss <= 0) return 0;
  }
  if (free < full >> 1) {
    tcb.ackQuick = 0;
    if (conn.tcp.memory.pressure) clampSsthresh(tcb);
    free -= free % unit;
    if (free < allowed >> 4 || free < mss) return 0;
  }
  if (free > tcb.rcvSsthresh) free = tcb.rcvSsthresh;
  if (tcb.rcvWscale > 0) return Math.ceil(free / unit) * unit;
  let window = tcb.rcvWnd;
  if (window <= free - mss || window > free) window = free - (free % mss);
  else if (mss === full && free > window + (full >> 1)) window = free;
  return window;
}

/** The least window clamp, half of the least receive buffer (Linux: `SOCK_MIN_RCVBUF`). */
const LEAST_CLAMP = 1152;

/** Sets the limit of the window, which follows (Linux: `tcp_set_window_clamp`). */
export function setWindowClamp(tcb: Tcb, wanted: number): void {
  const before = tcb.windowClamp;
  tcb.windowClamp = Math.max(LEAST_CLAMP, wanted);
  if (tcb.windowClamp < before) tcb.rcvSsthresh = Math.min(tcb.rcvSsthresh, tcb.windowClamp);
  else if (tcb.windowClamp > before)
    tcb.rcvSsthresh = Math.max(Math.min(tcb.rcvWnd, tcb.windowClamp), tcb.rcvSsthresh);
}

/** Linux: `tcp_adjust_rcv_ssthresh`. */
export function clampSsthresh(tcb: Tcb): void {
  tcb.rcvSsthresh = Math.min(tcb.rcvSsthresh, 4 * tcb.advmss);
}

/** The window may grow by a received segment of `bytes` that ties up `memory` (Linux: `tcp_grow_window`). */
export function growWindow(conn: Connection, bytes: number, memory: number): void {
  const { tcb, tcp } = conn;
  const room = Math.min(tcb.windowClamp, freeSpace(conn)) - tcb.rcvSsthresh;
  if (room <= 0) return;
  if (tcp.memory.pressure) {
    clampSsthresh(tcb);
    return;
  }
  const worth = windowFromSpace(tcb.scalingRatio, memory);
  const increase = worth <= bytes ? 2 * tcb.advmss : growth(conn, bytes, memory);
  if (increase === 0) return;
  tcb.ackQuick |= 1;
  tcb.rcvSsthresh += Math.min(room, Math.max(increase, 2 * bytes));
}

/** Linux: `__tcp_grow_window`: small packets may only fill a small part of the buffer. */
function growth(conn: Connection, bytes: number, memory: number): number {
  const { tcb, tcp } = conn;
  let worth = windowFromSpace(tcb.scalingRatio, memory) >> 1;
  let window = windowFromSpace(tcb.scalingRatio, tcp.settings.rmem.max) >> 1;
  while (tcb.rcvSsthresh <= window) {
    if (worth <= bytes) return 2 * tcb.rcvMss;
    worth >>= 1;
    window >>= 1;
  }
  return 0;
}

/** Sets the first sizes of an established connection's receive side (Linux: `tcp_init_buffer_space`). */
export function initReceiveSpace(conn: Connection): void {
  const { tcb, tcp } = conn;
  tcb.rcvqSpace = Math.min(tcb.rcvWnd, 10 * tcb.advmss);
  tcb.rcvqSpaceTimeUs = tcp.nowUs();
  tcb.rcvqSpaceSeq = tcb.copiedSeq;
  const most = fullSpace(conn);
  if (tcb.windowClamp >= most) tcb.windowClamp = most;
  // One segment's room stays free, so that a full window is not the end.
  if (tcb.windowClamp > 2 * tcb.advmss && tcb.windowClamp + tcb.advmss > most)
    tcb.windowClamp = Math.max(2 * tcb.advmss, most - tcb.advmss);
  tcb.rcvSsthresh = Math.min(tcb.rcvSsthresh, tcb.windowClamp);
}

/** The application has read: the receive buffer may grow with the rate (Linux: `tcp_rcv_space_adjust`). */
export function adjustReceiveSpace(conn: Connection): void {
  const { tcb, tcp } = conn;
  const now = tcp.nowUs();
  if (tcb.rcvRttUs === 0 || now - tcb.rcvqSpaceTimeUs < tcb.rcvRttUs / 8) return;
  const queued = (tcb.rcvNxt - tcb.copiedSeq) >>> 0;
  const copied = ((tcb.copiedSeq - tcb.rcvqSpaceSeq) >>> 0) - queued;
  if (copied > tcb.rcvqSpace) growReceiveBuffer(conn, copied);
  tcb.rcvqSpaceSeq = tcb.copiedSeq;
  tcb.rcvqSpaceTimeUs = now;
}

/** The application takes `copied` bytes in a round trip: the buffer is to hold what comes meanwhile (Linux: `tcp_rcvbuf_grow`). */
export function growReceiveBuffer(conn: Connection, copied: number): void {
  const { tcb, tcp } = conn;
  const before = Math.max(tcb.rcvqSpace, 1);
  tcb.rcvqSpace = copied;
  if (tcp.settings.moderateRcvbuf.value === 0 || (tcb.bufferLocks & RCVBUF_LOCK) !== 0) return;
  let window = copied * 2;
  window += Math.floor((window * (copied - before)) / before) * 2;
  if (!conn.outOfOrder.empty) window += (conn.outOfOrder.lastEnd - tcb.rcvNxt) >>> 0;
  const wanted = Math.min(spaceFromWindow(tcb.scalingRatio, window), tcp.settings.rmem.max);
  if (wanted <= tcb.rcvbuf) return;
  tcb.rcvbuf = wanted;
  tcb.windowClamp = windowFromSpace(tcb.scalingRatio, wanted);
  conn.owner?.buffersTuned();
}
