import { describeFrame } from '../../stack/wire/describe.ts';

/** One layer of a frame that is looked at: reads it, notes what is wrong, and steps over its header. */
export type Check = (frame: Dissection) => void;

/** A frame that is being checked from front to back, with what was found wrong so far. */
export class Dissection {
  readonly view: DataView;
  readonly problems: string[] = [];
  /** First byte that no layer has taken. */
  at = 0;
  /** First byte behind the payload; what lies behind it is padding. */
  end: number;
  /** What the layer below says that the next one is; undefined where there is none below. */
  announced: string | undefined;
  /** Whether a layer was so broken that what lies above can't be found. */
  broken = false;
  /** Whether the layer above is a part only, whose checksum covers more than is here. */
  fragment = false;

  constructor(bytes: Uint8Array) {
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.end = bytes.byteLength;
  }

  /** Whether `bytes` more are there; when not, that is noted and nothing further is looked at. */
  has(layer: string, bytes: number): boolean {
    if (this.end - this.at >= bytes) return true;
    this.problems.push(`${layer}: ${this.end - this.at} bytes, expected ${bytes} at least`);
    this.broken = true;
    return false;
  }

  /** Notes that the layer below announces another one than `layer`. */
  follows(layer: string): void {
    if (this.announced !== undefined) this.expect('next layer', this.announced, layer);
    this.announced = undefined;
  }

  /** Notes a field that is not what it should be; nothing is expected when `wanted` is undefined. */
  expect<T extends string | number | boolean>(field: string, actual: T, wanted: T | undefined): void {
    if (wanted !== undefined && actual !== wanted)
      this.problems.push(`${field}: ${actual}, expected ${wanted}`);
  }

  /** A part of the frame. */
  bytes(from: number, to: number): Buffer {
    return Buffer.from(this.view.buffer, this.view.byteOffset + from, to - from);
  }

  /** One's complement sum of RFC 1071 over a part, byte by byte: 0xffff when the checksum in it is right. */
  sum(from: number, to: number): number {
    let sum = 0;
    for (let at = from; at < to; at++) {
      const byte = this.view.getUint8(at);
      sum += (at - from) % 2 === 0 ? byte * 256 : byte;
    }
    while (sum > 0xffff) sum = Math.floor(sum / 65536) + (sum % 65536);
    return sum;
  }
}

/** A frame that is not as expected: the message shows it in tcpdump's words and bytes, and each field that differs. */
export class FrameError extends Error {
  readonly problems: readonly string[];

  constructor(bytes: Uint8Array, problems: readonly string[]) {
    const hex = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('hex');
    const shown = hex.length > 256 ? `${hex.slice(0, 256)}...` : hex;
    super(
      `${describeFrame(bytes)}\n${problems.map((problem) => `  ${problem}`).join('\n')}\n  bytes: ${shown}`,
    );
    this.name = 'FrameError';
    this.problems = problems;
  }
}
