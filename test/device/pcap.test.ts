import { Readable } from 'node:stream';
import fc from 'fast-check';
import pcapParser, { type Packet as ParsedPacket } from 'pcap-parser';
import t from 'tap';
import { VirtualClock } from '../../device/clock/virtual.ts';
import { capture, captureNamespace } from '../../device/link/capture.ts';
import { createVeth } from '../../device/link/veth.ts';
import { createWire } from '../../device/link/wire/wire.ts';
import { Machine } from '../../device/machine.ts';
import { PacketPool } from '../../device/memory/pool.ts';
import { openDevice } from '../../device/netdevice/admin.ts';
import { ARPHRD_NONE } from '../../device/netdevice/flags.ts';
import { NetDevice } from '../../device/netdevice/netdevice.ts';
import { Netns } from '../../device/netdevice/netns.ts';
import { registerDevice } from '../../device/netdevice/registry.ts';
import { CaptureFormatError } from '../../device/pcap/capture-file.ts';
import { LINKTYPE_ETHERNET, LINKTYPE_RAW } from '../../device/pcap/format.ts';
import { PcapWriter } from '../../device/pcap/pcap-writer.ts';
import { PcapngWriter } from '../../device/pcap/pcapng-writer.ts';
import { readCapture } from '../../device/pcap/reader.ts';
import { SeededEntropy } from '../../device/random.ts';
import { etherFrame } from '../testing/frames.ts';
import { testDevice, testMachine } from '../testing/machine.ts';
import { Station } from '../testing/station.ts';

const A = 0x02000000000a;
const B = 0x02000000000b;
/** 2026-01-02T03:04:05.678901Z in microseconds. */
const MOMENT = 1_767_323_045_678_901;

/** A sink that keeps everything, and the file so far. */
function memory() {
  const chunks: Uint8Array[] = [];
  return { sink: (bytes: Uint8Array) => void chunks.push(bytes), file: () => Buffer.concat(chunks) };
}

t.test('pcapng: exact bytes of section, interface and packet blocks', (t) => {
  const { sink, file } = memory();
  const writer = new PcapngWriter(sink, { snapLength: 6 });
  const tap0 = writer.addInterface('tap0', LINKTYPE_ETHERNET);
  writer.write(tap0, MOMENT, Buffer.from('abcdefgh'), { direction: 'out', comment: 'drop: why' });
  writer.write(tap0, 1, Buffer.from('xy'));
  t.equal(
    file().toString('hex'),
    [
      '0a0d0d0a1c0000004d3c2b1a01000000ffffffffffffffff1c000000',
      '01000000280000000100000006000000020004007461703009000100090000000000000028000000',
      '060000004400000000000000f2ca861808670d45060000000800000061626364656600000100090064726f70',
      '3a2077687900000002000400020000000000000044000000',
      '06000000240000000000000000000000e803000002000000020000007879000024000000',
    ].join(''),
  );
  const read = readCapture(file());
  t.strictSame(read.interfaces, [{ name: 'tap0', linkType: 1, snapLength: 6 }]);
  t.equal(read.truncated, false);
  t.strictSame(
    read.frames.map((frame) => ({ ...frame, bytes: Buffer.from(frame.bytes).toString() })),
    [
      {
        interfaceId: 0,
        time: BigInt(MOMENT) * 1000n,
        bytes: 'abcdef',
        originalLength: 8,
        comments: ['drop: why'],
        direction: 'out',
      },
      { interfaceId: 0, time: 1000n, bytes: 'xy', originalLength: 2, comments: [] },
    ],
  );
  t.end();
});

t.test('pcap: microseconds are read by pcap-parser, both kinds by our reader', async (t) => {
  for (const nanoseconds of [false, true]) {
    const { sink, file } = memory();
    const writer = new PcapWriter(sink, { nanoseconds, snapLength: 100 });
    t.equal(writer.addInterface('a', LINKTYPE_ETHERNET), 0);
    t.equal(writer.addInterface('b', LINKTYPE_ETHERNET), 0);
    t.throws(() => writer.addInterface('tun0', LINKTYPE_RAW), { code: 'EINVAL' });
    writer.write(0, MOMENT, Buffer.alloc(120, 7));
    writer.write(0, MOMENT + 1, Buffer.from('short'));
    const read = readCapture(file());
    t.strictSame(read.interfaces, [{ name: '', linkType: 1, snapLength: 100 }]);
    t.strictSame(
      read.frames.map(({ time, bytes, originalLength }) => [time, bytes.length, originalLength]),
      [
        [BigInt(MOMENT) * 1000n, 100, 120],
        [BigInt(MOMENT + 1) * 1000n, 5, 5],
      ],
    );
    if (nanoseconds) continue;
    const parsed: ParsedPacket[] = [];
    await new Promise<void>((resolve, reject) => {
      pcapParser
        .parse(Readable.from([file()]))
        .on('packet', (packet) => void parsed.push(packet))
        .on('error', reject)
        .on('end', resolve);
    });
    t.strictSame(
      parsed.map(({ header, data }) => [header.timestampSeconds, header.timestampMicroseconds, data.length]),
      [
        [1_767_323_045, 678_901, 100],
        [1_767_323_045, 678_902, 5],
      ],
    );
  }
});

t.test('pcap: big-endian files, and records cut off at the end', (t) => {
  const header = 'a1b2c3d40002000400000000000000000000ffff00000065';
  const record = '00000001000000020000000400000004deadbeef';
  const read = readCapture(Buffer.from(header + record, 'hex'));
  t.strictSame(read.interfaces, [{ name: '', linkType: LINKTYPE_RAW, snapLength: 0xffff }]);
  t.strictSame(
    [read.frames[0]!.time, read.frames[0]!.bytes.length, read.truncated],
    [1_000_002_000n, 4, false],
  );
  for (const cut of [2, 10, 38]) {
    const part = readCapture(Buffer.from((header + record + record).slice(0, -cut), 'hex'));
    t.strictSame([part.frames.length, part.truncated], [1, true], `${cut / 2} bytes missing`);
  }
  t.end();
});

t.test('pcapng: big-endian sections, several of them, resolutions, simple packets, unknown blocks', (t) => {
  const section = '0a0d0d0a0000001c1a2b3c4d00010000ffffffffffffffff0000001c';
  const milli = '00000001' + '0000001c' + '0065000000000000' + '0009000103000000' + '0000001c';
  const binary =
    '00000001' +
    '00000028' +
    '0001000000000004' +
    '0009000182000000' +
    '000e00080000000000000064' +
    '00000028';
  const unknown = '0000000b' + '00000010' + 'ffffffff' + '00000010';
  const enhanced = (id: string, units: string) =>
    `0000000600000024${id}00000000${units}0000000100000001aa00000000000024`;
  const simple = '00000003' + '00000014' + '00000009' + 'cccccccc' + '00000014';
  const little = '0a0d0d0a1c0000004d3c2b1a01000000ffffffffffffffff1c000000';
  const micro = '01000000' + '14000000' + '0100000000000000' + '14000000';
  const file = [
    section,
    milli,
    binary,
    unknown,
    enhanced('00000000', '000007d1'),
    enhanced('00000001', '00000006'),
    little,
    micro,
    '060000002400000000000000000000000500000001000000010000' + '00bb00000024000000',
  ].join('');
  const read = readCapture(Buffer.from(file, 'hex'));
  t.strictSame(
    read.frames.map(({ interfaceId, time, bytes }) => [interfaceId, time, bytes[0]]),
    [
      [0, 2_001_000_000n, 0xaa],
      [1, 101_500_000_000n, 0xaa],
      [2, 5000n, 0xbb],
    ],
  );
  t.strictSame(
    read.interfaces.map(({ linkType }) => linkType),
    [101, 1, 1],
  );
  const cut = readCapture(Buffer.from(section + binary + simple, 'hex'));
  t.strictSame(
    [cut.frames[0]!.bytes.length, cut.frames[0]!.originalLength],
    [4, 9],
    'cut by the snap length',
  );
  t.end();
});

t.test('reader: what makes no sense is an error that says where, whatever it is', (t) => {
  const section = '0a0d0d0a1c0000004d3c2b1a01000000ffffffffffffffff1c000000';
  const bad: [string, RegExp][] = [
    ['', /too short/],
    ['00112233', /neither pcap nor pcapng \(at byte 0\)/],
    ['d4c3b2a1', /header is cut off/],
    [`d4c3b2a10300${'00'.repeat(18)}`, /version 3/],
    [`d4c3b2a102000400${'00'.repeat(16)}${'00'.repeat(8)}ffffffffffffffff`, /record of 4294967295 bytes/],
    ['0a0d0d0a1c00000000000000', /byte-order magic/],
    [section.replace('01000000', '02000000'), /version 2/],
    [`${section}01000000${'0d000000'}00000000`, /block of 13 bytes/],
    [`${section}01000000${'000000f0'}00000000`, /block of 4026531840 bytes/],
    [`${section}0b0000000c00000010000000`, /two lengths differ \(at byte 36\)/],
    [`${section}06000000${'20000000'}${'00'.repeat(20)}20000000`, /interface that does not exist/],
    [`${section}030000001000000000000000${'10000000'}`, /before any interface/],
    [`${section}01000000100000000100000010000000`, /too short for what it says/],
  ];
  for (const [hex, message] of bad)
    t.throws(() => readCapture(Buffer.from(hex, 'hex')), message, `${message}`);
  t.throws(() => readCapture(Buffer.from(bad[0]![0], 'hex')), CaptureFormatError);

  const { sink, file } = memory();
  const writer = new PcapngWriter(sink);
  writer.addInterface('eth0', LINKTYPE_ETHERNET);
  for (let n = 0; n < 4; n++) writer.write(0, n, Buffer.from('frame'), { direction: 'in', comment: 'c' });
  const good = file();
  t.throws(() => readCapture(good, { maxFrames: 3 }), /more than 3 frames/);
  t.throws(() => readCapture(good, { maxInterfaces: 0 }), /more than 0 interfaces/);
  const flip = fc.record({ at: fc.nat(good.length - 1), value: fc.nat(255) });
  fc.assert(
    fc.property(fc.array(flip, { minLength: 1, maxLength: 5 }), fc.nat(good.length), (flips, length) => {
      const mutated = Buffer.from(good);
      for (const { at, value } of flips) mutated[at] = value;
      try {
        const read = readCapture(mutated.subarray(0, length));
        return read.frames.every((frame) => read.interfaces[frame.interfaceId] !== undefined);
      } catch (error) {
        return error instanceof CaptureFormatError;
      }
    }),
    { numRuns: 2000, seed: 21 },
  );
  t.end();
});

t.test('writers and reader agree on any frames', (t) => {
  const frame = fc.record({
    bytes: fc.uint8Array({ maxLength: 40 }),
    time: fc.integer({ min: 0, max: MOMENT * 2 }),
    direction: fc.constantFrom('in' as const, 'out' as const, undefined),
    comment: fc.string({ maxLength: 12, unit: 'grapheme' }),
  });
  fc.assert(
    fc.property(fc.array(frame, { maxLength: 8 }), (frames) => {
      const { sink, file } = memory();
      const writer = new PcapngWriter(sink);
      writer.addInterface('tap0', LINKTYPE_ETHERNET);
      for (const { bytes, time, direction, comment } of frames)
        writer.write(0, time, bytes, direction === undefined ? { comment } : { direction, comment });
      t.strictSame(
        readCapture(file()).frames.map((read) => [
          Buffer.from(read.bytes).toString('hex'),
          read.time,
          read.direction,
          read.comments,
        ]),
        frames.map(({ bytes, time, direction, comment }) => [
          Buffer.from(bytes).toString('hex'),
          BigInt(time) * 1000n,
          direction,
          comment === '' ? [] : [comment],
        ]),
      );
    }),
    { numRuns: 100, seed: 5 },
  );
  t.end();
});

t.test('capture of a link: both directions, gathered payload, drops', (t) => {
  const { clock, pool, machine } = testMachine();
  const { sink, file } = memory();
  const [near, far] = createVeth(machine, { addresses: [A, B] });
  const link = capture(machine, near, new PcapngWriter(sink), 'veth0');
  const [a, b] = [new Station(machine, link), new Station(machine, far)];
  clock.advance(1.25);
  a.send(etherFrame(B, A));
  b.send(etherFrame(A, B, undefined, undefined, 60));
  const page = pool.pages.alloc();
  pool.u8.set(Buffer.from('payload'), pool.pages.offset(page));
  const gathered = pool.from(etherFrame(B, A))!;
  gathered.payload = pool.pages.offset(page);
  gathered.payloadLength = 7;
  gathered.payloadPage = page;
  near.startXmit(gathered.retain());
  link.startXmit(gathered);
  near.port.drop(pool.from(etherFrame(A, B))!, 0);
  const read = readCapture(file());
  t.strictSame(
    read.frames.map(({ time, bytes, direction, comments }) => [time, bytes.length, direction, comments]),
    [
      [1_250_000n, 14, 'out', []],
      [1_250_000n, 60, 'in', []],
      [1_250_000n, 21, 'out', []],
      [1_250_000n, 14, undefined, ['drop: pool_exhausted']],
    ],
  );
  t.equal(Buffer.from(read.frames[2]!.bytes).subarray(14).toString(), 'payload');
  const classic = memory();
  const plain = capture(machine, createVeth(machine)[0], new PcapWriter(classic.sink), 'x');
  plain.bind(a);
  plain.drop(pool.from(etherFrame(A, B))!, 0);
  t.equal(readCapture(classic.file()).frames.length, 0, 'a format without comments leaves drops out');
  t.equal(pool.inUse, 0);
  t.end();
});

t.test('capture of a namespace: devices by name, raw-IP ones, and every drop with its reason', (t) => {
  const { clock, pool, ns } = testMachine();
  const { sink, file } = memory();
  const stop = captureNamespace(ns, new PcapngWriter(sink));
  const { dev: eth, link: ethLink } = testDevice(ns, { name: 'eth0' });
  const { dev: tun, link: tunLink } = testDevice(ns, {
    name: 'tun0',
    link: { type: ARPHRD_NONE, address: 0 },
  });
  openDevice(eth);
  openDevice(tun);
  const packet = pool.from(Buffer.from('EEEE'))!;
  eth.pushHeader(packet, B, A, 0x0800);
  eth.transmit(packet);
  tun.transmit(pool.from(Buffer.from('Raw'))!);
  ethLink.port.receive(pool.from(etherFrame(eth.address, B))!);
  tunLink.port.receive(pool.from(Buffer.from('Eaw'))!);
  ethLink.port.receive(pool.from(Buffer.from('tiny'))!);
  ns.drop(pool.from(Buffer.from('Enone'))!, 0, null);
  ns.drop(pool.from(Buffer.from('Eheaderless'))!, 0, eth);
  clock.drain();
  stop();
  eth.transmit(pool.from(etherFrame(B, A))!);
  const read = readCapture(file());
  const name = (id: number) => `${read.interfaces[id]!.name}/${read.interfaces[id]!.linkType}`;
  t.strictSame(
    read.frames.map(({ interfaceId, bytes, direction, comments }) =>
      [name(interfaceId), bytes.length, direction ?? '-', ...comments].join(' '),
    ),
    [
      'eth0/1 18 out',
      'tun0/101 3 out',
      'eth0/1 14 in',
      'eth0/1 14 - drop: unhandled_protocol',
      'tun0/101 3 in',
      'tun0/101 3 - drop: unhandled_protocol',
      'none/101 4 - drop: frame_too_short',
      'none/101 5 - drop: pool_exhausted',
      'none/101 11 - drop: pool_exhausted',
    ],
  );
  t.equal(pool.inUse, 0);
  t.end();
});

t.test('the same seed gives the same file twice, to the byte', (t) => {
  const record = (seed: number) => {
    const clock = new VirtualClock(MOMENT / 1000);
    const pool = new PacketPool({ small: 64, large: 2, pages: 0, debug: true });
    const machine = new Machine({ clock, pool, entropy: new SeededEntropy(seed) });
    const { sink, file } = memory();
    const writer = new PcapngWriter(sink);
    const wire = createWire(machine, {
      impairment: {
        rate: 1e6,
        delay: 4,
        jitter: 3,
        jitterReorders: true,
        loss: 0.1,
        duplicate: 0.1,
        corrupt: 0.2,
      },
    });
    const a = new Station(machine, capture(machine, wire.a, writer, 'a'));
    const b = new NetDevice(new Netns(machine, 'b'), capture(machine, wire.b, writer, 'b'));
    registerDevice(b);
    openDevice(b);
    for (let n = 0; n < 40; n++) {
      a.send(etherFrame(wire.b.address, wire.a.address, undefined, Buffer.from(`frame ${n}`)));
      clock.advance(0.7);
    }
    clock.advance(100);
    t.equal(pool.inUse, 0);
    return file();
  };
  const first = record(42);
  t.ok(first.equals(record(42)));
  t.notOk(first.equals(record(43)));
  t.equal(readCapture(first).frames[0]!.time, BigInt(MOMENT) * 1000n);
  t.end();
});
