/**
 * The instructions of WebAssembly that are used here, by the names of its text format (WebAssembly Core 2.0, 5.4). Each gives the bytes
 * of one instruction; programs are lists of them.
 */
export type Code = readonly number[];

/** Value types (5.3). */
export const I32 = 0x7f;
export const V128 = 0x7b;

/** The type of a block that leaves nothing on the stack. */
const NO_RESULT = 0x40;
const END = 0x0b;
/** In front of every vector instruction. */
const VECTOR = 0xfd;

/** An unsigned number as LEB128 (5.2.2). */
export function unsigned(value: number): Code {
  const bytes: number[] = [];
  let rest = value;
  for (; rest > 0x7f; rest = Math.floor(rest / 0x80)) bytes.push((rest % 0x80) | 0x80);
  bytes.push(rest);
  return bytes;
}

/** A signed 32-bit number as LEB128. */
function signed(value: number): Code {
  const bytes: number[] = [];
  let rest = value;
  for (; rest < -0x40 || rest > 0x3f; rest >>= 7) bytes.push((rest & 0x7f) | 0x80);
  bytes.push(rest & 0x7f);
  return bytes;
}

/** Alignment (a power of two, promised as 1: any) and offset of an access. */
function memoryArgument(offset: number): Code {
  return [0, ...unsigned(offset)];
}

function vector(opcode: number, ...rest: Code): Code {
  return [VECTOR, ...unsigned(opcode), ...rest];
}

/** Leaves the loop or block that is `depth` levels out, or begins the loop again, when the stack's top is not 0. */
export const brIf = (depth: number): Code => [0x0d, ...unsigned(depth)];
export const br = (depth: number): Code => [0x0c, ...unsigned(depth)];
export const block = (...body: readonly Code[]): Code => [0x02, NO_RESULT, ...body.flat(), END];
export const loop = (...body: readonly Code[]): Code => [0x03, NO_RESULT, ...body.flat(), END];
/** Runs `body` when the stack's top is not 0. */
export const when = (...body: readonly Code[]): Code => [0x04, NO_RESULT, ...body.flat(), END];

export const local: { readonly [name in 'get' | 'set']: (index: number) => Code } = {
  get: (index) => [0x20, ...unsigned(index)],
  set: (index) => [0x21, ...unsigned(index)],
};

export const i32 = {
  const: (value: number): Code => [0x41, ...signed(value)],
  load16U: (offset: number): Code => [0x2f, ...memoryArgument(offset)],
  load8U: (offset: number): Code => [0x2d, ...memoryArgument(offset)],
  ltU: [0x49],
  gtU: [0x4b],
  add: [0x6a],
  and: [0x71],
  or: [0x72],
  shl: [0x74],
  shrU: [0x76],
} as const satisfies Record<string, Code | ((value: number) => Code)>;

export const v128 = {
  load: (offset: number): Code => vector(0x00, ...memoryArgument(offset)),
} as const;

export const i32x4 = {
  extractLane: (lane: number): Code => vector(0x1b, lane),
  add: vector(0xae),
  /** Adds neighbouring 16-bit lanes into 32-bit ones, unsigned. */
  extaddPairwiseI16x8U: vector(0x7f),
} as const;
