/** What the observer reads from a frame: its own parser, which shares no code with the stack it watches. */

export const FIN = 1;
export const SYN = 2;
export const RST = 4;
export const ACK = 16;

const ETHERNET = 14;
const IPV4 = 0x0800;
const TCP = 6;

const OPTION_END = 0;
const OPTION_NOP = 1;
const OPTION_SCALE = 3;
const OPTION_SACK = 5;

/** A TCP segment in an Ethernet frame; refilled by each {@link read}. */
export class SegmentView {
  source = 0;
  destination = 0;
  sourcePort = 0;
  destinationPort = 0;
  seq = 0;
  ack = 0;
  flags = 0;
  window = 0;
  /** Window scale that a SYN offers, -1: none. */
  scale = -1;
  /** Bounds of SACK blocks, start and end in turn. */
  readonly sack: number[] = [];
  /** Payload: offset in what was read, and bytes. */
  payloadAt = 0;
  payloadLength = 0;
  /** Both checksums are right. */
  sound = false;

  /** Sequence numbers that the segment takes. */
  get length(): number {
    return this.payloadLength + ((this.flags & SYN) !== 0 ? 1 : 0) + ((this.flags & FIN) !== 0 ? 1 : 0);
  }

  /** Reads the frame in `bytes[0, length)`; false: it holds no whole TCP segment over IPv4. */
  read(bytes: Uint8Array, length: number): boolean {
    if (length < ETHERNET + 40 || word(bytes, 12) !== IPV4 || bytes[ETHERNET]! >>> 4 !== 4) return false;
    const header = (bytes[ETHERNET]! & 15) * 4;
    const total = word(bytes, ETHERNET + 2);
    if (header < 20 || total > length - ETHERNET || bytes[ETHERNET + 9] !== TCP) return false;
    if ((word(bytes, ETHERNET + 6) & 0x3fff) !== 0) return false;
    const at = ETHERNET + header;
    const bytesOfTcp = total - header;
    if (bytesOfTcp < 20) return false;
    const offset = (bytes[at + 12]! >>> 4) * 4;
    if (offset < 20 || offset > bytesOfTcp) return false;
    this.source = double(bytes, ETHERNET + 12);
    this.destination = double(bytes, ETHERNET + 16);
    this.sourcePort = word(bytes, at);
    this.destinationPort = word(bytes, at + 2);
    this.seq = double(bytes, at + 4);
    this.ack = double(bytes, at + 8);
    this.flags = bytes[at + 13]! & 63;
    this.window = word(bytes, at + 14);
    this.payloadAt = at + offset;
    this.payloadLength = bytesOfTcp - offset;
    const pseudo = sum(bytes, ETHERNET + 12, 8, TCP + bytesOfTcp);
    this.sound =
      folded(sum(bytes, ETHERNET, header, 0)) === 0xffff &&
      folded(sum(bytes, at, bytesOfTcp, pseudo)) === 0xffff;
    this.#options(bytes, at + 20, at + offset);
    return true;
  }

  #options(bytes: Uint8Array, from: number, to: number): void {
    this.scale = -1;
    this.sack.length = 0;
    for (let at = from; at < to; ) {
      const kind = bytes[at]!;
      if (kind === OPTION_END) return;
      if (kind === OPTION_NOP) {
        at++;
        continue;
      }
      const length = bytes[at + 1]!;
      if (length < 2 || at + length > to) return;
      if (kind === OPTION_SCALE) this.scale = Math.min(bytes[at + 2]!, 14);
      if (kind === OPTION_SACK)
        for (let edge = at + 2; edge < at + length; edge += 4) this.sack.push(double(bytes, edge));
      at += length;
    }
  }
}

function word(bytes: Uint8Array, at: number): number {
  return (bytes[at]! << 8) | bytes[at + 1]!;
}

function double(bytes: Uint8Array, at: number): number {
  return ((bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!) >>> 0;
}

/** Sum of 16-bit words, not folded: exact for anything that fits a frame. */
function sum(bytes: Uint8Array, at: number, length: number, start: number): number {
  let total = start;
  const even = at + (length & ~1);
  for (let i = at; i < even; i += 2) total += (bytes[i]! << 8) | bytes[i + 1]!;
  if ((length & 1) !== 0) total += bytes[even]! << 8;
  return total;
}

function folded(total: number): number {
  let rest = total;
  while (rest > 0xffff) rest = (rest & 0xffff) + Math.floor(rest / 0x10000);
  return rest;
}
