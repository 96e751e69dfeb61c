import { type Expression, member } from '../script/expression.ts';
import { SOCKET_SYMBOLS } from '../symbols/sockets.ts';
import type { ControlMessage } from '../syscall.ts';
import type { Arguments } from './arguments.ts';

/** A member of a struct in a control message: where it is and how wide. Network order where Linux has it so. */
interface Part {
  readonly offset: number;
  readonly size: 1 | 2 | 4;
  readonly bigEndian?: boolean;
}

/** `struct sock_extended_err` (`<linux/errqueue.h>`) and `struct in_pktinfo` (`<linux/in.h>`). */
const PARTS: Readonly<Record<string, Part>> = {
  ee_errno: { offset: 0, size: 4 },
  ee_origin: { offset: 4, size: 1 },
  ee_type: { offset: 5, size: 1 },
  ee_code: { offset: 6, size: 1 },
  ee_info: { offset: 8, size: 4 },
  ee_data: { offset: 12, size: 4 },
  ipi_ifindex: { offset: 0, size: 4 },
  ipi_spec_dst: { offset: 4, size: 4, bigEndian: true },
  ipi_addr: { offset: 8, size: 4, bigEndian: true },
};
const STRUCT_SIZE: Readonly<Record<string, number>> = { ee: 16, ipi: 12 };

/** The first time in `struct scm_timestamping`, and the same in `struct timespec` alone: bytes of its two parts. */
const TIMESPEC = 16;

/** Control messages as they are sent: `[{cmsg_level=, cmsg_type=, cmsg_data=}]`. */
export function readControl(args: Arguments, list: Expression | undefined): ControlMessage[] {
  if (list === undefined || list.kind !== 'list') return [];
  return list.items.map((item) => {
    const level = args.fieldOr(item, 'cmsg_level', 0);
    const type = args.fieldOr(item, 'cmsg_type', 0);
    return { level, type, data: readData(args, level, type, member(item, 'cmsg_data')) };
  });
}

function readData(args: Arguments, level: number, type: number, data: Expression | undefined): Uint8Array {
  if (data === undefined) throw args.unsupported('a control message without cmsg_data');
  if (data.kind === 'struct') return readStruct(args, data);
  const bytes = new Uint8Array(
    level === SOCKET_SYMBOLS.SOL_UDP && type === SOCKET_SYMBOLS.UDP_SEGMENT ? 2 : 4,
  );
  writePart(bytes, { offset: 0, size: bytes.length as 2 | 4 }, args.evaluate(data));
  return bytes;
}

function readStruct(args: Arguments, struct: Extract<Expression, { kind: 'struct' }>): Uint8Array {
  const prefix = struct.fields[0]?.name?.split('_')[0] ?? '';
  const bytes = new Uint8Array(STRUCT_SIZE[prefix] ?? 0);
  for (const { name, value } of struct.fields) writePart(bytes, partOf(args, name), args.evaluate(value));
  return bytes;
}

function partOf(args: Arguments, name: string | undefined): Part {
  const part = name === undefined ? undefined : PARTS[name];
  if (part === undefined) throw args.unsupported(`control message with ${name ?? 'a value without a name'}`);
  return part;
}

function writePart(bytes: Uint8Array, part: Part, value: number): void {
  const view = new DataView(bytes.buffer);
  if (part.size === 1) view.setUint8(part.offset, value);
  else if (part.size === 2) view.setUint16(part.offset, value, part.bigEndian !== true);
  else view.setUint32(part.offset, value, part.bigEndian !== true);
}

/** What is not as the script says in control messages that were received; undefined when all is. */
export function compareControl(
  args: Arguments,
  list: Expression | undefined,
  actual: readonly ControlMessage[],
): string | undefined {
  if (list === undefined || list.kind !== 'list') return undefined;
  if (list.items.length !== actual.length)
    return `control messages: expected ${list.items.length}, actual ${actual.length}`;
  for (const [index, item] of list.items.entries()) {
    const complaint = compareMessage(args, item, actual[index]!);
    if (complaint !== undefined) return `control message ${index}: ${complaint}`;
  }
  return undefined;
}

function compareMessage(args: Arguments, expected: Expression, actual: ControlMessage): string | undefined {
  const level = args.fieldOr(expected, 'cmsg_level', actual.level);
  if (level !== actual.level) return `level: expected ${level}, actual ${actual.level}`;
  const type = args.fieldOr(expected, 'cmsg_type', actual.type);
  if (type !== actual.type) return `type: expected ${type}, actual ${actual.type}`;
  const data = member(expected, 'cmsg_data');
  if (data === undefined || data.kind === 'ellipsis') return undefined;
  if (data.kind !== 'struct') return differs('data', args.evaluate(data), readNumber(actual.data));
  if (data.fields[0]?.name?.startsWith('scm_') === true) return compareTime(args, data, actual.data);
  for (const { name, value } of data.fields) {
    const part = partOf(args, name);
    if (part.offset + part.size > actual.data.length) return `${name}: only ${actual.data.length} bytes came`;
    if (value.kind === 'ellipsis') continue;
    const complaint = differs(name!, args.evaluate(value), readPart(actual.data, part));
    if (complaint !== undefined) return complaint;
  }
  return undefined;
}

/** `{scm_sec=, scm_nsec=}`: when it happened, counted from the script's beginning, with the tolerance of all times. It may be as late as the script is. */
function compareTime(args: Arguments, expected: Expression, bytes: Uint8Array): string | undefined {
  if (bytes.length < TIMESPEC) return `time: only ${bytes.length} bytes came`;
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  const wall = Number(view.getBigInt64(0, true)) * 1e6 + Number(view.getBigInt64(8, true)) / 1000;
  const actual = wall - args.epoch;
  const wanted = args.fieldOr(expected, 'scm_sec', 0) * 1e6 + args.fieldOr(expected, 'scm_nsec', 0) / 1000;
  const { tolerance } = args.settings;
  if (actual >= wanted - tolerance && actual <= wanted + tolerance + args.late) return undefined;
  return `time: expected ${wanted / 1e6} s, actual ${actual / 1e6} s`;
}

function readPart(bytes: Uint8Array, part: Part): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  if (part.size === 1) return view.getUint8(part.offset);
  if (part.size === 2) return view.getUint16(part.offset, part.bigEndian !== true);
  return view.getUint32(part.offset, part.bigEndian !== true);
}

/** An int of whatever width, little-endian. */
function readNumber(bytes: Uint8Array): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  switch (bytes.length) {
    case 1:
      return view.getUint8(0);
    case 2:
      return view.getUint16(0, true);
    default:
      return bytes.length >= 4 ? view.getInt32(0, true) : Number.NaN;
  }
}

function differs(what: string, expected: number, actual: number): string | undefined {
  return expected === actual ? undefined : `${what}: expected ${expected}, actual ${actual}`;
}
