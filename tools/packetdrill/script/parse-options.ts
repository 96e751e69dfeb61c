import type { SackBlock, TcpOption } from './packet-spec.ts';
import type { Scanner } from './scanner.ts';

const WORD = /[A-Za-z_]\w*/y;
const NUMBER = /\d+/y;
const BLOCK = /(\d+):(\d+)/y;
const HEX = /[0-9a-fA-F]+(?=[\s,>])/y;
const COUNTER = /(e0b|ceb|e1b)\s+(\d+)/y;

/** `<mss 1460,sackOK,...>`; nothing there means no options at all, `<...>` gives undefined. */
export function parseTcpOptions(scanner: Scanner): readonly TcpOption[] | undefined {
  if (!scanner.take('<')) return [];
  if (scanner.take('...')) {
    scanner.need('>');
    return undefined;
  }
  const options: TcpOption[] = [];
  if (scanner.take('>')) return options;
  do options.push(parseOption(scanner));
  while (scanner.take(','));
  scanner.need('>');
  return options;
}

function parseOption(scanner: Scanner): TcpOption {
  const start = scanner.position;
  const word = scanner.needMatch(WORD, 'a TCP option')[0];
  switch (word) {
    case 'nop':
    case 'eol':
      return { kind: word };
    case 'sackOK':
      return { kind: 'sackOK' };
    case 'mss':
    case 'wscale':
      return { kind: word, value: parseNumber(scanner) };
    case 'TS': {
      scanner.need('val');
      const val = parseNumber(scanner);
      scanner.need('ecr');
      return { kind: 'TS', val, ecr: parseNumber(scanner) };
    }
    case 'sack':
      return { kind: 'sack', blocks: parseBlocks(scanner) };
    case 'FO':
    case 'FOEXP':
      return { kind: word, cookie: parseHex(scanner) };
    case 'md5':
      return { kind: 'md5', digest: parseHex(scanner) };
    case 'ECN':
      return parseEcn(scanner);
    default:
      scanner.rewind(start);
      throw scanner.unexpected('a TCP option');
  }
}

function parseNumber(scanner: Scanner): number {
  return Number(scanner.needMatch(NUMBER, 'a number')[0]);
}

function parseHex(scanner: Scanner): Uint8Array {
  return Uint8Array.from(Buffer.from(scanner.match(HEX)?.[0] ?? '', 'hex'));
}

function parseBlocks(scanner: Scanner): SackBlock[] {
  const blocks: SackBlock[] = [];
  for (let found = scanner.match(BLOCK); found !== undefined; found = scanner.match(BLOCK))
    blocks.push({ from: Number(found[1]), to: Number(found[2]) });
  return blocks;
}

/** `ECN e0b 1 ceb 0 e1b 1`: order 0 begins with the ECT(0) counter, order 1 with that of ECT(1). */
function parseEcn(scanner: Scanner): TcpOption {
  const names: string[] = [];
  const counters: number[] = [];
  for (let found = scanner.match(COUNTER); found !== undefined; found = scanner.match(COUNTER)) {
    names.push(found[1]!);
    counters.push(Number(found[2]));
  }
  return { kind: 'ECN', order: names[0] === 'e1b' ? 1 : 0, counters };
}
