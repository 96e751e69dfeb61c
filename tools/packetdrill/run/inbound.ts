import { IP_HLEN, IPPROTO_ICMP, IPPROTO_TCP, IPPROTO_UDP } from '../../../stack/wire/ipv4.ts';
import {
  type IcmpSpec,
  type IpSpec,
  type PacketSpec,
  type QuotedSpec,
  SYN,
  type TcpOption,
  type TcpSpec,
} from '../script/packet-spec.ts';
import { buildIcmp, buildTcp, buildUdp, type IpFields } from '../wire/build.ts';
import { TCP, UDP } from '../wire/headers.ts';
import type { Flow } from './flow.ts';
import type { Settings } from './settings.ts';

const TTL = 255;
/** Bytes of the transport header that an ICMP error quotes (RFC 792). */
const QUOTED = 8;

/** The bytes of a packet that the script sends to the stack. Throws when it can't be put on the wire's scale. */
export function buildInbound(packet: PacketSpec, flow: Flow, settings: Settings): Uint8Array {
  const ip = ipFields(packet.ip, flow);
  switch (packet.protocol) {
    case 'tcp':
      return buildTcp(ip, tcpFields(packet, flow, settings));
    case 'udp':
      return buildUdp(ip, {
        sourcePort: packet.ports?.source ?? flow.remotePort!,
        destinationPort: packet.ports?.destination ?? flow.localPort!,
        length: packet.length,
      });
    case 'icmp':
      return buildIcmp(ip, {
        type: packet.type,
        code: packet.code,
        id: packet.id ?? 0,
        mtu: packet.mtu ?? 0,
        payload: icmpPayload(packet, flow),
      });
  }
}

function ipFields(ip: IpSpec, flow: Flow): IpFields {
  const ecn = ip.ecn === 'ect01' ? 2 : (ip.ecn ?? 0);
  return {
    source: flow.remoteAddress,
    destination: flow.localAddress,
    tos: ip.tos ?? ecn,
    ttl: ip.ttl ?? TTL,
  };
}

function tcpFields(tcp: TcpSpec, flow: Flow, settings: Settings): Parameters<typeof buildTcp>[1] {
  const syn = (tcp.flags & SYN) !== 0;
  if (syn) flow.remoteIsn ??= tcp.seq;
  if (tcp.options === undefined) throw new Error('<...> in a packet that is to be sent');
  return {
    sourcePort: flow.remotePort!,
    destinationPort: flow.localPort!,
    seq: flow.remoteToLive(tcp.seq, syn),
    ack: tcp.ack === undefined ? 0 : flow.localToLive(tcp.ack, syn),
    flags: tcp.flags,
    window: tcp.window ?? 0,
    urgent: tcp.urgent ?? 0,
    options: tcp.options.map((option) => liveOption(option, flow, settings)),
    length: tcp.length,
  };
}

function liveOption(option: TcpOption, flow: Flow, settings: Settings): TcpOption {
  if (option.kind === 'sack')
    return {
      kind: 'sack',
      blocks: option.blocks.map(({ from, to }) => ({
        from: flow.localToLive(from, false),
        to: flow.localToLive(to, false),
      })),
    };
  if (option.kind === 'TS') return { kind: 'TS', val: option.val, ecr: liveEcho(option.ecr, flow, settings) };
  return option;
}

/** The timestamp that the stack sent where the script wrote `ecr`. */
function liveEcho(ecr: number, flow: Flow, settings: Settings): number {
  const first = flow.firstTimestamp;
  if (settings.timestampScaled && first !== undefined) return (ecr - first.script + first.live) >>> 0;
  const live = flow.timestamps.get(ecr);
  if (live !== undefined) return live;
  if (ecr === 0 || first === undefined) return ecr;
  throw new Error(`TS ecr ${ecr}: no packet with TS val ${ecr} was expected before`);
}

function icmpPayload(icmp: IcmpSpec, flow: Flow): Uint8Array {
  if (icmp.quoted === undefined) return new Uint8Array(icmp.length);
  const { quoted } = icmp;
  const transport = new Uint8Array(QUOTED);
  const view = new DataView(transport.buffer);
  view.setUint16(TCP.sourcePort, flow.localPort ?? 0);
  view.setUint16(TCP.destinationPort, flow.remotePort ?? 0);
  if (quoted.protocol === 'tcp')
    view.setUint32(TCP.seq, quoted.seq === undefined ? flow.lastSeq : flow.localToLive(quoted.seq, false));
  else view.setUint16(UDP.length, UDP.span + quoted.length);
  return quotedIp(quoted, flow, transport);
}

function quotedIp(quoted: QuotedSpec, flow: Flow, transport: Uint8Array): Uint8Array {
  const header = { tcp: TCP.span, udp: UDP.span, raw: 0 }[quoted.protocol];
  const protocol = { tcp: IPPROTO_TCP, udp: IPPROTO_UDP, raw: IPPROTO_ICMP }[quoted.protocol];
  const bytes = new Uint8Array(IP_HLEN + QUOTED);
  const view = new DataView(bytes.buffer);
  view.setUint8(0, 0x45);
  view.setUint16(2, IP_HLEN + header + quoted.length);
  view.setUint16(6, 0x4000);
  view.setUint8(8, 64);
  view.setUint8(9, protocol);
  view.setUint32(12, flow.localAddress);
  view.setUint32(16, flow.remoteAddress);
  bytes.set(transport, IP_HLEN);
  return bytes;
}
