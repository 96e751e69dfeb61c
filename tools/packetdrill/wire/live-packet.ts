import {
  IP_DESTINATION,
  IP_HLEN,
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
import { ICMP, TCP, UDP } from './headers.ts';
import { decodeOptions } from './tcp-options.ts';

/** A packet that the stack sent, taken apart; numbers as they were on the wire. */
export interface LivePacket {
  readonly bytes: Uint8Array;
  readonly source: number;
  readonly destination: number;
  readonly tos: number;
  readonly ttl: number;
  readonly protocol: number;
  readonly transport: LiveTcp | LiveUdp | LiveIcmp | LiveOther;
}

export interface LiveTcp {
  readonly kind: 'tcp';
  readonly sourcePort: number;
  readonly destinationPort: number;
  /** All nine bits. */
  readonly flags: number;
  /** The three bits in front of the flags. */
  readonly reserved: number;
  readonly seq: number;
  readonly ack: number;
  readonly window: number;
  readonly urgent: number;
  readonly options: readonly TcpOption[];
  readonly payload: Uint8Array;
}

export interface LiveUdp {
  readonly kind: 'udp';
  readonly sourcePort: number;
  readonly destinationPort: number;
  readonly payload: Uint8Array;
}

export interface LiveIcmp {
  readonly kind: 'icmp';
  readonly type: number;
  readonly code: number;
  readonly id: number;
  readonly mtu: number;
  /** Behind the eight bytes of the header. */
  readonly payload: Uint8Array;
}

export interface LiveOther {
  readonly kind: 'other';
  readonly payload: Uint8Array;
}

/** Takes a packet apart. Throws an error that says which header is malformed. */
export function decodePacket(bytes: Uint8Array): LivePacket {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < IP_HLEN) throw new Error(`an IP packet of ${bytes.length} bytes`);
  const versionIhl = view.getUint8(IP_VERSION_IHL);
  if (versionIhl >>> 4 !== 4) throw new Error(`IP version ${versionIhl >>> 4}`);
  const header = (versionIhl & 15) * 4;
  const total = view.getUint16(IP_TOTAL_LENGTH);
  if (header < IP_HLEN || total < header || total !== bytes.length)
    throw new Error(
      `IP header length ${header}, total length ${total}, in a packet of ${bytes.length} bytes`,
    );
  const protocol = view.getUint8(IP_PROTOCOL);
  return {
    bytes,
    source: view.getUint32(IP_SOURCE),
    destination: view.getUint32(IP_DESTINATION),
    tos: view.getUint8(IP_TOS),
    ttl: view.getUint8(IP_TTL),
    protocol,
    transport: decodeTransport(protocol, bytes.subarray(header)),
  };
}

/** Whether a packet is IPv4 at all; others are none of a script's business. */
export function isIpv4(bytes: Uint8Array): boolean {
  return bytes.length > 0 && bytes[0]! >>> 4 === 4;
}

function decodeTransport(protocol: number, bytes: Uint8Array): LivePacket['transport'] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  switch (protocol) {
    case IPPROTO_TCP:
      return decodeTcp(bytes, view);
    case IPPROTO_UDP:
      return decodeUdp(bytes, view);
    case IPPROTO_ICMP:
      return decodeIcmp(bytes, view);
    default:
      return { kind: 'other', payload: bytes };
  }
}

function decodeTcp(bytes: Uint8Array, view: DataView): LiveTcp {
  if (bytes.length < TCP.span) throw new Error(`a TCP segment of ${bytes.length} bytes`);
  const offsetAndFlags = view.getUint16(TCP.offsetAndFlags);
  const header = (offsetAndFlags >>> 12) * 4;
  if (header < TCP.span || header > bytes.length)
    throw new Error(`TCP header length ${header} in a segment of ${bytes.length} bytes`);
  const options = decodeOptions(bytes.subarray(TCP.span, header));
  if (options === undefined) throw new Error('TCP options of impossible length');
  return {
    kind: 'tcp',
    sourcePort: view.getUint16(TCP.sourcePort),
    destinationPort: view.getUint16(TCP.destinationPort),
    flags: offsetAndFlags & 0x1ff,
    reserved: (offsetAndFlags >>> 9) & 7,
    seq: view.getUint32(TCP.seq),
    ack: view.getUint32(TCP.ack),
    window: view.getUint16(TCP.window),
    urgent: view.getUint16(TCP.urgent),
    options,
    payload: bytes.subarray(header),
  };
}

function decodeUdp(bytes: Uint8Array, view: DataView): LiveUdp {
  if (bytes.length < UDP.span) throw new Error(`a UDP datagram of ${bytes.length} bytes`);
  const length = view.getUint16(UDP.length);
  if (length !== bytes.length) throw new Error(`UDP length ${length} in a datagram of ${bytes.length} bytes`);
  return {
    kind: 'udp',
    sourcePort: view.getUint16(UDP.sourcePort),
    destinationPort: view.getUint16(UDP.destinationPort),
    payload: bytes.subarray(UDP.span),
  };
}

function decodeIcmp(bytes: Uint8Array, view: DataView): LiveIcmp {
  if (bytes.length < ICMP.span) throw new Error(`an ICMP message of ${bytes.length} bytes`);
  return {
    kind: 'icmp',
    type: view.getUint8(ICMP.type),
    code: view.getUint8(ICMP.code),
    id: view.getUint16(ICMP.id),
    mtu: view.getUint16(ICMP.mtu),
    payload: bytes.subarray(ICMP.span),
  };
}
