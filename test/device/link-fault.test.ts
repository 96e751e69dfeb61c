import t from 'tap';
import { EBUSY } from '../../device/errno.ts';
import { type FaultLink, fault, nthFrame } from '../../device/link/fault.ts';
import { createVeth } from '../../device/link/veth.ts';
import { openDevice } from '../../device/netdevice/admin.ts';
import { NetDevice } from '../../device/netdevice/netdevice.ts';
import { registerDevice } from '../../device/netdevice/registry.ts';
import { testMachine } from '../testing/machine.ts';
import { Station } from '../testing/station.ts';
import { TestLink } from '../testing/test-link.ts';

/** A faulty veth end with a station at each side. */
function joined() {
  const m = testMachine();
  const [near, far] = createVeth(m.machine);
  const link: FaultLink = fault(m.machine, near);
  return { ...m, link, near: new Station(m.machine, link), far: new Station(m.machine, far) };
}

/** A frame of 20 bytes that ends with `text`. */
const frame = (text: string) => Buffer.from(text.padStart(20, '.'));
const text = (frames: readonly Buffer[]) => frames.map((got) => got.toString().replaceAll('.', ''));

t.test('fault: drop, duplicate, truncate, replace the n-th frame, either way', (t) => {
  const { pool, link, near, far } = joined();
  link.addRule('out', nthFrame(2, { do: 'drop' }));
  link.addRule('out', nthFrame(3, { do: 'duplicate' }));
  link.addRule('out', nthFrame(4, { do: 'truncate', bytes: 19 }));
  link.addRule('out', nthFrame(5, { do: 'replace', bytes: frame('other') }));
  for (const name of ['1', '2', '3', '4x', '5', '6']) near.send(frame(name));
  t.strictSame(text(far.take()), ['1', '3', '3', '4', 'other', '6']);
  t.strictSame(near.drops, ['fault_injected']);
  link.addRule('in', nthFrame(1, { do: 'duplicate' }));
  const remove = link.addRule('in', (packet) =>
    packet.pool.u8[packet.end - 1] === 'b'.charCodeAt(0) ? { do: 'drop' } : null,
  );
  for (const name of ['a', 'b', 'c']) far.send(frame(name));
  remove();
  far.send(frame('b'));
  t.strictSame(text(near.take()), ['a', 'a', 'c', 'b']);
  t.strictSame(link.seen, { in: 4, out: 6 });
  t.strictSame([...near.breaches, ...far.breaches], []);
  t.equal(pool.inUse, 0);
  t.end();
});

t.test('fault: held frames pass later, by time or by word, or die with the link', (t) => {
  const { clock, pool, link, near, far } = joined();
  link.addRule('out', nthFrame(1, { do: 'hold', ms: 30 }));
  link.addRule('out', nthFrame(2, { do: 'hold', ms: 10 }));
  link.addRule('in', (_, n) => (n <= 2 ? { do: 'hold' } : null));
  for (const name of ['1', '2', '3']) near.send(frame(name));
  for (const name of ['a', 'b', 'c']) far.send(frame(name));
  t.equal(link.held, 4);
  clock.advance(10);
  t.strictSame(text(far.take()), ['3', '2']);
  link.releaseHeld('in');
  t.strictSame(text(near.take()), ['c', 'a', 'b']);
  near.close();
  t.strictSame(near.drops, ['fault_injected']);
  t.equal(pool.inUse, 0);
  t.equal(clock.pendingTimers(), 0);
  t.strictSame([...near.breaches, ...far.breaches], []);
  t.end();
});

t.test('fault: truncating or replacing needs a slot; without one the frame is dropped and counted', (t) => {
  const { pool, link, near } = joined();
  link.addRule('out', (_, n) =>
    n === 1 ? { do: 'truncate', bytes: 15 } : { do: 'replace', bytes: frame('x') },
  );
  const packet = pool.from(frame('shared'))!;
  const spare = pool.from(frame('spare'))!;
  const hoard = [];
  for (let got = pool.alloc(1); got !== null; got = pool.alloc(1)) hoard.push(got);
  link.startXmit(packet.retain());
  link.startXmit(spare);
  t.strictSame(near.drops, ['pool_exhausted', 'pool_exhausted']);
  packet.release();
  for (const got of hoard) got.release();
  t.equal(pool.inUse, 0);
  t.end();
});

t.test('fault: open fails, the queue stops, BUSY requeues', (t) => {
  const { clock, pool, machine, ns } = testMachine();
  const inner = new TestLink();
  const link = fault(machine, inner);
  const dev = new NetDevice(ns, link);
  registerDevice(dev);
  link.openResult = -EBUSY;
  t.equal(openDevice(dev), -EBUSY);
  t.notOk(inner.calls.includes('open'), 'the inner link is not asked');
  link.openResult = 0;
  t.equal(openDevice(dev), 0);
  link.makeBusy();
  dev.transmit(pool.from(frame('1'))!);
  dev.queueStopped = false;
  dev.transmit(pool.from(frame('2'))!);
  t.strictSame([dev.discipline.backlog, dev.discipline.requeues, inner.sent.length], [2, 1, 0]);
  dev.runQueue();
  t.strictSame([dev.discipline.backlog, dev.discipline.requeues], [2, 2], 'handed back, and requeued');
  link.makeReady();
  t.strictSame(text(inner.sent), ['1', '2']);
  clock.drain();
  t.equal(pool.inUse, 0);
  t.end();
});

t.test('fault: the carrier flaps on a schedule', (t) => {
  const { clock, link, near, far } = joined();
  const log: [number, boolean][] = [];
  near.carrierOn = () => void log.push([clock.now(), true]);
  near.carrierOff = () => void log.push([clock.now(), false]);
  link.flapCarrierAt([10, 12.5, 100]);
  clock.advance(50);
  t.strictSame(log, [
    [10, false],
    [12.5, true],
  ]);
  clock.advance(50);
  far.down();
  t.strictSame(log.slice(2), [[100, false]], 'it is off already');
  link.allowCarrier(true);
  t.equal(log.length, 3, 'and stays off while the inner link has none');
  far.up();
  t.strictSame(log.slice(3), [[100, true]]);
  link.flapCarrierAt([200]);
  link.close();
  t.equal(clock.pendingTimers(), 0);
  t.end();
});
