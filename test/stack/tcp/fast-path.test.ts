import t from 'tap';
import { allocationsOf } from '../../testing/allocation.ts';
import { BulkRig } from './bulk-rig.ts';
import type { CallCounts } from './tap-cable.ts';

/**
 * What a megabyte of bulk transfer between TAPs with virtio headers costs in things that can be counted: in virtual time the
 * counts are the same on every machine. A limit that is exceeded is a regression; one that has room to spare is to be lowered.
 */

const BYTES = 100_000_000;
const MEGABYTE = 1_000_000;
/** Bytes on the heap a frame, on both sides together: what it is to come down to is 0. */
const ALLOCATED = 120;

function measure(): { bytes: number; copied: number; sender: CallCounts; receiver: CallCounts } {
  const rig = new BulkRig();
  rig.transfer(BYTES / 5); // Slow start.
  const copied = rig.copied;
  const before = rig.counts;
  const bytes = rig.transfer(BYTES);
  const after = rig.counts;
  const grown = (side: 0 | 1): CallCounts => ({
    nativeCalls: after[side].nativeCalls - before[side].nativeCalls,
    systemCalls: after[side].systemCalls - before[side].systemCalls,
    framesRead: after[side].framesRead - before[side].framesRead,
    framesWritten: after[side].framesWritten - before[side].framesWritten,
    lost: after[side].lost - before[side].lost,
  });
  return { bytes, copied: rig.copied - copied, sender: grown(0), receiver: grown(1) };
}

t.test('bulk transfer: calls and copies a megabyte', (t) => {
  const { bytes, copied, sender, receiver } = measure();
  const megabytes = bytes / MEGABYTE;
  const below = (what: string, value: number, limit: number): void =>
    void t.ok(value <= limit, `${what}: ${value.toFixed(3)}, at most ${limit}`);
  t.equal(sender.lost + receiver.lost, 0, 'nothing is lost');
  below('system calls a megabyte sent', sender.systemCalls / megabytes, 20);
  below('system calls a megabyte received', receiver.systemCalls / megabytes, 20);
  below('native calls a megabyte sent', sender.nativeCalls / megabytes, 2);
  below('native calls a megabyte received', receiver.nativeCalls / megabytes, 4.5);
  below('copies of a byte, sender and receiver together', copied / bytes, 2.02);
  below('acknowledgements a megabyte', receiver.framesWritten / megabytes, 2.1);
  t.end();
});

t.test('bulk transfer: bytes allocated a frame', (t) => {
  const { megabyte, frames } = allocationsOf(new URL('./bulk-allocation.js', import.meta.url));
  const bytes = megabyte!.bytesPerCall / frames!.bytesPerCall;
  t.ok(frames!.calls > 1000, `${frames!.calls} frames`);
  t.ok(bytes <= ALLOCATED, `${bytes.toFixed(1)} bytes a frame, at most ${ALLOCATED}`);
  t.end();
});
