import type { Packet } from '../../device/memory/packet.ts';
import { MIB } from '../counters.ts';
import { TCP_HLEN, TH_ACK, TH_RST, TH_SYN } from '../wire/tcp.ts';
import { parseTcpOptions, TcpOptions } from '../wire/tcp-options.ts';
import { openChild } from './child.ts';
import type { Connection } from './connection.ts';
import { resetReceived } from './done.ts';
import { sendAgain } from './fastopen-handshake.ts';
import { leaveFastOpenQueue } from './fastopen-queue.ts';
import type { Incoming } from './incoming.ts';
import { DROP_TCP_LISTEN, DROP_TCP_LISTEN_OVERFLOW, DROP_TCP_NO_PATH } from './listen-drops.ts';
import type { Listener } from './listener.ts';
import { replyReset } from './reply.ts';
import type { Request } from './request.ts';
import { after, before } from './sequence.ts';
import { acknowledgeRequest, resendSynAck } from './syn-ack.ts';

const options = new TcpOptions();

/** Takes a segment of a request, with its ownership. */
export function receiveForRequest(request: Request, packet: Packet, incoming: Incoming): void {
  if (!checkRequest(request, packet, incoming, null)) return;
  const listener = request.listener!;
  if (request.timeouts < listener.template.tcb.deferAccept && incoming.endSeq === request.rcvNxt) {
    const { tcp } = listener;
    request.acked = true;
    tcp.mib.add(MIB.TcpExtTCPDeferAcceptDrop);
    tcp.drop(packet, DROP_TCP_LISTEN);
    return;
  }
  completeRequest(listener, request, packet, incoming);
}

/**
 * Whether a segment answers a SYN-ACK as it must; if not, it was answered and dropped (Linux: `tcp_check_req`). `conn`: the connection
 * that the request is already, null: there is none.
 */
export function checkRequest(
  request: Request,
  packet: Packet,
  incoming: Incoming,
  conn: Connection | null,
): boolean {
  const { tcp, network, rcvNxt } = request;
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
    if (!limited(request, MIB.TcpExtTCPACKSkippedSynRecv)) {
      if (conn === null) resendSynAck(request);
      else sendAgain(conn, request);
    }
    return dropped(request, packet);
  }
  if (conn === null && (flags & TH_ACK) !== 0 && ack !== ((request.iss + 1) | 0)) {
    replyReset(tcp, network, packet, incoming);
    return dropped(request, packet);
  }
  const limit = (rcvNxt + request.rcvWnd) | 0;
  const acceptable =
    seq === rcvNxt ||
    (after(incoming.endSeq, rcvNxt) && before(seq, limit)) ||
    (seq === limit && seq === incoming.endSeq);
  if (old || !acceptable) {
    if ((flags & TH_RST) === 0 && !limited(request, MIB.TcpExtTCPACKSkippedSynRecv))
      acknowledgeRequest(request);
    if (old) tcp.mib.add(MIB.TcpExtPAWSEstab);
    return dropped(request, packet);
  }
  if (options.sawTimestamp !== 0 && !after(seq, rcvNxt)) request.tsRecent = options.tsval;
  const syn = seq === request.irs ? 0 : flags & TH_SYN;
  if ((flags & TH_RST) !== 0 || syn !== 0) {
    tcp.mib.add(MIB.TcpAttemptFails);
    if ((flags & TH_RST) === 0) {
      replyReset(tcp, network, packet, incoming);
    } else if (conn !== null) {
      leaveFastOpenQueue(conn, true);
      resetReceived(conn);
    }
    if (conn === null) {
      tcp.mib.add(MIB.TcpExtEmbryonicRsts);
      request.listener!.removeRequest(request);
    }
    return dropped(request, packet);
  }
  return (flags & TH_ACK) !== 0 || dropped(request, packet);
}

function dropped(request: Request, packet: Packet): false {
  request.tcp.drop(packet, DROP_TCP_LISTEN);
  return false;
}

/** The handshake is over: makes the connection, if the accept queue takes it. */
export function completeRequest(
  listener: Listener,
  request: Request,
  packet: Packet,
  incoming: Incoming,
): void {
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
  const { tcp } = request;
  const now = tcp.now();
  if (request.lastOowAckMs !== 0 && now - request.lastOowAckMs < tcp.settings.invalidRatelimitMs.value) {
    tcp.mib.add(counter);
    return true;
  }
  request.lastOowAckMs = now;
  return false;
}
