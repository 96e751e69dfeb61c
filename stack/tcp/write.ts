import { EAGAIN, EFAULT, EPIPE } from '../../device/errno.ts';
import { MIB } from '../counters.ts';
import { MSG_EOR, MSG_MORE, MSG_OOB, MSG_ZEROCOPY } from '../socket/abi.ts';
import { iovLength } from '../socket/iov.ts';
import type { Message } from '../socket/message.ts';
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
import { stampLast } from './stamps.ts';
import { CAN_SEND, stateIn } from './states.ts';
import { TCP_SYN_RECV, TCP_SYN_SENT } from './tcb.ts';
import { countFragments, LentBuffers, lentRoom, takesLent } from './zerocopy.ts';

/**
 * Takes bytes of the application to be sent, as many as there is room for (Linux: `tcp_sendmsg_locked`). Bytes taken,
 * `-EAGAIN` for none, `-EPIPE` when nothing can be sent any more. With MSG_ZEROCOPY the buffers are lent. `stamps`:
 * `SOF_TIMESTAMPING_TX_*` bits that the last byte is to be stamped for.
 */
export function write(conn: Connection, message: Message, flags: number, stamps: number): number {
  if ((flags & MSG_ZEROCOPY) === 0) return take(conn, message, flags, stamps);
  const total = iovLength(message.iov);
  if (total === 0) return take(conn, message, flags & ~MSG_ZEROCOPY, stamps);
  conn.lent ??= new LentBuffers();
  const { lent } = conn;
  const begun = message.resumed || total < 0 ? 0 : lent.begin(conn, total);
  if (begun < 0) return begun;
  const taken = take(conn, message, flags, stamps);
  const goesOn = message.waits && (taken < 0 ? taken === -EAGAIN : taken < total);
  if (!goesOn) lent.end(conn);
  return taken;
}

function take(conn: Connection, message: Message, flags: number, stamps: number): number {
  const { tcb } = conn;
  const { iov } = message;
  const total = iovLength(iov);
  if (total < 0) return -EFAULT;
  if (!stateIn(tcb.state, CAN_SEND) && !isPassiveFastOpen(conn)) {
    if (tcb.error !== 0) return takeError(conn);
    return tcb.state === TCP_SYN_SENT || tcb.state === TCP_SYN_RECV ? -EAGAIN : -EPIPE;
  }
  if (tcb.error !== 0) return takeError(conn);
  if ((tcb.shutdown & SEND_SHUTDOWN) !== 0) return -EPIPE;
  checkAppLimited(conn);
  const copied = copyIn(conn, message, total, flags, stamps);
  conn.account();
  return copied > 0 || total === 0 ? copied : -EAGAIN;
}

/** The pending error, which is told once (Linux: `sk_stream_error`). */
function takeError(conn: Connection): number {
  const { error } = conn.tcb;
  conn.tcb.error = 0;
  return -error;
}

function copyIn(conn: Connection, message: Message, total: number, flags: number, stamps: number): number {
  const { tcb } = conn;
  const { iov } = message;
  const lends = (flags & MSG_ZEROCOPY) !== 0;
  let mss = currentMss(conn);
  let goal = sizeGoal(tcb, mss);
  let copied = 0;
  let part = 0;
  let offset = 0;
  let last: Segment | null = null;
  while (copied < total) {
    const source = iov[part]!;
    if (offset === source.length) {
      part++;
      offset = 0;
      last = null;
      continue;
    }
    let segment = conn.writeQueue.tail;
    if (segment === null || segment.eor !== 0 || segmentBytes(segment) >= goal) {
      segment = newSegment(conn);
      if (message.page < 0) conn.sendBuffer.begin(Math.min(goal, total - copied));
    } else if (lends && !takesLent(conn, segment)) {
      markPush(tcb, segment);
      segment = newSegment(conn);
      conn.sendBuffer.begin(Math.min(goal, total - copied));
    }
    let bytes = 0;
    if (segment !== null) {
      const room = Math.min(goal - segmentBytes(segment), source.length - offset);
      bytes = appendTo(
        conn,
        segment,
        source,
        offset,
        lends ? lentRoom(segment, offset, room) : room,
        message.page,
      );
      if (lends && bytes > 0) countFragments(segment, offset, bytes, last === segment);
    }
    if (bytes === 0) {
      waitForSpace(conn, copied, flags, mss, goal);
      if (copied > 0 && !message.waits) stampLast(conn, stamps);
      return copied;
    }
    last = segment;
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
  if (copied > 0) {
    stampLast(conn, stamps);
    push(conn, flags, mss, tcb.nonagle, goal);
  }
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

/**
 * Copies into a segment, or adds bytes that lie in `page`; bytes taken, 0 when no page is free. A segment that stays empty is
 * taken away.
 */
function appendTo(
  conn: Connection,
  segment: Segment,
  source: Uint8Array,
  from: number,
  most: number,
  page: number,
): number {
  const { tcb, sendBuffer } = conn;
  if (page >= 0) sendBuffer.adopt(tcb.writeSeq, source.byteOffset + from, most, page);
  const bytes = page >= 0 ? most : sendBuffer.append(tcb.writeSeq, source, from, most);
  if (bytes === 0) {
    if (segmentBytes(segment) === 0) {
      conn.writeQueue.remove(segment);
      conn.freeSegment(segment);
    }
    return 0;
  }
  if (segment.endSeq === segment.seq) segment.flags &= ~TH_PSH;
  tcb.writeSeq = (tcb.writeSeq + bytes) | 0;
  segment.endSeq = tcb.writeSeq;
  segment.pcount = 0;
  startBusy(conn);
  return bytes;
}

/** There is no room: what was written goes out, and the writer is told when there is some. */
function waitForSpace(conn: Connection, copied: number, flags: number, mss: number, goal: number): void {
  conn.wantsSpace = true;
  if (copied > 0) push(conn, flags & ~MSG_MORE, mss, NAGLE_PUSH, goal);
  conn.tcp.whenPages(conn);
}

/** Linux: `tcp_push`. */
function push(conn: Connection, flags: number, mss: number, nonagle: number, goal: number): void {
  const { tcb } = conn;
  const { tail } = conn.writeQueue;
  if (tail === null) return;
  if ((flags & MSG_MORE) === 0 || forcedPush(tcb)) markPush(tcb, tail);
  if ((flags & MSG_OOB) !== 0) tcb.sndUp = tcb.writeSeq;
  if (shouldAutocork(conn, tail, goal)) {
    conn.tcp.mib.add(MIB.TcpExtTCPAutoCorking);
    conn.path!.dev.room.wait(conn);
    return;
  }
  pushPending(conn, mss, (flags & MSG_MORE) !== 0 ? NAGLE_CORK : nonagle);
}

/**
 * Whether a segment that is not full waits for more of what its writer says in this batch: the device has not passed on what went
 * before it, and the segment goes when it has (Linux: `tcp_should_autocork`).
 */
function shouldAutocork(conn: Connection, tail: Segment, goal: number): boolean {
  const { path, tcp } = conn;
  const sent = conn.rtxQueue.tail;
  if (sent === null || path === null || !path.dev.collecting || sent.sentUs !== tcp.nowUs()) return false;
  return tail.eor === 0 && segmentBytes(tail) < goal && tcp.settings.autocorking.value !== 0;
}
