import { type CapturedFrame, type CaptureFile, CaptureFormatError, type ReadLimits } from './capture-file.ts';
import {
  PCAP_HEADER,
  PCAP_MAGIC_MICROSECONDS,
  PCAP_MAGIC_NANOSECONDS,
  PCAP_RECORD,
  PCAP_VERSION_MAJOR,
} from './format.ts';

/** The upper bits of the link type word hold the length of a check sequence, of which we take no notice. */
const LINKTYPE_MASK = 0x0fffffff;

/** Reads a classic pcap file; see {@link readCapture}. */
export function readClassic(file: Uint8Array, view: DataView, limits: Required<ReadLimits>): CaptureFile {
  const { littleEndian, unit } = kindOf(view);
  if (file.length < PCAP_HEADER) throw new CaptureFormatError('the file header is cut off', file.length);
  const major = view.getUint16(4, littleEndian);
  if (major !== PCAP_VERSION_MAJOR) throw new CaptureFormatError(`unknown pcap version ${major}`, 4);
  const snapLength = view.getUint32(16, littleEndian);
  const linkType = view.getUint32(20, littleEndian) & LINKTYPE_MASK;
  const frames: CapturedFrame[] = [];
  let at = PCAP_HEADER;
  while (at + PCAP_RECORD <= file.length) {
    const kept = view.getUint32(at + 8, littleEndian);
    const originalLength = view.getUint32(at + 12, littleEndian);
    if (kept > limits.maxBlock) throw new CaptureFormatError(`a record of ${kept} bytes`, at + 8);
    if (at + PCAP_RECORD + kept > file.length) break;
    if (frames.length >= limits.maxFrames)
      throw new CaptureFormatError(`more than ${limits.maxFrames} frames`, at);
    const seconds = BigInt(view.getUint32(at, littleEndian));
    const fraction = BigInt(view.getUint32(at + 4, littleEndian));
    frames.push({
      interfaceId: 0,
      time: seconds * 1_000_000_000n + fraction * unit,
      bytes: file.subarray(at + PCAP_RECORD, at + PCAP_RECORD + kept),
      originalLength,
      comments: [],
    });
    at += PCAP_RECORD + kept;
  }
  const interfaces = [{ name: '', linkType, snapLength }];
  return { format: 'pcap', interfaces, frames, truncated: at < file.length };
}

function kindOf(view: DataView): { littleEndian: boolean; unit: bigint } {
  for (const littleEndian of [true, false]) {
    const magic = view.getUint32(0, littleEndian);
    if (magic === PCAP_MAGIC_MICROSECONDS) return { littleEndian, unit: 1000n };
    if (magic === PCAP_MAGIC_NANOSECONDS) return { littleEndian, unit: 1n };
  }
  throw new CaptureFormatError('neither pcap nor pcapng', 0);
}
