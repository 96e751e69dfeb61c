import t, { type Test } from 'tap';
import { EAGAIN as EAGAIN_ERRNO, EBADFD, EINVAL, EIO, ENOBUFS, ENODEV, EPERM } from '../../device/errno.ts';
import { isMulticastMac } from '../../device/frame/mac.ts';
import { TapLink, type TapOptions } from '../../device/link/tap.ts';
import { TunLink } from '../../device/link/tun.ts';
import { vnetLayout } from '../../device/link/vnet-header.ts';
import {
  CHECKSUM_NONE,
  CHECKSUM_PARTIAL,
  CHECKSUM_UNNECESSARY,
  GSO_TCPV4,
  GSO_UDP_L4,
  type Packet,
} from '../../device/memory/packet.ts';
import { HEADROOM, SMALL_SLOT } from '../../device/memory/pool.ts';
import { closeDevice, openDevice } from '../../device/netdevice/admin.ts';
import { setFeatures, setMtu } from '../../device/netdevice/change.ts';
import { NETIF_F_GRO_HW, NETIF_F_RXCSUM } from '../../device/netdevice/features.ts';
import { flagNames, NETDEV_TX_BUSY } from '../../device/netdevice/flags.ts';
import { NetDevice } from '../../device/netdevice/netdevice.ts';
import { registerDevice, unregisterDevice } from '../../device/netdevice/registry.ts';
import { driverCompliance } from '../testing/driver-compliance.ts';
import type { DriverPeer } from '../testing/link-peer.ts';
import { type TestMachine, type TestMachineOptions, testMachine } from '../testing/machine.ts';
import { FakeDriver, type FakeQueue } from './fake-tap.ts';

interface Rig extends TestMachine {
  readonly link: TapLink;
  readonly queue: FakeQueue;
  readonly dev: NetDevice;
  /** Frames that reached the protocol handler, with what is known of them. */
  readonly received: Packet[];
}

/** A registered and opened device on a TAP link whose native side is a fake; received packets are held until the end. */
function rig(options: TapOptions = {}, machine: TestMachineOptions = {}, driver = new FakeDriver()): Rig {
  const parts = testMachine(machine);
  const link = new TapLink(parts.machine, { vnetHeader: false, ...options }, driver);
  const dev = new NetDevice(parts.ns, link, { name: 'tap0' });
  const received: Packet[] = [];
  dev.receiveHandler = (packet) => {
    received.push(packet);
    return true;
  };
  registerDevice(dev);
  openDevice(dev);
  return { ...parts, link, queue: driver.queues[0]!, dev, received };
}

/** Releases what the test held, takes the device down, and checks that nothing is left. */
function finish(t: Test, { received, dev, pool, queue }: Rig): void {
  for (const packet of received.splice(0)) packet.release();
  unregisterDevice(dev);
  t.equal(queue.calls.at(-1), 'close');
  t.equal(pool.inUse, 0, 'no packet is left');
}

const ETHERNET = Buffer.from('ffffffffffff02000000aaaa88b5', 'hex');

function frame(length: number, fill = 0): Buffer {
  return Buffer.concat([ETHERNET, Buffer.alloc(length - ETHERNET.length, fill)]);
}

function send({ dev, pool }: Rig, bytes: Uint8Array): Packet {
  const packet = pool.from(bytes)!;
  dev.transmit(packet);
  return packet;
}

t.test('opening: what the kernel is asked for', (t) => {
  const driver = new FakeDriver();
  const r = rig(
    { name: 'tap7', mtu: 1400, persist: true, up: true, multiQueue: true, sendBuffer: 65536, carrier: false },
    {},
    driver,
  );
  t.equal(r.queue.flags, 0x1142, 'IFF_TAP | IFF_NO_PI | IFF_MULTI_QUEUE | IFF_NO_CARRIER');
  t.same(r.queue.calls, [
    'setMtu 1400',
    'setSendBuffer 65536',
    'setPersist 1',
    'setCarrier 0',
    'setUp 1',
    'poll 1',
  ]);
  t.equal(r.link.name, 'tap7');
  t.equal(r.link.kind, 'tun');
  t.equal(r.dev.mtu, 1400);
  t.equal(r.dev.carrier, false);
  t.equal(r.link.receiveQueueFrames, 1000);

  t.equal(isMulticastMac(r.link.address), false);
  t.equal(Math.floor(r.link.address / 2 ** 41) & 1, 1, 'locally administered');
  finish(t, r);
  t.end();
});

t.test('opening: refusals are NetErrors that say what to do', (t) => {
  const { machine } = testMachine();
  const driver = new FakeDriver();
  const open = (options: TapOptions) => (): TapLink => new TapLink(machine, options, driver);
  driver.errno = EPERM;
  t.throws(open({ name: 'tap0' }), { code: 'EPERM', syscall: 'tap', message: /tap0 needs CAP_NET_ADMIN/ });
  driver.errno = 2;
  t.throws(open({}), { code: 'ENOENT', message: /load the kernel module tun/ });
  driver.errno = 16;
  t.throws(open({ name: 'tap0' }), { code: 'EBUSY', message: /tap0 is in use/ });
  driver.errno = EINVAL;
  t.throws(open({ name: 'tap0' }), { code: 'EINVAL', message: /another kind/ });
  driver.errno = 25;
  t.throws(open({ fd: 3 }), { code: 'ENOTTY', message: /descriptor 3/ });
  driver.errno = 0;
  t.throws(open({ name: 'sixteen-letters-' }), { code: 'EINVAL', message: /'sixteen-letters-'/ });
  t.equal(driver.queues.length, 0);

  t.throws(open({ mac: 0x02000000aaaa }), { code: 'EADDRNOTAVAIL' }, "the kernel side's own address");
  t.throws(open({ mac: 0x010000000001 }), { code: 'EADDRNOTAVAIL' }, 'a group address');
  driver.prepare = (queue) => {
    queue.results['setPersist'] = -EPERM;
  };
  t.throws(open({ persist: true }), { code: 'EPERM', syscall: 'TUNSETPERSIST' });
  driver.adoptedFlags = 0x1001;
  t.throws(open({ fd: 3 }), { code: 'EINVAL', message: /not a TAP/ }, 'a TUN descriptor');
  driver.adoptedFlags = 0x0002;
  t.throws(open({ fd: 3 }), { code: 'EINVAL', message: /IFF_NO_PI/ }, 'with packet information');
  t.equal(driver.queues.length, 5);
  for (const queue of driver.queues) t.equal(queue.calls.at(-1), 'close', 'nothing stays open');
  t.end();
});

t.test('receive: one native call a batch, one settle, the same slots again', (t) => {
  const r = rig();
  const { queue, clock, received, dev, pool } = r;
  t.equal(pool.inUse, 16, 'a quarter of a small pool is posted');
  let settled = 0;
  const settle = clock.settle.bind(clock);
  clock.settle = () => {
    settled++;
    settle();
  };
  for (let i = 0; i < 3; i++) queue.incoming.push(frame(60 + i, i));
  queue.ready(1, 0);
  t.same(queue.receives, [16]);
  t.equal(settled, 1);
  t.same(
    received.map((packet) => Buffer.from(pool.u8.subarray(packet.link, packet.end))),
    [frame(60, 0), frame(61, 1), frame(62, 2)],
  );
  t.equal(received[0]!.link % 2048, HEADROOM, 'the frame begins behind the headroom');
  t.equal(dev.statistics.rxPackets, 3);
  t.equal(dev.statistics.rxBytes, 183);

  const slot = received[0]!.slot;
  for (const packet of received.splice(0)) packet.release();
  for (let i = 0; i < 40; i++) queue.incoming.push(frame(60, i));
  queue.ready(1, 0);
  t.same(queue.receives, [16, 16, 16, 16], 'a full batch is followed by another');
  t.equal(received.length, 40);
  t.not(received[0]!.slot, slot);
  finish(t, r);
  t.end();
});

t.test('receive: a turn of the event loop takes 64 frames', (t) => {
  const r = rig();
  r.dev.receiveHandler = null;
  for (let i = 0; i < 100; i++) r.queue.incoming.push(frame(60));
  r.queue.ready(1, 0);
  t.equal(r.queue.incoming.length, 36);
  r.link.poll();
  t.equal(r.queue.incoming.length, 0, 'poll() takes the rest');
  t.equal(r.dev.statistics.rxDropped, 100);
  finish(t, r);
  t.end();
});

t.test('receive: the pool runs dry, polling stops, and goes on with the first free slot', (t) => {
  const r = rig({}, { small: 8, large: 0 });
  const { queue, pool, received, clock, link } = r;
  t.equal(pool.inUse, 2);
  for (let i = 0; i < 12; i++) queue.incoming.push(frame(60, i));
  queue.ready(1, 0);
  t.equal(received.length, 8);
  t.equal(queue.incoming.length, 4, 'the kernel keeps what we have no room for');
  t.equal(queue.polled, 0, 'polling has stopped');
  t.ok(link.rx.exhausted > 0);

  received.shift()!.release();
  t.equal(queue.polled, 0, 'a free slot schedules work only');
  clock.settle();
  t.equal(queue.polled, 1);
  t.equal(link.rx.posted, 1);
  queue.ready(1, 0);
  t.equal(received.length, 8);
  for (const packet of received.splice(0)) packet.release();
  clock.settle();
  t.equal(link.rx.posted, 2, 'all slots are posted again');
  queue.ready(1, 0);
  t.same(
    received.map((packet) => pool.u8[packet.end - 1]),
    [9, 10, 11],
    'nothing is lost and nothing out of order',
  );
  finish(t, r);
  t.end();
});

t.test('receive: a handler closes the device in the middle of a batch', (t) => {
  const r = rig();
  const { queue, dev, ns } = r;
  dev.receiveHandler = (packet) => {
    packet.release();
    closeDevice(dev);
    return true;
  };
  for (let i = 0; i < 5; i++) queue.incoming.push(frame(60));
  queue.ready(1, 0);
  t.equal(dev.statistics.rxPackets, 1);
  t.equal(r.pool.inUse, 0);
  t.equal(queue.polled, 0);
  t.equal(ns.drops.total(), 0);

  dev.receiveHandler = (packet) => {
    packet.release();
    if (dev.statistics.rxPackets === 2) {
      closeDevice(dev);
      openDevice(dev);
    }
    return true;
  };
  openDevice(dev);
  for (let i = 0; i < 5; i++) queue.incoming.push(frame(60));
  queue.ready(1, 0);
  t.equal(dev.statistics.rxPackets, 2, 'the rest of that batch is gone');
  queue.incoming.push(frame(60));
  queue.ready(1, 0);
  t.equal(dev.statistics.rxPackets, 3, 'and the next arrives');
  finish(t, r);
  t.end();
});

t.test('receive: frames too long for a slot, and short ones', (t) => {
  const r = rig();
  const { queue, dev, ns } = r;
  queue.incoming.push(frame(SMALL_SLOT), frame(SMALL_SLOT - HEADROOM - 1), frame(14).subarray(0, 5));
  queue.ready(1, 0);
  t.equal(r.received.length, 1);
  t.equal(r.received[0]!.end - r.received[0]!.link, 1853);
  t.same(ns.drops.toJSON(), { tap_frame_cut: 1, frame_too_short: 1 });
  t.equal(dev.statistics.rxErrors, 2);
  t.equal(dev.statistics.rxLengthErrors, 2);

  t.equal(setMtu(dev, 9000), 0);
  t.ok(queue.calls.includes('setMtu 9000'), "the kernel's side follows");
  t.equal(r.link.rx.posted, 1, 'a quarter of the large slots');
  queue.incoming.push(frame(9018, 1), frame(60, 2));
  queue.ready(1, 0);
  t.equal(r.received[1]!.end - r.received[1]!.link, 9018);
  t.ok(r.received[1]!.slot >= r.pool.smallSlots);
  t.ok(r.received[2]!.slot < r.pool.smallSlots, 'a small frame is copied out of its large slot');
  t.same(r.received[2]!.pool.u8.subarray(r.received[2]!.link, r.received[2]!.end), frame(60, 2));
  finish(t, r);
  t.end();
});

t.test('transmit: a batch is one native call, in order', (t) => {
  const r = rig();
  for (let i = 0; i < 3; i++) send(r, frame(60 + i, i));
  t.equal(r.queue.flushes.length, 0, 'nothing goes out before the end of the batch');
  r.clock.settle();
  t.same(r.queue.flushes, ['0+3']);
  t.same(r.queue.written, [frame(60, 0), frame(61, 1), frame(62, 2)]);
  t.equal(r.dev.statistics.txPackets, 3);
  t.equal(r.pool.inUse, 16, 'only the posted slots');
  r.link.flush();
  t.same(r.queue.flushes, ['0+3'], 'an empty ring costs no call');
  finish(t, r);
  t.end();
});

t.test('transmit: a full ring is flushed at once', (t) => {
  const r = rig({}, { small: 256 });
  for (let i = 0; i < 70; i++) send(r, frame(60, i));
  t.same(r.queue.flushes, ['0+64']);
  r.clock.settle();
  t.same(r.queue.flushes, ['0+64', '0+6']);
  t.equal(r.queue.written.length, 70);
  finish(t, r);
  t.end();
});

t.test('transmit: gathered payload, shared packets, packets of another pool', (t) => {
  const r = rig();
  const { pool } = r;
  const page = pool.pages.alloc();
  const at = pool.pages.offset(page);
  pool.u8.set(Buffer.from('payload'), at);
  const packet = pool.from(frame(54))!;
  packet.payload = at;
  packet.payloadLength = 7;
  packet.payloadPage = page;
  r.dev.transmit(packet);
  const shared = pool.from(frame(60, 1))!.retain();
  r.dev.transmit(shared);
  const { pool: other } = testMachine();
  r.dev.transmit(other.from(frame(60, 2))!);
  r.clock.settle();
  t.same(r.queue.flushes, ['0+3']);
  t.same(r.queue.written, [Buffer.concat([frame(54), Buffer.from('payload')]), frame(60, 1), frame(60, 2)]);
  t.equal(pool.pages.free, 4, 'the send page is free again');
  t.equal(shared.references, 1);
  shared.release();
  t.equal(other.inUse, 0);
  finish(t, r);
  t.end();
});

for (const errno of [EAGAIN_ERRNO, ENOBUFS]) {
  t.test(`transmit: the kernel is full (errno ${errno}), and takes more later`, (t) => {
    const r = rig();
    const { queue, dev, clock } = r;
    let room = 2;
    queue.refuse = () => (room-- > 0 ? 0 : errno);
    for (let i = 0; i < 5; i++) send(r, frame(60, i));
    clock.settle();
    t.same(queue.flushes, ['0+5']);
    t.equal(queue.written.length, 2);
    t.ok(dev.queueStopped);
    t.equal(queue.polled, 3, 'readable and writable');
    send(r, frame(60, 5));
    t.equal(dev.discipline.backlog, 1, 'frames wait in the queue');
    const refused = r.pool.from(frame(60))!;
    t.equal(r.link.startXmit(refused), NETDEV_TX_BUSY);
    refused.release();

    room = 1;
    queue.ready(2, 0);
    t.equal(queue.written.length, 3);
    t.ok(dev.queueStopped, 'still full');
    room = 9;
    queue.ready(2, 0);
    t.notOk(dev.queueStopped);
    t.equal(queue.polled, 1);
    t.same(
      queue.written.map((bytes) => bytes.at(-1)),
      [0, 1, 2, 3, 4, 5],
      'all of them, in order',
    );
    t.same(queue.flushes, ['0+5', '2+3', '3+2', '0+1']);
    finish(t, r);
    t.end();
  });
}

t.test(
  'transmit: asked to look, the link reads in the next turn and says so, even if there is nothing',
  (t) => {
    const r = rig();
    const { queue, dev, link } = r;
    for (let i = 0; i < 3; i++) send(r, frame(60, i));
    t.equal(dev.room.handed, 3);
    link.look();
    link.look();
    t.equal(queue.polled, 3, 'readable and writable');
    queue.ready(2, 0);
    t.equal(queue.polled, 1);
    t.equal(dev.room.handed, 0);
    send(r, frame(60));
    for (let i = 0; i < 65; i++) queue.incoming.push(frame(60, i));
    queue.ready(1, 0);
    t.equal(dev.room.handed, 0, 'a batch was read');
    finish(t, r);
    t.end();
  },
);

t.test('transmit: going down flushes, and drops what the kernel does not take', (t) => {
  const r = rig();
  let room = 1;
  r.queue.refuse = () => (room-- > 0 ? 0 : EAGAIN_ERRNO);
  for (let i = 0; i < 3; i++) send(r, frame(60, i));
  closeDevice(r.dev);
  t.equal(r.queue.written.length, 1);
  t.equal(r.queue.polled, 0);
  t.equal(r.pool.inUse, 0);
  t.same(r.ns.drops.toJSON(), { queue_purged: 2 });
  t.equal(r.dev.statistics.txDropped, 2);
  r.clock.settle();
  finish(t, r);
  t.end();
});

t.test("transmit: the kernel's side is down", (t) => {
  const r = rig();
  r.queue.refuse = () => EIO;
  for (let i = 0; i < 3; i++) send(r, frame(60, i));
  r.clock.settle();
  t.same(r.queue.flushes, ['0+3'], 'one call tells');
  t.same(r.ns.drops.toJSON(), { tap_interface_down: 3 });
  t.equal(r.dev.statistics.txErrors, 3);
  t.equal(r.dev.statistics.txCarrierErrors, 3);
  r.queue.refuse = () => 0;
  send(r, frame(60));
  r.clock.settle();
  t.equal(r.queue.written.length, 1, 'it recovers by itself');

  const verdicts = [0, EINVAL, 0];
  r.queue.refuse = () => verdicts.shift() ?? 0;
  for (let i = 0; i < 3; i++) send(r, frame(60, i));
  r.clock.settle();
  t.same(r.queue.flushes.slice(2), ['0+3', '2+1'], 'one frame is refused, those behind it go on');
  t.same(r.ns.drops.toJSON(), { transmit_error: 1, tap_interface_down: 3 });
  finish(t, r);
  t.end();
});

for (const how of ['poll', 'receive', 'flush'] as const) {
  t.test(`the interface is deleted: ${how} tells`, (t) => {
    const r = rig();
    const { queue, dev, link, clock } = r;
    send(r, frame(60));
    if (how === 'poll') queue.ready(0, -9);
    if (how === 'receive') {
      queue.emptyErrno = EBADFD;
      queue.ready(1, 0);
    }
    if (how === 'flush') {
      queue.refuse = () => EBADFD;
      clock.settle();
    }
    t.ok(link.lost);
    t.equal(dev.carrier, false);
    t.equal(queue.polled, 0, 'polling has stopped');
    t.equal(r.pool.inUse, 0);
    t.equal(dev.statistics.txCarrierErrors, 1);
    send(r, frame(60));
    t.same(r.ns.drops.toJSON(), { tap_lost: 1, no_carrier: 1 });
    const late = r.pool.from(frame(60))!;
    t.equal(link.startXmit(late), 0);
    t.equal(r.ns.drops.toJSON()['tap_lost'], 2);
    closeDevice(dev);
    t.equal(openDevice(dev), -ENODEV);
    finish(t, r);
    t.end();
  });
}

t.test('carrier: both ends follow; a refusal changes nothing', (t) => {
  const r = rig();
  t.equal(r.link.changeCarrier(false), 0);
  t.equal(r.dev.carrier, false);
  t.equal(r.link.changeCarrier(true), 0);
  t.equal(r.dev.carrier, true);
  t.same(r.queue.calls.slice(-2), ['setCarrier 0', 'setCarrier 1']);
  r.queue.results['setCarrier'] = -EPERM;
  t.equal(r.link.changeCarrier(false), -EPERM);
  t.equal(r.dev.carrier, true);
  r.queue.results['setMtu'] = -EPERM;
  t.equal(setMtu(r.dev, 1400), -EPERM);
  t.equal(r.dev.mtu, 1500);
  r.queue.results['setMtu'] = -ENODEV;
  t.equal(setMtu(r.dev, 1400), 0, "the kernel's side is out of reach");
  finish(t, r);
  t.end();
});

/** A virtio header as the kernel writes it, and the frame behind it. */
function vnet(header: Partial<Parameters<typeof vnetLayout.encode>[0]>, bytes: Uint8Array): Buffer {
  const all = { flags: 0, gsoType: 0, headerLength: 0, gsoSize: 0, checksumStart: 0, checksumOffset: 0 };
  const head = Buffer.alloc(vnetLayout.span);
  vnetLayout.encode({ ...all, ...header }, head);
  return Buffer.concat([head, bytes]);
}

t.test('virtio header, inward: what the kernel says of a frame', (t) => {
  const r = rig({ vnetHeader: true });
  const { queue, received } = r;
  t.equal(queue.flags, 0x5002);
  t.same(queue.calls, ['setVnetHeaderSize 10', 'setOffload 111', 'poll 1']);
  t.equal(r.link.rx.posted, 1);
  queue.incoming.push(
    vnet({}, frame(60)),
    vnet({ flags: 2 }, frame(60)),
    vnet({ flags: 1, checksumStart: 34, checksumOffset: 16 }, frame(60)),
    vnet(
      { flags: 1, gsoType: 1, gsoSize: 1448, headerLength: 66, checksumStart: 34, checksumOffset: 16 },
      frame(40000, 7),
    ),
    vnet({ flags: 1, gsoType: 1, gsoSize: 1448, checksumStart: 34, checksumOffset: 16 }, frame(1502)),
  );
  queue.ready(1, 0);
  t.same(
    received.map((packet) => [packet.checksum, packet.gsoType, packet.gsoSize, packet.end - packet.link]),
    [
      [CHECKSUM_NONE, 0, 0, 60],
      [CHECKSUM_UNNECESSARY, 0, 0, 60],
      [CHECKSUM_PARTIAL, 0, 0, 60],
      [CHECKSUM_PARTIAL, GSO_TCPV4, 1448, 40000],
      [CHECKSUM_PARTIAL, 0, 0, 1502],
    ],
  );
  t.equal(received[2]!.checksumStart - received[2]!.link, 34);
  t.equal(received[3]!.checksumStart - received[3]!.link, 34);
  t.same(r.pool.u8.subarray(received[3]!.link, received[3]!.end), frame(40000, 7));
  finish(t, r);
  t.end();
});

t.test(
  'virtio header, inward: small frames are copied out of large slots, which they can not use up',
  (t) => {
    const r = rig({ vnetHeader: true }, { small: 4, large: 8 });
    const { queue, received, pool, link } = r;
    for (let n = 0; n < 10; n++) queue.incoming.push(vnet({}, frame(60, n)));
    queue.incoming.push(vnet({}, frame(1854, 10)), vnet({}, frame(1855, 11)));
    queue.ready(1, 0);
    t.same(
      received.map((packet) => [pool.u8[packet.end - 1], packet.slot < pool.smallSlots]),
      [...[0, 1, 2, 3].map((n) => [n, true]), [4, false], [5, false], [11, false]],
    );
    t.same(r.ns.drops.toJSON(), { pool_exhausted: 5 });
    t.equal(r.dev.statistics.rxDropped, 5);
    t.equal(link.rx.posted, 2, 'the posted slots stay');
    for (const packet of received.splice(0)) packet.release();
    queue.incoming.push(vnet({}, frame(60, 12)));
    queue.ready(1, 0);
    t.equal(received[0]!.slot < pool.smallSlots, true);
    finish(t, r);
    t.end();
  },
);

t.test('virtio header, inward: hostile fields are counted drops', (t) => {
  const r = rig({ vnetHeader: true });
  const tcp = { flags: 1, gsoType: 1, gsoSize: 100, checksumStart: 34, checksumOffset: 16 };
  const hostile = [
    vnet({ flags: 1, checksumStart: 59, checksumOffset: 0 }, frame(60)),
    vnet({ flags: 1, checksumStart: 0, checksumOffset: 59 }, frame(60)),
    vnet({ flags: 1, checksumStart: 65535, checksumOffset: 65535 }, frame(60)),
    vnet({ ...tcp, gsoSize: 0 }, frame(60)),
    vnet({ ...tcp, gsoType: 3 }, frame(60)),
    vnet({ ...tcp, gsoType: 2 }, frame(60)),
    vnet({ ...tcp, gsoType: 0x85 }, frame(60)),
    vnet({ ...tcp, gsoType: 0x80 }, frame(60)),
    vnet({ ...tcp, flags: 0 }, frame(60)),
    vnet({ ...tcp, gsoSize: 65535 }, frame(60)),
    vnet({ ...tcp, checksumOffset: 6 }, frame(60)),
    vnet({ ...tcp, gsoType: 5, checksumOffset: 16 }, frame(60)),
    vnet({ ...tcp, checksumStart: 41 }, frame(60)),
    vnet({ headerLength: 61 }, frame(60)),
    vnet({ ...tcp, headerLength: 65535 }, frame(60)),
    vnet({}, frame(60)).subarray(0, 9),
    vnet({}, frame(60)).subarray(0, 0),
  ];
  r.queue.incoming.push(...hostile);
  r.queue.ready(1, 0);
  t.equal(r.received.length, 0);
  t.same(r.ns.drops.toJSON(), {
    vnet_checksum: 6,
    vnet_gso_size: 2,
    vnet_gso_type: 4,
    vnet_header_length: 3,
    tap_vnet_header: 2,
  });
  t.equal(r.dev.statistics.rxErrors, hostile.length);
  t.equal(r.dev.statistics.rxFrameErrors, 15);
  t.equal(r.dev.statistics.rxLengthErrors, 2);
  finish(t, r);
  t.end();
});

t.test('virtio header, outward: filled from the packet', (t) => {
  const r = rig({ vnetHeader: true });
  const { pool, dev, queue } = r;
  send(r, frame(60, 9));
  const tcp = pool.from(frame(1000))!;
  tcp.checksum = CHECKSUM_PARTIAL;
  tcp.checksumStart = tcp.start + 34;
  tcp.checksumOffset = 16;
  tcp.gsoType = GSO_TCPV4;
  tcp.gsoSize = 200;
  pool.view.setUint8(tcp.start + 34 + 12, 0x80);
  dev.transmit(tcp);
  const udp = pool.from(frame(1000))!.retain();
  udp.checksum = CHECKSUM_PARTIAL;
  udp.checksumStart = udp.start + 34;
  udp.checksumOffset = 6;
  udp.gsoType = GSO_UDP_L4;
  udp.gsoSize = 200;
  const untouched = Buffer.from(pool.u8.subarray(udp.base, udp.limit));
  dev.transmit(udp);
  r.clock.settle();
  t.same(queue.written[0], vnet({}, frame(60, 9)));
  t.same(vnetLayout.decode(queue.written[1]!), {
    flags: 1,
    gsoType: 1,
    headerLength: 66,
    gsoSize: 200,
    checksumStart: 34,
    checksumOffset: 16,
  });
  t.equal(queue.written[1]!.length, 1010);
  t.same(vnetLayout.decode(queue.written[2]!), {
    flags: 1,
    gsoType: 5,
    headerLength: 42,
    gsoSize: 200,
    checksumStart: 34,
    checksumOffset: 6,
  });
  t.same(pool.u8.subarray(udp.base, udp.limit), untouched, 'a shared packet is not written into');
  udp.release();

  const twelve = new FakeDriver();
  twelve.adoptedFlags = 0x5002;
  twelve.prepare = (made) => {
    made.results['vnetHeaderSize'] = 12;
  };
  const adopted = rig({ fd: 5 }, {}, twelve);
  send(adopted, frame(60, 9));
  adopted.clock.settle();
  t.same(
    adopted.queue.written[0],
    Buffer.concat([Buffer.alloc(12), frame(60, 9)]),
    "a descriptor's own size",
  );
  finish(t, adopted);
  finish(t, r);
  t.end();
});

t.test('busy polling: frames are found without the event loop, until none comes for a while', (t) => {
  const r = rig({ busyPoll: 100 });
  const { clock, queue, received } = r;
  const reads = () => queue.receives.splice(0).length;
  t.equal(clock.turn(), 1, 'opening begins it');
  t.equal(reads(), 64, 'so many looks a turn');
  queue.incoming.push(frame(60), frame(61));
  clock.advance(0.09);
  clock.turn();
  t.equal(received.length, 2);
  clock.advance(0.09);
  t.equal(clock.turn(), 1, 'a frame begins the wait anew');
  clock.advance(0.01);
  clock.turn();
  t.equal(clock.turn(), 0, '100 us without a frame');
  reads();
  queue.incoming.push(frame(60));
  queue.ready(1, 0);
  t.equal(clock.turn(), 1, 'the event loop tells of the next one');
  closeDevice(r.dev);
  reads();
  clock.turn();
  t.equal(reads() + clock.turn(), 0, 'a link that is down is left alone');
  finish(t, r);
  t.end();
});

t.test('offload: refused without virtio header, toggled with it', (t) => {
  const plain = rig();
  const tcp = plain.pool.from(frame(1000))!;
  tcp.checksum = CHECKSUM_PARTIAL;
  plain.link.startXmit(tcp);
  t.same(
    plain.ns.drops.toJSON(),
    { tap_offload: 1 },
    'the device finishes such frames; one that comes all the same is dropped',
  );
  t.equal(plain.dev.statistics.txErrors, 1);
  finish(t, plain);

  const old = new FakeDriver();
  old.prepare = (queue) => {
    queue.setOffload = (offload) => {
      queue.calls.push(`setOffload ${offload}`);
      return offload > 15 ? -EINVAL : 0;
    };
  };
  const r = rig({ vnetHeader: true }, {}, old);
  t.same(r.queue.calls, ['setVnetHeaderSize 10', 'setOffload 111', 'setOffload 15', 'poll 1'], 'before 6.2');
  r.queue.calls.length = 0;
  t.equal(setFeatures(r.dev, r.dev.features & ~NETIF_F_GRO_HW), 0);
  t.same(r.queue.calls, ['setOffload 1']);
  t.equal(r.link.setFeatures(r.dev.features & ~NETIF_F_RXCSUM), 0);
  t.same(r.queue.calls, ['setOffload 1', 'setOffload 0']);
  finish(t, r);
  t.end();
});

t.test('TUN: raw IP', (t) => {
  const { machine, ns, pool } = testMachine();
  const driver = new FakeDriver();
  const link = new TunLink(machine, { name: 'tun0', vnetHeader: false }, driver);
  const dev = new NetDevice(ns, link, { name: 'tun0' });
  registerDevice(dev);
  openDevice(dev);
  const queue = driver.queues[0]!;
  t.equal(queue.flags, 0x1001);
  t.same(flagNames(dev.reportedFlags), ['POINTOPOINT', 'MULTICAST', 'NOARP', 'UP', 'LOWER_UP']);
  t.equal(dev.hardHeaderLength, 0);
  t.equal(link.maxMtu, 65535);
  const seen: number[] = [];
  dev.receiveHandler = (packet) => {
    seen.push(packet.protocol, packet.length);
    packet.release();
    return true;
  };
  queue.incoming.push(Buffer.from('4500001400000000401100000a0000010a000002', 'hex'), Buffer.alloc(40, 0x60));
  queue.ready(1, 0);
  t.same(seen, [0x0800, 20, 0x86dd, 40]);
  dev.transmit(pool.from(Buffer.alloc(20, 0x45))!);
  machine.clock.settle();
  t.same(queue.written, [Buffer.alloc(20, 0x45)]);
  unregisterDevice(dev);
  t.equal(pool.inUse, 0);
  t.end();
});

/** The far end of a fake queue: it fills what the kernel holds for us, and sees what was written, headers taken off. */
function fakePeer(queue: FakeQueue, headerBytes: number): DriverPeer {
  return {
    get received() {
      return queue.written.map((bytes) => bytes.subarray(headerBytes));
    },
    open() {},
    close() {},
    send(bytes) {
      queue.incoming.push(Buffer.concat([Buffer.alloc(headerBytes), bytes]));
      if ((queue.polled & 1) !== 0) queue.ready(1, 0);
    },
  };
}

for (const [name, Driver, vnetHeader] of [
  ['TAP', TapLink, false],
  ['TAP with virtio header', TapLink, true],
  ['TUN', TunLink, false],
] as const) {
  t.test(`${name}: the contract of a link`, (t) => {
    driverCompliance(t, {
      create(machine) {
        const driver = new FakeDriver();
        const link = new Driver(machine, { vnetHeader }, driver);
        return { link, peer: fakePeer(driver.queues[0]!, vnetHeader ? 10 : 0) };
      },
    });
    t.end();
  });
}
