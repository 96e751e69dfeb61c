import type { Packet } from '../../device/memory/packet.ts';
import { MIB } from '../counters.ts';
import { FastOpenOption } from '../wire/fastopen-option.ts';
import { TH_ACK, TH_PSH } from '../wire/tcp.ts';
import { MAX_TCP_OPTION_SPACE, type TcpOptions } from '../wire/tcp-options.ts';
import { startBusy } from './chrono.ts';
import type { Connection } from './connection.ts';
import { TFO_CLIENT_NO_COOKIE } from './fastopen.ts';
import { TRY_ASSIGNED, TRY_EXPERIMENTAL } from './fastopen-cache.ts';
import { takeSynData } from './fastopen-data.ts';
import type { Incoming } from './incoming.ts';
import { bareMss, syncMss } from './mss.ts';
import { loseWithoutCongestion } from './recovery.ts';
import { retransmitLost } from './retransmit.ts';
import type { Segment } from './segment.ts';
import { markLost } from './sent-queue.ts';
import { transmitSegment } from './transmit.ts';

/** Why Fast Open was not had (Linux: `enum tcp_fastopen_client_fail`). */
const TFO_COOKIE_UNAVAILABLE = 1;
const TFO_DATA_NOT_ACKED = 2;
const TFO_SYN_RETRANSMITTED = 3;

/** What a writer would like to ride on the SYN. */
export class SynPayload {
  readonly iov: readonly (Uint8Array | null)[];
  /** Bytes of it. */
  readonly size: number;
  /** Bytes that went with the SYN. */
  copied = 0;

  constructor(iov: readonly (Uint8Array | null)[], size: number) {
    this.iov = iov;
    this.size = size;
  }
}

/**
 * Whether data may ride on the SYN to a server: its cookie is known, or none is needed (Linux: `tcp_fastopen_cookie_check`). Fills
 * `option` with what the SYN is to say of it, and sets `mssClamp` to the segment size that the server announced.
 */
export function checkCookie(conn: Connection, option: FastOpenOption): boolean {
  const { tcb, tcp } = conn;
  const { fastOpen } = tcp;
  const mss = fastOpen.cache.find(tcb.local, tcb.remote, option);
  if (mss > 0) tcb.mssClamp = mss;
  if (fastOpen.blackhole.disabled) {
    option.length = -1;
    return false;
  }
  if (fastOpen.blackhole.recovering) tcb.synFastopenCh = 1;
  if (fastOpen.allows(TFO_CLIENT_NO_COOKIE) || tcb.fastopenNoCookie !== 0) {
    option.length = -1;
    return true;
  }
  if (option.length > 0) return true;
  tcb.fastopenClientFail = TFO_COOKIE_UNAVAILABLE;
  return false;
}

/**
 * Sends a SYN with data, or one that asks for a cookie; `syn` is in the retransmit queue (RFC 7413, section 4.2.1; Linux:
 * `tcp_send_syn_data`). 0, or a negated errno or positive drop. A SYN that has to be sent again says nothing of Fast Open.
 */
export function sendFastOpenSyn(conn: Connection, syn: Segment, payload: SynPayload): number {
  const { tcb } = conn;
  const option = new FastOpenOption();
  conn.synOption = option;
  tcb.mssClamp = tcb.advmss;
  let result = -1;
  if (checkCookie(conn, option)) result = sendSynData(conn, syn, payload);
  if (result !== 0) {
    if (option.length > 0) option.length = 0;
    result = transmitSegment(conn, syn);
    if (result !== 0) tcb.synFastopen = 0;
  }
  conn.synOption = null;
  return result;
}

/** The data is a segment of its own behind the SYN, for it may have to be sent again without it; 0: both are out, as one packet. */
function sendSynData(conn: Connection, syn: Segment, payload: SynPayload): number {
  const { tcb, tcp } = conn;
  if (tcb.userMss > 0) tcb.mssClamp = Math.min(tcb.mssClamp, tcb.userMss);
  syncMss(conn, tcb.pmtuCookie);
  const room = Math.min(bareMss(conn, tcb.pmtuCookie) - MAX_TCP_OPTION_SPACE, payload.size);
  const bytes = copyPayload(conn, payload, room);
  if (bytes === 0 && room > 0) return -1;
  const data = tcp.segments.take();
  data.seq = syn.seq;
  data.endSeq = (tcb.writeSeq + bytes) | 0;
  data.flags = syn.flags;
  data.gsoSize = bytes;
  data.transmissions = 1;
  tcb.writeSeq = data.endSeq;
  tcb.packetsOut++;
  payload.copied = bytes;
  if (bytes > 0) startBusy(conn);
  const result = transmitSegment(conn, data);
  data.seq = syn.endSeq;
  data.flags = TH_ACK | TH_PSH;
  if (result !== 0) {
    tcb.packetsOut--;
    conn.sentOrder.remove(data);
    conn.writeQueue.append(data);
    return result;
  }
  syn.sentUs = data.sentUs;
  tcb.synData = bytes > 0 ? 1 : 0;
  conn.rtxQueue.append(data);
  tcp.mib.add(MIB.TcpExtTCPOrigDataSent);
  return 0;
}

/** Copies up to `most` bytes behind the SYN; how many there was room for. */
function copyPayload(conn: Connection, payload: SynPayload, most: number): number {
  let copied = 0;
  for (const part of payload.iov) {
    for (let from = 0; part !== null && from < part.length && copied < most; ) {
      const wanted = Math.min(part.length - from, most - copied);
      const taken = conn.sendBuffer.append((conn.tcb.writeSeq + copied) | 0, part, from, wanted);
      if (taken === 0) return copied;
      from += taken;
      copied += taken;
    }
  }
  return copied;
}

/**
 * What the SYN-ACK says of a SYN with the option or with data; takes the packet's ownership (Linux: `tcp_rcv_fastopen_synack`). True:
 * the data did not arrive, and was sent again.
 */
export function takeFastOpenAnswer(
  conn: Connection,
  packet: Packet,
  incoming: Incoming,
  options: TcpOptions,
): boolean {
  const { tcb, tcp } = conn;
  const unacked = tcb.synData !== 0 ? conn.rtxQueue.head : null;
  noteAnswer(conn, options);
  if (unacked !== null) {
    tcb.fastopenClientFail = tcb.totalRetrans > 0 ? TFO_SYN_RETRANSMITTED : TFO_DATA_NOT_ACKED;
    for (let segment: Segment | null = unacked; segment !== null; segment = segment.next)
      markLost(conn, segment);
    loseWithoutCongestion(conn);
    retransmitLost(conn);
    tcp.mib.add(MIB.TcpExtTCPFastOpenActiveFail);
    packet.release();
    return true;
  }
  tcb.synDataAcked = tcb.synData;
  if (tcb.synDataAcked !== 0) {
    tcp.mib.add(MIB.TcpExtTCPFastOpenActive);
    // SYN and data were counted apart.
    if (tcb.delivered > 1) tcb.delivered--;
  }
  takeSynData(conn, packet, incoming);
  return false;
}

/** Remembers the server's cookie and segment size, and how to ask next time where there was no cookie. */
function noteAnswer(conn: Connection, options: TcpOptions): void {
  const { tcb, tcp } = conn;
  const cookie = options.fastOpen;
  const mss = tcb.mssClamp === tcb.userMss ? options.mss : tcb.mssClamp;
  let next = 0;
  if (tcb.synFastopen === 0) cookie.length = -1;
  else if (tcb.totalRetrans === 0 && cookie.length < 0 && tcb.synData === 0)
    next = tcb.synFastopenExp !== 0 ? TRY_ASSIGNED : TRY_EXPERIMENTAL;
  tcp.fastOpen.cache.note(tcb.local, tcb.remote, mss, cookie, next);
}
