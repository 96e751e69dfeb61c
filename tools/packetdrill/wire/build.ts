import {
  IP_CHECKSUM,
  IP_DESTINATION,
  IP_DF,
  IP_FRAGMENT,
  IP_HLEN,
  IP_MAX,
  IP_PROTOCOL,
  IP_SOURCE,
  IP_TOS,
  IP_TOTAL_LENGTH,
  IP_TTL,
  IP_VERSION_IHL,
  IPPROTO_ICMP,
  IPPROTO_TCP,
  IPPROTO_UDP,
} from '../../../stack/wire/ipv4.ts';
import type { TcpOption } from '../script/packet-spec.ts';
import { checksum, ICMP, pseudoHeader, TCP, UDP } from './headers.ts';
import { encodeOptions } from './tcp-options.ts';

/** The IP header's fields that a script decides. */
export interface IpFields {
  readonly source: number;
  readonly destination: number;
  readonly tos: number;
  readonly ttl: number;
}

/** A TCP segment on the wire's scale; the payload is zeros. */
export interface TcpFields {
  readonly sourcePort: number;
  readonly destinationPort: number;
  readonly seq: number;
  readonly ack: number;
  readonly flags: number;
  readonly window: number;
  readonly urgent: number;
  readonly options: readonly TcpOption[];
  readonly length: number;
}

/** Most bytes of TCP options. */
const MAX_OPTIONS = 40;

/** An IP packet with a TCP segment. Throws when options or length fit into none. */
export function buildTcp(ip: IpFields, tcp: TcpFields): Uint8Array {
  const options = encodeOptions(tcp.options);
  if (options.length % 4 !== 0 || options.length > MAX_OPTIONS)
    throw new Error(
      `TCP options of ${options.length} bytes: they must be padded to 32 bits and at most ${MAX_OPTIONS}`,
    );
  const header = TCP.span + options.length;
  const packet = ipPacket(ip, IPPROTO_TCP, header + tcp.length);
  const segment = packet.subarray(IP_HLEN);
  const view = viewOf(segment);
  view.setUint16(TCP.sourcePort, tcp.sourcePort);
  view.setUint16(TCP.destinationPort, tcp.destinationPort);
  view.setUint32(TCP.seq, tcp.seq);
  view.setUint32(TCP.ack, tcp.ack);
  view.setUint16(TCP.offsetAndFlags, ((header / 4) << 12) | tcp.flags);
  view.setUint16(TCP.window, tcp.window);
  view.setUint16(TCP.urgent, tcp.urgent);
  segment.set(options, TCP.span);
  const pseudo = pseudoHeader(ip.source, ip.destination, IPPROTO_TCP, segment.length);
  view.setUint16(TCP.checksum, checksum(segment, pseudo));
  return packet;
}

/** An IP packet with a UDP datagram whose payload is `length` zeros. */
export function buildUdp(
  ip: IpFields,
  udp: { readonly sourcePort: number; readonly destinationPort: number; readonly length: number },
): Uint8Array {
  const packet = ipPacket(ip, IPPROTO_UDP, UDP.span + udp.length);
  const datagram = packet.subarray(IP_HLEN);
  const view = viewOf(datagram);
  view.setUint16(UDP.sourcePort, udp.sourcePort);
  view.setUint16(UDP.destinationPort, udp.destinationPort);
  view.setUint16(UDP.length, datagram.length);
  const pseudo = pseudoHeader(ip.source, ip.destination, IPPROTO_UDP, datagram.length);
  const computed = checksum(datagram, pseudo);
  view.setUint16(UDP.checksum, computed === 0 ? 0xffff : computed);
  return packet;
}

/** An IP packet with an ICMP message; `payload` stands behind the eight bytes of its header. */
export function buildIcmp(
  ip: IpFields,
  icmp: {
    readonly type: number;
    readonly code: number;
    readonly id: number;
    readonly mtu: number;
    readonly payload: Uint8Array;
  },
): Uint8Array {
  const packet = ipPacket(ip, IPPROTO_ICMP, ICMP.span + icmp.payload.length);
  const message = packet.subarray(IP_HLEN);
  const view = viewOf(message);
  view.setUint8(ICMP.type, icmp.type);
  view.setUint8(ICMP.code, icmp.code);
  view.setUint16(ICMP.id, icmp.id);
  view.setUint16(ICMP.mtu, icmp.mtu);
  message.set(icmp.payload, ICMP.span);
  view.setUint16(ICMP.checksum, checksum(message));
  return packet;
}

/** An IP header without options in front of `length` zeros. */
function ipPacket(ip: IpFields, protocol: number, length: number): Uint8Array {
  const total = IP_HLEN + length;
  if (total > IP_MAX) throw new Error(`an IP packet of ${total} bytes`);
  const packet = new Uint8Array(total);
  const view = viewOf(packet);
  view.setUint8(IP_VERSION_IHL, 0x45);
  view.setUint8(IP_TOS, ip.tos);
  view.setUint16(IP_TOTAL_LENGTH, total);
  view.setUint16(IP_FRAGMENT, IP_DF);
  view.setUint8(IP_TTL, ip.ttl);
  view.setUint8(IP_PROTOCOL, protocol);
  view.setUint32(IP_SOURCE, ip.source);
  view.setUint32(IP_DESTINATION, ip.destination);
  view.setUint16(IP_CHECKSUM, checksum(packet.subarray(0, IP_HLEN)));
  return packet;
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
