import { EINVAL, EOPNOTSUPP } from '../../device/errno.ts';
import { intBytes, readInt } from './message.ts';
import type { Socket } from './socket.ts';

/** Bits of SO_TIMESTAMPING (Linux: `linux/net_tstamp.h`). */
export const SOF_TIMESTAMPING_TX_HARDWARE = 0x1;
export const SOF_TIMESTAMPING_TX_SOFTWARE = 0x2;
export const SOF_TIMESTAMPING_RX_SOFTWARE = 0x8;
export const SOF_TIMESTAMPING_SOFTWARE = 0x10;
export const SOF_TIMESTAMPING_OPT_ID = 0x80;
export const SOF_TIMESTAMPING_TX_SCHED = 0x100;
export const SOF_TIMESTAMPING_TX_ACK = 0x200;
export const SOF_TIMESTAMPING_OPT_TSONLY = 0x800;
const SOF_TIMESTAMPING_OPT_STATS = 0x1000;
const SOF_TIMESTAMPING_BIND_PHC = 0x8000;
const SOF_TIMESTAMPING_OPT_ID_TCP = 0x10000;
export const SOF_TIMESTAMPING_OPT_RX_FILTER = 0x20000;
const SOF_TIMESTAMPING_TX_COMPLETION = 0x40000;
/** All bits that Linux knows, and those of them that need what is not here: a clock in hardware, statistics with each stamp. */
const KNOWN = 0x7ffff;
const REFUSED = SOF_TIMESTAMPING_OPT_STATS | SOF_TIMESTAMPING_BIND_PHC;

/** What is stamped on the way out (Linux: `SOF_TIMESTAMPING_TX_RECORD_MASK`); the rest is about how it is told. */
export const TX_RECORD: number =
  SOF_TIMESTAMPING_TX_HARDWARE |
  SOF_TIMESTAMPING_TX_SOFTWARE |
  SOF_TIMESTAMPING_TX_SCHED |
  SOF_TIMESTAMPING_TX_ACK |
  SOF_TIMESTAMPING_TX_COMPLETION;
/** The moments of a packet that the device floor tells of: the numbers are its own, too. */
export const TX_PACKET: number = SOF_TIMESTAMPING_TX_SOFTWARE | SOF_TIMESTAMPING_TX_SCHED;

/** Whether it wants packets stamped with their time of arrival. */
export function wantsArrivals(socket: Socket): boolean {
  return socket.timestamp !== 0 || (socket.timestamping & SOF_TIMESTAMPING_RX_SOFTWARE) !== 0;
}

/** Changes what a socket wants, and with it how many sockets want arrivals stamped (Linux: `sock_enable_timestamp`). */
export function changeTimestamps(socket: Socket, change: () => void): void {
  const before = wantsArrivals(socket);
  change();
  const { ns } = socket.layer.context;
  if (wantsArrivals(socket)) ns.timestamps += before ? 0 : 1;
  else ns.timestamps -= before ? 1 : 0;
}

/** SO_TIMESTAMPING: an int, or `struct so_timestamping` (Linux: `sock_set_timestamping`). */
export function setTimestamping(socket: Socket, bytes: Uint8Array): number {
  if (bytes.length < 4) return -EINVAL;
  const flags = readInt(bytes);
  if ((flags & ~KNOWN) !== 0) return -EINVAL;
  const numbered = (flags & SOF_TIMESTAMPING_OPT_ID) !== 0;
  if ((flags & SOF_TIMESTAMPING_OPT_ID_TCP) !== 0 && !numbered) return -EINVAL;
  if (numbered && (socket.timestamping & SOF_TIMESTAMPING_OPT_ID) === 0) {
    const origin = socket.timestampOrigin((flags & SOF_TIMESTAMPING_OPT_ID_TCP) !== 0);
    if (origin < 0) return origin;
    socket.timestampKey = origin;
  }
  const stats = (flags & SOF_TIMESTAMPING_OPT_STATS) !== 0;
  if (stats && (flags & SOF_TIMESTAMPING_OPT_TSONLY) === 0) return -EINVAL;
  if ((flags & REFUSED) !== 0) return -EOPNOTSUPP;
  changeTimestamps(socket, () => {
    socket.timestamping = flags;
  });
  return 0;
}

/** `struct so_timestamping`. */
export function timestampingBytes(socket: Socket): Uint8Array {
  const bytes = new Uint8Array(8);
  bytes.set(intBytes(socket.timestamping));
  return bytes;
}

/** Whether what a user asks for with one message can be stamped; `-EINVAL` (Linux: `__sock_cmsg_send`, `SO_TIMESTAMPING`). */
export function stampsOf(value: number): number {
  return (value & ~TX_RECORD) === 0 ? value : -EINVAL;
}

/** The number of a datagram that is stamped, when they are numbered (Linux: `sk_tskey`). */
export function nextStampKey(socket: Socket): number {
  if ((socket.timestamping & SOF_TIMESTAMPING_OPT_ID) === 0) return 0;
  const key = socket.timestampKey;
  socket.timestampKey = (key + 1) >>> 0;
  return key;
}
