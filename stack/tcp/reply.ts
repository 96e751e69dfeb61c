import { ENOBUFS } from '../../device/errno.ts';
import type { Packet } from '../../device/memory/packet.ts';
import { MIB } from '../counters.ts';
import { IPPROTO_TCP } from '../wire/ipv4.ts';
import {
  TCP_ACKNOWLEDGMENT,
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
  TH_RST,
} from '../wire/tcp.ts';
import { TcpOptionsOut, writeTcpOptions } from '../wire/tcp-options.ts';
import type { Incoming } from './incoming.ts';
import type { NetworkPath, TcpNetwork } from './network.ts';
import type { Tcp } from './tcp.ts';
import { leaveChecksum } from './transmit.ts';

/** A segment that belongs to no connection: what it says, and where it goes. One object is used again and again. */
export class Reply {
  local = 0;
  localPort = 0;
  remote = 0;
  remotePort = 0;
  seq = 0;
  ack = 0;
  flags = 0;
  window = 0;
  tos = 0;
  ttl = 0;
  ifindex = 0;
  dontFragment = true;
  readonly options: TcpOptionsOut = new TcpOptionsOut();

  /** Goes back where `incoming` came from, without options. */
  answer(incoming: Incoming): this {
    this.local = incoming.local;
    this.localPort = incoming.localPort;
    this.remote = incoming.remote;
    this.remotePort = incoming.remotePort;
    this.seq = 0;
    this.ack = 0;
    this.flags = 0;
    this.window = 0;
    this.tos = 0;
    this.ttl = 0;
    this.ifindex = 0;
    this.dontFragment = true;
    this.options.flags = 0;
    this.options.sackBlocks = 0;
    return this;
  }
}

const NO_OPTIONS = new TcpOptionsOut();

/** Sends a segment of no connection; 0 or a negated errno. `path`: null to look for one. */
export function sendReply(
  tcp: Tcp,
  network: TcpNetwork,
  reply: Reply,
  path: NetworkPath | null = null,
): number {
  const from = path === null && !network.isLocal(reply.local) ? 0 : reply.local;
  const way = path ?? network.route(from, reply.remote, reply.ifindex, reply.tos);
  if (typeof way === 'number') return way;
  const packet = tcp.pool.alloc(TCP_HLEN_MAX);
  if (packet === null) {
    tcp.noPacket();
    return -ENOBUFS;
  }
  const at = packet.put(TCP_HLEN);
  const { view } = packet.pool;
  const options = reply.options.flags === 0 && reply.options.sackBlocks === 0 ? NO_OPTIONS : reply.options;
  const length = writeTcpOptions(view, at + TCP_HLEN, options);
  packet.put(length);
  view.setUint16(at + TCP_SOURCE_PORT, reply.localPort);
  view.setUint16(at + TCP_DESTINATION_PORT, reply.remotePort);
  view.setUint32(at + TCP_SEQUENCE, reply.seq);
  view.setUint32(at + TCP_ACKNOWLEDGMENT, reply.ack);
  view.setUint8(at + TCP_DATA_OFFSET, (TCP_HLEN + length) << 2);
  view.setUint8(at + TCP_FLAGS, reply.flags);
  view.setUint16(at + TCP_WINDOW, reply.window);
  view.setUint16(at + TCP_URGENT, 0);
  leaveChecksum(
    packet,
    at,
    network.family.pseudoHeaderSum(reply.local, reply.remote, IPPROTO_TCP, packet.length),
  );
  tcp.mib.add(MIB.TcpOutSegs);
  const df = reply.dontFragment && !way.mtuLocked;
  return network.send(packet, way, reply, reply.tos, reply.ttl, df, null);
}

const reset = new Reply();

/** Answers a segment with a reset, unless it is one (RFC 9293, section 3.5.2; Linux: `tcp_v4_send_reset`). */
export function replyReset(tcp: Tcp, network: TcpNetwork, _packet: Packet, incoming: Incoming): void {
  if ((incoming.flags & TH_RST) !== 0) return;
  const reply = reset.answer(incoming);
  if ((incoming.flags & TH_ACK) !== 0) {
    reply.seq = incoming.ack;
    reply.flags = TH_RST;
  } else {
    reply.ack = incoming.endSeq;
    reply.flags = TH_RST | TH_ACK;
  }
  tcp.mib.add(MIB.TcpOutRsts);
  sendReply(tcp, network, reply);
}
