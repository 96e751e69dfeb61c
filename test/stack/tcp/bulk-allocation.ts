import { measureAllocation } from '../../testing/allocation.ts';
import { BulkRig } from './bulk-rig.ts';

/** Run by `fast-path.test.ts` in a process of its own: what a frame of a bulk transfer allocates, on the sender's and the receiver's side together. */

const MEGABYTE = 1_000_000;
/** Megabytes a measurement. */
const MEGABYTES = 400;

const rig = new BulkRig();
let frames = 0;
measureAllocation('megabyte', MEGABYTES, (megabytes) => {
  const [before] = rig.counts;
  rig.transfer(megabytes * MEGABYTE);
  const [after] = rig.counts;
  frames = after.framesWritten - before.framesWritten;
});
process.stdout.write(
  `${JSON.stringify({ name: 'frames', calls: frames, bytesPerCall: frames / MEGABYTES })}\n`,
);
