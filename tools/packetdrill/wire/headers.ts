/**
 * Offsets of the transport headers that scripts describe. They are the interpreter's own, so that a mistake in the stack's
 * layouts can't hide itself.
 */
export const TCP = {
  sourcePort: 0,
  destinationPort: 2,
  seq: 4,
  ack: 8,
  offsetAndFlags: 12,
  window: 14,
  checksum: 16,
  urgent: 18,
  span: 20,
} as const;

export const UDP = { sourcePort: 0, destinationPort: 2, length: 4, checksum: 6, span: 8 } as const;

export const ICMP = { type: 0, code: 1, checksum: 2, id: 4, mtu: 6, span: 8 } as const;

/** The one's complement sum of bytes, as big-endian words, on top of `initial`. */
function sum(bytes: Uint8Array, initial: number): number {
  let total = initial;
  for (let at = 0; at < bytes.length; at++) total += at % 2 === 0 ? bytes[at]! << 8 : bytes[at]!;
  return total;
}

/** The Internet checksum (RFC 1071) of bytes and of what was summed before. */
export function checksum(bytes: Uint8Array, initial = 0): number {
  let total = sum(bytes, initial);
  while (total > 0xffff) total = (total % 0x10000) + Math.floor(total / 0x10000);
  return ~total & 0xffff;
}

/** The sum of the pseudo-header of TCP and UDP over IPv4. */
export function pseudoHeader(source: number, destination: number, protocol: number, length: number): number {
  return (
    (source >>> 16) + (source & 0xffff) + (destination >>> 16) + (destination & 0xffff) + protocol + length
  );
}
