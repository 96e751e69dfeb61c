import t from 'tap';
import { SeededEntropy } from '../../../device/random.ts';
import { Driver, word } from './driver.ts';

const NONE = [0, 0, 0, 0];
const MSS = 536;
const SEGMENTS = 40;
/** MSS 536, SACK permitted, window scale 7. */
const SYN = [2, 4, 0x02, 0x18, 1, 1, 4, 2, 1, 3, 3, 7];

/** A connection with 40 segments out, of which none is acknowledged. */
function outstanding(): { d: Driver; fd: number } {
  const d = new Driver();
  d.stack.addRoute({ to: 'default', dev: 'tun0', mode: 'replace', attributes: { initcwnd: SEGMENTS } });
  const fd = d.accepted(d.listen(), SYN);
  d.sys.send(fd, new Uint8Array(SEGMENTS * MSS));
  d.clock.drain();
  return { d, fd };
}

/** Lets an ACK of nothing arrive that tells of blocks, relative. */
function sack(d: Driver, blocks: readonly (readonly [start: number, end: number])[]): void {
  const bytes = blocks.flatMap(([start, end]) => [...word(d.localIsn + start), ...word(d.localIsn + end)]);
  d.inject({ flags: '.', seq: 1, ack: 1, win: 257, options: [1, 1, 5, 2 + bytes.length, ...bytes] });
}

// @rfc 2018 5
t.test('SACK blocks in any order: a segment counts once, when a block covers it', (t) => {
  for (let seed = 1; seed <= 60; seed++) {
    const chance = new SeededEntropy(seed);
    const { d, fd } = outstanding();
    const { tcb } = d.connection(fd);
    t.equal(tcb.packetsOut, SEGMENTS);
    const arrived = new Set<number>();
    const history: string[] = [];
    for (let round = 0; round < 30; round++) {
      const blocks = Array.from({ length: 1 + chance.below(4) }, (): [number, number] => {
        const start = 1 + MSS * (1 + chance.below(SEGMENTS - 1));
        return [start, Math.min(start + MSS * (1 + chance.below(8)), 1 + MSS * SEGMENTS)];
      });
      sack(d, blocks);
      for (const [start, end] of blocks)
        for (let segment = (start - 1) / MSS; segment < (end - 1) / MSS; segment++) arrived.add(segment);
      history.push(blocks.map(([start, end]) => `${start}:${end}`).join(' '));
      if (tcb.sackedOut !== arrived.size) break;
    }
    t.equal(tcb.sackedOut, arrived.size, `seed ${seed}: ${history.join(', ')}`);
    d.inject({ flags: '.', seq: 1, ack: 1 + SEGMENTS * MSS, win: 257 });
    t.strictSame([tcb.packetsOut, tcb.sackedOut, tcb.lostOut, tcb.retransOut], [0, 0, 0, 0]);
    t.strictSame(d.close(), NONE);
  }
  t.end();
});

t.test('blocks that are told again are known, and forgotten when nothing of them is out any more', (t) => {
  const { d, fd } = outstanding();
  const conn = d.connection(fd);
  const { tcb } = conn;
  const at = (segment: number): number => 1 + MSS * segment;
  sack(d, [[at(2), at(5)]]);
  t.equal(tcb.sackedOut, 3);
  t.strictSame([...conn.knownSacks.subarray(6)], [(d.localIsn + at(2)) >>> 0, (d.localIsn + at(5)) >>> 0]);
  sack(d, [[at(2), at(6)]]);
  sack(d, [[at(1), at(6)]]);
  t.equal(tcb.sackedOut, 5);
  d.inject({ flags: '.', seq: 1, ack: at(6), win: 257 });
  t.equal(tcb.sackedOut, 0);
  const bytes = [...word(d.localIsn + at(8)), ...word(d.localIsn + at(9))];
  d.inject({ flags: '.', seq: 1, ack: at(6), win: 257, options: [1, 1, 5, 10, ...bytes] });
  t.equal(tcb.sackedOut, 1);
  t.strictSame(d.close(), NONE);
  t.end();
});
