import { type CaptureFile, CaptureFormatError, DEFAULT_LIMITS, type ReadLimits } from './capture-file.ts';
import { readClassic } from './classic-reader.ts';
import { BLOCK_SECTION } from './format.ts';
import { readPcapng } from './pcapng-reader.ts';

/**
 * Reads a capture: classic pcap in both byte orders and resolutions, or pcapng. The file may be hostile: whatever makes no
 * sense in it throws {@link CaptureFormatError}, and the limits hold.
 */
export function readCapture(file: Uint8Array, limits: ReadLimits = {}): CaptureFile {
  const all = { ...DEFAULT_LIMITS, ...limits };
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  if (file.length < 4) throw new CaptureFormatError('too short for a capture file', file.length);
  return view.getUint32(0) === BLOCK_SECTION ? readPcapng(file, view, all) : readClassic(file, view, all);
}
