import type { Packet } from '../../device/memory/packet.ts';
import { MIB } from '../counters.ts';
import { TCP_HLEN, TH_ACK, TH_RST, TH_SYN } from '../wire/tcp.ts';
import { parseTcpOptions, TcpOptions } from '../wire/tcp-options.ts';
import { openChild } from './child.ts';
import type { Incoming } from './incoming.ts';
import { DROP_TCP_LISTEN, DROP_TCP_LISTEN_OVERFLOW, DROP_TCP_NO_PATH } from './listen-drops.ts';
import { replyReset } from './reply.ts';
import type { Request } from './request.ts';
import { after, before } from './sequence.ts';
import { acknowledgeRequest, resendSynAck } from './syn-ack.ts';

const options = new TcpOptions();

/** Takes a segment of a request, with its ownership (Linux: `tcp_check_req`). */
export function receiveForRequest(request: Request, packet: Packet, incoming: Incoming): void {
  const { listener } = request;
  const { tcp, network } = listener;
  const { flags, seq, ack } = incoming;
  let old = false;
  options.reset();
  if (incoming.headerLength > TCP_HLEN && request.tstampOk !== 0) {
    parseTcpOptions(
      packet.pool.view,
      incoming.at + TCP_HLEN,
      incoming.headerLength - TCP_HLEN,
      false,
      options,
    );
    old = options.sawTimestamp !== 0 && ((request.tsRecent - options.tsval) | 0) > 0;
  }
  const control = flags & (TH_RST | TH_SYN | TH_ACK);
  if (seq === request.irs && control === TH_SYN && !old) {
    if (!limited(request, MIB.TcpExtTCPACKSkippedSynRecv)) resendSynAck(request);
    tcp.drop(packet, DROP_TCP_LISTEN);
    return;
  }
  if ((flags & TH_ACK) !== 0 && ack !== (request.iss + 1) >>> 0) {
    replyReset(tcp, network, packet, incoming);
    tcp.drop(packet, DROP_TCP_LISTEN);
    return;
  }
  const next = (request.irs + 1) >>> 0;
  const limit = (next + request.rcvWnd) >>> 0;
  const acceptable =
    seq === next ||
    (after(incoming.endSeq, next) && before(seq, limit)) ||
    (seq === limit && seq === incoming.endSeq);
  if (old || !acceptable) {
    if ((flags & TH_RST) === 0 && !limited(request, MIB.TcpExtTCPACKSkippedSynRecv))
      acknowledgeRequest(request);
    if (old) tcp.mib.add(MIB.TcpExtPAWSEstab);
    tcp.drop(packet, DROP_TCP_LISTEN);
    return;
  }
  if (options.sawTimestamp !== 0 && !after(seq, next)) request.tsRecent = options.tsval;
  const syn = seq === request.irs ? 0 : flags & TH_SYN;
  if ((flags & TH_RST) !== 0 || syn !== 0) {
    tcp.mib.add(MIB.TcpAttemptFails);
    tcp.mib.add(MIB.TcpExtEmbryonicRsts);
    if ((flags & TH_RST) === 0) replyReset(tcp, network, packet, incoming);
    listener.removeRequest(request);
    tcp.drop(packet, DROP_TCP_LISTEN);
    return;
  }
  if ((flags & TH_ACK) === 0) {
    tcp.drop(packet, DROP_TCP_LISTEN);
    return;
  }
  if (request.timeouts < listener.template.tcb.deferAccept && incoming.endSeq === next) {
    request.acked = true;
    tcp.mib.add(MIB.TcpExtTCPDeferAcceptDrop);
    tcp.drop(packet, DROP_TCP_LISTEN);
    return;
  }
  completeRequest(request, packet, incoming);
}

/** The handshake is over: makes the connection, if the accept queue takes it. */
export function completeRequest(request: Request, packet: Packet, incoming: Incoming): void {
  const { listener } = request;
  const { tcp, network } = listener;
  if (listener.acceptFull) {
    tcp.mib.add(MIB.TcpExtListenOverflows);
    tcp.mib.add(MIB.TcpExtListenDrops);
    if (tcp.settings.abortOnOverflow.value !== 0) {
      replyReset(tcp, network, packet, incoming);
      tcp.mib.add(MIB.TcpExtEmbryonicRsts);
      listener.removeRequest(request);
    } else {
      request.acked = true;
    }
    tcp.drop(packet, DROP_TCP_LISTEN_OVERFLOW);
    return;
  }
  const conn = openChild(listener, request, incoming);
  if (conn === null) {
    tcp.mib.add(MIB.TcpExtListenDrops);
    tcp.drop(packet, DROP_TCP_NO_PATH);
    return;
  }
  listener.removeRequest(request);
  listener.hand(conn, packet, incoming);
}

/** Linux: `tcp_oow_rate_limited`. */
function limited(request: Request, counter: number): boolean {
  const { tcp } = request.listener;
  const now = tcp.now();
  if (request.lastOowAckMs !== 0 && now - request.lastOowAckMs < tcp.settings.invalidRatelimitMs.value) {
    tcp.mib.add(counter);
    return true;
  }
  request.lastOowAckMs = now;
  return false;
}
