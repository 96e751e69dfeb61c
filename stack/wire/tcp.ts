import { type Structure, struct, u8, u16be, u32be } from 'buffer-layout';
import { offsetIn } from '../../device/frame/layout.ts';

/** The fixed part of a TCP header (RFC 9293, section 3.1), network order. */
export interface TcpHeader {
  sourcePort: number;
  destinationPort: number;
  sequence: number;
  acknowledgment: number;
  /** Header length in 32-bit words in the high four bits, reserved bits in the low ones. */
  dataOffset: number;
  flags: number;
  window: number;
  checksum: number;
  urgent: number;
}

export const tcpLayout: Structure<TcpHeader> = struct<TcpHeader>([
  u16be('sourcePort'),
  u16be('destinationPort'),
  u32be('sequence'),
  u32be('acknowledgment'),
  u8('dataOffset'),
  u8('flags'),
  u16be('window'),
  u16be('checksum'),
  u16be('urgent'),
]);

export const TCP_SOURCE_PORT: number = offsetIn(tcpLayout, 'sourcePort');
export const TCP_DESTINATION_PORT: number = offsetIn(tcpLayout, 'destinationPort');
export const TCP_SEQUENCE: number = offsetIn(tcpLayout, 'sequence');
export const TCP_ACKNOWLEDGMENT: number = offsetIn(tcpLayout, 'acknowledgment');
export const TCP_DATA_OFFSET: number = offsetIn(tcpLayout, 'dataOffset');
export const TCP_FLAGS: number = offsetIn(tcpLayout, 'flags');
export const TCP_WINDOW: number = offsetIn(tcpLayout, 'window');
export const TCP_CHECKSUM: number = offsetIn(tcpLayout, 'checksum');
export const TCP_URGENT: number = offsetIn(tcpLayout, 'urgent');
/** Bytes of a header without options. */
export const TCP_HLEN: number = tcpLayout.span;
/** Bytes of the longest header. */
export const TCP_HLEN_MAX = 60;

/** Bits of the flags byte. */
export const TH_FIN = 0x01;
export const TH_SYN = 0x02;
export const TH_RST = 0x04;
export const TH_PSH = 0x08;
export const TH_ACK = 0x10;
export const TH_URG = 0x20;
export const TH_ECE = 0x40;
export const TH_CWR = 0x80;

/** Bytes of the header at `at`. */
export function tcpHeaderLength(view: DataView, at: number): number {
  return (view.getUint8(at + TCP_DATA_OFFSET) >>> 4) << 2;
}
