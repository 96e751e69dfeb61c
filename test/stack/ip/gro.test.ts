import t from 'tap';
import {
  CHECKSUM_PARTIAL,
  CHECKSUM_UNNECESSARY,
  GSO_TCPV4,
  GSO_UDP_L4,
} from '../../../device/memory/packet.ts';
import { closeDevice } from '../../../device/netdevice/admin.ts';
import { setFeatures } from '../../../device/netdevice/change.ts';
import { NETIF_F_GRO, NETIF_F_GRO_UDP_FWD } from '../../../device/netdevice/features.ts';
import { sendSegments } from '../../../device/netdevice/segment.ts';
import { SOL_UDP } from '../../../stack/socket/abi.ts';
import { UDP_GRO } from '../../../stack/udp/udp-socket.ts';
import { parseIpv4 } from '../../../stack/wire/address.ts';
import { type Host, host, udp, udpSocket } from '../socket/harness.ts';
import { datagram, drops, leftovers, sum } from './harness.ts';

interface Segment {
  seq: number;
  bytes?: number;
  flags?: number;
  ack?: number;
  window?: number;
  from?: number;
  options?: readonly number[];
  id?: number;
  ttl?: number;
  tos?: number;
  fragment?: number;
  broken?: boolean;
}

const ACK = 0x10;
const PSH = 0x08;
const FIN = 0x01;
const CWR = 0x80;
const DF = 0x4000;
/** Two NOPs and a timestamp. */
const STAMP = [1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2];

/** A TCP segment from 192.0.2.2 to 192.0.2.1, with DF and an identification of 0; its payload tells where it is from. */
function tcp(s: Segment): Buffer {
  const options = Buffer.from(s.options ?? STAMP);
  const segment = Buffer.alloc(20 + options.length + (s.bytes ?? 100));
  segment.writeUInt16BE(s.from ?? 5000, 0);
  segment.writeUInt16BE(80, 2);
  segment.writeUInt32BE(s.seq >>> 0, 4);
  segment.writeUInt32BE(s.ack ?? 1, 8);
  segment[12] = ((20 + options.length) / 4) << 4;
  segment[13] = s.flags ?? ACK;
  segment.writeUInt16BE(s.window ?? 1000, 14);
  options.copy(segment, 20);
  for (let at = 20 + options.length; at < segment.length; at++) segment[at] = s.seq + at;
  const pseudo = Buffer.alloc(12);
  pseudo.writeUInt32BE(parseIpv4('192.0.2.2'), 0);
  pseudo.writeUInt32BE(parseIpv4('192.0.2.1'), 4);
  pseudo[9] = 6;
  pseudo.writeUInt16BE(segment.length, 10);
  segment.writeUInt16BE(sum(Buffer.concat([pseudo, segment])) ^ (s.broken ? 1 : 0), 16);
  const { ttl = 64, tos = 0, id = 0, fragment = DF } = s;
  return datagram({ protocol: 6, payload: segment, ttl, tos, id, fragment });
}

/** What went up, a line a packet: its bytes of TCP or UDP payload, `x` the size of its segments when it is several. */
function watch(on: Host): string[] {
  const seen: string[] = [];
  on.stack.ns.addTap((packet, _dev, outgoing) => {
    if (outgoing) return;
    const { view } = packet.pool;
    const isTcp = view.getUint8(packet.start + 9) === 6;
    const transport = packet.start + 20;
    const header = isTcp ? (view.getUint8(transport + 12) >>> 4) * 4 : 8;
    const flags = isTcp && (view.getUint8(transport + 13) & (PSH | FIN)) !== 0 ? ' last' : '';
    const size = packet.gsoSize > 0 ? `x${packet.gsoSize}` : '';
    seen.push(`${packet.end - transport - header}${size}${flags}`);
    if (packet.gsoSize === 0) return;
    if (packet.gsoType !== (isTcp ? GSO_TCPV4 : GSO_UDP_L4)) seen.push(`type ${packet.gsoType}`);
    if (packet.checksum !== CHECKSUM_PARTIAL) seen.push(`checksum ${packet.checksum}`);
  });
  return seen;
}

/** One batch of received frames; what went up, in order. */
function batch(on: Host, seen: string[], ...frames: Buffer[]): string[] {
  for (const frame of frames) on.dev.groReceive(on.on.pool.from(frame)!);
  on.on.clock.settle();
  return seen.splice(0);
}

function finish(t: { equal(a: unknown, b: unknown): void }, on: Host): void {
  on.stack.close();
  on.on.clock.advance(200_000);
  t.equal(leftovers(on.on), '0 packets, 0 timers');
}

t.test('TCP: segments that follow each other go up as one, at the end of the batch', (t) => {
  const on = host();
  const seen = watch(on);
  t.strictSame(batch(on, seen, tcp({ seq: 0 }), tcp({ seq: 100 }), tcp({ seq: 200 })), ['300x100']);
  t.strictSame(batch(on, seen, tcp({ seq: 300 })), ['100'], 'one alone is as it came');
  t.strictSame(batch(on, seen, tcp({ seq: 400 })), ['100'], 'and waits for no other batch');
  t.equal(on.dev.statistics.rxPackets, 5, 'the device counts frames');
  t.equal(on.stack.counters().mib.TcpInCsumErrors, 0);
  finish(t, on);
  t.end();
});

t.test('TCP: what ends a batch, and what does not belong to it', (t) => {
  const on = host();
  const seen = watch(on);
  const after = (next: Segment) =>
    batch(on, seen, tcp({ seq: 0 }), tcp({ seq: 100 }), tcp(next), tcp({ seq: 300 }));
  const cases: [string, Segment, string[]][] = [
    ['nothing', { seq: 200 }, ['400x100']],
    ['PSH', { seq: 200, flags: ACK | PSH }, ['300x100 last', '100']],
    ['FIN', { seq: 200, flags: ACK | FIN }, ['300x100 last', '100']],
    ['a shorter one', { seq: 200, bytes: 50 }, ['250x100', '100']],
    ['a longer one', { seq: 200, bytes: 101 }, ['200x100', '101', '100']],
    ['a hole', { seq: 201 }, ['200x100', '100', '100']],
    ['an old one', { seq: 0 }, ['200x100', '100', '100']],
    ['another acknowledgement', { seq: 200, ack: 2 }, ['200x100', '100', '100']],
    ['another window', { seq: 200, window: 999 }, ['200x100', '100', '100']],
    ['other options', { seq: 200, options: [...STAMP.slice(0, 11), 3] }, ['200x100', '100', '100']],
    ['fewer options', { seq: 200, options: [] }, ['200x100', '100', '100']],
    ['CWR', { seq: 200, flags: ACK | CWR }, ['200x100', '100', '100']],
    ['no payload', { seq: 200, bytes: 0 }, ['200x100', '0', '100']],
    ['another TTL', { seq: 200, ttl: 63 }, ['200x100', '100', '100']],
    ['another TOS', { seq: 200, tos: 3 }, ['200x100', '100', '100']],
    ['an identification that jumps', { seq: 200, id: 7 }, ['200x100', '100', '100']],
    ['no DF', { seq: 200, fragment: 0 }, ['200x100', '100', '100']],
    ['another connection', { seq: 200, from: 5001 }, ['200x100', '100', '100']],
  ];
  for (const [name, next, up] of cases) t.strictSame(after(next), up, name);
  finish(t, on);
  t.end();
});

t.test('TCP: what is never held', (t) => {
  const on = host();
  const seen = watch(on);
  const cases: [string, Segment][] = [
    ['a wrong checksum', { seq: 100, broken: true }],
    ['a fragment', { seq: 100, fragment: 0x2000 }],
    ['the last fragment', { seq: 100, fragment: 1 }],
  ];
  for (const [name, next] of cases)
    t.strictSame(batch(on, seen, tcp({ seq: 0 }), tcp(next)), ['100', '100'], name);
  t.equal(on.stack.counters().mib.TcpInCsumErrors, 1, 'which TCP counts');
  const padded = Buffer.concat([tcp({ seq: 100 }), Buffer.alloc(6)]);
  t.strictSame(batch(on, seen, tcp({ seq: 0 }), padded), ['100', '106'], 'padding, and in order');
  const first = batch(on, seen, tcp({ seq: 0, flags: ACK | PSH }), tcp({ seq: 100 }), tcp({ seq: 200 }));
  t.strictSame(first, ['100 last', '200x100'], 'PSH at once, and what follows it anew');
  finish(t, on);
  t.end();
});

t.test('a super-segment goes up as it is, and behind what was held of its flow', (t) => {
  const on = host();
  const seen = watch(on);
  on.dev.groReceive(on.on.pool.from(tcp({ seq: 0 }))!);
  const whole = on.on.pool.from(tcp({ seq: 100, bytes: 300 }))!;
  whole.gsoSize = 100;
  whole.gsoType = GSO_TCPV4;
  whole.checksum = CHECKSUM_PARTIAL;
  on.dev.groReceive(whole);
  t.strictSame(seen.splice(0), ['100', '300x100']);
  finish(t, on);
  t.end();
});

t.test('identifications count up, or stay with DF', (t) => {
  const on = host();
  const seen = watch(on);
  const ids = (fragment: number, ...numbers: number[]) =>
    batch(on, seen, ...numbers.map((id, index) => tcp({ seq: index * 100, id, fragment })));
  t.strictSame(ids(0, 65534, 65535, 0, 1), ['400x100']);
  t.strictSame(ids(DF, 7, 7, 7), ['300x100']);
  t.strictSame(ids(DF, 7, 8, 9), ['300x100']);
  t.strictSame(ids(0, 7, 7), ['100', '100']);
  t.strictSame(ids(DF, 7, 7, 8), ['200x100', '100']);
  finish(t, on);
  t.end();
});

t.test('flows are held side by side, eight at most; a packet has an end', (t) => {
  const on = host();
  const seen = watch(on);
  const flows = (count: number) =>
    [0, 100].flatMap((seq) => Array.from({ length: count }, (_, n) => tcp({ seq, from: 5000 + n })));
  t.strictSame(batch(on, seen, ...flows(8)), new Array(8).fill('200x100'));
  t.strictSame(
    batch(on, seen, ...flows(9)),
    new Array(18).fill('100'),
    'the oldest makes room, too early each time',
  );
  const size = 1400;
  const long = Array.from({ length: 60 }, (_, n) => tcp({ seq: n * size, bytes: size }));
  t.strictSame(batch(on, seen, ...long), [`${46 * size}x${size}`, `${14 * size}x${size}`], '64 KiB');
  finish(t, on);
  t.end();
});

t.test('what was merged, cut again, is what came', (t) => {
  const on = host();
  const frames = [0, 1, 2, 3].map((n) =>
    tcp({ seq: n * 1001, bytes: n === 3 ? 77 : 1001, id: 500 + n, flags: n === 3 ? ACK | PSH : ACK }),
  );
  const back: Buffer[] = [];
  on.dev.receiveHandler = (packet) => {
    packet.transport = packet.start + 20;
    sendSegments(on.dev, packet, 0, (segment) => {
      back.push(segment.bytes());
      segment.release();
      return 0;
    });
    return true;
  };
  for (const frame of frames) on.dev.groReceive(on.on.pool.from(frame)!);
  t.strictSame(back, frames, 'PSH has ended it before the batch does');
  finish(t, on);
  t.end();
});

t.test('UDP: for a socket that asks, or a device that passes them on', (t) => {
  const on = host();
  const seen = watch(on);
  const three = () => [0, 1, 2].map(() => udp({ data: 'x'.repeat(50) }));
  const numbered = (frames: Buffer[]) =>
    frames.map((frame, id) => {
      frame.writeUInt16BE(id, 4);
      frame.writeUInt16BE(0, 10);
      frame.writeUInt16BE(sum(frame.subarray(0, 20)), 10);
      return frame;
    });
  t.strictSame(batch(on, seen, ...numbered(three())), ['50', '50', '50'], 'nobody is there');
  const fd = udpSocket(on.sockets, '192.0.2.1:7');
  t.strictSame(batch(on, seen, ...numbered(three())), ['50', '50', '50'], 'somebody who did not ask');
  on.sockets.setsockopt(fd, SOL_UDP, UDP_GRO, 1);
  t.strictSame(batch(on, seen, ...numbered(three())), ['150x50']);
  const short = numbered([udp({ data: 'x'.repeat(50) }), udp({ data: 'y' }), udp({ data: 'z' })]);
  t.strictSame(batch(on, seen, ...short), ['51x50', '1'], 'a shorter one ends it');
  const silent = numbered([udp({ data: 'a', checksum: 0 }), udp({ data: 'b', checksum: 0 })]);
  t.strictSame(batch(on, seen, ...silent), ['1', '1'], 'without checksum');
  const many = numbered(Array.from({ length: 70 }, () => udp({ data: 'q' })));
  t.strictSame(batch(on, seen, ...many), ['64x1', '6x1']);
  on.sockets.close(fd);
  setFeatures(on.dev, on.dev.wantedFeatures | NETIF_F_GRO_UDP_FWD);
  t.strictSame(batch(on, seen, ...numbered(three())), ['150x50'], 'rx-udp-gro-forwarding');
  finish(t, on);
  t.end();
});

t.test('without GRO, without large slots, and on a device that goes down', (t) => {
  const on = host();
  const seen = watch(on);
  const pair = () => [tcp({ seq: 0, bytes: 1400 }), tcp({ seq: 1400, bytes: 1400 })];
  const { pool } = on.on;
  const hoard = [1, 2, 3, 4].map(() => pool.alloc(30_000)!);
  t.strictSame(batch(on, seen, ...pair()), ['1400', '1400'], 'half of the large slots are for others');
  for (const packet of hoard) packet.release();
  t.strictSame(batch(on, seen, ...pair()), ['2800x1400']);
  for (const frame of pair()) on.dev.groReceive(pool.from(frame)!);
  closeDevice(on.dev);
  t.strictSame([drops(on.stack)['device_not_running'], seen.splice(0)], [1, []]);
  on.stack.setUp(on.dev);
  setFeatures(on.dev, on.dev.wantedFeatures & ~NETIF_F_GRO);
  t.strictSame(batch(on, seen, ...pair()), ['1400', '1400']);
  finish(t, on);
  t.end();
});

t.test('a checksum that GRO found right is not computed again', (t) => {
  const on = host();
  const known: number[] = [];
  on.dev.receiveHandler = (packet) => {
    known.push(packet.checksum);
    packet.release();
    return true;
  };
  batch(on, [], tcp({ seq: 0 }), tcp({ seq: 0, broken: true }));
  t.strictSame(known, [CHECKSUM_UNNECESSARY, 0]);
  finish(t, on);
  t.end();
});
