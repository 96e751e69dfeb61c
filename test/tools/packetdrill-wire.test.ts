import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import t from 'tap';
import { parseCounters } from '../../tools/packetdrill/backends/linux/proc.ts';
import { decodeControl, encodeControl } from '../../tools/packetdrill/backends/linux/structs.ts';
import { decodeTcpInfo } from '../../tools/packetdrill/backends/linux/tcp-info.ts';
import { isPart, join } from '../../tools/packetdrill/run/segments.ts';
import { PSH, type TcpOption, type TcpSpec } from '../../tools/packetdrill/script/packet-spec.ts';
import { buildIcmp, buildTcp, buildUdp } from '../../tools/packetdrill/wire/build.ts';
import { checksum, pseudoHeader } from '../../tools/packetdrill/wire/headers.ts';
import { decodePacket } from '../../tools/packetdrill/wire/live-packet.ts';
import { decodeQuoted } from '../../tools/packetdrill/wire/quoted.ts';
import { decodeOptions, encodeOptions } from '../../tools/packetdrill/wire/tcp-options.ts';

const SOURCE = 0xc0000201;
const DESTINATION = 0xc0a80001;
const IP = { source: SOURCE, destination: DESTINATION, tos: 3, ttl: 255 };

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

t.test('a SYN, byte by byte', (t) => {
  const options: TcpOption[] = [
    { kind: 'mss', value: 1460 },
    { kind: 'sackOK' },
    { kind: 'TS', val: 1, ecr: 2 },
    { kind: 'nop' },
    { kind: 'wscale', value: 7 },
  ];
  const packet = buildTcp(IP, {
    sourcePort: 40001,
    destinationPort: 8080,
    seq: 0x01020304,
    ack: 0,
    flags: 0x102,
    window: 32792,
    urgent: 0,
    options,
    length: 2,
  });
  t.equal(
    hex(packet),
    '4503003e00004000ff06f90bc0000201c0a80001' +
      '9c411f900102030400000000a102801884600000' +
      '020405b40402080a0000000100000002010303070000',
  );
  t.equal(checksum(packet.subarray(0, 20)), 0, 'the IP checksum verifies');
  const segment = packet.subarray(20);
  t.equal(checksum(segment, pseudoHeader(SOURCE, DESTINATION, 6, segment.length)), 0, 'and the TCP one');
  const { transport, ttl, tos } = decodePacket(packet);
  t.match(transport, { kind: 'tcp', seq: 0x01020304, flags: 0x102, window: 32792, options });
  t.strictSame([ttl, tos], [255, 3]);
  t.end();
});

t.test('options: encoding and decoding are each other', (t) => {
  const u8 = fc.integer({ min: 0, max: 255 });
  const u16 = fc.integer({ min: 0, max: 0xffff });
  const u32 = fc.integer({ min: 0, max: 0xffffffff });
  const bytes = (minLength: number, maxLength: number) => fc.uint8Array({ minLength, maxLength });
  const option: fc.Arbitrary<TcpOption> = fc.oneof(
    fc.constantFrom<TcpOption>({ kind: 'nop' }, { kind: 'eol' }, { kind: 'sackOK' }),
    u16.map((value): TcpOption => ({ kind: 'mss', value })),
    u8.map((value): TcpOption => ({ kind: 'wscale', value })),
    fc.tuple(u32, u32).map(([val, ecr]): TcpOption => ({ kind: 'TS', val, ecr })),
    fc
      .array(
        fc.tuple(u32, u32).map(([from, to]) => ({ from, to })),
        { maxLength: 4 },
      )
      .map((blocks): TcpOption => ({ kind: 'sack', blocks })),
    bytes(0, 16).map((cookie): TcpOption => ({ kind: 'FO', cookie })),
    bytes(0, 16).map((cookie): TcpOption => ({ kind: 'FOEXP', cookie })),
    bytes(16, 16).map((digest): TcpOption => ({ kind: 'md5', digest })),
    fc
      .tuple(fc.constantFrom<0 | 1>(0, 1), fc.array(fc.integer({ min: 0, max: 0xffffff }), { maxLength: 3 }))
      .map(([order, counters]): TcpOption => ({ kind: 'ECN', order, counters })),
    bytes(0, 8).map((data): TcpOption => ({ kind: 'other', type: 200, data })),
  );
  fc.assert(
    fc.property(fc.array(option, { maxLength: 6 }), (options) =>
      isDeepStrictEqual(decodeOptions(encodeOptions(options)), options),
    ),
    { numRuns: 200, seed: 3 },
  );
  t.equal(decodeOptions(Uint8Array.of(2)), undefined, 'no length');
  t.equal(decodeOptions(Uint8Array.of(2, 1)), undefined, 'a length under 2');
  t.equal(decodeOptions(Uint8Array.of(2, 4, 0)), undefined, 'beyond the header');
  t.strictSame(decodeOptions(Uint8Array.of(2, 3, 9)), [{ kind: 'other', type: 2, data: Uint8Array.of(9) }]);
  t.end();
});

t.test('UDP and ICMP', (t) => {
  const udp = buildUdp(IP, { sourcePort: 1, destinationPort: 2, length: 3 });
  t.equal(udp.length, 31);
  t.equal(checksum(udp.subarray(20), pseudoHeader(SOURCE, DESTINATION, 17, 11)), 0);
  t.match(decodePacket(udp).transport, { kind: 'udp', sourcePort: 1, destinationPort: 2 });
  const icmp = buildIcmp(IP, { type: 3, code: 4, id: 0, mtu: 1200, payload: udp.subarray(0, 28) });
  t.equal(checksum(icmp.subarray(20)), 0);
  const { transport } = decodePacket(icmp);
  t.match(transport, { kind: 'icmp', type: 3, code: 4, mtu: 1200 });
  t.match(transport.kind === 'icmp' && decodeQuoted(transport.payload), {
    protocol: 17,
    sourcePort: 1,
    destinationPort: 2,
  });
  t.equal(decodeQuoted(udp.subarray(0, 27)), undefined);
  t.end();
});

t.test('malformed packets are refused with a reason', (t) => {
  const packet = buildUdp(IP, { sourcePort: 1, destinationPort: 2, length: 3 });
  const damaged = (at: number, byte: number): Uint8Array => packet.with(at, byte);
  t.throws(() => decodePacket(packet.subarray(0, 19)), /an IP packet of 19 bytes/);
  t.throws(() => decodePacket(damaged(0, 0x65)), /IP version 6/);
  t.throws(() => decodePacket(damaged(0, 0x44)), /IP header length 16/);
  t.throws(() => decodePacket(damaged(3, 30)), /total length 30, in a packet of 31 bytes/);
  t.throws(() => decodePacket(damaged(25, 12)), /UDP length 12 in a datagram of 11 bytes/);
  t.throws(() => decodePacket(damaged(9, 6)), /a TCP segment of 11 bytes/);
  t.end();
});

t.test('segments join to what the script expects', (t) => {
  const part = (seq: number, length: number, flags = 0x10, more: Partial<TcpSpec> = {}): TcpSpec => ({
    protocol: 'tcp',
    ip: { ecn: undefined, tos: undefined, ttl: undefined },
    ports: undefined,
    flags,
    ace: undefined,
    seq,
    end: seq + length,
    length,
    ack: 1,
    window: 100,
    urgent: undefined,
    options: [],
    ...more,
  });
  t.ok(isPart(part(1, 3000), part(1, 1000)));
  t.notOk(isPart(part(1, 3000), part(1, 3000)), 'whole');
  t.notOk(isPart(part(1, 3000), part(1, 0)), 'no data');
  t.notOk(isPart(part(1, 3000), part(1001, 1000)), 'elsewhere');
  t.match(join(part(1, 1000), part(1001, 500, 0x10 | PSH)), { seq: 1, end: 1501, length: 1500, flags: 0x18 });
  t.equal(join(part(1, 1000), part(2001, 500)), undefined, 'a gap');
  t.equal(join(part(1, 1000), part(1001, 500, 0x10, { ack: 2 })), undefined, 'another ack');
  t.equal(join(part(1, 1000), part(1001, 500, 0x10, { window: 99 })), undefined, 'another window');
  t.equal(join(part(1, 1000), part(1001, 500, 0x30)), undefined, 'URG');
  t.equal(join(part(1, 1000), undefined), undefined, 'no TCP');
  const at = (val: number): Partial<TcpSpec> => ({ options: [{ kind: 'TS', val, ecr: 1 }] });
  t.ok(join(part(1, 1000, 0x10, at(5)), part(1001, 500, 0x10, at(6))), 'the clock may tick between two');
  t.end();
});

t.test('what Linux gives: control messages, tcp_info, counters', (t) => {
  const messages = [
    { level: 6, type: 36, data: Uint8Array.of(1, 0, 0, 0) },
    { level: 0, type: 2, data: Uint8Array.of(9, 0, 0, 0, 1) },
  ];
  t.equal(encodeControl(messages).length, 16 + 8 + 16 + 8);
  t.strictSame(decodeControl(encodeControl(messages)), messages);
  const info = new Uint8Array(120);
  info[0] = 1;
  info[6] = 0x87;
  new DataView(info.buffer).setUint32(80, 10, true);
  const decoded = decodeTcpInfo(info.subarray(0, 104));
  t.equal(decoded.get('tcpi_state'), 1);
  t.strictSame([decoded.get('tcpi_snd_wscale'), decoded.get('tcpi_rcv_wscale')], [7, 8]);
  t.equal(decoded.get('tcpi_snd_cwnd'), 10);
  t.equal(decoded.has('tcpi_total_retrans'), true);
  t.equal(decoded.has('tcpi_pacing_rate'), false, 'an older kernel has less');
  t.strictSame(
    [...parseCounters('TcpExt: A B\nTcpExt: 1 2\nIp: C\nIp: 3\n')],
    [
      ['TcpExtA', 1],
      ['TcpExtB', 2],
      ['IpC', 3],
    ],
  );
  t.end();
});
