import { ICMP_CODES, ICMP_TYPES } from './icmp-names.ts';
import {
  ACE_MASK,
  ACE_SHIFT,
  ACK,
  AE,
  CWR,
  ECE,
  FIN,
  type IcmpSpec,
  type IpSpec,
  type PacketSpec,
  type Ports,
  PSH,
  type QuotedSpec,
  RST,
  SYN,
  type TcpSpec,
  type UdpSpec,
  URG,
} from './packet-spec.ts';
import { parseTcpOptions } from './parse-options.ts';
import type { Scanner } from './scanner.ts';
import { Unsupported } from './script.ts';

const FLAGS = /(?:[FSRPUEWA]|\.[0-7]?)+|-/y;
const SEQUENCE = /(\d+):(\d+)\s*\((\d+)\)/y;
const PORTS = /(\d+)\s*>\s*(\d+)\s*:?/y;
const NUMBER = /0x[0-9a-fA-F]+|\d+/y;
const LENGTH = /\(\s*(\d+)\s*\)/y;
const WORD = /[A-Za-z_]\w*/y;
const ECN = /\[(noecn|ect0|ect1|ect01|ce)\]/y;
const IP_FIELD = /\(\s*(tos|ttl|flowlabel)\s+(0x[0-9a-fA-F]+|\d+)\s*\)/y;
const ENCAPSULATION = /(?:ipv4|ipv6|gre|mpls|psp|encap|sctp|udplite)\b/y;

const ECN_VALUES: Readonly<Record<string, number | 'ect01'>> = {
  noecn: 0,
  ect1: 1,
  ect0: 2,
  ce: 3,
  ect01: 'ect01',
};
const FLAG_BITS: Readonly<Record<string, number>> = {
  F: FIN,
  S: SYN,
  R: RST,
  P: PSH,
  '.': ACK,
  U: URG,
  E: ECE,
  W: CWR,
  A: AE,
};

/** A packet, behind the `<` or `>` that gives its direction. */
export function parsePacket(scanner: Scanner): PacketSpec {
  const ip = parseIp(scanner);
  if (scanner.sees(ENCAPSULATION))
    throw new Unsupported(scanner.line(), `packets in "${scanner.match(WORD)?.[0]}"`);
  const ports = parsePorts(scanner);
  if (scanner.match(/udp\b/y)) return parseUdp(scanner, ip, ports ?? parsePorts(scanner));
  if (scanner.match(/icmp\b/y)) return parseIcmp(scanner, ip);
  scanner.match(/tcp\b/y);
  return parseTcp(scanner, ip, ports ?? parsePorts(scanner));
}

function parseIp(scanner: Scanner): IpSpec {
  let ecn: number | 'ect01' | undefined;
  let tos: number | undefined;
  let ttl: number | undefined;
  for (;;) {
    const ecnWord = scanner.match(ECN);
    if (ecnWord !== undefined) {
      ecn = ECN_VALUES[ecnWord[1]!];
      continue;
    }
    const line = scanner.line();
    const field = scanner.match(IP_FIELD);
    if (field === undefined) return { ecn, tos, ttl };
    if (field[1] === 'flowlabel') throw new Unsupported(line, 'flow labels, which only IPv6 has');
    if (field[1] === 'tos') tos = Number(field[2]);
    else ttl = Number(field[2]);
  }
}

function parsePorts(scanner: Scanner): Ports | undefined {
  const found = scanner.match(PORTS);
  return found === undefined ? undefined : { source: Number(found[1]), destination: Number(found[2]) };
}

function parseUdp(scanner: Scanner, ip: IpSpec, ports: Ports | undefined): UdpSpec {
  return { protocol: 'udp', ip, ports, length: parseLength(scanner) };
}

function parseTcp(scanner: Scanner, ip: IpSpec, ports: Ports | undefined): TcpSpec {
  const { flags, ace } = readFlags(scanner.needMatch(FLAGS, 'flags')[0]);
  const [, seq, end, length] = scanner.needMatch(
    SEQUENCE,
    'sequence numbers',
  ) as unknown as readonly string[];
  const ack = parseNumbered(scanner, 'ack');
  const window = parseNumbered(scanner, 'win');
  const urgent = parseNumbered(scanner, 'urg');
  const options = parseTcpOptions(scanner);
  return {
    protocol: 'tcp',
    ip,
    ports,
    flags,
    ace,
    seq: Number(seq),
    end: Number(end),
    length: Number(length),
    ack,
    window,
    urgent,
    options,
  };
}

function readFlags(text: string): { flags: number; ace: number | undefined } {
  let flags = 0;
  let ace: number | undefined;
  for (const letter of text === '-' ? '' : text) {
    const bit = FLAG_BITS[letter];
    if (bit === undefined) ace = Number(letter);
    else flags |= bit;
  }
  return { flags: ace === undefined ? flags : (flags & ~ACE_MASK) | (ace << ACE_SHIFT), ace };
}

/** `word N`, when it is there. */
function parseNumbered(scanner: Scanner, word: string): number | undefined {
  if (!scanner.take(`${word} `)) return undefined;
  return Number(scanner.needMatch(NUMBER, 'a number')[0]);
}

function parseLength(scanner: Scanner): number {
  return Number(scanner.needMatch(LENGTH, 'a length in parentheses')[1]);
}

function parseIcmp(scanner: Scanner, ip: IpSpec): IcmpSpec {
  const line = scanner.line();
  const typeName = scanner.needMatch(WORD, 'an ICMP type')[0];
  const type = ICMP_TYPES[typeName];
  if (type === undefined) throw new Unsupported(line, `ICMP type "${typeName}" of IPv4`);
  let code = 0;
  let mtu: number | undefined;
  let id: number | undefined;
  for (let word = scanner.match(WORD); word !== undefined; word = scanner.match(WORD)) {
    if (word[0] === 'mtu') mtu = Number(scanner.needMatch(NUMBER, 'an MTU')[0]);
    else if (word[0] === 'id') id = Number(scanner.needMatch(NUMBER, 'an identifier')[0]);
    else {
      const value = ICMP_CODES[type]?.[word[0]];
      if (value === undefined) throw new Unsupported(line, `ICMP code "${word[0]}" of "${typeName}"`);
      code = value;
    }
  }
  const quoted = parseQuoted(scanner);
  const length = scanner.sees(LENGTH) ? parseLength(scanner) : 0;
  return { protocol: 'icmp', ip, type, code, mtu, id, quoted, length };
}

/** `[1:1001(1000)]`, `[1]`, `[udp (1000)]`, `[raw (1000)]`. */
function parseQuoted(scanner: Scanner): QuotedSpec | undefined {
  if (!scanner.take('[')) return undefined;
  const other = scanner.match(/udp\b|raw\b/y);
  let quoted: QuotedSpec;
  if (other !== undefined)
    quoted = { protocol: other[0] as 'udp' | 'raw', seq: undefined, length: parseLength(scanner) };
  else {
    const range = scanner.match(SEQUENCE);
    const seq = range === undefined ? scanner.needMatch(NUMBER, 'a sequence number')[0] : range[1]!;
    quoted = { protocol: 'tcp', seq: Number(seq), length: Number(range?.[3] ?? 0) };
  }
  scanner.need(']');
  return quoted;
}
