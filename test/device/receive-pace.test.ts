import t from 'tap';
import { ReceivePace } from '../../device/link/receive-pace.ts';

t.test('after eight turns with one frame each, eight of nine turns read one', (t) => {
  const pace = new ReceivePace();
  for (let i = 0; i < 8; i++) {
    t.notOk(pace.single);
    pace.turn(1);
  }
  const turns: boolean[] = [];
  for (let i = 0; i < 18; i++) {
    turns.push(pace.single);
    pace.turn(1);
  }
  const cycle = [...new Array<boolean>(8).fill(true), false];
  t.strictSame(turns, [...cycle, ...cycle]);
  t.end();
});

t.test('a turn that brings more begins anew, one that brings none says nothing', (t) => {
  const pace = new ReceivePace();
  for (let i = 0; i < 7; i++) pace.turn(1);
  pace.turn(2);
  pace.turn(1);
  t.notOk(pace.single);
  for (let i = 0; i < 6; i++) pace.turn(1);
  pace.turn(0);
  t.notOk(pace.single);
  pace.turn(1);
  t.ok(pace.single);
  t.end();
});
