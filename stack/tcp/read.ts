import { EAGAIN, EFAULT, EINVAL, ENOTCONN } from '../../device/errno.ts';
import { MSG_OOB, MSG_PEEK, MSG_TRUNC } from '../socket/abi.ts';
import type { HeldBytes } from '../socket/held-bytes.ts';
import { iovLength } from '../socket/iov.ts';
import { dataRead } from './ack-policy.ts';
import type { Connection } from './connection.ts';
import { RCV_SHUTDOWN } from './constants.ts';
import { checkFastPath } from './fast-path.ts';
import { after, before } from './sequence.ts';
import { PEER_CLOSED, stateIn } from './states.ts';
import { TCP_CLOSE, TCP_LISTEN } from './tcb.ts';
import { URG_NOTYET, URG_READ, URG_VALID } from './urgent.ts';
import { adjustReceiveSpace } from './window.ts';

/**
 * Gives the application what was received in order, as far as its buffers go (Linux: `tcp_recvmsg_locked`). Bytes, 0 at the end,
 * `-EAGAIN` when there is nothing yet. `inline`: the urgent byte stays where it is (SO_OOBINLINE). `skip`: bytes that MSG_PEEK leaves
 * aside (SO_PEEK_OFF).
 */
export function read(
  conn: Connection,
  iov: readonly (Uint8Array | null)[],
  flags: number,
  inline: boolean,
  skip = 0,
): number {
  const { tcb } = conn;
  if (tcb.state === TCP_LISTEN) return -ENOTCONN;
  const room = iovLength(iov);
  if (room < 0) return conn.receiveQueue.bytes > 0 ? -EFAULT : nothingRead(conn);
  if ((flags & MSG_OOB) !== 0) return readUrgent(conn, iov, flags, inline);
  const copied = copyOut(conn, iov, room, flags, inline, (flags & MSG_PEEK) !== 0 ? skip : 0);
  if (copied > 0) {
    if ((flags & MSG_PEEK) === 0) {
      adjustReceiveSpace(conn);
      conn.account();
      dataRead(conn, copied);
    }
    return copied;
  }
  return room === 0 ? 0 : nothingRead(conn);
}

/**
 * Gives the application the next received bytes that lie together where they lie. Bytes, 0 at the end, `-EAGAIN` when there is
 * nothing yet, `-EINVAL` in front of an urgent byte, which only {@link read} deals with.
 */
export function readHeld(conn: Connection, held: HeldBytes, inline: boolean): number {
  if (conn.tcb.state === TCP_LISTEN) return -ENOTCONN;
  const most = readableBytes(conn, inline);
  if (most === 0) return conn.receiveQueue.bytes > 0 ? -EINVAL : nothingRead(conn);
  const bytes = conn.receiveQueue.hold(most, held);
  moved(conn, bytes);
  adjustReceiveSpace(conn);
  conn.account();
  dataRead(conn, bytes);
  return bytes;
}

/** Why there is nothing to read. */
function nothingRead(conn: Connection): number {
  const { tcb } = conn;
  if (tcb.error !== 0) {
    const { error } = tcb;
    tcb.error = 0;
    return -error;
  }
  if ((tcb.shutdown & RCV_SHUTDOWN) !== 0) return 0;
  return tcb.state === TCP_CLOSE ? -ENOTCONN : -EAGAIN;
}

function copyOut(
  conn: Connection,
  iov: readonly (Uint8Array | null)[],
  room: number,
  flags: number,
  inline: boolean,
  from: number,
): number {
  const { tcb, receiveQueue } = conn;
  const peek = (flags & MSG_PEEK) !== 0;
  const held = receiveQueue.bytes - from;
  let left = Math.min(room, held);
  let skip = 0;
  if (left <= 0) return 0;
  if (tcb.urgData !== 0) {
    const offset = (tcb.urgSeq - tcb.copiedSeq - from) >>> 0;
    if (offset < left) {
      if (offset > 0) {
        left = offset;
      } else if (!inline) {
        skip = 1;
        left = Math.min(room, held - 1);
      }
    }
  }
  if (skip > 0 && !peek) take(conn, skip);
  if (left === 0) return 0;
  if ((flags & MSG_TRUNC) !== 0) {
    if (!peek) take(conn, left);
    return left;
  }
  let done = 0;
  for (let i = 0; i < iov.length && done < left; i++) {
    const target = iov[i]!;
    const bytes = Math.min(target.length, left - done);
    if (peek) receiveQueue.peek(from + skip + done, target, 0, bytes);
    else receiveQueue.read(target, 0, bytes);
    done += bytes;
  }
  if (!peek) moved(conn, done);
  return done;
}

function take(conn: Connection, bytes: number): void {
  conn.receiveQueue.consume(bytes);
  moved(conn, bytes);
}

function moved(conn: Connection, bytes: number): void {
  const { tcb } = conn;
  tcb.copiedSeq = (tcb.copiedSeq + bytes) | 0;
  if (tcb.urgData !== 0 && after(tcb.copiedSeq, tcb.urgSeq)) {
    tcb.urgData = 0;
    checkFastPath(conn);
  }
}

/** Linux: `tcp_recv_urg`. */
function readUrgent(
  conn: Connection,
  iov: readonly (Uint8Array | null)[],
  flags: number,
  inline: boolean,
): number {
  const { tcb } = conn;
  if (inline || tcb.urgData === 0 || tcb.urgData === URG_READ) return -EINVAL;
  if (tcb.state === TCP_CLOSE) return -ENOTCONN;
  if ((tcb.urgData & URG_VALID) !== 0) {
    const byte = tcb.urgData & 0xff;
    if ((flags & MSG_PEEK) === 0) tcb.urgData = URG_READ;
    const target = iov.find((part) => part !== null && part.length > 0);
    if (target === undefined || target === null) return 0;
    if ((flags & MSG_TRUNC) === 0) target[0] = byte;
    return 1;
  }
  return (tcb.shutdown & RCV_SHUTDOWN) !== 0 ? 0 : -EAGAIN;
}

/** What `TCP_INQ` tells: bytes left to read, the peer's FIN counted as one (Linux: `tcp_inq_hint`). */
export function inqHint({ tcb }: Connection): number {
  return (tcb.rcvNxt - tcb.copiedSeq) >>> 0 || (stateIn(tcb.state, PEER_CLOSED) ? 1 : 0);
}

/** Bytes that can be read before the urgent one (Linux: `tcp_inq`). */
export function readableBytes(conn: Connection, inline: boolean): number {
  const { tcb, receiveQueue } = conn;
  const { bytes } = receiveQueue;
  const atMark = tcb.urgData !== 0 && tcb.urgData !== URG_NOTYET;
  if (!atMark || inline || before(tcb.urgSeq, tcb.copiedSeq) || !before(tcb.urgSeq, tcb.rcvNxt)) return bytes;
  return (tcb.urgSeq - tcb.copiedSeq) >>> 0;
}
