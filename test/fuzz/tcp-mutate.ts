import type { SeededEntropy } from '../../device/random.ts';

const IPV4_BYTES = 20;
/** Where fields of a TCP header begin, and their bytes: sequence, acknowledgement, offset and flags, window, urgent. */
const FIELDS: readonly [at: number, bytes: number][] = [
  [4, 4],
  [8, 4],
  [12, 2],
  [14, 2],
  [18, 2],
];
/** Share of segments whose checksums are right again afterwards. */
const MENDED = 0.85;

/** A changed copy of a datagram with a TCP segment: bits, bytes, fields by a little or a lot, options, length. */
export function mutateSegment(original: Buffer, entropy: SeededEntropy): Buffer {
  let frame: Buffer = Buffer.from(original);
  for (let count = 1 + entropy.below(3); count > 0; count--) frame = change(frame, entropy);
  if (entropy.chance(MENDED)) mendSegment(frame);
  return frame;
}

function change(frame: Buffer, entropy: SeededEntropy): Buffer {
  if (frame.length < IPV4_BYTES + 20) return frame;
  const header = IPV4_BYTES + entropy.below(Math.min(60, frame.length - IPV4_BYTES));
  switch (entropy.below(8)) {
    case 0:
      frame[header]! ^= 1 << entropy.below(8);
      return frame;
    case 1:
      frame[header] = entropy.below(256);
      return frame;
    case 2:
      frame[entropy.below(frame.length)] = entropy.below(256);
      return frame;
    case 3:
      frame[IPV4_BYTES + 13] = entropy.below(256);
      return frame;
    case 4:
      return frame.subarray(0, IPV4_BYTES + entropy.below(frame.length - IPV4_BYTES));
    case 5:
      return Buffer.concat([frame, Buffer.alloc(1 + entropy.below(600), entropy.below(256))]);
    default: {
      const [at, bytes] = FIELDS[entropy.below(FIELDS.length)]!;
      const offset = IPV4_BYTES + at;
      const range = entropy.chance(0.7) ? 3000 : 2 ** 31;
      const by = entropy.below(range) - range / 2;
      if (bytes === 4) frame.writeUInt32BE((frame.readUInt32BE(offset) + by) >>> 0, offset);
      else frame.writeUInt16BE((frame.readUInt16BE(offset) + by) & 0xffff, offset);
      return frame;
    }
  }
}

/** Sets length and checksums right. */
export function mendSegment(frame: Buffer): void {
  frame[0] = 0x45;
  frame.writeUInt16BE(frame.length, 2);
  frame.writeUInt16BE(0, 10);
  frame.writeUInt16BE(foldedSum(frame, 0, IPV4_BYTES, 0), 10);
  if (frame.length < IPV4_BYTES + 20) return;
  const at = IPV4_BYTES + 16;
  frame.writeUInt16BE(0, at);
  let pseudo = 6 + frame.length - IPV4_BYTES;
  for (let i = 12; i < 20; i += 2) pseudo += frame.readUInt16BE(i);
  frame.writeUInt16BE(foldedSum(frame, IPV4_BYTES, frame.length, pseudo), at);
}

function foldedSum(frame: Buffer, from: number, to: number, start: number): number {
  let sum = start;
  for (let i = from; i < to; i += 2) sum += i + 1 < to ? frame.readUInt16BE(i) : frame[i]! << 8;
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}
