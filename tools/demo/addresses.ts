/** Who is who in the demo, in memory and on a real bridge. */
export const VM_ADDRESS = '192.0.2.10';
export const VM_MAC = 0x02000000000a;
export const PEER_ADDRESS = '192.0.2.1';
export const PEER_MAC = 0x020000000001;
export const PREFIX_LENGTH = 24;
