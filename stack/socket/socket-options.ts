import { EDOM, EINVAL, ENODEV, ENOPROTOOPT, EOPNOTSUPP } from '../../device/errno.ts';
import { IPPROTO_TCP } from '../wire/ipv4.ts';
import { AF_INET, SOCK_DGRAM, SOCK_RAW } from './abi.ts';
import { intBytes, readInt } from './message.ts';
import type { Socket } from './socket.ts';
import { changeTimestamps, setTimestamping, timestampingBytes } from './timestamping.ts';

export const SO_DEBUG = 1;
export const SO_REUSEADDR = 2;
export const SO_TYPE = 3;
export const SO_ERROR = 4;
export const SO_DONTROUTE = 5;
export const SO_BROADCAST = 6;
export const SO_SNDBUF = 7;
export const SO_RCVBUF = 8;
export const SO_KEEPALIVE = 9;
export const SO_OOBINLINE = 10;
export const SO_NO_CHECK = 11;
export const SO_PRIORITY = 12;
export const SO_LINGER = 13;
export const SO_REUSEPORT = 15;
export const SO_RCVLOWAT = 18;
export const SO_SNDLOWAT = 19;
export const SO_RCVTIMEO = 20;
export const SO_SNDTIMEO = 21;
export const SO_BINDTODEVICE = 25;
export const SO_TIMESTAMP = 29;
export const SO_ACCEPTCONN = 30;
export const SO_SNDBUFFORCE = 32;
export const SO_RCVBUFFORCE = 33;
export const SO_TIMESTAMPNS = 35;
export const SO_MARK = 36;
export const SO_TIMESTAMPING = 37;
export const SO_PROTOCOL = 38;
export const SO_DOMAIN = 39;
export const SO_RXQ_OVFL = 40;
const SO_PEEK_OFF = 42;
export const SO_SELECT_ERR_QUEUE = 45;
export const SO_MAX_PACING_RATE = 47;
export const SO_INCOMING_CPU = 49;
export const SO_MEMINFO = 55;
export const SO_COOKIE = 57;
export const SO_ZEROCOPY = 60;
export const SO_BINDTOIFINDEX = 62;

/** The least that SO_SNDBUF and SO_RCVBUF can be set to, in bytes, doubled already (Linux: `SOCK_MIN_SNDBUF`, `SOCK_MIN_RCVBUF`). */
const SOCK_MIN_SNDBUF = 4608;
const SOCK_MIN_RCVBUF = 2304;

const IFNAMSIZ = 16;
const INT_MAX = 0x7fffffff;
/** Milliseconds that a timeout may have (Linux: `MAX_SCHEDULE_TIMEOUT`); longer ones never end. */
const TIMEOUT_MAX_SECONDS = 2 ** 52 / 1000;

interface SocketOption {
  /** Sets it from an int; absent: read only. */
  readonly set?: (socket: Socket, value: number) => number;
  /** Its value as an int, or as bytes. */
  readonly get?: (socket: Socket) => number | Uint8Array;
  /** Sets it from other than an int. */
  readonly setBytes?: (socket: Socket, value: Uint8Array) => number;
}

/** Fields of a socket that are switches. */
type Switch =
  | 'debug'
  | 'reuseAddress'
  | 'reusePort'
  | 'dontRoute'
  | 'broadcast'
  | 'keepalive'
  | 'oobInline'
  | 'noChecksum'
  | 'receiveOverflow'
  | 'selectErrorQueue';

function switchOf(field: Switch): SocketOption {
  return {
    get: (socket) => socket[field],
    set: (socket, value) => {
      socket[field] = value === 0 ? 0 : 1;
      return 0;
    },
  };
}

/** `SOL_SOCKET` (Linux: `sk_setsockopt`, `sk_getsockopt`). */
const OPTIONS: ReadonlyMap<number, SocketOption> = new Map<number, SocketOption>([
  [SO_DEBUG, switchOf('debug')],
  [SO_REUSEADDR, switchOf('reuseAddress')],
  [SO_REUSEPORT, switchOf('reusePort')],
  [SO_DONTROUTE, switchOf('dontRoute')],
  [SO_BROADCAST, switchOf('broadcast')],
  [SO_OOBINLINE, switchOf('oobInline')],
  [SO_NO_CHECK, switchOf('noChecksum')],
  [SO_RXQ_OVFL, switchOf('receiveOverflow')],
  [SO_SELECT_ERR_QUEUE, switchOf('selectErrorQueue')],
  [
    SO_KEEPALIVE,
    {
      get: (socket) => socket.keepalive,
      set: (socket, value) => {
        socket.keepalive = value === 0 ? 0 : 1;
        socket.keepaliveChanged();
        return 0;
      },
    },
  ],
  [SO_TYPE, { get: (socket) => socket.type }],
  [SO_DOMAIN, { get: (socket) => socket.domain }],
  [SO_PROTOCOL, { get: (socket) => socket.protocol }],
  [SO_ACCEPTCONN, { get: (socket) => (socket.listening ? 1 : 0) }],
  [SO_ERROR, { get: takeErrorOption }],
  [SO_SNDLOWAT, { get: () => 1 }],
  [
    SO_RCVLOWAT,
    {
      get: (socket) => socket.rcvlowat,
      set: (socket, value) => socket.setReceiveLowWater(value < 0 ? INT_MAX : value || 1),
    },
  ],
  [
    SO_SNDBUF,
    {
      get: (socket) => socket.sndbuf,
      set: (socket, value) => setSndbuf(socket, clampUnsigned(value, socket.layer.core.sendMax.value)),
    },
  ],
  [SO_SNDBUFFORCE, { set: (socket, value) => setSndbuf(socket, Math.max(0, value)) }],
  [
    SO_RCVBUF,
    {
      get: (socket) => socket.rcvbuf,
      set: (socket, value) => setRcvbuf(socket, clampUnsigned(value, socket.layer.core.receiveMax.value)),
    },
  ],
  [SO_RCVBUFFORCE, { set: (socket, value) => setRcvbuf(socket, Math.max(0, value)) }],
  [
    SO_PRIORITY,
    {
      get: (socket) => socket.priority,
      set: (socket, value) => {
        socket.priority = value;
        return 0;
      },
    },
  ],
  [
    SO_MARK,
    {
      get: (socket) => socket.mark,
      set: (socket, value) => {
        socket.mark = value;
        return 0;
      },
    },
  ],
  [
    SO_MAX_PACING_RATE,
    {
      get: (socket) => socket.maxPacingRate,
      set: (socket, value) => {
        socket.limitPacing(value >>> 0);
        return 0;
      },
    },
  ],
  [
    SO_INCOMING_CPU,
    {
      get: (socket) => socket.incomingCpu,
      set: (socket, value) => {
        socket.incomingCpu = value;
        return 0;
      },
    },
  ],
  [SO_LINGER, { get: getLinger, setBytes: setLinger }],
  [
    SO_RCVTIMEO,
    {
      get: (socket) => timevalBytes(socket.receiveTimeoutMs),
      setBytes: (socket, bytes) => {
        const timeout = readTimeout(bytes);
        if (timeout < 0) return timeout;
        socket.receiveTimeoutMs = timeout;
        return 0;
      },
    },
  ],
  [
    SO_SNDTIMEO,
    {
      get: (socket) => timevalBytes(socket.sendTimeoutMs),
      setBytes: (socket, bytes) => {
        const timeout = readTimeout(bytes);
        if (timeout < 0) return timeout;
        socket.sendTimeoutMs = timeout;
        return 0;
      },
    },
  ],
  [SO_TIMESTAMP, timestampOption(1)],
  [SO_TIMESTAMPNS, timestampOption(2)],
  [SO_TIMESTAMPING, { get: timestampingBytes, setBytes: setTimestamping }],
  [SO_BINDTODEVICE, { get: getDevice, setBytes: setDevice }],
  [
    SO_BINDTOIFINDEX,
    {
      get: (socket) => socket.boundIfindex,
      set: (socket, value) => {
        if (value < 0) return -EINVAL;
        if (value !== 0 && socket.layer.context.ns.deviceByIndex(value) === undefined) return -ENODEV;
        return socket.bindToInterface(value);
      },
    },
  ],
  [
    SO_ZEROCOPY,
    {
      get: (socket) => socket.zerocopy,
      set: (socket, value) => {
        if (socket.protocol !== IPPROTO_TCP && socket.type !== SOCK_DGRAM) return -EOPNOTSUPP;
        if (socket.domain !== AF_INET) return -EOPNOTSUPP;
        if (value < 0 || value > 1) return -EINVAL;
        socket.zerocopy = value;
        return 0;
      },
    },
  ],
  [
    SO_PEEK_OFF,
    {
      get: (socket) => socket.peekOffset,
      set: (socket, value) => {
        if (!canPeekOn(socket)) return -EOPNOTSUPP;
        socket.peekOffset = value;
        return 0;
      },
    },
  ],
  [SO_MEMINFO, { get: getMemoryInfo }],
  [SO_COOKIE, { get: getCookie }],
]);

/** Sets an option of level `SOL_SOCKET`; 0 or a negated errno. */
export function setSocketOption(socket: Socket, option: number, value: Uint8Array): number {
  const known = OPTIONS.get(option);
  if (known?.setBytes !== undefined) return known.setBytes(socket, value);
  if (value.length < 4) return -EINVAL;
  return known?.set?.(socket, readInt(value)) ?? -ENOPROTOOPT;
}

/** Fills `out` with an option of level `SOL_SOCKET`; bytes written or a negated errno. */
export function getSocketOption(socket: Socket, option: number, out: Uint8Array): number {
  if (option === SO_BINDTODEVICE && socket.boundIfindex !== 0 && out.length < IFNAMSIZ) return -EINVAL;
  if (option === SO_COOKIE && out.length < 8) return -EINVAL;
  if (option === SO_PEEK_OFF && !canPeekOn(socket)) return -EOPNOTSUPP;
  const value = OPTIONS.get(option)?.get?.(socket);
  if (value === undefined) return -ENOPROTOOPT;
  return copyOption(typeof value === 'number' ? intBytes(value) : value, out);
}

/** Copies an option's value to its reader, cut to his room; bytes written. */
export function copyOption(value: Uint8Array, out: Uint8Array): number {
  const length = Math.min(value.length, out.length);
  for (let i = 0; i < length; i++) out[i] = value[i]!;
  return length;
}

/** Linux: `sk_getsockopt`, `SO_ERROR`: the pending error, else the soft one. */
function takeErrorOption(socket: Socket): number {
  const error = -socket.takeError();
  if (error !== 0) return error;
  const { softError } = socket;
  socket.softError = 0;
  return softError;
}

/** Whether MSG_PEEK can go on where it stopped: streams and UDP can (Linux: `set_peek_off`). */
function canPeekOn(socket: Socket): boolean {
  return socket.domain === AF_INET && socket.type !== SOCK_RAW;
}

/** What is negative counts as very much, as in Linux's comparison of unsigned numbers. */
function clampUnsigned(value: number, max: number): number {
  return Math.min(value >>> 0, max);
}

function setSndbuf(socket: Socket, bytes: number): number {
  socket.sndbuf = Math.max(Math.min(bytes, INT_MAX >> 1) * 2, SOCK_MIN_SNDBUF);
  socket.sndbufLocked = true;
  socket.buffersChanged();
  return 0;
}

function setRcvbuf(socket: Socket, bytes: number): number {
  socket.rcvbuf = Math.max(Math.min(bytes, INT_MAX >> 1) * 2, SOCK_MIN_RCVBUF);
  socket.rcvbufLocked = true;
  socket.buffersChanged();
  return 0;
}

function getLinger(socket: Socket): Uint8Array {
  const bytes = new Uint8Array(8);
  bytes.set(intBytes(socket.lingerOn));
  bytes.set(intBytes(socket.lingerSeconds), 4);
  return bytes;
}

function setLinger(socket: Socket, bytes: Uint8Array): number {
  if (bytes.length < 8) return -EINVAL;
  socket.lingerOn = readInt(bytes) === 0 ? 0 : 1;
  if (socket.lingerOn === 1) socket.lingerSeconds = Math.max(0, readInt(bytes, 4));
  return 0;
}

/** A `struct timeval` as milliseconds (Linux: `sock_set_timeout`): zero means for ever, a negative one not at all. */
function readTimeout(bytes: Uint8Array): number {
  if (bytes.length < 16) return -EINVAL;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const seconds = Number(view.getBigInt64(0, true));
  const microseconds = Number(view.getBigInt64(8, true));
  if (microseconds < 0 || microseconds >= 1_000_000) return -EDOM;
  if (seconds < 0) return 0;
  if (seconds === 0 && microseconds === 0) return Number.POSITIVE_INFINITY;
  return seconds < TIMEOUT_MAX_SECONDS ? seconds * 1000 + microseconds / 1000 : Number.POSITIVE_INFINITY;
}

/** Milliseconds as a `struct timeval`; for ever is zero. */
export function timevalBytes(ms: number): Uint8Array {
  const bytes = new Uint8Array(16);
  if (!Number.isFinite(ms)) return bytes;
  const view = new DataView(bytes.buffer);
  const microseconds = Math.round(ms * 1000);
  view.setBigInt64(0, BigInt(Math.floor(microseconds / 1_000_000)), true);
  view.setBigInt64(8, BigInt(microseconds % 1_000_000), true);
  return bytes;
}

function timestampOption(kind: number): SocketOption {
  return {
    get: (socket) => (socket.timestamp === kind ? 1 : 0),
    set: (socket, value) => {
      changeTimestamps(socket, () => {
        socket.timestamp = value === 0 ? 0 : kind;
      });
      return 0;
    },
  };
}

/** Linux: `sock_setbindtodevice`: a name, ended by a zero or by its length; an empty one frees the socket. */
function setDevice(socket: Socket, bytes: Uint8Array): number {
  const end = bytes.subarray(0, IFNAMSIZ - 1).indexOf(0);
  const name = String.fromCharCode(
    ...bytes.subarray(0, end < 0 ? Math.min(bytes.length, IFNAMSIZ - 1) : end),
  );
  if (name === '') return socket.bindToInterface(0);
  const dev = socket.layer.context.ns.deviceByName(name);
  return dev === undefined ? -ENODEV : socket.bindToInterface(dev.ifindex);
}

function getDevice(socket: Socket): Uint8Array | number {
  if (socket.boundIfindex === 0) return new Uint8Array(0);
  const dev = socket.layer.context.ns.deviceByIndex(socket.boundIfindex);
  if (dev === undefined) return new Uint8Array(0);
  const bytes = new Uint8Array(dev.name.length + 1);
  for (let i = 0; i < dev.name.length; i++) bytes[i] = dev.name.charCodeAt(i);
  return bytes;
}

function getMemoryInfo(socket: Socket): Uint8Array {
  const info = socket.memoryInfo();
  const bytes = new Uint8Array(info.length * 4);
  info.forEach((value, index) => {
    bytes.set(intBytes(value), index * 4);
  });
  return bytes;
}

function getCookie(socket: Socket): Uint8Array {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(socket.cookie), true);
  return bytes;
}
