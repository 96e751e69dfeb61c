import { EHOSTUNREACH, EMSGSIZE, EPROTO } from '../../device/errno.ts';
import type { Packet } from '../../device/memory/packet.ts';
import { MIB } from '../counters.ts';
import { POLLERR } from '../socket/abi.ts';
import { ICMP_ERRNO } from '../socket/icmp-errno.ts';
import {
  ICMP_DEST_UNREACH,
  ICMP_FRAG_NEEDED,
  ICMP_HOST_UNREACH,
  ICMP_NET_UNREACH,
  ICMP_PARAMETERPROB,
  ICMP_REDIRECT,
  ICMP_SOURCE_QUENCH,
  ICMP_TIME_EXCEEDED,
} from '../wire/icmp.ts';
import { IP_DESTINATION, IP_SOURCE, ipv4HeaderLength } from '../wire/ipv4.ts';
import { TCP_DESTINATION_PORT, TCP_SEQUENCE, TCP_SOURCE_PORT } from '../wire/tcp.ts';
import { Connection } from './connection.ts';
import { TIME_RETRANS, TIMEOUT_INIT_MS } from './constants.ts';
import { doneWithError } from './done.ts';
import { currentMss, syncMss } from './mss.ts';
import { markTooLong } from './recovery.ts';
import { Request } from './request.ts';
import { retransmitLost } from './retransmit.ts';
import { between } from './sequence.ts';
import { OPENING, stateIn } from './states.ts';
import { TCP_CLOSE, TCP_LISTEN, TCP_SYN_SENT } from './tcb.ts';
import type { Tcp } from './tcp.ts';
import { findPath } from './transmit.ts';

/**
 * An ICMP error about a segment that this host sent; `packet.start` is at the IP header that it quotes, of which at least eight
 * bytes of TCP header are there (Linux: `tcp_v4_err`; RFC 5927: the quoted number must be one that is out).
 */
export function icmpError(tcp: Tcp, packet: Packet, type: number, code: number, info: number): void {
  const { view } = packet.pool;
  const at = packet.start;
  const header = at + ipv4HeaderLength(view, at);
  const entry = tcp.flows.find(
    view.getUint32(at + IP_SOURCE),
    view.getUint16(header + TCP_SOURCE_PORT),
    view.getUint32(at + IP_DESTINATION),
    view.getUint16(header + TCP_DESTINATION_PORT),
    packet.ifindex,
  );
  const seq = view.getInt32(header + TCP_SEQUENCE);
  if (entry instanceof Request) {
    const hard = type === ICMP_PARAMETERPROB || type === ICMP_TIME_EXCEEDED || type === ICMP_DEST_UNREACH;
    entry.listener!.requestError(entry, seq, hard);
  } else if (entry instanceof Connection) {
    connectionError(entry, packet, seq, type, code, info);
  } else if (entry === null && tcp.context.ip.input.astray?.(packet) !== true) {
    tcp.mib.add(MIB.IcmpInErrors);
  }
}

function connectionError(
  conn: Connection,
  packet: Packet,
  seq: number,
  type: number,
  code: number,
  info: number,
): void {
  const { tcb, tcp } = conn;
  if (tcb.state === TCP_CLOSE) return;
  if (tcb.state !== TCP_LISTEN && !between(seq, conn.request?.iss ?? tcb.sndUna, tcb.sndNxt)) {
    tcp.mib.add(MIB.TcpExtOutOfWindowIcmps);
    return;
  }
  let errno = 0;
  switch (type) {
    case ICMP_REDIRECT:
    case ICMP_SOURCE_QUENCH:
      return;
    case ICMP_PARAMETERPROB:
      errno = EPROTO;
      break;
    case ICMP_TIME_EXCEEDED:
      errno = EHOSTUNREACH;
      break;
    case ICMP_DEST_UNREACH:
      if (code >= ICMP_ERRNO.length) return;
      if (code === ICMP_FRAG_NEEDED) {
        mtuReduced(conn, packet, info);
        return;
      }
      errno = ICMP_ERRNO[code]!.errno;
      if (conn.request === null && (code === ICMP_NET_UNREACH || code === ICMP_HOST_UNREACH))
        revertBackoff(conn);
      break;
    default:
      return;
  }
  deliver(conn, errno, type, code, info);
}

/** A handshake ends by any error; what stands only remembers it, unless its user wants to be told (RFC 5461). */
function deliver(conn: Connection, errno: number, type: number, code: number, info: number): void {
  const { tcb } = conn;
  // One that a SYN's data opened stands, once it was accepted.
  const accepted = conn.request !== null && conn.listener === null;
  const opening = !accepted && stateIn(tcb.state, OPENING);
  conn.owner?.icmpError(errno, type, code, info);
  if (opening) {
    doneWithError(conn, errno);
  } else if (conn.owner?.wantsErrors === true) {
    tcb.error = errno;
    conn.notify(POLLERR);
  } else {
    tcb.softError = errno;
  }
}

/** A router passes no more than `mtu` bytes (Linux: `tcp_v4_mtu_reduced`). */
function mtuReduced(conn: Connection, packet: Packet, mtu: number): void {
  const { tcb, network } = conn;
  if (tcb.state === TCP_LISTEN || tcb.pmtuDiscover === 0 || tcb.pmtuDiscover >= 4) return;
  network.learnMtu(packet, mtu);
  if (findPath(conn) < 0 || conn.path === null) return;
  const now = network.mtu(conn.path);
  if (now < mtu && tcb.pmtuDiscover === 2) tcb.softError = EMSGSIZE;
  if (tcb.pmtuDiscover === 3 || tcb.pmtuCookie <= now) return;
  syncMss(conn, now);
  // Of a SYN with data the two parts are queued apart, and were too long only together.
  const lost = tcb.synData !== 0 && tcb.state === TCP_SYN_SENT ? -1 : currentMss(conn);
  if (markTooLong(conn, lost)) retransmitLost(conn);
}

/** The path was broken and an error says so: no need to wait as long as for congestion (RFC 6069; Linux: `tcp_ld_RTO_revert`). */
function revertBackoff(conn: Connection): void {
  const { tcb, tcp, rtxQueue } = conn;
  if (tcb.retransmits === 0 || tcb.backoff === 0) return;
  const { head } = rtxQueue;
  if (head === null || tcb.pending !== TIME_RETRANS) return;
  tcb.backoff--;
  const base = tcb.srttUs > 0 ? (tcb.srttUs / 8 + tcb.rttvarUs) / 1000 : TIMEOUT_INIT_MS;
  tcb.rtoMs = Math.min(base * 2 ** tcb.backoff, tcp.settings.rtoMaxMs.value);
  const left = head.sentUs / 1000 + tcb.rtoMs - tcp.now();
  conn.armRetransmit(TIME_RETRANS, Math.max(left, 0));
}
