import t, { type Test } from 'tap';
import { ENETDOWN } from '../../device/errno.ts';
import { formatMac, MAC_BROADCAST, type MacAddress } from '../../device/frame/mac.ts';
import { fault } from '../../device/link/fault.ts';
import type { FdbEvent } from '../../device/link/switch/fdb.ts';
import { Switch, type SwitchOptions } from '../../device/link/switch/switch.ts';
import { createVeth } from '../../device/link/veth.ts';
import { createWire } from '../../device/link/wire/wire.ts';
import { CHECKSUM_PARTIAL, GSO_TCPV4, type Packet } from '../../device/memory/packet.ts';
import { etherFrame } from '../testing/frames.ts';
import { type TestMachineOptions, testMachine } from '../testing/machine.ts';
import { Station } from '../testing/station.ts';
import { TestLink } from '../testing/test-link.ts';

const A = 0x02000000000a;
const B = 0x02000000000b;
const C = 0x02000000000c;

/** A switch with one veth a station, ports `p1`, `p2` ..., and its FDB events as lines of `bridge monitor fdb`. */
function network(stations: number, options: SwitchOptions = {}, machineOptions: TestMachineOptions = {}) {
  const m = testMachine(machineOptions);
  const bridge = new Switch(m.machine, options);
  const events: string[] = [];
  bridge.fdb.subscribe((event) => events.push(`${m.clock.now()} ${line(event)}`));
  const ends = Array.from({ length: stations }, (_, i) => {
    const [near, far] = createVeth(m.machine, { addresses: [0x020000001000 + i, 0x020000002000 + i] });
    const port = bridge.attach(far, `p${i + 1}`);
    return { port, station: new Station(m.machine, near) };
  });
  events.length = 0;
  const send = (from: number, destination: MacAddress, source: MacAddress, tag = -1) => {
    const tagged = Buffer.from([tag >> 8, tag & 0xff, 0x88, 0xb5]);
    ends[from - 1]!.station.send(
      tag < 0 ? etherFrame(destination, source) : etherFrame(destination, source, 0x8100, tagged),
    );
    m.clock.drain();
    return ends.map(({ station }, i) => (station.take().length > 0 ? i + 1 : 0)).filter((n) => n > 0);
  };
  const settled = (t: Test) => {
    for (const { station } of ends) {
      t.strictSame(station.breaches, []);
      station.close();
    }
    bridge.close();
    m.clock.drain();
    t.equal(m.pool.inUse, 0, 'no packet left behind');
    t.equal(m.clock.pendingTimers(), 0, 'no timer left behind');
  };
  return { ...m, bridge, ends, events, send, settled };
}

function line(event: FdbEvent): string {
  const who = event.vlan === 0 ? formatMac(event.mac) : `${formatMac(event.mac)} vlan ${event.vlan}`;
  return event.event === 'moved'
    ? `moved ${who} ${event.from.name} -> ${event.to.name}`
    : `${event.event} ${who} ${event.port.name}`;
}

t.test('switch: floods what it does not know, learns sources, then forwards', (t) => {
  const { bridge, ends, events, send, settled } = network(3);
  t.strictSame(send(1, B, A), [2, 3], 'unknown: everywhere but back');
  t.strictSame(send(2, A, B), [1]);
  t.strictSame(send(1, B, A), [2]);
  t.strictSame(send(1, MAC_BROADCAST, A), [2, 3]);
  t.strictSame(send(1, 0x01005e000001, A), [2, 3]);
  t.strictSame(events, ['0 learned 02:00:00:00:00:0a p1', '0 learned 02:00:00:00:00:0b p2']);
  t.strictSame(send(2, B, A), [], 'a destination on the port it came from: nowhere');
  t.strictSame(events.slice(2), ['0 moved 02:00:00:00:00:0a p1 -> p2']);
  t.equal(bridge.flooded, 3);
  t.strictSame(bridge.drops.toJSON(), { switch_same_port: 1 });
  const { statistics } = ends[0]!.port;
  t.strictSame([statistics.rxPackets, statistics.rxBytes, statistics.txPackets], [4, 56, 1]);
  settled(t);
  t.end();
});

t.test('switch: a flooded frame reaches every port whole, and is shared where nobody writes', (t) => {
  const { clock, pool, bridge, ends, settled } = network(3);
  const tap = new TestLink({ address: 0x02000000ee00 });
  bridge.attach(tap, 'tap');
  const frame = etherFrame(MAC_BROADCAST, A, undefined, Buffer.from('to all of you'));
  const before = pool.allocated;
  ends[0]!.station.send(frame);
  clock.drain();
  t.strictSame(
    ends.map(({ station }) => station.take().map((got) => got.equals(frame))),
    [[], [true], [true]],
  );
  t.ok(tap.sent[0]!.equals(frame));
  t.equal(pool.allocated - before, 3, 'one packet, and a copy for each receiver that may write');
  settled(t);
  t.end();
});

t.test('switch: entries age exactly from when the address was last heard', (t) => {
  const { clock, bridge, events, send, settled } = network(2, { ageingMs: 1000 });
  send(1, MAC_BROADCAST, A);
  clock.advance(400);
  send(2, MAC_BROADCAST, B);
  clock.advance(300);
  send(1, MAC_BROADCAST, A);
  clock.advance(699.999);
  t.equal(bridge.fdb.find(B)!.port.name, 'p2');
  clock.advance(2000);
  t.strictSame(events, [
    '0 learned 02:00:00:00:00:0a p1',
    '400 learned 02:00:00:00:00:0b p2',
    '1400 aged 02:00:00:00:00:0b p2',
    '1700 aged 02:00:00:00:00:0a p1',
  ]);
  t.equal(clock.pendingTimers(), 0);
  send(1, MAC_BROADCAST, A);
  clock.advance(500);
  bridge.fdb.ageingMs = 200;
  t.equal(bridge.fdb.find(A), null, 'a shorter time counts at once');
  bridge.fdb.ageingMs = 0;
  send(1, MAC_BROADCAST, A);
  t.equal(bridge.fdb.find(A), null, '0: nothing is learnt');
  t.equal(new Switch(testMachine().machine).fdb.ageingMs, 300_000);
  settled(t);
  t.end();
});

t.test('switch: a lost carrier flushes what was learnt on the port, unless told to keep it', (t) => {
  const { ends, bridge, events, send, settled } = network(3);
  bridge.fdb.add(C, ends[0]!.port);
  send(1, MAC_BROADCAST, A);
  send(2, MAC_BROADCAST, B);
  events.length = 0;
  ends[0]!.station.down();
  t.equal(ends[0]!.port.carrier, false);
  t.strictSame(events, ['0 flushed 02:00:00:00:00:0a p1'], 'a static entry stays');
  t.strictSame(send(2, A, B), [3], 'flooded again, but not to a port without carrier');
  t.strictSame(send(2, C, B), []);
  t.strictSame(bridge.drops.toJSON(), { switch_no_port: 1 });
  ends[0]!.station.up();
  t.strictSame(send(2, C, B), [1]);
  settled(t);

  const keeping = network(2, { keepEntriesOnCarrierLoss: true });
  keeping.send(1, MAC_BROADCAST, A);
  keeping.ends[0]!.station.down();
  t.equal(keeping.bridge.fdb.find(A)?.port, keeping.ends[0]!.port);
  t.strictSame(keeping.send(2, A, B), [], 'so frames vanish there');
  keeping.settled(t);
  t.end();
});

t.test('switch: port down and up are the far end’s carrier', (t) => {
  const { clock, ends, bridge, events, send, settled } = network(2);
  send(1, MAC_BROADCAST, A);
  const { port, station } = ends[0]!;
  port.down();
  t.strictSame([station.carrier, port.forwarding], [false, false]);
  t.strictSame(events.at(-1), '0 flushed 02:00:00:00:00:0a p1');
  t.strictSame(send(2, A, B), []);
  station.send(etherFrame(B, A));
  t.strictSame(station.drops, [], 'the drop is counted where the frame can’t arrive');
  t.strictSame(bridge.drops.toJSON(), { switch_no_port: 1, device_not_running: 1 });
  t.equal(port.up(), 0);
  t.strictSame([station.carrier, port.forwarding], [true, true]);
  t.strictSame(send(2, A, B), [1]);
  station.send(etherFrame(B, A));
  port.down();
  clock.drain();
  t.strictSame(bridge.drops.toJSON(), {
    switch_no_port: 1,
    device_not_running: 1,
    switch_port_down: 1,
  });
  settled(t);
  t.end();
});

t.test('switch: each VLAN learns by itself', (t) => {
  const { bridge, events, send, settled } = network(3);
  send(1, MAC_BROADCAST, A, 10);
  send(2, MAC_BROADCAST, A, 20);
  send(3, MAC_BROADCAST, A, 0xe000);
  t.strictSame(events, [
    '0 learned 02:00:00:00:00:0a vlan 10 p1',
    '0 learned 02:00:00:00:00:0a vlan 20 p2',
    '0 learned 02:00:00:00:00:0a p3',
  ]);
  t.strictSame([send(3, A, B, 10), send(3, A, B, 20), send(1, A, B)], [[1], [2], [3]]);
  t.strictSame(send(3, A, B, 30), [1, 2], 'unknown in this one');
  t.strictSame(
    bridge.fdb
      .entries()
      .filter(({ kind }) => kind === 'dynamic')
      .map(({ vlan, port }) => [vlan, port.name]),
    [
      [0, 'p3'],
      [0, 'p1'],
      [10, 'p1'],
      [10, 'p3'],
      [20, 'p2'],
      [20, 'p3'],
      [30, 'p3'],
    ],
  );
  settled(t);
  t.end();
});

t.test('switch: static, sticky and local entries', (t) => {
  const { clock, ends, bridge, events, send, settled } = network(3, { ageingMs: 1000 });
  const [p1, p2] = [ends[0]!.port, ends[1]!.port];
  t.equal(bridge.fdb.add(A, p1), 0);
  t.equal(bridge.fdb.add(A, p2), -17, 'EEXIST');
  t.equal(bridge.fdb.add(MAC_BROADCAST, p2), -22, 'EINVAL');
  t.equal(bridge.fdb.add(B, p2, 'static', 4095), -22);
  t.equal(bridge.fdb.add(B, p2, 'static', 0, true), 0);
  clock.advance(5000);
  t.strictSame(send(3, A, C), [1], 'a static entry does not age');
  send(2, MAC_BROADCAST, A);
  t.equal(bridge.fdb.find(A)!.port, p2, 'but it moves with its address, as in Linux');
  send(1, MAC_BROADCAST, B);
  t.equal(bridge.fdb.find(B)!.port, p2, 'unless it is sticky');
  t.equal(bridge.fdb.delete(A), 0);
  t.equal(bridge.fdb.delete(A), -2, 'ENOENT');
  t.strictSame(events, [
    '0 added 02:00:00:00:00:0a p1',
    '0 added 02:00:00:00:00:0b p2',
    '5000 learned 02:00:00:00:00:0c p3',
    '5000 moved 02:00:00:00:00:0a p1 -> p2',
    '5000 deleted 02:00:00:00:00:0a p2',
  ]);
  const own = p1.link.address;
  t.strictSame([bridge.fdb.find(own)!.kind, bridge.fdb.find(own, 7)!.kind], ['local', 'local']);
  t.strictSame(send(3, own, C), [], 'for the switch itself');
  t.strictSame(send(3, MAC_BROADCAST, own), [1, 2], 'a stranger with our address is heard,');
  t.equal(bridge.fdb.find(own)!.port, p1, 'but not believed');
  bridge.fdb.flush();
  t.strictSame(
    bridge.fdb.entries().map(({ kind }) => kind),
    ['local', 'local', 'local', 'static'],
  );
  bridge.detach(p2);
  t.equal(bridge.fdb.size, 2, 'a detached port takes all its entries with it');
  t.strictSame(bridge.drops.toJSON(), { switch_local: 1 });
  settled(t);
  t.end();
});

t.test('switch: what no bridge forwards', (t) => {
  const { bridge, send, settled } = network(2);
  const arrived = [0x0, 0x1, 0x2, 0xe, 0xf, 0x10].map((n) => send(1, 0x0180c2000000 + n, A + n).length);
  t.strictSame(arrived, [1, 0, 0, 0, 0, 1], 'as Linux without STP: :00 and what lies beyond :0f');
  t.equal(bridge.fdb.find(A + 1), null, 'nothing is learnt from pause frames,');
  t.equal(bridge.fdb.find(A + 0xe)!.port.name, 'p1', 'but from the others');
  bridge.groupForwardMask = 1 << 0xe;
  t.strictSame(send(1, 0x0180c200000e, A), [2]);
  t.strictSame(send(1, B, 0), []);
  t.strictSame(send(1, B, MAC_BROADCAST), []);
  t.strictSame(bridge.drops.toJSON(), { switch_link_local: 4, switch_bad_source: 2 });
  settled(t);
  t.end();
});

t.test('switch: the database has a cap, and refuses to learn beyond it', (t) => {
  const { bridge, ends, send, settled } = network(2, { maxEntries: 4 });
  for (let n = 0; n < 5; n++) send(1, MAC_BROADCAST, A + n);
  t.strictSame([bridge.fdb.size, bridge.fdb.refused], [4, 3], 'two of them are the ports’ own');
  t.equal(bridge.fdb.add(C, ends[0]!.port), -28, 'ENOSPC');
  t.strictSame(send(2, A + 4, B), [1], 'what is not known is flooded');
  settled(t);
  t.end();
});

t.test('switch: frames that do not fit a port', (t) => {
  const { clock, pool, bridge, ends, settled } = network(2);
  const plain = new TestLink({ address: 0x02000000ee00, features: 0, mtu: 1000 });
  bridge.attach(plain, 'plain');
  const station = ends[0]!.station;
  const inject = (length: number, prepare: (packet: Packet) => void = () => {}) => {
    const packet = pool.from(etherFrame(MAC_BROADCAST, A, 0x0800, undefined, length))!;
    prepare(packet);
    station.link.startXmit(packet);
    clock.drain();
  };
  inject(1018);
  inject(1019);
  t.strictSame(
    plain.sent.map((frame) => frame.length),
    [1018],
  );
  inject(3000, (packet) => {
    packet.gsoSize = 500;
    packet.gsoType = GSO_TCPV4;
  });
  t.strictSame(bridge.drops.toJSON(), { frame_too_long: 1, segment_unknown: 1 });
  t.strictSame(
    ends[1]!.station.take().map((frame) => frame.length),
    [1018, 1019, 3000],
  );
  t.equal(bridge.port('plain')!.statistics.txDropped, 2);

  let arrivedAs = -1;
  ends[1]!.station.enqueue = (packet) => {
    arrivedAs = packet.checksum;
    packet.release();
  };
  inject(34, (packet) => {
    pool.u8.set([1, 2, 3, 4], packet.start + 14);
    packet.checksum = CHECKSUM_PARTIAL;
    packet.checksumStart = packet.start + 14;
    packet.checksumOffset = 6;
  });
  t.equal(
    plain.sent[1]!.readUInt16BE(20),
    0xffff - 0x0102 - 0x0304,
    'an open checksum is computed for the one',
  );
  t.equal(arrivedAs, CHECKSUM_PARTIAL, 'and left to the other, which can');
  t.equal(pool.inUse, 0);
  settled(t);
  t.end();
});

t.test('switch: a port whose link is busy queues as much as the link asks for', (t) => {
  const { clock, pool, bridge, ends, machine } = network(1);
  const slow = new TestLink({ address: 0x02000000ee00, txQueueLength: 3 });
  const faulty = fault(machine, slow);
  const port = bridge.attach(faulty, 'slow');
  faulty.makeBusy();
  for (let n = 0; n < 5; n++) ends[0]!.station.send(etherFrame(B, 0x020000000100 + n));
  clock.drain();
  t.equal(slow.sent.length, 0);
  t.strictSame(bridge.drops.toJSON(), { queue_full: 2 });
  faulty.makeReady();
  t.strictSame(
    slow.sent.map((frame) => frame.readUIntBE(6, 6) - 0x020000000100),
    [0, 1, 2],
  );
  t.strictSame([port.statistics.txPackets, port.statistics.txDropped], [3, 2]);
  faulty.makeBusy();
  ends[0]!.station.send(etherFrame(B, A));
  clock.drain();
  bridge.detach(port);
  t.equal(bridge.drops.toJSON()['queue_purged'], 1);
  t.strictSame(slow.calls.slice(-2), ['stop', 'close']);
  t.equal(pool.inUse, 0);
  t.end();
});

t.test('switch: attaching can fail, by name and by link', (t) => {
  const { bridge, machine, settled } = network(1);
  const link = fault(machine, new TestLink({ address: 0x02000000ee00 }));
  t.throws(() => bridge.attach(link, 'p1'), { code: 'EEXIST' });
  link.openResult = -ENETDOWN;
  t.throws(() => bridge.attach(link, 'p2'), { code: 'ENETDOWN' });
  t.strictSame(
    bridge.ports.map((port) => port.name),
    ['p1'],
  );
  t.equal(bridge.fdb.size, 1);
  settled(t);
  t.end();
});

t.test('switch: wires and other switches are links like any other', (t) => {
  const { clock, pool, machine, bridge, ends } = network(1);
  const upstream = new Switch(machine, { name: 'br1' });
  const trunk = createWire(machine, { impairment: { delay: 5 } });
  bridge.attach(trunk.a, 'trunk');
  upstream.attach(trunk.b, 'trunk');
  const [near, far] = createVeth(machine);
  upstream.attach(far, 'host');
  const host = new Station(machine, near);
  ends[0]!.station.send(etherFrame(B, A));
  clock.advance(5);
  t.equal(host.take().length, 1);
  host.send(etherFrame(A, B));
  clock.advance(5);
  t.equal(ends[0]!.station.take().length, 1);
  t.equal(bridge.fdb.find(B)!.port.name, 'trunk');
  t.equal(upstream.fdb.find(A)!.port.name, 'trunk');
  trunk.cut();
  t.strictSame([bridge.fdb.find(B), upstream.fdb.find(A)], [null, null]);
  upstream.close();
  bridge.close();
  t.equal(pool.inUse, 0);
  t.equal(clock.pendingTimers(), 0);
  t.end();
});
