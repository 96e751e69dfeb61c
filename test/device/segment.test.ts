import t from 'tap';
import { CHECKSUM_PARTIAL, GSO_TCPV4, GSO_UDP_L4 } from '../../device/memory/packet.ts';
import { openDevice } from '../../device/netdevice/admin.ts';
import { NETIF_F_HW_CSUM, NETIF_F_SG, NETIF_F_TSO } from '../../device/netdevice/features.ts';
import { NET_XMIT_DROP, NET_XMIT_SUCCESS } from '../../device/netdevice/flags.ts';
import type { Segmenter } from '../../device/netdevice/segment.ts';
import { testDevice, testMachine } from '../testing/machine.ts';

const HEADERS = 6;

/** Headers of six bytes: two for an index, two for the checksum, one for "last", one free. */
const segmenter: Segmenter = {
  headerLength: () => HEADERS,
  finish(segment, index, offset, last) {
    const { view } = segment.pool;
    view.setUint16(segment.start, index * 1000 + offset);
    view.setUint16(segment.start + 2, 0);
    view.setUint8(segment.start + 4, last ? 1 : 0);
  },
};

function build(features: number): ReturnType<typeof testMachine> & ReturnType<typeof testDevice> {
  const machine = testMachine();
  machine.machine.segmenters.set(GSO_TCPV4, segmenter);
  const device = testDevice(machine.ns, { link: { features } });
  openDevice(device.dev);
  return { ...machine, ...device };
}

/** A super-segment of `bytes` of payload in a send page, to be cut into pieces of four. */
function superSegment(
  on: ReturnType<typeof build>,
  bytes: number,
): ReturnType<typeof on.pool.alloc> & object {
  const { pool } = on;
  const page = pool.pages.alloc();
  const at = pool.pages.offset(page);
  for (let i = 0; i < bytes; i++) pool.u8[at + i] = 0x10 + i;
  const packet = pool.alloc(HEADERS);
  if (packet === null) throw new Error('the pool is empty');
  pool.u8.fill(0, packet.put(HEADERS), packet.end);
  packet.payload = at;
  packet.payloadLength = bytes;
  packet.payloadPage = page;
  packet.gsoSize = 4;
  packet.gsoType = GSO_TCPV4;
  packet.checksum = CHECKSUM_PARTIAL;
  packet.checksumStart = packet.start;
  packet.checksumOffset = 2;
  return packet;
}

function sumOf(frame: Buffer): number {
  let sum = 0;
  for (let i = 0; i < frame.length; i += 2)
    sum += i + 1 < frame.length ? frame.readUInt16BE(i) : frame[i]! << 8;
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return sum;
}

for (const [name, features] of [
  ['nothing', 0],
  ['gather', NETIF_F_SG],
] as const) {
  t.test(`a super-segment for a device that can do ${name}`, (t) => {
    const on = build(features);
    t.equal(on.dev.transmit(superSegment(on, 10)), NET_XMIT_SUCCESS);
    t.strictSame(
      on.link.sent.map((frame) => [frame.readUInt16BE(0), frame[4], frame.subarray(6).toString('hex')]),
      [
        [0, 0, '10111213'],
        [1004, 0, '14151617'],
        [2008, 1, '1819'],
      ],
    );
    for (const frame of on.link.sent) t.equal(sumOf(frame), 0xffff, 'its checksum is right');
    t.equal(on.dev.statistics.txPackets, 3);
    t.equal(on.pool.inUse, 0);
    t.equal(on.pool.pages.free, 4);
    t.end();
  });
}

t.test('a device that can do it all gets it as it is', (t) => {
  const on = build(NETIF_F_SG | NETIF_F_HW_CSUM | NETIF_F_TSO);
  t.equal(on.dev.transmit(superSegment(on, 10)), NET_XMIT_SUCCESS);
  t.equal(on.link.sent.length, 1);
  t.equal(on.link.sent[0]!.length, 16);
  t.equal(on.link.sent[0]!.readUInt16BE(2), 0, 'the checksum is its own matter');
  t.equal(on.pool.inUse, 0);
  t.equal(on.pool.pages.free, 4);
  t.end();
});

t.test('an open checksum of a packet that somebody else reads too', (t) => {
  const on = build(0);
  const packet = superSegment(on, 5);
  packet.gsoSize = 0;
  const before = packet.retain().bytes();
  t.equal(on.dev.transmit(packet), NET_XMIT_SUCCESS);
  t.equal(sumOf(on.link.sent[0]!), 0xffff);
  t.strictSame(packet.bytes(), before, 'the other sees no change');
  packet.release();
  t.equal(on.pool.inUse, 0);
  t.equal(on.pool.pages.free, 4);
  t.end();
});

t.test('what nobody can cut is dropped, and so is what memory has no room for', (t) => {
  const on = build(0);
  const unknown = superSegment(on, 10);
  unknown.gsoType = GSO_UDP_L4;
  t.equal(on.dev.transmit(unknown), NET_XMIT_DROP);
  const packet = superSegment(on, 10);
  const held: object[] = [];
  for (let other = on.pool.alloc(1); other !== null; other = on.pool.alloc(1)) held.push(other);
  t.equal(on.dev.transmit(packet), NET_XMIT_DROP);
  t.match(on.ns.drops.toJSON(), { segment_unknown: 1, pool_exhausted: 1 });
  t.equal(on.dev.statistics.txDropped, 2);
  t.equal(on.pool.inUse, held.length);
  t.equal(on.pool.pages.free, 4);
  t.end();
});
