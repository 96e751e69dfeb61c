import { LINKTYPE_RAW } from '../../device/pcap/format.ts';
import { describeFrame, describeIpv4 } from '../../stack/wire/describe.ts';
import type { CapturedFrame } from '../control/view/capture.ts';

/** One line as `tcpdump -e -i any` prints it; UTC. A frame that was dropped says why at the end. */
export function formatFrame(frame: CapturedFrame, bytes: Uint8Array): string {
  const direction = frame.direction === 'in' ? 'In ' : frame.direction === 'out' ? 'Out' : '   ';
  const text = frame.linkType === LINKTYPE_RAW ? describeIpv4(bytes) : describeFrame(bytes);
  const comment = frame.comment === undefined ? '' : ` [${frame.comment}]`;
  return `${timeOfDay(frame.time)} ${frame.dev} ${direction} ${text}${comment}`;
}

/** `23:00:43.334840`. */
function timeOfDay(time: number): string {
  const seconds = new Date(Math.floor(time / 1_000_000) * 1000).toISOString().slice(11, 19);
  return `${seconds}.${String(Math.floor(time % 1_000_000)).padStart(6, '0')}`;
}
