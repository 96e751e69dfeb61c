import type { Packet } from '../../device/memory/packet.ts';
import {
  TCP_ACKNOWLEDGMENT,
  TCP_DESTINATION_PORT,
  TCP_FLAGS,
  TCP_HLEN,
  TCP_SEQUENCE,
  TCP_SOURCE_PORT,
  TCP_URGENT,
  TCP_WINDOW,
  TH_FIN,
  TH_SYN,
  tcpHeaderLength,
} from '../wire/tcp.ts';

/** A received segment's header as numbers (Linux: `tcp_skb_cb`); one object is used again and again. */
export class Incoming {
  local = 0;
  localPort = 0;
  remote = 0;
  remotePort = 0;
  seq = 0;
  /** Number behind its last byte, SYN and FIN counted. */
  endSeq = 0;
  ack = 0;
  flags = 0;
  /** The window field as it stands. */
  window = 0;
  urgent = 0;
  headerLength = 0;
  /** Bytes of payload. */
  bytes = 0;
  /** Offset of the header in the region. */
  at = 0;
  /** The TOS byte that it came with. */
  tos = 0;
  ifindex = 0;
}

/** Reads the header at `packet.start`; false when the packet is too short for what it says. Changes nothing of the packet. */
export function readIncoming(packet: Packet, out: Incoming): boolean {
  const at = packet.start;
  const linear = packet.end - at;
  if (linear < TCP_HLEN) return false;
  const { view } = packet.pool;
  const headerLength = tcpHeaderLength(view, at);
  if (headerLength < TCP_HLEN || linear < headerLength) return false;
  const flags = view.getUint8(at + TCP_FLAGS);
  out.at = at;
  out.remotePort = view.getUint16(at + TCP_SOURCE_PORT);
  out.localPort = view.getUint16(at + TCP_DESTINATION_PORT);
  out.seq = view.getInt32(at + TCP_SEQUENCE);
  out.ack = view.getInt32(at + TCP_ACKNOWLEDGMENT);
  out.flags = flags;
  out.window = view.getUint16(at + TCP_WINDOW);
  out.urgent = view.getUint16(at + TCP_URGENT);
  out.headerLength = headerLength;
  out.bytes = packet.length - headerLength;
  out.endSeq = (out.seq + out.bytes + ((flags & TH_SYN) >>> 1) + (flags & TH_FIN)) | 0;
  out.ifindex = packet.ifindex;
  return true;
}
