import { dropReason } from '../../device/drop.ts';
import type { Packet } from '../../device/memory/packet.ts';
import { MIB } from '../counters.ts';
import { POLLHUP, POLLIN, POLLRDHUP, POLLRDNORM } from '../socket/abi.ts';
import { TH_FIN } from '../wire/tcp.ts';
import { dataReceived, measureRcvMss } from './ack-policy.ts';
import { extendDuplicate, setDuplicate } from './challenge.ts';
import type { Connection } from './connection.ts';
import { ACK_NOMEM, ACK_NOW, ACK_SCHED, MAX_QUICKACKS, RCV_SHUTDOWN, RCVBUF_LOCK } from './constants.ts';
import { acceptCwr, checkMark } from './ecn.ts';
import { checkFastPath } from './fast-path.ts';
import type { Incoming } from './incoming.ts';
import { DUPLICATE } from './out-of-order.ts';
import { footprint, trimFront, truesize } from './payload.ts';
import { enterQuickack } from './quickack.ts';
import { after, before } from './sequence.ts';
import { isLastOfItsKind, isTooDearForHoles, isTooDearToQueue } from './spared-slots.ts';
import { EVENT_FIN, nextState } from './states.ts';
import { TCP_CLOSE_WAIT, TCP_CLOSING, TCP_TIME_WAIT } from './tcb.ts';
import { sendAck } from './transmit.ts';
import { clampSsthresh, growReceiveBuffer, growWindow, receiveWindow } from './window.ts';

/** The data was received before. */
export const DROP_TCP_OLD_DATA: number = dropReason('tcp_old_data');
/** Beyond the window, or into a closed one. */
export const DROP_TCP_OUT_OF_WINDOW: number = dropReason('tcp_out_of_window');
/** The receive buffer is full. */
export const DROP_TCP_RECEIVE_BUFFER: number = dropReason('tcp_receive_buffer');
/** Out of order, and no room for that. */
export const DROP_TCP_OUT_OF_ORDER_MEMORY: number = dropReason('tcp_out_of_order_memory');
/** Out of order and all of it there. */
export const DROP_TCP_OUT_OF_ORDER_DUPLICATE: number = dropReason('tcp_out_of_order_duplicate');

const READABLE = POLLIN | POLLRDNORM;

/**
 * Takes the text and the FIN of an acceptable segment (Linux: `tcp_data_queue`). `packet.start` is at its TCP header; takes the
 * packet's ownership.
 */
export function queueData(conn: Connection, packet: Packet, incoming: Incoming): void {
  const { tcb, tcp } = conn;
  const { seq, endSeq } = incoming;
  if (seq === endSeq) {
    packet.release();
    return;
  }
  acceptCwr(conn, incoming);
  packet.pull(incoming.headerLength);
  conn.receiverSack.hasDuplicate = false;
  if (seq === tcb.rcvNxt) {
    if (receiveWindow(tcb) === 0 && (incoming.bytes > 0 || (incoming.flags & TH_FIN) === 0)) {
      tcp.mib.add(MIB.TcpExtTCPZeroWindowDrop);
      refuse(conn, packet, DROP_TCP_OUT_OF_WINDOW);
      return;
    }
    queueInOrder(conn, packet, incoming, 0);
    return;
  }
  if (!after(endSeq, tcb.rcvNxt)) {
    tcp.mib.add(MIB.TcpExtDelayedACKLost);
    setDuplicate(conn, seq, endSeq);
    refuse(conn, packet, DROP_TCP_OLD_DATA);
    return;
  }
  if (!before(seq, (tcb.rcvNxt + receiveWindow(tcb)) | 0)) {
    refuse(conn, packet, DROP_TCP_OUT_OF_WINDOW);
    return;
  }
  if (before(seq, tcb.rcvNxt)) {
    setDuplicate(conn, seq, tcb.rcvNxt);
    if (receiveWindow(tcb) === 0) {
      tcp.mib.add(MIB.TcpExtTCPZeroWindowDrop);
      refuse(conn, packet, DROP_TCP_OUT_OF_WINDOW);
      return;
    }
    queueInOrder(conn, packet, incoming, (tcb.rcvNxt - seq) >>> 0);
    return;
  }
  queueOutOfOrder(conn, packet, incoming);
}

/** Drops a segment and acknowledges at once. */
function refuse(conn: Connection, packet: Packet, reason: number): void {
  enterQuickack(conn.tcb, MAX_QUICKACKS);
  conn.tcb.ackPending |= ACK_SCHED;
  conn.tcp.drop(packet, reason);
}

/** Queues what follows the first `skip` bytes, which are known. */
function queueInOrder(conn: Connection, packet: Packet, incoming: Incoming, skip: number): void {
  const { tcb, tcp, receiveQueue } = conn;
  const fin = (incoming.flags & TH_FIN) !== 0;
  if (isTooDearToQueue(packet) || !reserve(conn, packet, incoming.seq)) {
    tcb.ackPending |= ACK_NOMEM | ACK_NOW | ACK_SCHED;
    conn.notify(READABLE);
    if (incoming.bytes > 0 && (receiveQueue.length > 0 || isLastOfItsKind(packet))) {
      tcp.mib.add(MIB.TcpExtTCPRcvQDrop);
      tcp.drop(packet, DROP_TCP_RECEIVE_BUFFER);
      return;
    }
  }
  const bytes = incoming.bytes - skip;
  if (bytes > 0) {
    const size = truesize(packet);
    if (skip > 0) trimFront(packet, skip);
    advanceRcvNxt(conn, bytes);
    receiveQueue.push(packet, size);
    dataReceived(conn, packet, incoming);
  } else {
    packet.release();
  }
  if (fin) {
    tcb.rcvNxt = incoming.endSeq;
    finReceived(conn);
  }
  if (!conn.outOfOrder.empty) {
    drainOutOfOrder(conn);
    if (conn.outOfOrder.empty) tcb.ackPending |= ACK_NOW;
  }
  conn.receiverSack.remove(tcb.rcvNxt, conn.outOfOrder.empty);
  checkFastPath(conn);
  if (tcb.orphaned === 0) dataReady(conn);
}

/** Tells of readable data, when there is as much as is wanted (Linux: `tcp_data_ready`). */
export function dataReady(conn: Connection): void {
  const { tcb } = conn;
  if (conn.receiveQueue.bytes >= tcb.rcvlowat || conn.receiveShut) conn.notify(READABLE);
}

/** The next bytes have been received (Linux: `tcp_rcv_nxt_update`). */
export function advanceRcvNxt(conn: Connection, bytes: number): void {
  conn.tcb.rcvNxt = (conn.tcb.rcvNxt + bytes) | 0;
  conn.tcb.bytesReceived += bytes;
}

/** Linux: `tcp_data_queue_ofo`. */
function queueOutOfOrder(conn: Connection, packet: Packet, incoming: Incoming): void {
  const { tcb, tcp, outOfOrder } = conn;
  const { seq, endSeq } = incoming;
  checkMark(conn, incoming);
  if (isTooDearForHoles(packet) || !reserve(conn, packet, seq)) {
    tcp.mib.add(MIB.TcpExtTCPOFODrop);
    conn.notify(READABLE);
    tcp.drop(packet, DROP_TCP_OUT_OF_ORDER_MEMORY);
    return;
  }
  measureRcvMss(conn, packet, incoming.flags, incoming.headerLength);
  conn.predicted = false;
  tcb.ackPending |= ACK_SCHED;
  tcb.rcvOooPackets++;
  tcp.mib.add(MIB.TcpExtTCPOFOQueue);
  const bytes = packet.length;
  const memory = truesize(packet);
  const result = outOfOrder.insert(packet, seq, endSeq, (incoming.flags & TH_FIN) !== 0);
  if (outOfOrder.overlaps) extendDuplicate(conn, outOfOrder.overlapStart, outOfOrder.overlapEnd);
  if (outOfOrder.merged > 0) tcp.mib.add(MIB.TcpExtTCPOFOMerge, outOfOrder.merged);
  if (result === DUPLICATE) {
    tcp.mib.add(MIB.TcpExtTCPOFOMerge);
    tcp.drop(packet, DROP_TCP_OUT_OF_ORDER_DUPLICATE);
    return;
  }
  if (tcb.sackOk === 0) return;
  conn.receiverSack.add(seq, endSeq);
  growWindow(conn, bytes, memory);
  if (tcb.unaccepted === 0 && tcb.orphaned === 0) growReceiveBuffer(conn, tcb.rcvqSpace);
}

/** The hole is filled: what follows moves to the receive queue (Linux: `tcp_ofo_queue`). */
function drainOutOfOrder(conn: Connection): void {
  const { tcb, tcp, outOfOrder, receiveQueue } = conn;
  const duplicateHigh = tcb.rcvNxt;
  while (!outOfOrder.empty && !after(outOfOrder.seqAt(0), tcb.rcvNxt)) {
    const seq = outOfOrder.seqAt(0);
    const end = outOfOrder.endAt(0);
    const fin = outOfOrder.finAt(0);
    if (before(seq, duplicateHigh))
      extendDuplicate(conn, seq, before(end, duplicateHigh) ? end : duplicateHigh);
    const packet = outOfOrder.shift();
    if (!after(end, tcb.rcvNxt)) {
      tcp.drop(packet, DROP_TCP_OLD_DATA);
      continue;
    }
    const known = (tcb.rcvNxt - seq) >>> 0;
    const bytes = packet.length - known;
    if (bytes > 0) {
      const size = truesize(packet);
      if (known > 0) trimFront(packet, known);
      advanceRcvNxt(conn, bytes);
      receiveQueue.push(packet, size);
    } else {
      packet.release();
    }
    if (fin) {
      tcb.rcvNxt = end;
      finReceived(conn);
      return;
    }
  }
}

/** The peer sends no more (Linux: `tcp_fin`). */
export function finReceived(conn: Connection): void {
  const { tcb, tcp } = conn;
  const next = nextState(tcb.state, EVENT_FIN);
  tcb.ackPending |= ACK_SCHED;
  tcb.shutdown |= RCV_SHUTDOWN;
  if (next === TCP_CLOSE_WAIT && tcb.state !== next) {
    conn.setState(next);
    tcb.ackPingpong = tcp.settings.pingpongThresh.value;
  } else if (next === TCP_CLOSING && tcb.state !== next) {
    sendAck(conn);
    conn.setState(next);
  }
  conn.outOfOrder.clear();
  if (tcb.sackOk !== 0) conn.receiverSack.reset();
  if (next === TCP_TIME_WAIT && tcb.state !== next) {
    sendAck(conn);
    tcp.timeWait(conn, TCP_TIME_WAIT, 0);
    return;
  }
  if (tcb.orphaned === 0) conn.notify(READABLE | POLLRDHUP | (tcb.shutdown === 3 ? POLLHUP : 0));
}

/** Makes room for a packet, at the cost of what is out of order if it must be; false: there is none (Linux: `tcp_try_rmem_schedule`). */
function reserve(conn: Connection, packet: Packet, seq: number): boolean {
  const { tcp } = conn;
  if (canIngest(conn, packet, seq) && tcp.memory.admits(footprint(packet))) return true;
  return prune(conn, packet, seq);
}

/**
 * Whether the receive buffer has room for a packet's bytes, whatever memory they lie in (Linux: `tcp_can_ingest`). Linux joins
 * packets in its queues, so that all that the window promised fits; here the promise is kept as it stands.
 */
function canIngest(conn: Connection, packet: Packet, seq: number): boolean {
  const { tcb, receiveMemory } = conn;
  if (receiveMemory + packet.length <= tcb.rcvbuf) return true;
  const end = (seq + packet.length) | 0;
  return receiveMemory <= tcb.rcvbuf && !after(end, (tcb.rcvNxt + receiveWindow(tcb)) | 0);
}

/** Linux: `tcp_prune_queue`. */
function prune(conn: Connection, packet: Packet, seq: number): boolean {
  const { tcb, tcp } = conn;
  const used = conn.receiveMemory;
  if (used === 0) return false;
  tcp.mib.add(MIB.TcpExtPruneCalled);
  if (!canIngest(conn, packet, seq)) clampWindow(conn);
  else if (tcp.memory.pressure) clampSsthresh(tcb);
  if (fits(conn, packet, seq)) return true;
  pruneOutOfOrder(conn, packet, seq);
  if (fits(conn, packet, seq)) return true;
  tcp.mib.add(MIB.TcpExtRcvPruned);
  conn.predicted = false;
  return false;
}

function fits(conn: Connection, packet: Packet, seq: number): boolean {
  return canIngest(conn, packet, seq) && conn.tcp.memory.admits(0);
}

/** Linux: `tcp_clamp_window`. */
function clampWindow(conn: Connection): void {
  const { tcb, tcp } = conn;
  const most = tcp.settings.rmem.max;
  tcb.ackQuick = 0;
  const used = conn.receiveMemory;
  if (tcb.rcvbuf < most && (tcb.bufferLocks & RCVBUF_LOCK) === 0 && !tcp.memory.pressure) {
    tcb.rcvbuf = Math.min(used, most);
    conn.owner?.buffersTuned();
  }
  if (used > tcb.rcvbuf) tcb.rcvSsthresh = Math.min(tcb.windowClamp, 2 * tcb.advmss);
}

/** Forgets the newest packets that are out of order, of which there is a hole to fill first (Linux: `tcp_prune_ofo_queue`). */
function pruneOutOfOrder(conn: Connection, packet: Packet, seq: number): void {
  const { tcb, tcp, outOfOrder } = conn;
  let pruned = false;
  let goal = tcb.rcvbuf >> 3;
  while (!outOfOrder.empty) {
    const last = outOfOrder.length - 1;
    if (after(seq, outOfOrder.seqAt(last))) break;
    goal -= truesize(outOfOrder.packetAt(last));
    outOfOrder.truncate(last);
    pruned = true;
    if (goal <= 0) {
      if (canIngest(conn, packet, seq) && !tcp.memory.pressure) break;
      goal = tcb.rcvbuf >> 3;
    }
  }
  if (!pruned) return;
  tcp.mib.add(MIB.TcpExtOfoPruned);
  conn.receiverSack.count = 0;
}
