import type { SackBlock, TcpOption } from '../script/packet-spec.ts';

const EOL = 0;
const NOP = 1;
const MSS = 2;
const WSCALE = 3;
const SACK_PERMITTED = 4;
const SACK = 5;
const TIMESTAMPS = 8;
const MD5 = 19;
const FAST_OPEN = 34;
const ACCECN0 = 172;
const ACCECN1 = 174;
const EXPERIMENTAL = 254;
/** RFC 7413, appendix A: what marks option 254 as Fast Open. */
const FAST_OPEN_MAGIC = 0xf989;
/** Counters of AccECN are 24 bits. */
const COUNTER = 3;

/** The bytes of options in their order; nothing is padded. */
export function encodeOptions(options: readonly TcpOption[]): Uint8Array {
  return Uint8Array.from(options.flatMap(encodeOption));
}

function encodeOption(option: TcpOption): number[] {
  switch (option.kind) {
    case 'eol':
      return [EOL];
    case 'nop':
      return [NOP];
    case 'sackOK':
      return [SACK_PERMITTED, 2];
    case 'mss':
      return [MSS, 4, ...u16(option.value)];
    case 'wscale':
      return [WSCALE, 3, option.value];
    case 'TS':
      return [TIMESTAMPS, 10, ...u32(option.val), ...u32(option.ecr)];
    case 'sack':
      return tagged(
        SACK,
        option.blocks.flatMap(({ from, to }) => [...u32(from), ...u32(to)]),
      );
    case 'FO':
      return tagged(FAST_OPEN, [...option.cookie]);
    case 'FOEXP':
      return tagged(EXPERIMENTAL, [...u16(FAST_OPEN_MAGIC), ...option.cookie]);
    case 'md5':
      return tagged(MD5, [...option.digest]);
    case 'ECN':
      return tagged(option.order === 0 ? ACCECN0 : ACCECN1, option.counters.flatMap(u24));
    case 'other':
      return tagged(option.type, [...option.data]);
  }
}

function tagged(type: number, data: readonly number[]): number[] {
  return [type, data.length + 2, ...data];
}

function u16(value: number): number[] {
  return [(value >>> 8) & 255, value & 255];
}

function u24(value: number): number[] {
  return [(value >>> 16) & 255, ...u16(value)];
}

function u32(value: number): number[] {
  return [(value >>> 24) & 255, ...u24(value)];
}

/** Reads the options of a header; undefined when their lengths make no sense. */
export function decodeOptions(bytes: Uint8Array): TcpOption[] | undefined {
  const options: TcpOption[] = [];
  let at = 0;
  while (at < bytes.length) {
    const type = bytes[at]!;
    if (type === EOL || type === NOP) {
      options.push({ kind: type === EOL ? 'eol' : 'nop' });
      at++;
      continue;
    }
    const length = bytes[at + 1];
    if (length === undefined || length < 2 || at + length > bytes.length) return undefined;
    options.push(decodeOption(type, bytes.slice(at + 2, at + length)));
    at += length;
  }
  return options;
}

/** One option by its type and data; one whose length is not its type's stays `other`. */
function decodeOption(type: number, data: Uint8Array): TcpOption {
  const view = new DataView(data.buffer, data.byteOffset, data.length);
  const other: TcpOption = { kind: 'other', type, data };
  switch (type) {
    case MSS:
      return data.length === 2 ? { kind: 'mss', value: view.getUint16(0) } : other;
    case WSCALE:
      return data.length === 1 ? { kind: 'wscale', value: data[0]! } : other;
    case SACK_PERMITTED:
      return data.length === 0 ? { kind: 'sackOK' } : other;
    case SACK:
      return data.length % 8 === 0 ? { kind: 'sack', blocks: decodeBlocks(view) } : other;
    case TIMESTAMPS:
      return data.length === 8 ? { kind: 'TS', val: view.getUint32(0), ecr: view.getUint32(4) } : other;
    case MD5:
      return { kind: 'md5', digest: data };
    case FAST_OPEN:
      return { kind: 'FO', cookie: data };
    case ACCECN0:
    case ACCECN1:
      return { kind: 'ECN', order: type === ACCECN0 ? 0 : 1, counters: decodeCounters(data) };
    case EXPERIMENTAL:
      return data.length >= 2 && view.getUint16(0) === FAST_OPEN_MAGIC
        ? { kind: 'FOEXP', cookie: data.slice(2) }
        : other;
    default:
      return other;
  }
}

function decodeBlocks(view: DataView): SackBlock[] {
  const blocks: SackBlock[] = [];
  for (let at = 0; at < view.byteLength; at += 8)
    blocks.push({ from: view.getUint32(at), to: view.getUint32(at + 4) });
  return blocks;
}

function decodeCounters(data: Uint8Array): number[] {
  const counters: number[] = [];
  for (let at = 0; at + COUNTER <= data.length; at += COUNTER)
    counters.push((data[at]! << 16) | (data[at + 1]! << 8) | data[at + 2]!);
  return counters;
}
