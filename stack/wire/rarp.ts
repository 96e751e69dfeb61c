import { ETH_DESTINATION, ETH_HLEN, ETH_P_RARP, ETH_SOURCE, ETH_TYPE } from '../../device/frame/ethernet.ts';
import { MAC_BROADCAST, type MacAddress, setMac } from '../../device/frame/mac.ts';
import { ARP_LENGTH, ARPOP_RREQUEST, writeArp } from './arp.ts';

/** Bytes of QEMU's announcement, padded to the least an Ethernet carries. */
export const RARP_FRAME_LENGTH = 60;

/**
 * Writes the frame by which QEMU announces a migrated guest: a broadcast reverse-ARP request (RFC 903) about `mac` itself,
 * without IP addresses. 60 bytes at `at`. Switches learn from its source; no host answers it.
 */
export function writeRarp(view: DataView, at: number, mac: MacAddress): void {
  setMac(view, at + ETH_DESTINATION, MAC_BROADCAST);
  setMac(view, at + ETH_SOURCE, mac);
  view.setUint16(at + ETH_TYPE, ETH_P_RARP);
  writeArp(view, at + ETH_HLEN, ARPOP_RREQUEST, mac, 0, mac, 0);
  for (let pad = ETH_HLEN + ARP_LENGTH; pad < RARP_FRAME_LENGTH; pad += 2) view.setUint16(at + pad, 0);
}
