import { captureNamespace } from '../../../device/link/capture.ts';
import type { CaptureWriter } from '../../../device/pcap/writer.ts';
import type { Stack } from '../../../stack/stack.ts';
import { type Call, type MethodTable, method } from '../method.ts';
import { deviceName, flag, integer, optional } from '../params.ts';
import { findDevice } from '../subject.ts';
import type { CapturedFrame } from '../view/capture.ts';

const CAPTURE = {
  dev: optional(deviceName),
  count: optional(integer(1, 0xffffffff)),
  snapLength: optional(integer(14, 262_144)),
  drops: optional(flag),
};

export const CAPTURE_METHODS: MethodTable<Stack> = {
  capture: method(CAPTURE, (stack: Stack, { dev, count, snapLength, drops = false }, call) => {
    if (dev !== undefined) findDevice(stack, dev);
    return record(
      stack,
      { dev, count: count ?? Number.POSITIVE_INFINITY, snapLength: snapLength ?? 262_144, drops },
      call,
    );
  }),
};

interface Wanted {
  readonly dev: string | undefined;
  readonly count: number;
  readonly snapLength: number;
  readonly drops: boolean;
}

/** Sends frames until there are enough of them, or the call is cancelled; answers how many there were. */
function record(stack: Stack, wanted: Wanted, call: Call): Promise<{ frames: number }> {
  return new Promise((resolve) => {
    let frames = 0;
    const interfaces: { name: string; linkType: number }[] = [];
    const writer: CaptureWriter = {
      annotates: wanted.drops,
      addInterface: (name, linkType) => interfaces.push({ name, linkType }) - 1,
      write: (id, time, frame, notes = {}) => {
        const { name: dev, linkType } = interfaces[id]!;
        if (frames >= wanted.count || (wanted.dev !== undefined && dev !== wanted.dev)) return;
        const kept = frame.subarray(0, wanted.snapLength);
        const captured: CapturedFrame = {
          time,
          dev,
          linkType,
          length: notes.originalLength ?? frame.length,
          ...notes,
          data: Buffer.from(kept.buffer, kept.byteOffset, kept.length).toString('base64'),
        };
        call.emit(captured);
        if (++frames >= wanted.count) end();
      },
    };
    const stop = captureNamespace(stack.ns, writer);
    const end = (): void => {
      stop();
      resolve({ frames });
    };
    call.signal.addEventListener('abort', end);
  });
}
