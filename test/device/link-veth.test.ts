import t from 'tap';
import { VirtualClock } from '../../device/clock/virtual.ts';
import { ENOTCONN } from '../../device/errno.ts';
import { MAC_BROADCAST } from '../../device/frame/mac.ts';
import { LoopbackLink } from '../../device/link/loopback.ts';
import { createVeth } from '../../device/link/veth.ts';
import { Machine } from '../../device/machine.ts';
import { CHECKSUM_PARTIAL, GSO_TCPV4 } from '../../device/memory/packet.ts';
import { PacketPool } from '../../device/memory/pool.ts';
import { closeDevice, openDevice } from '../../device/netdevice/admin.ts';
import { setMacAddress, setMtu } from '../../device/netdevice/change.ts';
import { NetDevice } from '../../device/netdevice/netdevice.ts';
import { Netns } from '../../device/netdevice/netns.ts';
import { operstateName } from '../../device/netdevice/operstate.ts';
import { registerDevice, registerNetnsNotifier, unregisterDevice } from '../../device/netdevice/registry.ts';
import { SeededEntropy } from '../../device/random.ts';
import { ETH_P_EXPERIMENT, etherFrame } from '../testing/frames.ts';
import { EventLog, testMachine } from '../testing/machine.ts';
import { Station } from '../testing/station.ts';

const A = 0x02000000000a;
const B = 0x02000000000b;

/** Two namespaces joined by a veth pair, both devices registered and closed. */
function pair() {
  const m = testMachine();
  const other = new Netns(m.machine, 'other');
  const [near, far] = createVeth(m.machine, { addresses: [A, B] });
  const a = new NetDevice(m.ns, near, { name: 'veth0' });
  const b = new NetDevice(other, far, { name: 'veth1' });
  registerDevice(a);
  registerDevice(b);
  const got: string[] = [];
  other.addProtocol(ETH_P_EXPERIMENT, (packet) => {
    got.push(packet.bytes().toString('latin1'));
    packet.release();
  });
  return { ...m, other, a, b, got };
}

t.test('veth: carrier only while both ends are open', (t) => {
  const { clock, pool, a, b } = pair();
  const carriers = () => [a.carrier, b.carrier];
  t.strictSame(carriers(), [false, false]);
  t.strictSame([a.carrierDownCount, a.carrierUpCount], [1, 0], 'a new one has lost it once');
  t.equal(openDevice(a), 0);
  t.strictSame(carriers(), [false, false], 'one end is not enough');
  t.equal(openDevice(b), 0);
  t.strictSame(carriers(), [true, true]);
  clock.advance(2000);
  closeDevice(b);
  t.strictSame(carriers(), [false, false], 'both lose it with either end');
  t.strictSame([a.carrierDownCount, a.carrierUpCount], [2, 1]);
  openDevice(b);
  t.strictSame(carriers(), [true, true]);
  unregisterDevice(b);
  t.strictSame(carriers(), [false, false]);
  closeDevice(a);
  t.equal(openDevice(a), -ENOTCONN, 'alone, an end does not open');
  clock.advance(2000);
  t.equal(pool.inUse, 0);
  t.equal(clock.pendingTimers(), 0);
  t.end();
});

t.test('veth: a frame changes its owner, not its place', (t) => {
  const { clock, pool, a, b, other, got } = pair();
  openDevice(a);
  openDevice(b);
  clock.advance(1000);
  const packet = pool.from(Buffer.from('hello'))!;
  packet.priority = 6;
  packet.mark = 7;
  a.pushHeader(packet, B, A, ETH_P_EXPERIMENT);
  const { slot } = packet;
  let seen = -1;
  other.addTap((arrived) => {
    seen = arrived.slot;
    t.strictSame([arrived.priority, arrived.mark, arrived.ifindex], [0, 0, b.ifindex]);
  });
  a.transmit(packet);
  t.strictSame(got, [], 'in deferred work, not inside transmit');
  clock.drain();
  t.strictSame(got, ['hello']);
  t.equal(seen, slot);

  const shared = pool.from(Buffer.from('again'))!;
  a.pushHeader(shared, B, A, ETH_P_EXPERIMENT);
  a.transmit(shared.retain());
  clock.drain();
  t.not(seen, shared.slot, 'a shared one is copied');
  t.equal(shared.bytes().subarray(14).toString(), 'again');
  shared.release();
  t.strictSame([b.statistics.rxPackets, b.statistics.rxBytes], [2, 38]);
  t.equal(pool.inUse, 0);
  t.end();
});

t.test('veth: a frame that the peer can’t take is dropped on both counts', (t) => {
  const { clock, pool, ns, other, a, b } = pair();
  openDevice(a);
  openDevice(b);
  clock.advance(1000);
  t.equal(setMtu(a, 9000), 0);
  const send = (length: number, gsoSize = 0) => {
    const frame = etherFrame(MAC_BROADCAST, A, ETH_P_EXPERIMENT, undefined, Math.max(length, 14));
    const packet = pool.from(frame.subarray(0, length))!;
    if (gsoSize > 0) {
      packet.gsoSize = gsoSize;
      packet.gsoType = GSO_TCPV4;
    }
    a.transmit(packet);
    clock.drain();
    return [a.statistics.txDropped, b.statistics.rxDropped, b.statistics.rxPackets];
  };
  t.strictSame(send(1514), [0, 0, 1]);
  t.strictSame(send(1518), [0, 0, 2], 'room for one VLAN tag, tagged or not');
  t.strictSame(send(1519), [1, 1, 2]);
  t.strictSame(send(9000, 1448), [1, 1, 3], 'a super-segment passes');
  t.equal(setMtu(b, 9000), 0);
  t.strictSame(send(9014), [1, 1, 4]);
  t.strictSame(send(9), [2, 1, 4], 'less than a header is the sender’s fault');
  t.strictSame(other.drops.toJSON(), { frame_too_long: 1 });
  t.strictSame(ns.drops.toJSON(), { frame_too_short: 1 });
  t.equal(pool.inUse, 0);
  t.end();
});

t.test('veth: frames in the gap before the link watcher shuts the queue are dropped and counted', (t) => {
  const { clock, pool, other, a, b } = pair();
  openDevice(a);
  openDevice(b);
  clock.advance(100);
  closeDevice(b);
  a.transmit(pool.from(etherFrame(B, A))!);
  t.strictSame([a.statistics.txDropped, b.statistics.rxDropped], [1, 1]);
  t.strictSame(other.drops.toJSON(), { device_not_running: 1 });
  t.equal(pool.inUse, 0);
  t.end();
});

t.test('veth: between machines with pools of their own frames are copied, offloads and all', (t) => {
  const m = testMachine();
  const far = new Machine({
    clock: new VirtualClock(),
    entropy: new SeededEntropy(2),
    pool: new PacketPool({ small: 2, large: 0, pages: 0, debug: true }),
  });
  const [linkA, linkB] = createVeth(m.machine, { peerMachine: far });
  const a = new Station(m.machine, linkA);
  const b = new Station(far, linkB);
  const states: number[][] = [];
  b.enqueue = (packet) => {
    states.push([packet.checksum, packet.checksumStart - packet.start, packet.checksumOffset]);
    b.receive(packet);
  };
  const packet = m.pool.from(etherFrame(linkB.address, linkA.address, 0x0800, Buffer.from('payload')))!;
  packet.checksum = CHECKSUM_PARTIAL;
  packet.checksumStart = packet.start + 14;
  packet.checksumOffset = 2;
  t.equal(linkA.startXmit(packet), 0);
  t.strictSame(states, [[CHECKSUM_PARTIAL, 14, 2]]);
  t.equal(b.take()[0]!.subarray(14).toString(), 'payload');
  const hoard = [far.pool.alloc(1)!, far.pool.alloc(1)!];
  a.send(etherFrame(linkB.address, linkA.address));
  t.strictSame([a.drops, a.statistics.txDropped], [['pool_exhausted'], 1]);
  for (const held of hoard) held.release();
  t.strictSame([...a.breaches, ...b.breaches], []);
  t.equal(m.pool.inUse + far.pool.inUse, 0);
  t.end();
});

t.test('veth: random addresses are local and unicast, given ones are kept; MAC and MTU can be set', (t) => {
  const { machine, ns } = testMachine({ seed: 5 });
  const links = [createVeth(machine), createVeth(machine), createVeth(machine)].flat();
  t.equal(new Set(links.map((link) => link.address)).size, 6);
  for (const { address } of links) t.equal(Math.floor(address / 2 ** 40) & 3, 2);
  const [again] = createVeth(testMachine({ seed: 5 }).machine);
  t.equal(again.address, links[0]!.address, 'the same seed, the same address');
  const dev = new NetDevice(ns, links[0]!);
  registerDevice(dev);
  t.equal(setMacAddress(dev, A), 0);
  t.equal(setMtu(dev, 65535), 0);
  t.equal(setMtu(dev, 65536), -22);
  const jumbo = new NetDevice(ns, links[1]!, { mtu: 9000 });
  t.equal(links[1]!.mtu, 9000, 'the link knows an MTU that its device is made with');
  t.equal(jumbo.mtu, 9000);
  t.end();
});

t.test('loopback: what is sent is received', (t) => {
  const { clock, pool, machine, ns } = testMachine();
  const lo = new NetDevice(ns, new LoopbackLink(machine));
  registerDevice(lo);
  t.strictSame([lo.name, lo.mtu, lo.carrier, lo.address], ['lo', 65536, true, 0]);
  openDevice(lo);
  const got: number[] = [];
  ns.addProtocol(ETH_P_EXPERIMENT, (packet) => {
    got.push(packet.length);
    packet.release();
  });
  for (const bytes of [3, 65536]) {
    const packet = pool.from(Buffer.alloc(bytes))!;
    lo.pushHeader(packet, 0, 0, ETH_P_EXPERIMENT);
    lo.transmit(packet);
  }
  t.strictSame(got, []);
  clock.drain();
  t.strictSame(got, [3, 65536]);
  const { statistics } = lo;
  t.strictSame([statistics.txPackets, statistics.rxPackets], [2, 2]);
  t.equal(pool.inUse, 0);
  t.end();
});

t.test(
  'veth: each end is the other’s iflink, so that its events are urgent; a peer that is down is LOWERLAYERDOWN',
  (t) => {
    const { clock, ns, machine } = testMachine();
    const [near, far] = createVeth(machine, { addresses: [A, B] });
    const a = new NetDevice(ns, near, { name: 'veth0' });
    const b = new NetDevice(ns, far, { name: 'veth1' });
    registerDevice(a);
    registerDevice(b);
    t.equal(a.iflink, b.ifindex);
    t.equal(b.iflink, a.ifindex);
    openDevice(a);
    openDevice(b);
    clock.advance(5000);
    t.equal(operstateName(a.operstate), 'UP');
    const log = new EventLog();
    registerNetnsNotifier(ns, log);
    log.take();
    closeDevice(b);
    clock.drain();
    clock.advance(2);
    t.strictSame(log.take(), ['GOING_DOWN veth1', 'DOWN veth1', 'CHANGE veth0']);
    t.equal(operstateName(a.operstate), 'LOWERLAYERDOWN');
    openDevice(b);
    clock.drain();
    t.strictSame(
      log.take().filter((event) => event.startsWith('CHANGE')),
      ['CHANGE veth1', 'CHANGE veth0'],
      'a bounce of 2 ms is seen, window or not',
    );
    unregisterDevice(a);
    unregisterDevice(b);
    t.equal(clock.pendingTimers(), 0);
    t.end();
  },
);
