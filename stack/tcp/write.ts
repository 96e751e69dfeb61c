import { EAGAIN, EFAULT, EPIPE } from '../../device/errno.ts';
import { MSG_EOR, MSG_MORE, MSG_OOB } from '../socket/abi.ts';
import { iovLength } from '../socket/iov.ts';
import { TH_ACK, TH_PSH } from '../wire/tcp.ts';
import { startBusy } from './chrono.ts';
import type { Connection } from './connection.ts';
import { NAGLE_CORK, NAGLE_PUSH, SEND_SHUTDOWN } from './constants.ts';
import { checkIdle } from './cwnd.ts';
import { checkAppLimited } from './delivery-rate.ts';
import { isPassiveFastOpen } from './fastopen-queue.ts';
import { segmentBytes } from './fragment.ts';
import { currentMss, sizeGoal } from './mss.ts';
import { forcedPush, markPush, pushOne, pushPending } from './output.ts';
import type { Segment } from './segment.ts';
import { mayWrite } from './send-space.ts';
import { CAN_SEND, stateIn } from './states.ts';
import { TCP_SYN_RECV, TCP_SYN_SENT } from './tcb.ts';

/**
 * Takes bytes of the application to be sent, as many as there is room for (Linux: `tcp_sendmsg_locked`). Bytes taken,
 * `-EAGAIN` for none, `-EPIPE` when nothing can be sent any more.
 */
export function write(conn: Connection, iov: readonly (Uint8Array | null)[], flags: number): number {
  const { tcb } = conn;
  const total = iovLength(iov);
  if (total < 0) return -EFAULT;
  if (!stateIn(tcb.state, CAN_SEND) && !isPassiveFastOpen(conn)) {
    if (tcb.error !== 0) return takeError(conn);
    return tcb.state === TCP_SYN_SENT || tcb.state === TCP_SYN_RECV ? -EAGAIN : -EPIPE;
  }
  if (tcb.error !== 0) return takeError(conn);
  if ((tcb.shutdown & SEND_SHUTDOWN) !== 0) return -EPIPE;
  checkAppLimited(conn);
  const copied = copyIn(conn, iov, total, flags);
  conn.account();
  return copied > 0 || total === 0 ? copied : -EAGAIN;
}

/** The pending error, which is told once (Linux: `sk_stream_error`). */
function takeError(conn: Connection): number {
  const { error } = conn.tcb;
  conn.tcb.error = 0;
  return -error;
}

function copyIn(conn: Connection, iov: readonly (Uint8Array | null)[], total: number, flags: number): number {
  const { tcb } = conn;
  let mss = currentMss(conn);
  let goal = sizeGoal(tcb, mss);
  let copied = 0;
  let part = 0;
  let offset = 0;
  while (copied < total) {
    const source = iov[part]!;
    if (offset === source.length) {
      part++;
      offset = 0;
      continue;
    }
    let segment = conn.writeQueue.tail;
    if (segment === null || segment.eor !== 0 || segmentBytes(segment) >= goal) {
      segment = newSegment(conn);
      conn.sendBuffer.begin(Math.min(goal, total - copied));
    }
    const bytes =
      segment === null
        ? 0
        : appendTo(
            conn,
            segment,
            source,
            offset,
            Math.min(goal - segmentBytes(segment), source.length - offset),
          );
    if (bytes === 0) {
      waitForSpace(conn, copied, flags, mss);
      return copied;
    }
    copied += bytes;
    offset += bytes;
    if (copied === total) {
      if ((flags & MSG_EOR) !== 0) segment!.eor = 1;
      break;
    }
    if (segmentBytes(segment!) < goal || (flags & MSG_OOB) !== 0) continue;
    if (forcedPush(tcb)) {
      markPush(tcb, segment!);
      pushPending(conn, mss, NAGLE_PUSH);
    } else if (segment === conn.sendHead) {
      pushOne(conn, mss);
    }
    mss = currentMss(conn);
    goal = sizeGoal(tcb, mss);
  }
  if (copied > 0) push(conn, flags, mss, tcb.nonagle);
  return copied;
}

/** An empty segment at the end of what waits; null: the buffer is full (Linux: `tcp_stream_alloc_skb`, `tcp_skb_entail`). */
function newSegment(conn: Connection): Segment | null {
  const { tcb, tcp } = conn;
  if (!mayWrite(conn)) return null;
  const segment = tcp.segments.take();
  segment.seq = tcb.writeSeq;
  segment.endSeq = tcb.writeSeq;
  segment.flags = TH_ACK;
  if ((tcb.nonagle & NAGLE_PUSH) !== 0) tcb.nonagle &= ~NAGLE_PUSH;
  checkIdle(conn);
  conn.writeQueue.append(segment);
  return segment;
}

/** Copies into a segment; bytes taken, 0 when no page is free. A segment that stays empty is taken away. */
function appendTo(
  conn: Connection,
  segment: Segment,
  source: Uint8Array,
  from: number,
  most: number,
): number {
  const { tcb } = conn;
  const bytes = conn.sendBuffer.append(tcb.writeSeq, source, from, most);
  if (bytes === 0) {
    if (segmentBytes(segment) === 0) {
      conn.writeQueue.remove(segment);
      conn.freeSegment(segment);
    }
    return 0;
  }
  if (segment.endSeq === segment.seq) segment.flags &= ~TH_PSH;
  tcb.writeSeq = (tcb.writeSeq + bytes) >>> 0;
  segment.endSeq = tcb.writeSeq;
  segment.pcount = 0;
  startBusy(conn);
  return bytes;
}

/** There is no room: what was written goes out, and the writer is told when there is some. */
function waitForSpace(conn: Connection, copied: number, flags: number, mss: number): void {
  conn.wantsSpace = true;
  if (copied > 0) push(conn, flags & ~MSG_MORE, mss, NAGLE_PUSH);
  conn.tcp.whenPages(conn);
}

/** Linux: `tcp_push`. */
function push(conn: Connection, flags: number, mss: number, nonagle: number): void {
  const { tcb } = conn;
  const { tail } = conn.writeQueue;
  if (tail === null) return;
  if ((flags & MSG_MORE) === 0 || forcedPush(tcb)) markPush(tcb, tail);
  if ((flags & MSG_OOB) !== 0) tcb.sndUp = tcb.writeSeq;
  pushPending(conn, mss, (flags & MSG_MORE) !== 0 ? NAGLE_CORK : nonagle);
}
