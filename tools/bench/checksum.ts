import { sumBytes, sumWords } from '../../device/memory/checksum.ts';
import { PacketPool } from '../../device/memory/pool.ts';
import { type Bench, type Round, summarise } from './result.ts';

/** A header, a full frame, a super-segment. */
const LENGTHS = [20, 40, 128, 1460, 64_000] as const;
/** Bytes that are summed in one measurement. */
const VOLUME = 64_000_000;
/** As payloads lie behind their headers. */
const OFFSET = 54;

/** Nanoseconds a checksum of `length` bytes. */
function measure(sum: typeof sumBytes, pool: PacketPool, length: number): number {
  const times = Math.min(500_000, Math.ceil(VOLUME / length));
  let total = 0;
  const begin = performance.now();
  for (let i = 0; i < times; i++) total += sum(pool, OFFSET + (i & 2), length);
  const elapsed = performance.now() - begin;
  if (total < 0) throw new Error('a sum is never negative');
  return (elapsed * 1e6) / times;
}

/** The Internet checksum with vectors beside the one in plain JavaScript, over the same bytes. */
export function benchChecksum({ rounds, report }: Bench): void {
  const pool = new PacketPool({ small: 16, large: 2, pages: 0 });
  for (let i = 0; i < pool.u8.length; i++) pool.u8[i] = i * 7;
  for (const length of LENGTHS) {
    const measured: Round[] = [];
    for (let i = -2; i < rounds; i++) {
      const round = { reference: measure(sumWords, pool, length), ours: measure(sumBytes, pool, length) };
      if (i >= 0) measured.push(round);
    }
    report(summarise(`checksum-${length}`, 'ns', 'plain JavaScript', measured, { simd: pool.simd !== null }));
  }
}
