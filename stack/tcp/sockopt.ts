import { EINVAL, ENOPROTOOPT } from '../../device/errno.ts';
import { POLLOUT, POLLWRNORM } from '../socket/abi.ts';
import { intBytes, readInt } from '../socket/message.ts';
import { copyOption } from '../socket/socket-options.ts';
import { dataRead } from './ack-policy.ts';
import type { Connection } from './connection.ts';
import { ACK_PUSHED, ACK_SCHED, ATO_MIN_MS, NAGLE_CORK, NAGLE_OFF, NAGLE_PUSH } from './constants.ts';
import { setFastOpen, setFastOpenConnect, setFastOpenKey, setFastOpenNoCookie } from './fastopen-sockopt.ts';
import { TCP_INFO_LENGTH, writeTcpInfo } from './info.ts';
import { pushFrames } from './output.ts';
import { isWritable } from './send-space.ts';
import { SYNCHRONIZED_OPEN, stateIn } from './states.ts';
import { TCP_CLOSE, TCP_LISTEN } from './tcb.ts';
import { idleTime } from './timers.ts';
import { setWindowClamp as setClamp } from './window.ts';

export const TCP_NODELAY = 1;
export const TCP_MAXSEG = 2;
export const TCP_CORK = 3;
export const TCP_KEEPIDLE = 4;
export const TCP_KEEPINTVL = 5;
export const TCP_KEEPCNT = 6;
export const TCP_SYNCNT = 7;
export const TCP_LINGER2 = 8;
export const TCP_DEFER_ACCEPT = 9;
export const TCP_WINDOW_CLAMP = 10;
export const TCP_INFO = 11;
export const TCP_QUICKACK = 12;
export const TCP_CONGESTION = 13;
export const TCP_USER_TIMEOUT = 18;
export const TCP_FASTOPEN = 23;
export const TCP_NOTSENT_LOWAT = 25;
export const TCP_FASTOPEN_CONNECT = 30;
export const TCP_FASTOPEN_KEY = 33;
export const TCP_FASTOPEN_NO_COOKIE = 34;
export const TCP_INQ = 36;

const KEEPALIVE_MOST = 32_767;
const KEEPCNT_MOST = 127;
const SYNCNT_MOST = 127;
const LINGER2_MOST_MS = 120_000;
const MIN_MSS = 88;
const CA_NAME_MAX = 16;

interface TcpOption {
  readonly get?: (conn: Connection) => number | Uint8Array;
  readonly set?: (conn: Connection, value: number) => number;
}

/** `SOL_TCP` (Linux: `do_tcp_setsockopt`, `do_tcp_getsockopt`). */
const OPTIONS: ReadonlyMap<number, TcpOption> = new Map<number, TcpOption>([
  [TCP_NODELAY, { get: (conn) => conn.tcb.nonagle & NAGLE_OFF, set: setNodelay }],
  [TCP_CORK, { get: (conn) => ((conn.tcb.nonagle & NAGLE_CORK) !== 0 ? 1 : 0), set: setCork }],
  [TCP_MAXSEG, { get: getMaxseg, set: setMaxseg }],
  [TCP_KEEPIDLE, { get: (conn) => Math.floor(conn.tcb.keepaliveTimeMs / 1000), set: setKeepidle }],
  [
    TCP_KEEPINTVL,
    {
      get: (conn) => Math.floor(conn.tcb.keepaliveIntvlMs / 1000),
      set: (conn, value) =>
        setRange(value, 1, KEEPALIVE_MOST, () => (conn.tcb.keepaliveIntvlMs = value * 1000)),
    },
  ],
  [
    TCP_KEEPCNT,
    {
      get: (conn) => conn.tcb.keepaliveCount,
      set: (conn, value) => setRange(value, 1, KEEPCNT_MOST, () => (conn.tcb.keepaliveCount = value)),
    },
  ],
  [
    TCP_SYNCNT,
    {
      get: (conn) => conn.tcb.synRetries || conn.tcp.settings.synRetries.value,
      set: (conn, value) => setRange(value, 1, SYNCNT_MOST, () => (conn.tcb.synRetries = value)),
    },
  ],
  [TCP_LINGER2, { get: getLinger2, set: setLinger2 }],
  [TCP_DEFER_ACCEPT, { get: (conn) => retransToSecs(conn, conn.tcb.deferAccept), set: setDeferAccept }],
  [TCP_WINDOW_CLAMP, { get: (conn) => conn.tcb.windowClamp, set: setWindowClamp }],
  [TCP_INFO, { get: getInfo }],
  [TCP_QUICKACK, { get: (conn) => (conn.tcb.ackPingpong === 0 ? 1 : 0), set: setQuickack }],
  [
    TCP_USER_TIMEOUT,
    {
      get: (conn) => conn.tcb.userTimeoutMs,
      set: (conn, value) => {
        if (value < 0) return -EINVAL;
        conn.tcb.userTimeoutMs = value;
        return 0;
      },
    },
  ],
  [
    TCP_NOTSENT_LOWAT,
    {
      get: (conn) => conn.tcb.notsentLowat | 0,
      set: (conn, value) => {
        conn.tcb.notsentLowat = value >>> 0;
        if (isWritable(conn)) conn.notify(POLLOUT | POLLWRNORM);
        return 0;
      },
    },
  ],
  [TCP_FASTOPEN, { get: (conn) => conn.tcb.fastopenMax, set: setFastOpen }],
  [TCP_FASTOPEN_CONNECT, { get: (conn) => conn.tcb.fastopenConnect, set: setFastOpenConnect }],
  [TCP_FASTOPEN_KEY, { get: (conn) => conn.fastOpenKeys?.toBytes() ?? new Uint8Array(0) }],
  [TCP_FASTOPEN_NO_COOKIE, { get: (conn) => conn.tcb.fastopenNoCookie, set: setFastOpenNoCookie }],
  [
    TCP_INQ,
    {
      get: (conn) => conn.tcb.recvmsgInq,
      set: (conn, value) => setRange(value, 0, 1, () => (conn.tcb.recvmsgInq = value)),
    },
  ],
]);

/** Sets an option of level `SOL_TCP`; 0 or a negated errno. */
export function setTcpOption(conn: Connection, option: number, bytes: Uint8Array): number {
  if (option === TCP_CONGESTION) return setCongestion(conn, bytes);
  if (option === TCP_FASTOPEN_KEY) return setFastOpenKey(conn, bytes);
  if (bytes.length < 4) return -EINVAL;
  return OPTIONS.get(option)?.set?.(conn, readInt(bytes)) ?? -ENOPROTOOPT;
}

/** Fills `out` with an option of level `SOL_TCP`; bytes written or a negated errno. */
export function getTcpOption(conn: Connection, option: number, out: Uint8Array): number {
  if (option === TCP_CONGESTION) return copyOption(nameBytes(conn.congestion.name), out);
  const value = OPTIONS.get(option)?.get?.(conn);
  if (value === undefined) return -ENOPROTOOPT;
  return copyOption(typeof value === 'number' ? intBytes(value) : value, out);
}

function setRange(value: number, least: number, most: number, set: () => void): number {
  if (value < least || value > most) return -EINVAL;
  set();
  return 0;
}

/** Linux: `__tcp_sock_set_nodelay`. */
function setNodelay(conn: Connection, value: number): number {
  const { tcb } = conn;
  if (value !== 0) {
    tcb.nonagle |= NAGLE_OFF | NAGLE_PUSH;
    pushFrames(conn);
  } else {
    tcb.nonagle &= ~NAGLE_OFF;
  }
  return 0;
}

/** Linux: `__tcp_sock_set_cork`. */
function setCork(conn: Connection, value: number): number {
  const { tcb } = conn;
  if (value !== 0) {
    tcb.nonagle |= NAGLE_CORK;
  } else {
    tcb.nonagle &= ~NAGLE_CORK;
    if ((tcb.nonagle & NAGLE_OFF) !== 0) tcb.nonagle |= NAGLE_PUSH;
    pushFrames(conn);
  }
  return 0;
}

function getMaxseg(conn: Connection): number {
  const { tcb } = conn;
  const unconnected = tcb.state === TCP_CLOSE || tcb.state === TCP_LISTEN;
  return unconnected && tcb.userMss > 0 ? tcb.userMss : tcb.mssCache || conn.tcp.mssDefault;
}

function setMaxseg(conn: Connection, value: number): number {
  if (value !== 0 && (value < MIN_MSS || value > 32_767)) return -EINVAL;
  conn.tcb.userMss = value;
  return 0;
}

function setKeepidle(conn: Connection, value: number): number {
  const { tcb } = conn;
  if (value < 1 || value > KEEPALIVE_MOST) return -EINVAL;
  tcb.keepaliveTimeMs = value * 1000;
  if (tcb.keepOpen !== 0 && tcb.state !== TCP_CLOSE && tcb.state !== TCP_LISTEN)
    conn.keepaliveTimer.start(Math.max(tcb.keepaliveTimeMs - idleTime(conn), 0));
  return 0;
}

function getLinger2(conn: Connection): number {
  const { linger2Ms } = conn.tcb;
  if (linger2Ms < 0) return -1;
  return linger2Ms > 0 ? Math.floor(linger2Ms / 1000) : conn.tcp.settings.finTimeout.value;
}

function setLinger2(conn: Connection, value: number): number {
  if (value < 0) conn.tcb.linger2Ms = -1;
  else conn.tcb.linger2Ms = value * 1000 > LINGER2_MOST_MS ? LINGER2_MOST_MS : value * 1000;
  return 0;
}

/** Linux: `secs_to_retrans`: how many SYN-ACKs go out in so many seconds. */
function setDeferAccept(conn: Connection, seconds: number): number {
  let retrans = 0;
  if (seconds > 0) {
    retrans = 1;
    let timeout = 1;
    for (let period = timeout; seconds > period && retrans < 255; retrans++) {
      timeout = Math.min(timeout * 2, conn.tcp.settings.rtoMaxMs.value / 1000);
      period += timeout;
    }
  }
  conn.tcb.deferAccept = retrans;
  return 0;
}

function retransToSecs(conn: Connection, retrans: number): number {
  if (retrans === 0) return 0;
  let period = 1;
  let timeout = 1;
  for (let left = retrans - 1; left > 0; left--) {
    timeout = Math.min(timeout * 2, conn.tcp.settings.rtoMaxMs.value / 1000);
    period += timeout;
  }
  return period;
}

/** Linux: `tcp_set_window_clamp`. */
function setWindowClamp(conn: Connection, value: number): number {
  const { tcb } = conn;
  if (value === 0) {
    if (tcb.state !== TCP_CLOSE) return -EINVAL;
    tcb.windowClamp = 0;
    return 0;
  }
  setClamp(tcb, value);
  return 0;
}

/** Linux: `__tcp_sock_set_quickack`. */
function setQuickack(conn: Connection, value: number): number {
  const { tcb } = conn;
  if (value === 0) {
    tcb.ackPingpong = conn.tcp.settings.pingpongThresh.value;
    return 0;
  }
  tcb.ackPingpong = 0;
  if (stateIn(tcb.state, SYNCHRONIZED_OPEN) && (tcb.ackPending & ACK_SCHED) !== 0) {
    tcb.ackPending |= ACK_PUSHED;
    tcb.ackAtoMs = ATO_MIN_MS;
    dataRead(conn, 1);
    if ((value & 1) === 0) tcb.ackPingpong = conn.tcp.settings.pingpongThresh.value;
  }
  return 0;
}

function getInfo(conn: Connection): Uint8Array {
  const bytes = new Uint8Array(TCP_INFO_LENGTH);
  writeTcpInfo(conn, new DataView(bytes.buffer));
  return bytes;
}

function setCongestion(conn: Connection, bytes: Uint8Array): number {
  const end = bytes.indexOf(0);
  const name = Buffer.from(
    bytes.subarray(0, end < 0 ? Math.min(bytes.length, CA_NAME_MAX - 1) : end),
  ).toString('latin1');
  return conn.tcp.setCongestion(conn, name);
}

function nameBytes(name: string): Uint8Array {
  const bytes = new Uint8Array(CA_NAME_MAX);
  bytes.set(Buffer.from(name, 'latin1'));
  return bytes;
}
