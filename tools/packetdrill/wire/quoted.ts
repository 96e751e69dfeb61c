import { IP_HLEN } from '../../../stack/wire/ipv4.ts';

/** What an ICMP error tells of the packet that it is about. */
export interface QuotedPacket {
  readonly protocol: number;
  readonly sourcePort: number;
  readonly destinationPort: number;
  /** TCP's sequence number, or UDP's length and checksum. */
  readonly seq: number;
}

/** Reads the packet quoted in an ICMP error; undefined when too little of it is there. */
export function decodeQuoted(bytes: Uint8Array): QuotedPacket | undefined {
  if (bytes.length < IP_HLEN || bytes[0]! >>> 4 !== 4) return undefined;
  const header = (bytes[0]! & 15) * 4;
  if (bytes.length < header + 8) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return {
    protocol: bytes[9]!,
    sourcePort: view.getUint16(header),
    destinationPort: view.getUint16(header + 2),
    seq: view.getUint32(header + 4),
  };
}
