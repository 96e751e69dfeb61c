import { createHash } from 'node:crypto';
import t from 'tap';
import { PcapWriter } from '../../device/pcap/pcap-writer.ts';
import { runSeed } from './run-seed.ts';

/** Seeds that are compared, and enough of them that every impairment occurs. */
const SEEDS = 30;

/** The capture of a seed, as a hash and its length. */
function captured(seed: number): string {
  const hash = createHash('sha256');
  let length = 0;
  runSeed(
    seed,
    new PcapWriter((bytes) => {
      hash.update(bytes);
      length += bytes.length;
    }),
  );
  return `${length} bytes, ${hash.digest('hex')}`;
}

t.test('the same seed gives the same capture, byte by byte', (t) => {
  const first = Array.from({ length: SEEDS }, (_, seed) => captured(seed));
  // The other way round: nothing may depend on what ran before.
  const second = Array.from({ length: SEEDS }, (_, i) => captured(SEEDS - 1 - i)).reverse();
  t.strictSame(second, first);
  t.equal(new Set(first).size, SEEDS, 'and another seed another one');
  t.end();
});
