import type { IcmpSpec, IpSpec, PacketSpec, TcpOption, TcpSpec } from '../script/packet-spec.ts';
import { formatFlags, formatOptions } from '../wire/format.ts';
import type { LivePacket } from '../wire/live-packet.ts';
import type { Flow } from './flow.ts';
import type { Settings } from './settings.ts';

/** The first field in which a packet is not what was expected: a sentence; undefined when all are. */
export function compare(
  expected: PacketSpec,
  actual: PacketSpec | undefined,
  live: LivePacket,
  flow: Flow,
  settings: Settings,
): string | undefined {
  if (actual === undefined || actual.protocol !== expected.protocol)
    return differs('protocol', expected.protocol, actual?.protocol ?? `IP protocol ${live.protocol}`);
  return (
    compareIp(expected.ip, actual.ip) ??
    (expected.protocol === 'tcp'
      ? compareTcp(expected, actual as TcpSpec, live, flow, settings)
      : expected.protocol === 'icmp'
        ? compareIcmp(expected, actual as IcmpSpec)
        : number('UDP payload length', expected.length, actual.length)) ??
    comparePayload(live)
  );
}

function compareIp(expected: IpSpec, actual: IpSpec): string | undefined {
  if (expected.ecn === 'ect01') {
    if (actual.ecn !== 1 && actual.ecn !== 2)
      return differs('IP ECN', 'ECT(0) or ECT(1)', String(actual.ecn));
  } else if (expected.ecn !== actual.ecn) return number('IP ECN', expected.ecn, actual.ecn as number);
  return number('IP TOS', expected.tos, actual.tos) ?? number('IP TTL', expected.ttl, actual.ttl);
}

function compareTcp(
  expected: TcpSpec,
  actual: TcpSpec,
  live: LivePacket,
  flow: Flow,
  settings: Settings,
): string | undefined {
  const { transport } = live;
  const reserved = transport.kind === 'tcp' ? transport.reserved : 0;
  return (
    flags(expected, actual) ??
    number('TCP reserved bits', 0, reserved) ??
    number('TCP sequence number', expected.seq, actual.seq) ??
    number('TCP payload length', expected.length, actual.length) ??
    number('TCP acknowledgement number', expected.ack, actual.ack) ??
    number('TCP window', expected.window, actual.window) ??
    number('TCP urgent pointer', expected.urgent ?? 0, actual.urgent ?? 0) ??
    compareOptions(expected.options, actual.options ?? [], flow, settings)
  );
}

function flags(expected: TcpSpec, actual: TcpSpec): string | undefined {
  if (expected.flags === actual.flags) return undefined;
  return differs(
    'TCP flags',
    formatFlags(expected.flags, expected.ace),
    formatFlags(actual.flags, actual.ace),
  );
}

function compareOptions(
  expected: readonly TcpOption[] | undefined,
  actual: readonly TcpOption[],
  flow: Flow,
  settings: Settings,
): string | undefined {
  if (expected === undefined) return undefined;
  const wanted = formatOptions(expected);
  const got = formatOptions(actual.map((option, index) => withScriptTimestamp(option, expected[index])));
  if (wanted !== got)
    return differs('TCP options', wanted === '' ? 'none' : wanted, got === '' ? 'none' : got);
  return compareTimestamp(expected, actual, flow, settings);
}

/** The stack's clock is its own: where the script expects a timestamp, its value is compared apart. */
function withScriptTimestamp(option: TcpOption, expected: TcpOption | undefined): TcpOption {
  return option.kind === 'TS' && expected?.kind === 'TS' ? { ...option, val: expected.val } : option;
}

/** With a known tick, timestamps must have moved on by as much as the script's have. */
function compareTimestamp(
  expected: readonly TcpOption[],
  actual: readonly TcpOption[],
  flow: Flow,
  settings: Settings,
): string | undefined {
  const first = flow.firstTimestamp;
  if (settings.timestampTick === 0 || first === undefined) return undefined;
  const wanted = expected.find((option) => option.kind === 'TS');
  const got = actual.find((option) => option.kind === 'TS');
  if (wanted === undefined || got === undefined) return undefined;
  const drift = (got.val - first.live - (wanted.val - first.script)) | 0;
  if (Math.abs(drift) * settings.timestampTick <= settings.tolerance) return undefined;
  return differs('TCP timestamp', String(wanted.val), String(wanted.val + drift));
}

function compareIcmp(expected: IcmpSpec, actual: IcmpSpec): string | undefined {
  return (
    number('ICMP type', expected.type, actual.type) ??
    number('ICMP code', expected.code, actual.code) ??
    number('ICMP MTU', expected.mtu, actual.mtu) ??
    number('ICMP identifier', expected.id, actual.id) ??
    (expected.quoted === undefined
      ? expected.type === 0 || expected.type === 8
        ? number('ICMP payload length', expected.length, actual.length)
        : undefined
      : expected.quoted.protocol === actual.quoted?.protocol
        ? number('quoted sequence number', expected.quoted.seq, actual.quoted.seq)
        : differs('quoted protocol', expected.quoted.protocol, actual.quoted?.protocol ?? 'none'))
  );
}

/** All that a script makes anybody send is zeros. */
function comparePayload(live: LivePacket): string | undefined {
  if (live.transport.kind !== 'tcp' && live.transport.kind !== 'udp') return undefined;
  const at = live.transport.payload.findIndex((byte) => byte !== 0);
  return at < 0 ? undefined : differs(`payload byte ${at}`, '0', String(live.transport.payload[at]));
}

/** Compares a number that may not have been written. */
function number(what: string, expected: number | undefined, actual: number | undefined): string | undefined {
  if (expected === undefined || expected === actual) return undefined;
  return differs(what, String(expected), actual === undefined ? 'none' : String(actual));
}

function differs(what: string, expected: string, actual: string): string {
  return `${what}: expected ${expected}, actual ${actual}`;
}
