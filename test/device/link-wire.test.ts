import fc from 'fast-check';
import t from 'tap';
import { dropReasonName } from '../../device/drop.ts';
import type { Impairment } from '../../device/link/wire/impairment.ts';
import { createWire, type Wire } from '../../device/link/wire/wire.ts';
import { etherFrame } from '../testing/frames.ts';
import { testMachine } from '../testing/machine.ts';
import { ArrivalLog, Station } from '../testing/station.ts';

const A = 0x02000000000a;
const B = 0x02000000000b;

/** Frame number `n` of a test: its last byte tells. */
function numbered(n: number, length = 100): Buffer {
  const frame = etherFrame(B, A, undefined, undefined, length);
  frame[length - 1] = n;
  return frame;
}

/** A wire with a station at each end, both open. */
function joined(impairment: Partial<Impairment> = {}, seed = 1, small = 64) {
  const m = testMachine({ seed, small });
  const wire = createWire(m.machine, { addresses: [A, B], impairment });
  const a = new Station(m.machine, wire.a);
  const b = new ArrivalLog(m.machine, wire.b);
  return { ...m, wire, a, b };
}

/** Sends `count` numbered frames, one each `every` ms, and returns the numbers of those that arrive, in order. */
function run(impairment: Partial<Impairment>, seed: number, count: number, every = 1): number[] {
  const { clock, a, b } = joined(impairment, seed);
  for (let n = 0; n < count; n++) {
    a.send(numbered(n));
    clock.advance(every);
  }
  clock.advance(10_000);
  return b.arrivals.map(([, mark]) => mark);
}

const balanced = (direction: Wire['aToB']) => {
  const { counters, drops, inFlight } = direction;
  return counters.sent + counters.duplicated === counters.delivered + drops.total() + inFlight;
};

t.test('wire: two frames of 1250 bytes at 1 Mbit/s arrive at 10 and 20 ms, and the delay', (t) => {
  const { clock, pool, wire, a, b } = joined({ rate: 1e6 });
  a.send(numbered(1, 1250));
  a.send(numbered(2, 1250));
  clock.advance(100);
  t.strictSame(b.arrivals, [
    [10, 1],
    [20, 2],
  ]);
  wire.setImpairment('aToB', { delay: 30.5 });
  a.send(numbered(3, 1250));
  clock.advance(3);
  a.send(numbered(4, 125));
  clock.advance(100);
  t.strictSame(b.arrivals.slice(2), [
    [140.5, 3],
    [141.5, 4],
  ]);
  t.equal(pool.inUse, 0);
  t.equal(clock.pendingTimers(), 0);
  t.end();
});

t.test('wire: serialisation below the microsecond adds up exactly', (t) => {
  const { clock, a, b } = joined({ rate: 10e9 });
  for (let n = 0; n < 50; n++) a.send(numbered(n, 60));
  clock.advance(1);
  t.strictSame(
    b.arrivals.map(([at]) => at),
    Array.from({ length: 50 }, (_, n) => Math.ceil((n + 1) * 0.048) / 1000),
  );
  t.end();
});

t.test('wire: drop-tail queue counts frames waiting and in serialisation', (t) => {
  const { clock, pool, wire, a, b } = joined({ rate: 1e6, queueLimit: 3, delay: 500 });
  const refused: string[] = [];
  wire.aToB.onDrop = (reason, packet) =>
    refused.push(`${packet.pool.u8[packet.end - 1]} ${dropReasonName(reason)}`);
  for (let n = 0; n < 5; n++) a.send(numbered(n, 1250));
  t.equal(wire.aToB.inFlight, 3);
  clock.advance(10);
  a.send(numbered(5, 1250));
  clock.advance(1000);
  t.strictSame(b.arrivals, [
    [510, 0],
    [520, 1],
    [530, 2],
    [540, 5],
  ]);
  t.strictSame(wire.aToB.drops.toJSON(), { wire_queue_full: 2 });
  t.strictSame(refused, ['3 wire_queue_full', '4 wire_queue_full'], 'the last ones are dropped, and told');
  t.match(wire.aToB.counters, { sent: 6, delivered: 4, duplicated: 0, corrupted: 0, reordered: 0 });
  t.equal(pool.inUse, 0);
  t.end();
});

t.test('wire: a long delay holds no more frames than it may', (t) => {
  const { clock, pool, wire, a, b } = joined({ delay: 1000, flightLimit: 10 });
  for (let n = 0; n < 12; n++) a.send(numbered(n));
  t.equal(pool.inUse, 10);
  clock.advance(1000);
  t.equal(b.arrivals.length, 10);
  t.strictSame(wire.aToB.drops.toJSON(), { wire_flight_full: 2 });
  t.end();
});

t.test('wire: independent loss and bursts, the same for the same seed', (t) => {
  const lost = (arrived: number[], count: number) =>
    Array.from({ length: count }, (_, n) => (arrived.includes(n) ? '.' : 'x')).join('');
  const burst = { enterBad: 0.1, leaveBad: 0.4 };
  t.equal(
    lost(run({ burst }, 3, 80), 80),
    '.......................................xx........xxxx......................xxx..',
  );
  t.equal(
    lost(run({ loss: 0.2 }, 3, 80), 80),
    '...x.........................x.....x..x....x......x.......x....x................',
  );
  t.equal(lost(run({ loss: 1 }, 3, 10), 10), 'xxxxxxxxxx');
  t.equal(
    lost(run({ burst: { enterBad: 1, leaveBad: 1 } }, 3, 10), 10),
    '.x.x.x.x.x',
    'the state decides first, and changes then',
  );
  t.equal(lost(run({ burst: { enterBad: 1, leaveBad: 0, lossInGood: 1, lossInBad: 0 } }, 3, 5), 5), 'x....');
  t.strictSame(run({ burst, loss: 0.1 }, 9, 80), run({ burst, loss: 0.1 }, 9, 80));
  t.notSame(run({ burst, loss: 0.1 }, 9, 80), run({ burst, loss: 0.1 }, 10, 80));
  t.end();
});

t.test('wire: long-run rates are those asked for', (t) => {
  const { clock, wire, a } = joined({
    burst: { enterBad: 0.02, leaveBad: 0.25 },
    duplicate: 0.05,
    corrupt: 0.1,
  });
  for (let n = 0; n < 20_000; n++) {
    a.send(numbered(n & 0xff));
    clock.advance(0.01);
  }
  const { counters, drops } = wire.aToB;
  const near = (count: number, of: number, rate: number, what: string) =>
    t.ok(Math.abs(count / of - rate) < 0.01, `${what}: ${count} of ${of}`);
  near(drops.total(), counters.sent, 0.02 / (0.02 + 0.25), 'lost');
  near(counters.duplicated, counters.sent - drops.total(), 0.05, 'duplicated');
  near(counters.corrupted, counters.delivered, 0.1, 'corrupted');
  t.ok(balanced(wire.aToB));
  t.end();
});

t.test('wire: jitter keeps the order unless told otherwise', (t) => {
  const sorted = (list: number[]) => [...list].sort((x, y) => x - y);
  const kept = run({ delay: 20, jitter: 10 }, 4, 60);
  t.strictSame(kept, sorted(kept));
  t.equal(kept.length, 60);
  const mixed = run({ delay: 20, jitter: 10, jitterReorders: true }, 4, 60);
  t.notSame(mixed, kept);
  t.strictSame(sorted(mixed), kept);
  const { clock, a, b } = joined({ delay: 5, jitter: 10, jitterReorders: true }, 4);
  for (let n = 0; n < 60; n++) a.send(numbered(n));
  clock.advance(15);
  t.equal(b.arrivals.length, 60, 'none takes longer than delay + jitter');
  t.equal(b.arrivals[0]![0], 0, 'and none arrives before it left');
  t.end();
});

t.test('wire: reordered frames skip the delay, every gap-th at most', (t) => {
  const { clock, wire, a, b } = joined({ delay: 10, reorder: 1, reorderGap: 4 });
  for (let n = 1; n <= 8; n++) a.send(numbered(n));
  clock.advance(100);
  t.strictSame(
    b.arrivals.map(([at, n]) => `${n}@${at}`),
    ['4@0', '8@0', '1@10', '2@10', '3@10', '5@10', '6@10', '7@10'],
  );
  t.equal(wire.aToB.counters.reordered, 2);
  t.end();
});

t.test('wire: duplicates arrive behind each other, each a packet of its own', (t) => {
  const { clock, pool, wire, a, b } = joined({ duplicate: 1, rate: 1e6 });
  a.send(numbered(7, 125));
  clock.advance(100);
  t.strictSame(b.arrivals, [
    [1, 7],
    [2, 7],
  ]);
  t.strictSame(
    b.received.map((frame) => frame.equals(numbered(7, 125))),
    [true, true],
  );
  t.ok(balanced(wire.aToB));
  t.strictSame(b.breaches, []);
  t.equal(pool.inUse, 0);
  t.end();
});

t.test('wire: corruption inverts one bit behind the Ethernet header, never in a shared packet', (t) => {
  const { clock, pool, wire, a, b } = joined({ corrupt: 1 });
  for (let n = 0; n < 40; n++) {
    const packet = pool.from(numbered(n, 20))!;
    t.equal(wire.a.startXmit(packet.retain()), 0);
    clock.drain();
    t.ok(packet.bytes().equals(numbered(n, 20)), 'the owner’s bytes stay');
    packet.release();
    const [got] = b.take();
    const flipped = [...got!].map((byte, i) => byte ^ numbered(n, 20)[i]!);
    t.ok(flipped.slice(0, 14).every((bits) => bits === 0));
    t.equal(
      flipped.reduce((ones, bits) => ones + bits.toString(2).replaceAll('0', '').length, 0),
      1,
    );
  }
  a.send(numbered(1, 14));
  clock.drain();
  t.ok(b.take()[0]!.equals(numbered(1, 14)), 'nothing behind the header, nothing to hit');
  wire.setImpairment('both', { corruptFrom: 0 });
  a.send(numbered(1, 14));
  clock.drain();
  t.notOk(b.take()[0]!.equals(numbered(1, 14)));
  t.equal(wire.aToB.counters.corrupted, 41);

  const page = pool.pages.alloc();
  pool.u8.fill(0x55, pool.pages.offset(page), pool.pages.offset(page) + 8);
  wire.setImpairment('both', { corruptFrom: 14 });
  const gathered = pool.from(etherFrame(B, A))!;
  gathered.payload = pool.pages.offset(page);
  gathered.payloadLength = 8;
  gathered.payloadPage = page;
  pool.pages.retain(page);
  wire.a.startXmit(gathered);
  clock.drain();
  t.notOk(b.take()[0]!.subarray(14).equals(Buffer.alloc(8, 0x55)));
  t.ok(
    pool.u8.subarray(pool.pages.offset(page), pool.pages.offset(page) + 8).every((byte) => byte === 0x55),
    'nor in a page that the sender still reads',
  );
  pool.pages.release(page);
  t.equal(pool.pages.free, 4);
  t.equal(pool.inUse, 0);
  t.end();
});

t.test('wire: MTU, with room for one tag', (t) => {
  const { clock, pool, wire, a, b } = joined({ mtu: 1000 });
  a.send(numbered(1, 1014));
  a.send(numbered(2, 1015));
  const tagged = etherFrame(B, A, 0x8100, undefined, 1018);
  a.send(tagged);
  a.send(etherFrame(B, A, 0x8100, undefined, 1019));
  a.send(etherFrame(B, A, 0x8100, undefined, 1500));
  clock.drain();
  t.strictSame(
    b.take().map((frame) => frame.length),
    [1014, 1018],
  );
  t.strictSame(wire.aToB.drops.toJSON(), { wire_mtu: 3 });
  t.equal(pool.inUse, 0);
  t.end();
});

t.test('wire: cut and splice, and ends that go: carrier, and what is under way', (t) => {
  const { clock, pool, wire, a, b } = joined({ delay: 10 });
  t.strictSame([a.carrier, b.carrier], [true, true]);
  a.send(numbered(1));
  b.send(numbered(2));
  wire.cut();
  t.strictSame([a.carrier, b.carrier, wire.whole], [false, false, false]);
  t.equal(pool.inUse, 0);
  t.equal(clock.pendingTimers(), 0);
  a.send(numbered(3));
  t.strictSame(wire.aToB.drops.toJSON(), { wire_down: 2 });
  t.strictSame(wire.bToA.drops.toJSON(), { wire_down: 1 });
  wire.splice();
  t.strictSame([a.carrier, b.carrier, wire.whole], [true, true, true]);

  a.send(numbered(4));
  b.send(numbered(5));
  b.down();
  t.strictSame([a.carrier, b.carrier], [false, false]);
  clock.advance(20);
  t.strictSame(b.take().length, 0, 'nothing for an end that has stopped');
  t.strictSame(a.take().length, 1, 'but what it had sent arrives');
  b.up();
  t.strictSame([a.carrier, b.carrier], [true, true]);
  a.send(numbered(6));
  b.close();
  a.close();
  t.ok(balanced(wire.aToB) && balanced(wire.bToA));
  t.strictSame([...a.breaches, ...b.breaches], []);
  t.equal(pool.inUse, 0);
  t.equal(clock.pendingTimers(), 0);
  t.end();
});

t.test('wire: an empty pool at the far end is a counted drop', (t) => {
  const { clock, pool, wire, a } = joined({ duplicate: 1 }, 1, 2);
  const hoard = Array.from({ length: 4 }, () => pool.alloc(60_000)!);
  a.send(numbered(1));
  const last = pool.alloc(1)!;
  clock.drain();
  t.strictSame(wire.aToB.drops.toJSON(), { pool_exhausted: 1 });
  t.equal(wire.aToB.counters.delivered, 1);
  for (const packet of [...hoard, last]) packet.release();
  t.equal(pool.inUse, 0);
  t.end();
});

t.test('wire: impairments that make no sense are refused by name, and change nothing', (t) => {
  const { wire } = joined();
  const before = { ...wire.aToB.impairment };
  const refused: [Partial<Impairment>, string][] = [
    [{ loss: 1.1 }, 'loss'],
    [{ loss: Number.NaN }, 'loss'],
    [{ delay: -1 }, 'delay'],
    [{ rate: Number.POSITIVE_INFINITY }, 'rate'],
    [{ queueLimit: 0 }, 'queueLimit'],
    [{ flightLimit: 2e6 }, 'flightLimit'],
    [{ reorderGap: 0 }, 'reorderGap'],
    [{ mtu: 1.5 }, 'mtu'],
    [{ burst: { enterBad: 2, leaveBad: 0 } }, 'burst.enterBad'],
  ];
  for (const [changes, field] of refused) {
    t.throws(() => wire.setImpairment('aToB', changes), { code: 'EINVAL', message: new RegExp(field) });
  }
  t.strictSame(wire.aToB.impairment, before);
  wire.setImpairment('bToA', { loss: 0.5 });
  t.equal(wire.aToB.impairment.loss, 0, 'the other direction stays as it was');
  t.end();
});

t.test('wire: whatever happens, a frame is delivered or counted under exactly one reason', (t) => {
  const probability = fc.constantFrom(0, 0, 0.1, 0.5, 1);
  const impairments = fc.record({
    mtu: fc.constantFrom(0, 80),
    loss: probability,
    burst: fc.constantFrom(null, { enterBad: 0.3, leaveBad: 0.3 }),
    duplicate: probability,
    corrupt: probability,
    rate: fc.constantFrom(0, 1e5, 1e7),
    queueLimit: fc.constantFrom(2, 1000),
    delay: fc.constantFrom(0, 3),
    jitter: fc.constantFrom(0, 5),
    jitterReorders: fc.boolean(),
    reorder: probability,
    flightLimit: fc.constantFrom(5, 1000),
  });
  const step = fc.oneof(
    {
      weight: 6,
      arbitrary: fc.record({ send: fc.constantFrom(0, 1), length: fc.integer({ min: 1, max: 120 }) }),
    },
    { weight: 2, arbitrary: fc.record({ advance: fc.integer({ min: 0, max: 20_000 }) }) },
    { weight: 1, arbitrary: fc.record({ turn: fc.constantFrom('cut', 'splice', 'down', 'up') }) },
  );
  fc.assert(
    fc.property(fc.nat(), impairments, fc.array(step, { maxLength: 60 }), (seed, impairment, steps) => {
      const { clock, pool, wire, a, b } = joined(impairment, seed, 200);
      for (const action of steps) {
        if ('send' in action) (action.send === 0 ? a : b).send(numbered(1, 120).subarray(0, action.length));
        else if ('advance' in action) clock.advance(action.advance / 1000);
        else if (action.turn === 'cut') wire.cut();
        else if (action.turn === 'splice') wire.splice();
        else if (action.turn === 'down') b.down();
        else b.up();
        if (!balanced(wire.aToB) || !balanced(wire.bToA)) return false;
      }
      clock.advance(1e6);
      const delivered = wire.aToB.counters.delivered + wire.bToA.counters.delivered;
      a.close();
      b.close();
      return (
        delivered === a.received.length + b.received.length &&
        wire.aToB.inFlight + wire.bToA.inFlight + pool.inUse + clock.pendingTimers() === 0 &&
        a.breaches.length + b.breaches.length === 0
      );
    }),
    { numRuns: 300, seed: 11 },
  );
  t.end();
});
