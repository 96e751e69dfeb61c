import { ENOBUFS } from '../../device/errno.ts';
import { fold } from '../../device/memory/checksum.ts';
import { CHECKSUM_PARTIAL, GSO_ECN, type Packet } from '../../device/memory/packet.ts';
import { HEADROOM, SMALL_SLOT } from '../../device/memory/pool.ts';
import { NET_XMIT_CN } from '../../device/netdevice/flags.ts';
import { MIB } from '../counters.ts';
import { IPPROTO_TCP } from '../wire/ipv4.ts';
import {
  TCP_ACKNOWLEDGMENT,
  TCP_CHECKSUM,
  TCP_DATA_OFFSET,
  TCP_DESTINATION_PORT,
  TCP_FLAGS,
  TCP_HLEN,
  TCP_HLEN_MAX,
  TCP_SEQUENCE,
  TCP_SOURCE_PORT,
  TCP_URGENT,
  TCP_WINDOW,
  TH_ACK,
  TH_CWR,
  TH_ECE,
  TH_FIN,
  TH_PSH,
  TH_RST,
  TH_SYN,
  TH_URG,
} from '../wire/tcp.ts';
import {
  addFastOpenOption,
  OPTION_MSS,
  OPTION_SACK_ADVERTISE,
  OPTION_TS,
  OPTION_WSCALE,
  TcpOptionsOut,
  tcpOptionsLength,
  writeTcpOptions,
} from '../wire/tcp-options.ts';
import type { Connection } from './connection.ts';
import { ECN_DEMAND_CWR, ECN_OK, ECN_QUEUE_CWR } from './constants.ts';
import { enterCwr } from './cwnd.ts';
import { rateSent } from './delivery-rate.ts';
import { pathAdvmss, sackBlocksThatFit } from './mss.ts';
import { pace } from './pacing.ts';
import { ackSent } from './quickack.ts';
import type { Segment } from './segment.ts';
import type { Stretch } from './send-buffer.ts';
import { after, before } from './sequence.ts';
import { stampOnWay } from './stamps.ts';
import { packetsInFlight, TCP_CLOSE } from './tcb.ts';
import { selectWindow } from './window.ts';

/** The window field of a SYN, which is never scaled. */
const U16 = 0xffff;
/** "ECN capable" in the TOS byte. */
const ECT0 = 2;

/** A segment of so few bytes is copied behind its header: to gather it costs the system call more. */
const COPIED_WHOLE = 256;
/** Bytes that are rather copied behind a header than sent in a packet of their own. */
const COPIED_MOST = SMALL_SLOT - HEADROOM - TCP_HLEN_MAX;

const options = new TcpOptionsOut();
const stretch: Stretch = { offset: 0, length: 0, page: 0 };
const prefix: Stretch = { offset: 0, length: 0, page: 0 };

/**
 * Finds the path of a connection's segments; a negated errno when there is none (Linux: `inet_sk_rebuild_header`). One that was found
 * holds until the routes change.
 */
export function findPath(conn: Connection): number {
  return pathHolds(conn) ? 0 : lookUpPath(conn);
}

/** Linux: `__sk_dst_check`. */
function pathHolds(conn: Connection): boolean {
  const { tcb, path } = conn;
  return (
    path !== null &&
    conn.pathGeneration === conn.network.generation &&
    conn.pathTos === tcb.tos &&
    conn.pathIfindex === tcb.boundIfindex &&
    (path.expires === Number.POSITIVE_INFINITY || conn.tcp.now() < path.expires)
  );
}

function lookUpPath(conn: Connection): number {
  const { tcb, network, ipOptions } = conn;
  const hop = ipOptions !== null && ipOptions.sourceRoute !== 0 ? ipOptions.firstHop : tcb.remote;
  const path = network.route(tcb.transparent !== 0 ? 0 : tcb.local, hop, tcb.boundIfindex, tcb.tos);
  if (typeof path === 'number') {
    conn.path = null;
    return path;
  }
  conn.path = path;
  conn.pathGeneration = conn.hashed && ipOptions === null ? network.generation : -1;
  conn.pathTos = tcb.tos;
  conn.pathIfindex = tcb.boundIfindex;
  return 0;
}

/** Fills {@link options} for a segment of an established connection. */
function establishedOptions(conn: Connection, tsval: number): void {
  const { tcb, receiverSack } = conn;
  options.flags = 0;
  let length = 0;
  if (tcb.tstampOk !== 0) {
    options.flags = OPTION_TS;
    options.tsval = tsval;
    options.tsecr = tcb.tsRecent;
    length = 12;
  }
  options.sackBlocks = sackBlocksThatFit(conn, length);
  if (options.sackBlocks > 0) {
    receiverSack.report(options.sacks, options.sackBlocks);
    receiverSack.hasDuplicate = false;
  }
}

/** Fills {@link options} for a SYN (Linux: `tcp_syn_options`); one that answers a SYN offers nothing that was not offered. */
function synOptions(conn: Connection, tsval: number): void {
  const { tcb, tcp, path } = conn;
  const { settings } = tcp;
  const answer = conn.answers;
  const advmss = path === null ? tcb.advmss : Math.min(pathAdvmss(conn, path), tcb.advmss);
  options.flags = OPTION_MSS;
  options.sackBlocks = 0;
  options.mss = advmss;
  if (answer ? tcb.tstampOk !== 0 : settings.timestamps.value !== 0) {
    options.flags |= OPTION_TS;
    options.tsval = tsval;
    options.tsecr = tcb.tsRecent;
  }
  if (answer ? tcb.wscaleOk !== 0 : settings.windowScaling.value !== 0) {
    options.flags |= OPTION_WSCALE;
    options.windowScale = tcb.rcvWscale;
  }
  if (answer ? tcb.sackOk !== 0 : settings.sack.value !== 0) options.flags |= OPTION_SACK_ADVERTISE;
  const { synOption } = conn;
  if (synOption !== null && addFastOpenOption(options, synOption)) {
    tcb.synFastopen = 1;
    tcb.synFastopenExp = synOption.experimental;
  }
}

/**
 * Sends a segment as it stands, or again (Linux: `__tcp_transmit_skb`), in as many packets as its bytes lie in pages. 0, or a
 * negated errno or positive drop when the first of them could not be sent.
 */
export function transmitSegment(conn: Connection, segment: Segment): number {
  const { tcb, tcp } = conn;
  const failed = findPath(conn);
  if (failed < 0) return failed;
  const nowUs = tcp.nowUs();
  const tsval = tcp.timestampFor(conn, nowUs);
  const syn = (segment.flags & TH_SYN) !== 0;
  if (syn) synOptions(conn, tsval);
  else establishedOptions(conn, tsval);
  const headerLength = TCP_HLEN + tcpOptionsLength(options);
  const { flags } = segment;
  let window = 0;
  if (syn) window = Math.min(tcb.rcvWnd, U16);
  else window = selectWindow(conn);
  const bytes = ((segment.endSeq - segment.seq) >>> 0) - (syn ? 1 : 0) - (flags & TH_FIN);
  if (packetsInFlight(tcb) === 0 && bytes > 0) conn.congestion.transmissionStarts(conn);
  if ((flags & TH_ACK) !== 0) ackSent(conn, tcb.rcvNxt);
  const ecn = syn ? 0 : ecnBits(conn, segment, bytes);
  const result = sendPieces(conn, segment, bytes, window, headerLength, ecn);
  countSent(conn, segment, bytes);
  if (result > 0) enterCwr(conn);
  const outcome = result === NET_XMIT_CN ? 0 : result;
  if (outcome === 0) {
    segment.sentUs = nowUs;
    conn.sentOrder.sent(segment);
    pace(conn, bytes);
    rateSent(conn, segment);
  }
  return outcome;
}

function countSent(conn: Connection, segment: Segment, bytes: number): void {
  const { tcb, tcp } = conn;
  const { pcount } = segment;
  if (bytes > 0) {
    const now = tcp.now();
    if (now - tcb.lrcvtimeMs < tcb.ackAtoMs) tcb.ackPingpong = Math.min(tcb.ackPingpong + 1, 255);
    tcb.lsndtimeMs = now;
    tcb.dataSegsOut += pcount;
    tcb.bytesSent += bytes;
  }
  if (after(segment.endSeq, tcb.sndNxt) || segment.seq === segment.endSeq)
    tcp.mib.add(MIB.TcpOutSegs, pcount);
  tcb.segsOut += pcount;
}

/** What ECN adds to a segment: `TH_ECE` and `TH_CWR` in the low byte, `ECT0` above (Linux: `tcp_ecn_send`). */
function ecnBits(conn: Connection, segment: Segment, bytes: number): number {
  const { tcb } = conn;
  if ((tcb.ecnFlags & ECN_OK) === 0) return 0;
  let bits = 0;
  if (bytes > 0 && !before(segment.seq, tcb.sndNxt)) {
    bits |= ECT0 << 8;
    if ((tcb.ecnFlags & ECN_QUEUE_CWR) !== 0) {
      tcb.ecnFlags &= ~ECN_QUEUE_CWR;
      bits |= TH_CWR;
    }
  }
  if ((tcb.ecnFlags & ECN_DEMAND_CWR) !== 0) bits |= TH_ECE;
  return bits;
}

function sendPieces(
  conn: Connection,
  segment: Segment,
  bytes: number,
  window: number,
  headerLength: number,
  ecn: number,
): number {
  const mss = Math.max(segment.gsoSize, 1);
  // A super-segment's end is pushed, so that the receiver hands up what it has joined (Linux: `__tcp_transmit_skb`).
  const last = (segment.flags & (TH_FIN | TH_PSH)) | (segment.pcount > 1 ? TH_PSH : 0);
  let first = ecn & TH_CWR;
  const syn = (segment.flags & TH_SYN) >>> 1;
  let seq = segment.seq;
  let left = bytes;
  if (left === 0) return sendHeader(conn, seq, segment.flags | (ecn & TH_ECE), window, headerLength, ecn);
  while (left > 0) {
    const copied = copiedPart(conn, (seq + syn) | 0, mss, left);
    const gathered = gatheredPart(mss, left, copied);
    const part = copied + gathered;
    const done = part === left;
    const flags = (segment.flags & ~(TH_FIN | TH_PSH)) | (done ? last : 0) | first | (ecn & TH_ECE);
    const packet = conn.tcp.pool.alloc(copied > 0 ? headerLength + copied : TCP_HLEN_MAX);
    if (packet === null) {
      conn.tcp.noPacket();
      return -ENOBUFS;
    }
    const at = packet.put(headerLength);
    writeHeader(conn, packet, at, seq, flags, window);
    if (copied > 0) conn.sendBuffer.copy((seq + syn) | 0, copied, packet.put(copied), prefix);
    if (gathered > 0) gatherPayload(packet, gathered);
    if (part > mss) {
      packet.gsoSize = mss;
      packet.gsoType = conn.network.gsoType | (first !== 0 ? GSO_ECN : 0);
    }
    if (done && segment.stamps !== 0) stampOnWay(conn, segment, packet);
    const result = finish(conn, packet, at, ecn);
    if (result !== 0 && result !== NET_XMIT_CN) return result;
    first = 0;
    seq = (seq + part) | 0;
    left -= part;
  }
  return 0;
}

/**
 * Bytes from `seq` on that are copied behind the header, because so few of them lie together before a page ends that they are not
 * worth a packet of their own: up to there, so that the rest can be gathered from the next page.
 */
function copiedPart(conn: Connection, seq: number, mss: number, left: number): number {
  conn.sendBuffer.locate(seq, stretch);
  if (left <= COPIED_WHOLE) {
    stretch.length = 0;
    return left;
  }
  const { length } = stretch;
  const least = Math.min(mss, left);
  if (length >= left || length >= Math.max(least, COPIED_MOST)) return 0;
  conn.sendBuffer.locate((seq + length) | 0, stretch);
  if (length + stretch.length >= least) return length;
  stretch.length = 0;
  return least;
}

/** Bytes behind the `copied` ones that the packet points to, in {@link stretch}: whole segments, if not all that are left. */
function gatheredPart(mss: number, left: number, copied: number): number {
  const part = copied + stretch.length;
  return (part >= left ? left : part - (part % mss)) - copied;
}

/**
 * How many of `bytes` from `seq` on one packet carries, as the pages lie: all of them, or whole segments of `mss`. A segment that is
 * cut there is one packet.
 */
export function packetReach(conn: Connection, seq: number, mss: number, bytes: number): number {
  const copied = copiedPart(conn, seq, mss, bytes);
  return copied + gatheredPart(mss, bytes, copied);
}

/** Points a packet at the {@link stretch} of a send page. */
function gatherPayload(packet: Packet, bytes: number): void {
  packet.payload = stretch.offset;
  packet.payloadLength = bytes;
  packet.payloadPage = stretch.page;
  packet.pool.pages.retain(stretch.page);
}

function sendHeader(
  conn: Connection,
  seq: number,
  flags: number,
  window: number,
  headerLength: number,
  ecn: number,
): number {
  const packet = conn.tcp.pool.alloc(TCP_HLEN_MAX);
  if (packet === null) {
    conn.tcp.noPacket();
    return -ENOBUFS;
  }
  const at = packet.put(headerLength);
  writeHeader(conn, packet, at, seq, flags, window);
  return finish(conn, packet, at, ecn);
}

/** Writes header and {@link options} at `at`. */
function writeHeader(
  conn: Connection,
  packet: Packet,
  at: number,
  seq: number,
  segmentFlags: number,
  window: number,
): void {
  const { tcb } = conn;
  const { view } = packet.pool;
  const length = TCP_HLEN + writeTcpOptions(view, at + TCP_HLEN, options);
  let flags = segmentFlags;
  let urgent = 0;
  if (tcb.sndUp !== tcb.sndUna && before(seq, tcb.sndUp)) {
    if (before(tcb.sndUp, (seq + 0x10000) | 0)) {
      urgent = (tcb.sndUp - seq) >>> 0;
      flags |= TH_URG;
    } else if (after((seq + U16) | 0, tcb.sndNxt)) {
      urgent = U16;
      flags |= TH_URG;
    }
  }
  view.setUint16(at + TCP_SOURCE_PORT, tcb.localPort);
  view.setUint16(at + TCP_DESTINATION_PORT, tcb.remotePort);
  view.setUint32(at + TCP_SEQUENCE, seq);
  view.setUint32(at + TCP_ACKNOWLEDGMENT, (flags & TH_ACK) !== 0 ? tcb.rcvNxt : 0);
  view.setUint8(at + TCP_DATA_OFFSET, length << 2);
  view.setUint8(at + TCP_FLAGS, flags);
  view.setUint16(at + TCP_WINDOW, window);
  view.setUint16(at + TCP_URGENT, urgent);
}

/** Leaves the checksum to the device and sends. */
function finish(conn: Connection, packet: Packet, at: number, ecn: number): number {
  const { tcb, network, path } = conn;
  leaveChecksum(packet, at, pseudoSum(conn) + packet.length);
  const wants =
    tcb.pmtuDiscover === 2 || tcb.pmtuDiscover === 3 || (tcb.pmtuDiscover === 1 && !path!.mtuLocked);
  return network.send(packet, path!, tcb, tcb.tos | (ecn >>> 8), tcb.ttl, wants, conn.ipOptions);
}

/** The part of the pseudo header's sum that is the same for all segments: no segment is so long that its length takes two words. */
function pseudoSum(conn: Connection): number {
  if (conn.pseudoSum >= 0) return conn.pseudoSum;
  const { tcb } = conn;
  const sum = conn.network.family.pseudoHeaderSum(tcb.local, tcb.remote, IPPROTO_TCP, 0);
  if (conn.hashed) conn.pseudoSum = sum;
  return sum;
}

/** Puts the pseudo header's sum into the checksum field of the header at `at`: the device adds the rest. */
export function leaveChecksum(packet: Packet, at: number, pseudoSum: number): void {
  packet.pool.view.setUint16(at + TCP_CHECKSUM, fold(pseudoSum));
  packet.checksum = CHECKSUM_PARTIAL;
  packet.checksumStart = at;
  packet.checksumOffset = TCP_CHECKSUM;
}

/** The sequence number of a segment without data (Linux: `tcp_acceptable_seq`). */
function acceptableSeq(conn: Connection): number {
  const { tcb } = conn;
  const end = (tcb.sndUna + tcb.sndWnd) | 0;
  if (!before(end, tcb.sndNxt)) return tcb.sndNxt;
  if (tcb.wscaleOk !== 0 && (tcb.sndNxt - end) >>> 0 < 2 ** tcb.rcvWscale) return tcb.sndNxt;
  return end;
}

/** Sends a segment without data: `flags`, from number `seq` (Linux: `tcp_transmit_skb` of a control segment). */
export function sendControl(conn: Connection, seq: number, flags: number): number {
  const { tcb, tcp } = conn;
  const failed = findPath(conn);
  if (failed < 0) return failed;
  establishedOptions(conn, tcp.timestampFor(conn, tcp.nowUs()));
  const headerLength = TCP_HLEN + tcpOptionsLength(options);
  const window = selectWindow(conn);
  if ((flags & TH_ACK) !== 0) ackSent(conn, tcb.rcvNxt);
  const ece = (tcb.ecnFlags & ECN_DEMAND_CWR) !== 0 && (flags & TH_RST) === 0 ? TH_ECE : 0;
  tcb.segsOut++;
  tcp.mib.add(MIB.TcpOutSegs);
  pace(conn, 0);
  return sendHeader(conn, seq, flags | ece, window, headerLength, 0);
}

/** Acknowledges what has been received, now (Linux: `__tcp_send_ack`). Without a free packet the delayed-ACK timer tries again. */
export function sendAck(conn: Connection): void {
  const { tcb, tcp } = conn;
  if (tcb.state === TCP_CLOSE) return;
  if (tcp.pool.smallFree === 0 && tcp.pool.largeFree === 0) {
    tcp.noPacket();
    tcp.scheduleAckRetry(conn);
    return;
  }
  sendControl(conn, acceptableSeq(conn), TH_ACK);
}

/** Ends the connection on the peer's side (Linux: `tcp_send_active_reset`). */
export function sendReset(conn: Connection): void {
  const { tcp } = conn;
  tcp.mib.add(MIB.TcpOutRsts);
  const result = sendControl(conn, acceptableSeq(conn), TH_ACK | TH_RST);
  if (result < 0) tcp.mib.add(MIB.TcpExtTCPAbortFailed);
}

/**
 * Sends a segment without new data to hear from the peer: a window probe, a keepalive (Linux: `tcp_xmit_probe_skb`). Its number
 * is the one before the next, unless `urgent` data is to be pointed at.
 */
export function sendProbe(conn: Connection, urgent: boolean, counter: number): number {
  const { tcb, tcp } = conn;
  tcp.mib.add(counter);
  return sendControl(conn, (tcb.sndUna - (urgent ? 0 : 1)) | 0, TH_ACK);
}
