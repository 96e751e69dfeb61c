import { MIB } from '../counters.ts';
import type { TcpOptions } from '../wire/tcp-options.ts';
import { FLAG_DATA_SACKED, FLAG_DSACK_TLP, FLAG_DSACKING_ACK, FLAG_ORIG_SACK_ACKED } from './ack-flags.ts';
import { type Connection, NO_SACKS } from './connection.ts';
import { RateSample, rateDelivered } from './delivery-rate.ts';
import { segmentBytes, splitSegment } from './fragment.ts';
import { rackAdvance } from './rack.ts';
import { checkSackReordering } from './reordering.ts';
import { EVER_RETRANS, LOST, SACKED_ACKED, SACKED_RETRANS, type Segment } from './segment.ts';
import { highestSackSeq } from './sent-queue.ts';
import { after, before } from './sequence.ts';
import { TCP_CA_LOSS } from './tcb.ts';

/** The SACK scoreboard (RFC 2018, RFC 6675, RFC 2883): which of the segments that are out the peer says it has. */

const RETRANSMITTED = SACKED_RETRANS | EVER_RETRANS;
const MOST_BLOCKS = 4;

/** What one acknowledgment's blocks show (Linux: `struct tcp_sacktag_state`). One is enough. */
export class SackState {
  flag = 0;
  /** The lowest number that arrived although something behind it had before. */
  reord = 0;
  /** When the first and the last of the segments were sent that arrived just now, microseconds, 0: none. */
  firstSackUs = 0;
  lastSackUs = 0;
  delivered = 0;
  readonly rate: RateSample = new RateSample();

  reset(): void {
    this.flag = 0;
    this.reord = 0;
    this.firstSackUs = 0;
    this.lastSackUs = 0;
    this.delivered = 0;
    this.rate.reset();
  }
}

/** The blocks that count, by where they begin; the duplicate's place among them, -1: there is none. */
const starts = new Int32Array(MOST_BLOCKS);
const ends = new Int32Array(MOST_BLOCKS);
let count = 0;
let duplicate = -1;

/** Takes the blocks of an acknowledgment in (Linux: `tcp_sacktag_write_queue`); `FLAG_*` bits. */
export function takeSacks(
  conn: Connection,
  options: TcpOptions,
  ack: number,
  priorUna: number,
  state: SackState,
): number {
  const { tcb } = conn;
  state.reord = tcb.sndNxt;
  if (tcb.sackedOut === 0) conn.highestSack = conn.rtxQueue.head;
  const found = checkDuplicate(conn, options, ack, priorUna, state);
  if (before(ack, (priorUna - tcb.maxWindow) | 0)) return 0;
  if (tcb.packetsOut === 0) return state.flag;
  collectBlocks(conn, options, ack, priorUna, found);
  tagBlocks(conn, state);
  remember(conn);
  if (tcb.caState !== TCP_CA_LOSS || tcb.undoMarker !== 0) checkSackReordering(conn, state.reord, false);
  return state.flag;
}

/**
 * Tags what the blocks cover, but for what the ones before covered already: who tells the same again and again makes no work by it
 * (Linux: `recv_sack_cache`).
 */
function tagBlocks(conn: Connection, state: SackState): void {
  const known = conn.knownSacks;
  let segment: Segment | null = conn.rtxQueue.head;
  let cached = conn.tcb.sackedOut === 0 ? MOST_BLOCKS : 0;
  while (cached < MOST_BLOCKS && known[cached * 2] === known[cached * 2 + 1]) cached++;
  for (let i = 0; i < count; ) {
    const start = starts[i]!;
    const end = ends[i]!;
    while (cached < MOST_BLOCKS && !before(start, known[cached * 2 + 1]!)) cached++;
    if (cached < MOST_BLOCKS && i !== duplicate && after(end, known[cached * 2]!)) {
      const from = known[cached * 2]!;
      const until = known[cached * 2 + 1]!;
      if (before(start, from)) segment = tagBlock(conn, skipTo(segment, start), start, from, i, state);
      if (!after(end, until)) {
        i++;
        continue;
      }
      if (i + 1 === duplicate && before(starts[duplicate]!, until)) {
        const again = starts[duplicate]!;
        segment = tagBlock(conn, skipTo(segment, again), again, ends[duplicate]!, duplicate, state);
      }
      cached++;
      if (highestSackSeq(conn) !== until) {
        segment = skipTo(segment, until);
        continue;
      }
      segment = conn.highestSack;
      if (segment === null) return;
    } else {
      if (!before(start, highestSackSeq(conn))) {
        segment = conn.highestSack;
        if (segment === null) return;
      }
      segment = skipTo(segment, start);
    }
    segment = tagBlock(conn, segment, start, end, i, state);
    i++;
  }
}

/** The first segment from `from` on that has anything at or behind `seq` (Linux: `tcp_sacktag_skip`). */
function skipTo(from: Segment | null, seq: number): Segment | null {
  let segment = from;
  while (segment !== null && !after(segment.endSeq, seq)) segment = segment.next;
  return segment;
}

/** Keeps the blocks, which are in order, at the end of those that are known; what is before them counts as none. */
function remember(conn: Connection): void {
  if (conn.knownSacks === NO_SACKS) conn.knownSacks = new Int32Array(NO_SACKS.length);
  const known = conn.knownSacks;
  const first = MOST_BLOCKS - count;
  known.fill(0, 0, first * 2);
  for (let i = 0; i < count; i++) {
    known[(first + i) * 2] = starts[i]!;
    known[(first + i) * 2 + 1] = ends[i]!;
  }
}

/** Puts the blocks that can be true in order. */
function collectBlocks(
  conn: Connection,
  options: TcpOptions,
  ack: number,
  priorUna: number,
  found: boolean,
): void {
  const { tcb, tcp } = conn;
  count = 0;
  duplicate = -1;
  for (let i = 0; i < options.sackBlocks && i < MOST_BLOCKS; i++) {
    const start = options.sacks[i * 2]!;
    const end = options.sacks[i * 2 + 1]!;
    const isDuplicate = i === 0 && found;
    if (!blockValid(conn, isDuplicate, start, end)) {
      if (isDuplicate)
        tcp.mib.add(tcb.undoMarker === 0 ? MIB.TcpExtTCPDSACKIgnoredNoUndo : MIB.TcpExtTCPDSACKIgnoredOld);
      else if (ack === tcb.sndUna || after(end, tcb.sndUna)) tcp.mib.add(MIB.TcpExtTCPSACKDiscard);
      continue;
    }
    if (!after(end, priorUna)) continue;
    let at = count;
    for (; at > 0 && after(starts[at - 1]!, start); at--) {
      starts[at] = starts[at - 1]!;
      ends[at] = ends[at - 1]!;
    }
    starts[at] = start;
    ends[at] = end;
    if (isDuplicate) duplicate = at;
    else if (duplicate >= at) duplicate++;
    count++;
  }
}

/** Whether a block can be true (Linux: `tcp_is_sackblock_valid`). */
function blockValid(conn: Connection, isDuplicate: boolean, start: number, end: number): boolean {
  const { tcb } = conn;
  if (after(end, tcb.sndNxt) || !before(start, end) || !before(start, tcb.sndNxt)) return false;
  if (after(start, tcb.sndUna)) return true;
  if (!isDuplicate || tcb.undoMarker === 0) return false;
  if (after(end, tcb.sndUna)) return false;
  if (!before(start, tcb.undoMarker)) return true;
  if (!after(end, tcb.undoMarker)) return false;
  return !before(start, (end - tcb.maxWindow) | 0);
}

/** Whether the first block tells of data that came twice (RFC 2883; Linux: `tcp_check_dsack`). */
function checkDuplicate(
  conn: Connection,
  options: TcpOptions,
  ack: number,
  priorUna: number,
  state: SackState,
): boolean {
  const { tcb, tcp } = conn;
  if (options.sackBlocks === 0) return false;
  const start = options.sacks[0]!;
  const end = options.sacks[1]!;
  if (before(start, ack)) {
    tcp.mib.add(MIB.TcpExtTCPDSACKRecv);
  } else if (options.sackBlocks > 1) {
    if (after(end, options.sacks[3]!) || before(start, options.sacks[2]!)) return false;
    tcp.mib.add(MIB.TcpExtTCPDSACKOfoRecv);
  } else {
    return false;
  }
  const segments = duplicateSeen(conn, start, end, state);
  if (segments === 0) {
    tcp.mib.add(MIB.TcpExtTCPDSACKIgnoredDubious);
    return false;
  }
  tcp.mib.add(MIB.TcpExtTCPDSACKRecvSegs, segments);
  if (tcb.undoMarker !== 0 && tcb.undoRetrans > 0 && !after(end, priorUna) && after(end, tcb.undoMarker))
    tcb.undoRetrans = Math.max(0, tcb.undoRetrans - segments);
  return true;
}

/** How many segments came twice, 0: it can't be (Linux: `tcp_dsack_seen`). */
function duplicateSeen(conn: Connection, start: number, end: number, state: SackState): number {
  const { tcb } = conn;
  if (!before(start, end)) return 0;
  const bytes = (end - start) >>> 0;
  if (bytes > tcb.maxWindow) return 0;
  let segments = 1;
  if (bytes > tcb.mssCache) segments = Math.ceil(bytes / tcb.mssCache);
  else if (tcb.tlpHighSeq !== 0 && tcb.tlpHighSeq === end) state.flag |= FLAG_DSACK_TLP;
  tcb.dsackDups += segments;
  if (tcb.dsackDups > tcb.totalRetrans) return 0;
  if (tcb.reordSeen > 0 && (state.flag & FLAG_DSACK_TLP) === 0) tcb.rackDsackSeen = 1;
  state.flag |= FLAG_DSACKING_ACK;
  state.delivered += segments;
  return segments;
}

/** Tags what a block covers, from `from` on; returns where it stopped (Linux: `tcp_sacktag_walk`). */
function tagBlock(
  conn: Connection,
  from: Segment | null,
  start: number,
  end: number,
  block: number,
  state: SackState,
): Segment | null {
  let segment = from;
  for (; segment !== null; segment = segment.next) {
    if (!before(segment.seq, end)) break;
    let isDuplicate = block === duplicate;
    let inside = false;
    // The duplicate may lie inside this block: it is looked at on the way.
    if (block + 1 === duplicate && before(segment.seq, ends[duplicate]!)) {
      inside = matchBlock(conn, segment, starts[duplicate]!, ends[duplicate]!);
      isDuplicate = inside;
    }
    if (!inside) inside = matchBlock(conn, segment, start, end);
    if (!inside) continue;
    tagSegment(conn, segment, isDuplicate, state);
    rateDelivered(conn, segment, state.rate);
    if ((segment.sacked & SACKED_ACKED) !== 0) conn.sentOrder.remove(segment);
    if (!before(segment.seq, highestSackSeq(conn))) conn.highestSack = segment.next;
  }
  return segment;
}

/** Whether a segment lies in a block; a super-segment that does in part is cut, at full segments (Linux: `tcp_match_skb_to_sack`). */
function matchBlock(conn: Connection, segment: Segment, start: number, end: number): boolean {
  const inFront = !after(start, segment.seq);
  if (inFront && !before(end, segment.endSeq)) return true;
  if (segment.pcount <= 1 || !after(end, segment.seq) || !before(start, segment.endSeq)) return false;
  const mss = Math.max(segment.gsoSize, 1);
  let bytes = inFront ? (end - segment.seq) >>> 0 : Math.max((start - segment.seq) >>> 0, mss);
  if (inFront && bytes < mss) return false;
  const whole = Math.floor(bytes / mss) * mss;
  bytes = !inFront && whole < bytes ? whole + mss : whole;
  if (bytes >= segmentBytes(segment)) return inFront && !before(end, segment.endSeq);
  splitSegment(conn, conn.rtxQueue, segment, bytes, mss);
  return inFront;
}

/** Linux: `tcp_sacktag_one`. */
function tagSegment(conn: Connection, segment: Segment, isDuplicate: boolean, state: SackState): void {
  const { tcb } = conn;
  const { seq, endSeq, pcount } = segment;
  const { sacked } = segment;
  if (isDuplicate && (sacked & RETRANSMITTED) !== 0) {
    if (tcb.undoMarker !== 0 && tcb.undoRetrans > 0 && after(endSeq, tcb.undoMarker))
      tcb.undoRetrans = Math.max(0, tcb.undoRetrans - pcount);
    if ((sacked & SACKED_ACKED) !== 0 && before(seq, state.reord)) state.reord = seq;
  }
  if (!after(endSeq, tcb.sndUna)) return;
  if ((sacked & SACKED_ACKED) === 0) tagArrived(conn, segment, state);
  if (isDuplicate && (segment.sacked & SACKED_RETRANS) !== 0) {
    segment.sacked &= ~SACKED_RETRANS;
    tcb.retransOut -= pcount;
  }
}

function tagArrived(conn: Connection, segment: Segment, state: SackState): void {
  const { tcb } = conn;
  const { seq, endSeq, pcount, sentUs, sacked } = segment;
  rackAdvance(conn, sacked, endSeq, sentUs);
  if ((sacked & SACKED_RETRANS) !== 0) {
    // One that is not known to be lost may still be on its way again.
    if ((sacked & LOST) !== 0) {
      segment.sacked &= ~(LOST | SACKED_RETRANS);
      tcb.lostOut -= pcount;
      tcb.retransOut -= pcount;
    }
  } else {
    if ((sacked & RETRANSMITTED) === 0) {
      if (before(seq, highestSackSeq(conn)) && before(seq, state.reord)) state.reord = seq;
      if (!after(endSeq, tcb.highSeq)) state.flag |= FLAG_ORIG_SACK_ACKED;
      if (state.firstSackUs === 0) state.firstSackUs = sentUs;
      state.lastSackUs = sentUs;
    }
    if ((sacked & LOST) !== 0) {
      segment.sacked &= ~LOST;
      tcb.lostOut -= pcount;
    }
  }
  segment.sacked |= SACKED_ACKED;
  state.flag |= FLAG_DATA_SACKED;
  tcb.sackedOut += pcount;
  state.delivered += pcount;
}
