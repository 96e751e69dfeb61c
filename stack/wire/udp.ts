import { type Structure, struct, u16be } from 'buffer-layout';
import { offsetIn } from '../../device/frame/layout.ts';

/** A UDP header (RFC 768), network order. */
export interface UdpHeader {
  sourcePort: number;
  destinationPort: number;
  /** Bytes of header and data. */
  length: number;
  /** 0: none was computed. */
  checksum: number;
}

export const udpLayout: Structure<UdpHeader> = struct<UdpHeader>([
  u16be('sourcePort'),
  u16be('destinationPort'),
  u16be('length'),
  u16be('checksum'),
]);

export const UDP_SOURCE: number = offsetIn(udpLayout, 'sourcePort');
export const UDP_DESTINATION: number = offsetIn(udpLayout, 'destinationPort');
export const UDP_LENGTH: number = offsetIn(udpLayout, 'length');
export const UDP_CHECKSUM: number = offsetIn(udpLayout, 'checksum');
/** Bytes of the header. */
export const UDP_HLEN: number = udpLayout.span;
