import { moduleOf } from '../wasm/module.ts';
import {
  block,
  br,
  brIf,
  type Code,
  I32,
  i32,
  i32x4,
  local,
  loop,
  V128,
  v128,
  when,
} from '../wasm/opcodes.ts';

/**
 * The Internet checksum (RFC 1071) in WebAssembly with 128-bit vectors, over the memory that the pool is.
 *
 * Words are counted from the first byte on, so that any offset will do: WebAssembly loads without alignment, and always as
 * little-endian, whatever the machine. The sum is swapped once at the end.
 */
export type SumKernel = (offset: number, length: number) => number;

/** Bytes that one call may sum: their words fit 32 bits unfolded. */
export const SIMD_MOST = 0x20000;

/** Locals: the two parameters, then where the bytes end, the sum of words, and four vectors of sums. */
const AT = 0;
const LENGTH = 1;
const END = 2;
const SUM = 3;
const VECTORS = [4, 5, 6, 7] as const;
const [FIRST] = VECTORS;

const VECTOR = 16;

/** Goes round as long as there are `bytes` more, which `body` takes. */
function whileLeft(bytes: number, ...body: readonly Code[]): Code {
  const step = [local.get(AT), i32.const(bytes), i32.add];
  return block(loop(...step, local.get(END), i32.gtU, brIf(1), body.flat(), ...step, local.set(AT), br(0)));
}

/** Adds the eight words of the vector at `offset` from here to one of the vectors of sums. */
function addWords(sums: number, offset: number): Code {
  const words = [local.get(AT), v128.load(offset), i32x4.extaddPairwiseI16x8U];
  return [local.get(sums), ...words, i32x4.add, local.set(sums)].flat();
}

const addToSum: Code = [...local.get(SUM), ...i32.add, ...local.set(SUM)];

/** The carries of the upper half are added to the lower one; twice, since that may carry again. */
const fold: Code = [
  local.get(SUM),
  i32.const(0xffff),
  i32.and,
  local.get(SUM),
  i32.const(16),
  i32.shrU,
  i32.add,
  local.set(SUM),
].flat();

const swapped: Code = [
  local.get(SUM),
  i32.const(0xff),
  i32.and,
  i32.const(8),
  i32.shl,
  local.get(SUM),
  i32.const(8),
  i32.shrU,
  i32.or,
].flat();

/** The module's bytes: `sum(offset, length)`, the folded sum of up to {@link SIMD_MOST} bytes, host order. */
export const SIMD_MODULE: Uint8Array<ArrayBuffer> = moduleOf({
  name: 'sum',
  parameters: [I32, I32],
  results: [I32],
  locals: [I32, I32, V128, V128, V128, V128],
  body: [
    local.get(AT),
    local.get(LENGTH),
    i32.add,
    local.set(END),
    whileLeft(VECTOR * VECTORS.length, ...VECTORS.map((sums, index) => addWords(sums, index * VECTOR))),
    whileLeft(VECTOR, addWords(FIRST, 0)),
    ...VECTORS.flatMap((sums) =>
      [0, 1, 2, 3].map((lane): Code => [...local.get(sums), ...i32x4.extractLane(lane), ...addToSum]),
    ),
    whileLeft(2, local.get(AT), i32.load16U(0), addToSum),
    local.get(AT),
    local.get(END),
    i32.ltU,
    when(local.get(AT), i32.load8U(0), addToSum),
    fold,
    fold,
    swapped,
  ],
});

let compiled: WebAssembly.Module | null | undefined;

/** The kernel for a memory; null on an engine that knows no vectors. */
export function simdKernel(memory: WebAssembly.Memory): SumKernel | null {
  if (compiled === undefined)
    compiled = WebAssembly.validate(SIMD_MODULE) ? new WebAssembly.Module(SIMD_MODULE) : null;
  if (compiled === null) return null;
  return new WebAssembly.Instance(compiled, { env: { memory } }).exports['sum'] as SumKernel;
}
