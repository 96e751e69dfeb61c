import t from 'tap';
import { VirtualClock } from '../../device/clock/virtual.ts';
import { AdaptivePoll } from '../../device/link/adaptive-poll.ts';

/** A poll whose looks take a microsecond each; `answers`: after how many microseconds the peer has a frame, Infinity: never. */
function bench(answers: () => number) {
  const clock = new VirtualClock();
  let looks = 0;
  let waited = 0;
  const poll = new AdaptivePoll(clock, () => {
    looks++;
    clock.advance(0.001);
    if (++waited < answers()) return false;
    waited = 0;
    return true;
  });
  /** A turn that comes `gap` milliseconds after the last one; how often it looked. */
  const turn = (gap: number): number => {
    clock.advance(gap);
    const before = looks;
    waited = 0;
    poll.begin();
    poll.end();
    return looks - before;
  };
  return { clock, poll, turn };
}

t.test('sixteen short gaps are believed', (t) => {
  const { poll, turn } = bench(() => Number.POSITIVE_INFINITY);
  t.equal(turn(0), 0);
  for (let i = 0; i < 15; i++) t.equal(turn(0.149), 0);
  t.notOk(poll.eager);
  t.equal(turn(0.149), 0);
  t.ok(poll.eager);
  t.equal(turn(0.149), 100, 'a tenth of a millisecond');
  t.end();
});

t.test('one long gap begins the count anew', (t) => {
  const { poll, turn } = bench(() => 1);
  for (let i = 0; i < 16; i++) turn(0.01);
  turn(0.151);
  t.notOk(poll.eager);
  t.end();
});

t.test('what is found goes on, for a millisecond a turn', (t) => {
  const { clock, poll, turn } = bench(() => 40);
  for (let i = 0; i < 17; i++) turn(0.05);
  t.ok(poll.eager);
  const before = clock.now();
  t.equal(turn(0.05), 1000);
  t.equal(Math.round((clock.now() - before) * 1000), 1050);
  t.ok(poll.eager);
  t.end();
});

t.test('in vain twice: it rests, each time twice as long', (t) => {
  const { poll, turn } = bench(() => Number.POSITIVE_INFINITY);
  const turnsUntilEager = (): number => {
    for (let turns = 0; ; turns++) {
      if (poll.eager) return turns;
      turn(0.02);
    }
  };
  const rests: number[] = [];
  for (let i = 0; i < 9; i++) {
    rests.push(turnsUntilEager());
    for (const looks of [turn(0.02), turn(0.02)]) t.ok(looks >= 99 && looks <= 101, `${looks} looks`);
    t.notOk(poll.eager);
  }
  t.strictSame(rests, [17, 81, 145, 273, 529, 1041, 2065, 4113, 8209]);
  t.equal(turnsUntilEager(), 8209, 'that is the longest');
  t.end();
});
