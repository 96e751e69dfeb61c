import t from 'tap';
import { sumBytes, sumWords } from '../../device/memory/checksum.ts';
import { SIMD_MODULE, SIMD_MOST, simdKernel } from '../../device/memory/checksum-simd.ts';
import { PacketPool } from '../../device/memory/pool.ts';
import { SeededEntropy } from '../../device/random.ts';

/** A pool whose first bytes are random. */
function filled(bytes: number): PacketPool {
  const pool = new PacketPool({ small: 1, large: 4, pages: 0 });
  new SeededEntropy(7).fill(pool.u8.subarray(0, bytes));
  return pool;
}

t.test('the module is what its source says, and this engine runs it', (t) => {
  t.ok(WebAssembly.validate(SIMD_MODULE));
  t.equal(Buffer.from(SIMD_MODULE.subarray(0, 8)).toString('hex'), '0061736d01000000');
  const broken = SIMD_MODULE.slice();
  broken[broken.length - 1] = 0;
  t.notOk(WebAssembly.validate(broken));
  t.end();
});

t.test('every offset of 0 to 31 and every length of 0 to 300: as plain JavaScript has it', (t) => {
  const pool = filled(1024);
  const simd = pool.simd!;
  let wrong = 0;
  for (let offset = 0; offset < 32; offset++)
    for (let length = 0; length <= 300; length++)
      if (simd(offset, length) !== sumWords(pool, offset, length)) wrong++;
  t.equal(wrong, 0);
  t.end();
});

t.test('lengths of frames and super-segments, from odd and even starts, up to the most', (t) => {
  const pool = filled(SIMD_MOST + 64);
  const simd = pool.simd!;
  const lengths = [576, 1460, 1499, 1500, 9000, 65_495, 65_535, 65_536, SIMD_MOST - 1, SIMD_MOST];
  for (const length of lengths)
    for (const offset of [0, 1, 2, 3, 7, 14, 34, 63])
      t.equal(simd(offset, length), sumWords(pool, offset, length), `${length} at ${offset}`);
  t.end();
});

t.test('no sum overflows: all ones, and all ones but the first byte', (t) => {
  const pool = filled(0);
  pool.u8.fill(0xff, 0, SIMD_MOST + 1);
  for (const length of [64, 65, 65_535, SIMD_MOST])
    t.equal(pool.simd!(1, length), length % 2 === 0 ? 0xffff : 0xff00);
  pool.u8[1] = 0;
  t.equal(pool.simd!(1, SIMD_MOST), sumWords(pool, 1, SIMD_MOST));
  t.end();
});

t.test('nothing behind the last byte counts, and the end of the region is no obstacle', (t) => {
  const pool = filled(4096);
  const end = pool.u8.length;
  let wrong = 0;
  for (let length = 0; length < 200; length++)
    if (pool.simd!(end - length, length) !== sumWords(pool, end - length, length)) wrong++;
  t.equal(wrong, 0);
  const before = pool.simd!(10, 100);
  pool.u8.fill(0xff, 110, 400);
  pool.u8.fill(0xff, 0, 10);
  t.equal(pool.simd!(10, 100), before);
  t.end();
});

t.test('which one sums: vectors from 32 bytes on, plain JavaScript where they are switched off', (t) => {
  const pool = filled(4096);
  const plain = new PacketPool({ small: 1, large: 4, pages: 0, simd: false });
  plain.u8.set(pool.u8.subarray(0, 4096));
  t.equal(plain.simd, null);
  for (const length of [0, 1, 31, 32, 33, 4000])
    t.equal(sumBytes(plain, 3, length), sumBytes(pool, 3, length));
  const memory = new WebAssembly.Memory({ initial: 3, maximum: 3 });
  new Uint8Array(memory.buffer).fill(1);
  t.equal(simdKernel(memory)!(0, 130_000), sumWords({ ...viewsOf(memory) } as PacketPool, 0, 130_000));
  t.end();
});

function viewsOf({ buffer }: WebAssembly.Memory): Pick<PacketPool, 'view' | 'u32'> {
  return { view: new DataView(buffer), u32: new Uint32Array(buffer) };
}
