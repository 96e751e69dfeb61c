/**
 * Link-layer addresses are 48-bit unsigned integers in host order: `02:00:00:00:00:01` is `0x020000000001`. They compare
 * with `===`, fit a double exactly, and are written to a frame with two stores.
 */
export type MacAddress = number;

export const MAC_BROADCAST: MacAddress = 0xffffffffffff;
export const MAC_ZERO: MacAddress = 0;

const HIGH = 0x1_0000_0000;

/** Reads a MAC address at `offset`. */
export function getMac(view: DataView, offset: number): MacAddress {
  return view.getUint16(offset) * HIGH + view.getUint32(offset + 2);
}

/** Writes a MAC address at `offset`. */
export function setMac(view: DataView, offset: number, mac: MacAddress): void {
  view.setUint16(offset, mac / HIGH);
  // The store keeps the low 32 bits by itself, at half the price of a remainder.
  view.setUint32(offset + 2, mac);
}

/** Group bit set: broadcast or multicast (Linux: `is_multicast_ether_addr`). */
export function isMulticastMac(mac: MacAddress): boolean {
  return (Math.floor(mac / 0x100_0000_0000) & 1) === 1;
}

/** An address that a station may have: neither zero nor a group (Linux: `is_valid_ether_addr`). */
export function isValidMac(mac: MacAddress): boolean {
  return Number.isInteger(mac) && mac > MAC_ZERO && mac < MAC_BROADCAST && !isMulticastMac(mac);
}

/** `02:00:00:00:00:01`. */
export function formatMac(mac: MacAddress): string {
  return mac
    .toString(16)
    .padStart(12, '0')
    .replace(/..(?!$)/g, '$&:');
}

/** Parses `02:00:00:00:00:01` (or with `-`); NaN when `text` is no MAC address. */
export function parseMac(text: string): MacAddress {
  if (!/^[0-9a-f]{1,2}([:-][0-9a-f]{1,2}){5}$/i.test(text)) return Number.NaN;
  return text.split(/[:-]/).reduce((mac, byte) => mac * 256 + Number.parseInt(byte, 16), 0);
}
