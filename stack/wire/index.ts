/**
 * Header layouts and numbers, exported as `tapir/wire` for programs that build or read frames: one file a protocol, each with its
 * `buffer-layout` struct, the offsets taken from it, and the names that the RFCs and Linux give to values.
 */

export * from '../../device/frame/ethernet.ts';
export * from '../../device/frame/vlan.ts';
export * from './address.ts';
export * from './arp.ts';
export * from './describe.ts';
export * from './dhcp.ts';
export * from './dhcp-options.ts';
export * from './icmp.ts';
export * from './ipv4.ts';
export * from './rarp.ts';
