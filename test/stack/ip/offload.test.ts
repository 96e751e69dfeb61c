import t, { type Test } from 'tap';
import { Switch } from '../../../device/link/switch/switch.ts';
import { createVeth } from '../../../device/link/veth.ts';
import { CHECKSUM_PARTIAL, GSO_TCPV4, GSO_UDP_L4, type Packet } from '../../../device/memory/packet.ts';
import { ANY_CSUM, NETIF_F_HW_CSUM, NETIF_F_SG, NETIF_F_TSO } from '../../../device/netdevice/features.ts';
import { createStack } from '../../../stack/stack.ts';
import { parseIpv4 } from '../../../stack/wire/address.ts';
import { TestLink } from '../../testing/test-link.ts';
import { bench, datagram, drops, leftovers, rawStack, sum } from './harness.ts';

const FAR = '198.51.100.9';
const NEAR = '192.0.2.2';
const DF = 0x4000;

/** A super-segment as a link hands it up: its checksum is the pseudo header's, and says so. */
function superSegment(
  on: ReturnType<typeof bench>,
  protocol: 6 | 17,
  bytes: number,
  gsoSize: number,
  fragment = DF,
  link = Buffer.alloc(0),
): Packet {
  const header = protocol === 6 ? 20 : 8;
  const segment = Buffer.alloc(header + bytes);
  for (let at = header; at < segment.length; at++) segment[at] = at;
  segment.writeUInt16BE(1000, 0);
  segment.writeUInt16BE(80, 2);
  if (protocol === 6) segment.set([0x50, 0x18, 4, 0], 12);
  else segment.writeUInt16BE(segment.length, 4);
  segment.writeUInt16BE(~pseudo(protocol, segment.length) & 0xffff, protocol === 6 ? 16 : 6);
  const whole = datagram({ source: NEAR, destination: FAR, protocol, fragment, id: 7, payload: segment });
  const packet = on.pool.from(Buffer.concat([link, whole]))!;
  packet.gsoSize = gsoSize;
  packet.gsoType = protocol === 6 ? GSO_TCPV4 : GSO_UDP_L4;
  packet.checksum = CHECKSUM_PARTIAL;
  packet.checksumStart = packet.start + link.length + 20;
  packet.checksumOffset = protocol === 6 ? 16 : 6;
  return packet;
}

/** The complement of the pseudo header's sum. */
function pseudo(protocol: number, length: number): number {
  const bytes = Buffer.alloc(12);
  bytes.writeUInt32BE(parseIpv4(NEAR), 0);
  bytes.writeUInt32BE(parseIpv4(FAR), 4);
  bytes[9] = protocol;
  bytes.writeUInt16BE(length, 10);
  return sum(bytes);
}

/** `len id bytes` of each datagram, with `bad` where a checksum is. */
function lines(frames: Buffer[], skip = 0): string[] {
  return frames.splice(0).map((whole) => {
    const frame = whole.subarray(skip);
    const segment = frame.subarray(20);
    const piece = (frame.readUInt16BE(6) & 0x3fff) !== 0;
    const right = piece || sum(Buffer.concat([segment, pseudoBytes(frame[9]!, segment.length)])) === 0;
    const what = sum(frame.subarray(0, 20)) === 0 && right ? '' : ' bad';
    return `${frame.length} id ${frame.readUInt16BE(4)}${piece ? ` at ${(frame.readUInt16BE(6) & 0x1fff) * 8}` : ''}${what}`;
  });
}

/** Behind an even number of bytes it sums as well as in front. */
function pseudoBytes(protocol: number, length: number): Buffer {
  const bytes = Buffer.alloc(12 + (length & 1));
  const at = length & 1;
  bytes.writeUInt32BE(parseIpv4(NEAR), at);
  bytes.writeUInt32BE(parseIpv4(FAR), at + 4);
  bytes[at + 9] = protocol;
  bytes.writeUInt16BE(length, at + 10);
  return bytes;
}

function router(features: number) {
  const on = bench();
  const { stack, dev } = rawStack(
    on,
    { addresses: ['192.0.2.1/24'] },
    { sysctl: { 'net.ipv4.ip_forward': 1 } },
  );
  const out = new TestLink({ type: 0xfffe, address: 0, flags: 0x80, minMtu: 0, features });
  stack.addDevice(out, { name: 'tun1', addresses: ['198.51.100.1/24'], mtu: 1000 });
  const pass = (packet: Packet): string[] => {
    dev.receive(packet);
    on.clock.settle();
    return lines(out.sent);
  };
  const back = (): string[] => lines((dev.link as TestLink).sent).map((line) => line.split(' ')[0]!);
  const finish = (t: Test): void => {
    stack.close();
    on.clock.advance(700_000);
    t.equal(leftovers(on), '0 packets, 0 timers');
  };
  return { on, stack, dev, out, pass, back, finish };
}

t.test('a router cuts what passes for a device that can not', (t) => {
  const r = router(0);
  t.strictSame(r.pass(superSegment(r.on, 6, 1500, 600)), ['640 id 7', '640 id 8', '340 id 9']);
  t.strictSame(r.pass(superSegment(r.on, 17, 1500, 600)), ['628 id 7', '628 id 8', '328 id 9']);
  const single = superSegment(r.on, 6, 300, 0);
  single.gsoType = 0;
  t.strictSame(r.pass(single), ['340 id 7'], 'an open checksum is computed');
  r.finish(t);
  t.end();
});

t.test('and passes them on whole, checksum open, to one that can', (t) => {
  const r = router(NETIF_F_SG | NETIF_F_HW_CSUM | NETIF_F_TSO);
  t.strictSame(r.pass(superSegment(r.on, 6, 1500, 600)), ['1540 id 7 bad']);
  t.strictSame(r.pass(superSegment(r.on, 17, 1500, 600)), ['628 id 7 bad', '628 id 8 bad', '328 id 9 bad']);
  r.finish(t);
  t.end();
});

t.test('segments beyond the MTU: an ICMP error with DF, fragments without', (t) => {
  const r = router(NETIF_F_SG | ANY_CSUM | NETIF_F_TSO);
  t.strictSame(r.pass(superSegment(r.on, 6, 3000, 1200)), []);
  t.strictSame(r.back(), ['576']);
  t.equal(drops(r.stack)['ip_frag_needed'], 1);
  t.strictSame(r.pass(superSegment(r.on, 6, 2000, 1200, 0)), [
    '996 id 7 at 0',
    '264 id 7 at 976',
    '840 id 8',
  ]);
  t.strictSame(r.pass(superSegment(r.on, 6, 2880, 960)), ['2920 id 7 bad'], 'just as long as may be');
  r.finish(t);
  t.end();
});

t.test('a switch cuts for the one port, and passes on to the other, tagged or not', (t) => {
  for (const tag of ['', '81000005']) {
    const on = bench();
    const stack = createStack({ machine: on.machine });
    const bridge = new Switch(on.machine);
    const link = Buffer.from(`ffffffffffff020000000001${tag}0800`, 'hex');
    const links = [0, NETIF_F_SG | NETIF_F_HW_CSUM | NETIF_F_TSO, 0].map(
      (features, n) => new TestLink({ address: 0x02000000aa00 + n, features }),
    );
    const [from] = links.map((each, n) => bridge.attach(each, `p${n}`));
    from!.receive(superSegment(on, 6, 1500, 600, DF, link));
    on.clock.settle();
    t.strictSame(lines(links[1]!.sent, link.length), ['1540 id 7 bad']);
    t.strictSame(lines(links[2]!.sent, link.length), ['640 id 7', '640 id 8', '340 id 9']);
    bridge.close();
    stack.close();
    on.clock.advance(1000);
    t.equal(on.pool.inUse, 0);
  }
  t.end();
});

t.test('between veth peers nothing is cut, and no checksum is computed', (t) => {
  const on = bench();
  const { stack, dev } = rawStack(
    on,
    { addresses: ['192.0.2.1/24'] },
    { sysctl: { 'net.ipv4.ip_forward': 1 } },
  );
  const [ours, theirs] = createVeth(on.machine);
  stack.addDevice(ours, { name: 'veth0', addresses: ['198.51.100.1/24'] });
  const peer = createStack({ machine: on.machine });
  peer.addDevice(theirs, { name: 'veth0', addresses: [`${FAR}/24`] });
  const seen: string[] = [];
  peer.ns.addTap((packet, _dev, outgoing) => {
    if (!outgoing && packet.protocol === 0x0800)
      seen.push(`${packet.gsoSize} ${packet.checksum === CHECKSUM_PARTIAL}`);
  });
  on.clock.advance(1100);
  dev.receive(superSegment(on, 6, 3000, 1200));
  on.clock.advance(10);
  t.strictSame(seen, ['1200 true']);
  stack.close();
  peer.close();
  on.clock.advance(700_000);
  t.equal(leftovers(on), '0 packets, 0 timers');
  t.end();
});

t.test('an open checksum whose field went with the padding', (t) => {
  const r = router(0);
  const packet = r.on.pool.from(
    Buffer.concat([datagram({ source: NEAR, destination: FAR, payload: Buffer.alloc(8) }), Buffer.alloc(40)]),
  )!;
  packet.checksum = CHECKSUM_PARTIAL;
  packet.checksumStart = packet.start + 40;
  packet.checksumOffset = 0;
  t.strictSame(r.pass(packet), []);
  t.equal(drops(r.stack)['ip_checksum_cut'], 1);
  r.finish(t);
  t.end();
});
