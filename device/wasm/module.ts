import { type Code, unsigned } from './opcodes.ts';

/** `\0asm`, version 1 (WebAssembly Core 2.0, 5.5.16). */
const HEADER: Code = [0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00];

const SECTION_TYPE = 1;
const SECTION_IMPORT = 2;
const SECTION_FUNCTION = 3;
const SECTION_EXPORT = 7;
const SECTION_CODE = 10;

const FUNCTION_TYPE = 0x60;
const KIND_FUNCTION = 0x00;
const KIND_MEMORY = 0x02;
/** Limits with a least number of pages only. */
const AT_LEAST = 0x00;
const END = 0x0b;

/** The one function of a module. */
export interface WasmFunction {
  /** Under which it is exported. */
  readonly name: string;
  /** Value types; parameters are the first locals, `locals` come behind them. */
  readonly parameters: readonly number[];
  readonly results: readonly number[];
  readonly locals: readonly number[];
  readonly body: readonly Code[];
}

/** The bytes of a module that imports the memory `env.memory` and exports one function (5.5). */
export function moduleOf(run: WasmFunction): Uint8Array<ArrayBuffer> {
  const type = [FUNCTION_TYPE, ...list(run.parameters.map(one)), ...list(run.results.map(one))];
  const memory = [...name('env'), ...name('memory'), KIND_MEMORY, AT_LEAST, ...unsigned(0)];
  const locals = list(run.locals.map((valueType) => [...unsigned(1), valueType]));
  return Uint8Array.from([
    ...HEADER,
    ...section(SECTION_TYPE, list([type])),
    ...section(SECTION_IMPORT, list([memory])),
    ...section(SECTION_FUNCTION, list([unsigned(0)])),
    ...section(SECTION_EXPORT, list([[...name(run.name), KIND_FUNCTION, ...unsigned(0)]])),
    ...section(SECTION_CODE, list([sized([...locals, ...run.body.flat(), END])])),
  ]);
}

function one(value: number): Code {
  return [value];
}

function list(items: readonly Code[]): Code {
  return [...unsigned(items.length), ...items.flat()];
}

function sized(bytes: Code): Code {
  return [...unsigned(bytes.length), ...bytes];
}

function section(id: number, content: Code): Code {
  return [id, ...sized(content)];
}

function name(text: string): Code {
  return sized([...Buffer.from(text)]);
}
