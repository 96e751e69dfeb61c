import { createSocket } from 'node:dgram';
import fc from 'fast-check';
import t from 'tap';
import { FLUSH, Work } from '../../device/clock/deferred.ts';
import { RealClock } from '../../device/clock/real.ts';
import { Timer } from '../../device/clock/timer.ts';
import { VirtualClock } from '../../device/clock/virtual.ts';

t.test('timers fire at their own moment, ties in order of insertion', (t) => {
  const clock = new VirtualClock();
  const log: string[] = [];
  const timer = (name: string) => new Timer(clock, () => log.push(`${name} ${clock.now()}`));
  const [a, b, c, d] = [timer('a'), timer('b'), timer('c'), timer('d')];
  b.start(500);
  a.start(0.25);
  clock.advance(200);
  c.start(300);
  d.start(300);
  t.equal(c.remaining, 300);
  t.equal(clock.pendingTimers(), 3);
  t.ok(d.stop());
  t.notOk(d.stop(), 'a second stop finds nothing');
  t.equal(d.remaining, -1);
  d.start(299.999);
  clock.advance(1000);
  t.strictSame(log, ['a 0.25', 'd 499.999', 'b 500', 'c 500']);
  t.equal(clock.now(), 1200);
  t.equal(clock.pendingTimers(), 0);
  t.end();
});

t.test('the wheel agrees with a sorted list, whatever the delays', (t) => {
  const step = fc.record({
    delay: fc.oneof(fc.nat(3), fc.nat(5_000), fc.nat(40_000_000), fc.nat(2 ** 30), fc.constant(2 ** 41)),
    cancel: fc.boolean(),
    advance: fc.oneof(fc.constant(0), fc.nat(100), fc.nat(3_000_000)),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const clock = new VirtualClock();
      const fired: string[] = [];
      const expected: { at: number; order: number; name: string }[] = [];
      let now = 0;
      steps.forEach(({ delay, cancel, advance }, order) => {
        const name = `t${order}`;
        const timer = new Timer(clock, () => fired.push(`${name}@${Math.round(clock.now() * 1000)}`));
        timer.start(delay / 1000);
        if (cancel) timer.stop();
        else expected.push({ at: now + delay, order, name });
        clock.advance(advance / 1000);
        now += advance;
      });
      clock.advance(2 ** 42 / 1000);
      expected.sort((x, y) => x.at - y.at || x.order - y.order);
      t.strictSame(
        fired,
        expected.map(({ at, name }) => `${name}@${at}`),
      );
      return clock.pendingTimers() === 0;
    }),
    { numRuns: 200, seed: 7 },
  );
  t.end();
});

t.test('a timer may rearm itself, and arm others for this very moment', (t) => {
  const clock = new VirtualClock();
  const log: number[] = [];
  const tick = new Timer(clock, () => {
    log.push(clock.now());
    if (log.length < 3) tick.start(10);
    else now.start(0);
  });
  const now = new Timer(clock, () => log.push(-clock.now()));
  tick.start(10);
  clock.advance(30);
  t.strictSame(log, [10, 20, 30, -30]);
  now.startAt(5);
  t.equal(now.remaining, 0, 'a moment in the past is now');
  clock.drain();
  t.equal(log.length, 5);
  t.end();
});

t.test('a wait for less than the resolution is a microsecond, not none', (t) => {
  const clock = new VirtualClock();
  clock.advance(2135.497);
  let fired = 0;
  const timer = new Timer(clock, () => fired++);
  timer.start(1e-12);
  clock.drain();
  t.equal(fired, 0);
  clock.advance(0.001);
  t.equal(fired, 1);
  timer.start(0);
  clock.drain();
  t.equal(fired, 2, 'no wait at all is none');
  t.end();
});

t.test('advanceUntil stops at the moment the condition holds', (t) => {
  const clock = new VirtualClock();
  let done = false;
  new Timer(clock, () => {
    done = true;
  }).start(70);
  t.ok(clock.advanceUntil(() => done, 1000));
  t.equal(clock.now(), 70);
  t.notOk(clock.advanceUntil(() => false, 100));
  t.equal(clock.now(), 170);
  t.end();
});

t.test('deferred work runs once, in order, and flushes run last', (t) => {
  const clock = new VirtualClock();
  const log: string[] = [];
  const flush = new Work(() => log.push('flush'), FLUSH);
  const second = new Work(() => log.push('second'));
  const first = new Work(() => {
    log.push('first');
    clock.defer(second);
  });
  clock.defer(flush);
  clock.defer(first);
  clock.defer(first);
  clock.drain();
  t.strictSame(log, ['first', 'second', 'flush']);
  const loop: Work = new Work(() => clock.defer(loop));
  clock.defer(loop);
  t.throws(() => clock.drain(), /never ends/);
  t.end();
});

t.test('the real clock fires timers and runs deferred work at the end of the tick', async (t) => {
  const clock = new RealClock();
  clock.keepAlive(true);
  const log: string[] = [];
  const work = new Work(() => log.push('work'));
  await new Promise<void>((resolve) => {
    const late = new Timer(clock, () => {
      log.push('late');
      resolve();
    });
    const early = new Timer(clock, () => log.push('early'));
    late.start(8);
    early.start(2);
    clock.defer(work);
    log.push('sync');
  });
  t.strictSame(log, ['sync', 'work', 'early', 'late']);
  t.equal(clock.pendingTimers(), 0);
  t.ok(Math.abs(clock.epoch + clock.now() - Date.now()) < 1000, 'the epoch is the wall clock');
});

t.test('the real clock gives the event loop a turn when work never ends', async (t) => {
  const clock = new RealClock();
  let runs = 0;
  let stop = false;
  const loop: Work = new Work(() => {
    runs++;
    if (!stop) clock.defer(loop);
  });
  const turn = () => new Promise<void>((resolve) => setImmediate(resolve));
  clock.defer(loop);
  await turn();
  const first = runs;
  await turn();
  const second = runs;
  stop = true;
  await turn();
  t.ok(first > 0, 'a turn comes though work goes on');
  t.ok(second > first, 'and it goes on in the next one');
  t.equal(runs, second + 1, 'until it ends');
});

t.test('the real clock holds no timeout of the host once no timer is armed', (t) => {
  const timeouts = () => process.getActiveResourcesInfo().filter((kind) => kind === 'Timeout').length;
  const clock = new RealClock();
  clock.keepAlive(true);
  const before = timeouts();
  const [a, b] = [new Timer(clock, () => {}), new Timer(clock, () => {})];
  a.start(60_000);
  b.start(70_000);
  t.equal(timeouts(), before + 1, 'one behind the whole wheel');
  a.stop();
  t.equal(timeouts(), before + 1);
  b.stop();
  t.equal(timeouts(), before);
  b.start(60_000);
  t.equal(timeouts(), before + 1, 'and it comes back');
  b.stop();
  t.end();
});

t.test('what keeps the process alive is who waits, not a timer', (t) => {
  const timeouts = () => process.getActiveResourcesInfo().filter((kind) => kind === 'Timeout').length;
  const clock = new RealClock();
  const before = timeouts();
  const timer = new Timer(clock, () => {});
  timer.start(60_000);
  t.equal(timeouts(), before, 'an armed timer does not');
  clock.hold();
  clock.hold();
  t.equal(timeouts(), before + 1);
  clock.letGo();
  t.equal(timeouts(), before + 1, 'as long as one waits');
  clock.letGo();
  t.equal(timeouts(), before);
  clock.hold();
  t.equal(timeouts(), before + 1, 'and again');
  clock.letGo();
  clock.keepAlive(true);
  t.equal(timeouts(), before + 1, 'armed timers do, too, when told to');
  timer.stop();
  t.equal(timeouts(), before);
  t.end();
});

t.test('a moment too far for the wheel is its last one, and NaN is none', (t) => {
  const clock = new VirtualClock();
  let fired = 0;
  const timer = new Timer(clock, () => fired++);
  for (const far of [Number.POSITIVE_INFINITY, Number.MAX_VALUE, 2 ** 53]) {
    timer.start(far);
    t.equal(timer.deadline, Number.MAX_SAFE_INTEGER);
    clock.advance(1e9);
    t.equal(fired, 0);
    t.equal(clock.pendingTimers(), 1);
  }
  t.throws(() => timer.start(Number.NaN), RangeError);
  t.ok(timer.pending, 'and changed nothing');
  t.ok(timer.stop());
  t.equal(clock.pendingTimers(), 0);
  t.end();
});

t.test('behind a pause of the process, what arrived meanwhile is heard before timers expire', async (t) => {
  const clock = new RealClock();
  clock.keepAlive(true);
  const log: string[] = [];
  const socket = createSocket('udp4', () => log.push('arrival'));
  await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve));
  const done = new Promise<void>((resolve) => {
    new Timer(clock, () => {
      log.push('timer');
      resolve();
    }).start(10);
  });
  await new Promise((resolve) => socket.send('x', socket.address().port, '127.0.0.1', resolve));
  for (const begin = performance.now(); performance.now() < begin + 60; );
  await done;
  socket.close();
  t.strictSame(log, ['arrival', 'timer']);
});
