import {
  ACE_MASK,
  ACK,
  type IpSpec,
  type PacketSpec,
  SYN,
  type TcpOption,
  type TcpSpec,
  URG,
} from '../script/packet-spec.ts';
import type { LiveIcmp, LivePacket, LiveTcp } from '../wire/live-packet.ts';
import { decodeQuoted } from '../wire/quoted.ts';
import type { Flow } from './flow.ts';

const PROTOCOL_NAMES: Readonly<Record<number, 'tcp' | 'udp'>> = { 6: 'tcp', 17: 'udp' };

/** A packet of the stack on the script's scale, every field filled in. Undefined for protocols that scripts don't know. */
export function onScriptScale(live: LivePacket, flow: Flow, expected: PacketSpec): PacketSpec | undefined {
  const ip = ipSpec(live, expected.ip);
  const { transport } = live;
  switch (transport.kind) {
    case 'tcp':
      return tcpSpec(transport, ip, flow, expected.protocol === 'tcp' ? expected : undefined);
    case 'udp':
      return { protocol: 'udp', ip, ports: undefined, length: transport.payload.length };
    case 'icmp':
      return icmpSpec(transport, ip, flow);
    case 'other':
      return undefined;
  }
}

/** Of the IP header only what the script speaks of. */
function ipSpec(live: LivePacket, expected: IpSpec): IpSpec {
  return {
    ecn: expected.ecn === undefined ? undefined : live.tos & 3,
    tos: expected.tos === undefined ? undefined : live.tos,
    ttl: expected.ttl === undefined ? undefined : live.ttl,
  };
}

function tcpSpec(live: LiveTcp, ip: IpSpec, flow: Flow, expected: TcpSpec | undefined): TcpSpec {
  const syn = (live.flags & SYN) !== 0;
  if (syn && expected !== undefined && (expected.flags & SYN) !== 0)
    flow.localIsn = { script: expected.seq, live: live.seq };
  const seq = flow.localToScript(live.seq, syn);
  const acks = (live.flags & ACK) !== 0;
  return {
    protocol: 'tcp',
    ip,
    ports: undefined,
    flags: live.flags,
    ace: expected?.ace === undefined ? undefined : (live.flags & ACE_MASK) >>> 6,
    seq,
    end: (seq + live.payload.length) >>> 0,
    length: live.payload.length,
    ack: acks ? flow.remoteToScript(live.ack, syn) : live.ack === 0 ? undefined : live.ack,
    window: live.window,
    urgent: (live.flags & URG) !== 0 || live.urgent !== 0 ? live.urgent : undefined,
    options: live.options.map((option) => scriptOption(option, flow)),
  };
}

function scriptOption(option: TcpOption, flow: Flow): TcpOption {
  if (option.kind !== 'sack') return option;
  return {
    kind: 'sack',
    blocks: option.blocks.map(({ from, to }) => ({
      from: flow.remoteToScript(from, false),
      to: flow.remoteToScript(to, false),
    })),
  };
}

function icmpSpec(live: LiveIcmp, ip: IpSpec, flow: Flow): PacketSpec {
  const echo = live.type === 0 || live.type === 8;
  const quoted = echo ? undefined : decodeQuoted(live.payload);
  return {
    protocol: 'icmp',
    ip,
    type: live.type,
    code: live.code,
    mtu: live.type === 3 && live.code === 4 ? live.mtu : undefined,
    id: echo ? live.id : undefined,
    quoted:
      quoted === undefined
        ? undefined
        : {
            protocol: PROTOCOL_NAMES[quoted.protocol] ?? 'raw',
            seq: quoted.protocol === 6 ? flow.remoteToScript(quoted.seq, false) : undefined,
            length: quoted.protocol === 17 ? (quoted.seq >>> 16) - 8 : 0,
          },
    length: echo ? live.payload.length : 0,
  };
}
