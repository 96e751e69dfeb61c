import { icmpName } from '../script/icmp-names.ts';
import {
  ACE_MASK,
  ACE_SHIFT,
  ACK,
  AE,
  CWR,
  ECE,
  FIN,
  type IpSpec,
  type PacketSpec,
  PSH,
  RST,
  SYN,
  type TcpOption,
  type TcpSpec,
  URG,
} from '../script/packet-spec.ts';

const LETTERS: readonly (readonly [bit: number, letter: string])[] = [
  [FIN, 'F'],
  [SYN, 'S'],
  [RST, 'R'],
  [PSH, 'P'],
  [URG, 'U'],
  [ECE, 'E'],
  [CWR, 'W'],
  [AE, 'A'],
  [ACK, '.'],
];
const ECN_NAMES = ['noecn', 'ect1', 'ect0', 'ce'];

/** A packet as scripts write it. */
export function formatPacket(packet: PacketSpec): string {
  const ip = formatIp(packet.ip);
  switch (packet.protocol) {
    case 'tcp':
      return `${ip}${formatTcp(packet)}`;
    case 'udp':
      return `${ip}udp (${packet.length})`;
    case 'icmp': {
      const parts = [`${ip}icmp ${icmpName(packet.type, packet.code)}`];
      if (packet.mtu !== undefined) parts.push(`mtu ${packet.mtu}`);
      if (packet.id !== undefined) parts.push(`id ${packet.id}`);
      const { quoted } = packet;
      if (quoted !== undefined)
        parts.push(quoted.protocol === 'tcp' ? `[${quoted.seq}]` : `[${quoted.protocol} (${quoted.length})]`);
      return parts.join(' ');
    }
  }
}

function formatIp(ip: IpSpec): string {
  let text = '';
  if (ip.ecn !== undefined) text += `[${ip.ecn === 'ect01' ? ip.ecn : ECN_NAMES[ip.ecn]}] `;
  if (ip.tos !== undefined) text += `(tos 0x${ip.tos.toString(16)}) `;
  if (ip.ttl !== undefined) text += `(ttl ${ip.ttl}) `;
  return text;
}

function formatTcp(tcp: TcpSpec): string {
  const parts = [formatFlags(tcp.flags, tcp.ace), `${tcp.seq}:${tcp.end}(${tcp.length})`];
  if (tcp.ack !== undefined) parts.push(`ack ${tcp.ack}`);
  if (tcp.window !== undefined) parts.push(`win ${tcp.window}`);
  if (tcp.urgent !== undefined) parts.push(`urg ${tcp.urgent}`);
  const options = formatOptions(tcp.options);
  if (options !== '') parts.push(options);
  return parts.join(' ');
}

/** `S.`, `FP.`, `-`; AccECN's counter as a digit behind the letters. */
export function formatFlags(flags: number, ace: number | undefined): string {
  const bits = ace === undefined ? flags : flags & ~ACE_MASK;
  const letters = LETTERS.filter(([bit]) => (bits & bit) !== 0).map(([, letter]) => letter);
  if (ace !== undefined) letters.push(String((flags & ACE_MASK) >>> ACE_SHIFT));
  return letters.length === 0 ? '-' : letters.join('');
}

/** `<mss 1460,sackOK,...>`, nothing for no options, `<...>` for any. */
export function formatOptions(options: readonly TcpOption[] | undefined): string {
  if (options === undefined) return '<...>';
  return options.length === 0 ? '' : `<${options.map(formatOption).join(',')}>`;
}

function formatOption(option: TcpOption): string {
  switch (option.kind) {
    case 'eol':
    case 'nop':
    case 'sackOK':
      return option.kind;
    case 'mss':
    case 'wscale':
      return `${option.kind} ${option.value}`;
    case 'TS':
      return `TS val ${option.val} ecr ${option.ecr}`;
    case 'sack':
      return `sack ${option.blocks.map(({ from, to }) => `${from}:${to}`).join(' ')}`;
    case 'FO':
    case 'FOEXP':
      return option.cookie.length === 0 ? option.kind : `${option.kind} ${hex(option.cookie)}`;
    case 'md5':
      return `md5 ${hex(option.digest)}`;
    case 'ECN': {
      const names = option.order === 0 ? ['e0b', 'ceb', 'e1b'] : ['e1b', 'ceb', 'e0b'];
      return ['ECN', ...option.counters.map((counter, index) => `${names[index]} ${counter}`)].join(' ');
    }
    case 'other':
      return `option ${option.type} ${hex(option.data)}`;
  }
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}
