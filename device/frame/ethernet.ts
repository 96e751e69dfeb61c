import { type Structure, struct, u16be, u48be } from 'buffer-layout';
import { offsetIn } from './layout.ts';

/** Ethernet II (DIX): the first 14 bytes of a frame, network order. */
export interface EthernetHeader {
  destination: number;
  source: number;
  type: number;
}

export const ethernetLayout: Structure<EthernetHeader> = struct<EthernetHeader>([
  u48be('destination'),
  u48be('source'),
  u16be('type'),
]);

export const ETH_DESTINATION: number = offsetIn(ethernetLayout, 'destination');
export const ETH_SOURCE: number = offsetIn(ethernetLayout, 'source');
export const ETH_TYPE: number = offsetIn(ethernetLayout, 'type');
/** Bytes of the header (Linux: `ETH_HLEN`). */
export const ETH_HLEN: number = ethernetLayout.span;
/** Bytes of an address (Linux: `ETH_ALEN`). */
export const ETH_ALEN = 6;

/** EtherTypes (IEEE; Linux: `linux/if_ether.h`), host order. */
export const ETH_P_ALL = 0x0003;
export const ETH_P_802_3_MIN = 0x0600;
export const ETH_P_IP = 0x0800;
export const ETH_P_ARP = 0x0806;
export const ETH_P_RARP = 0x8035;
export const ETH_P_8021Q = 0x8100;
export const ETH_P_IPV6 = 0x86dd;
export const ETH_P_8021AD = 0x88a8;
/** IEEE 802.2 length field instead of a type: no protocol of ours (Linux: `ETH_P_802_2`). */
export const ETH_P_802_2 = 0x0004;
