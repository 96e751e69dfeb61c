import t, { type Test } from 'tap';
import { VirtualClock } from '../../device/clock/virtual.ts';
import { Machine } from '../../device/machine.ts';
import { PacketPool } from '../../device/memory/pool.ts';
import { SeededEntropy } from '../../device/random.ts';
import { type SideName, WireObserver } from './observer.ts';
import { ACK, FIN, RST, SYN } from './segment-view.ts';

/** Positions count from each side's SYN. */
interface Segment {
  seq: number;
  ack?: number;
  flags?: number;
  window?: number;
  data?: string;
  sack?: readonly [number, number];
  breaks?: boolean;
}

const ISS = { a: 0xffffff00, b: 1000 };

function frame(
  side: SideName,
  { seq, ack = 0, flags = ACK, window = 1000, data = '', sack, breaks }: Segment,
): Buffer {
  const other = side === 'a' ? 'b' : 'a';
  const options = sack === undefined ? 0 : 12;
  const tcp = 20 + options;
  const out = Buffer.alloc(14 + 20 + tcp + data.length);
  out.writeUInt16BE(0x0800, 12);
  const ip = out.subarray(14, 34);
  ip[0] = 0x45;
  ip.writeUInt16BE(20 + tcp + data.length, 2);
  ip[9] = 6;
  ip.writeUInt32BE(side === 'a' ? 0x0a000001 : 0x0a000002, 12);
  ip.writeUInt32BE(side === 'a' ? 0x0a000002 : 0x0a000001, 16);
  ip.writeUInt16BE(checksum(ip), 10);
  const segment = out.subarray(34);
  segment.writeUInt16BE(side === 'a' ? 5000 : 80, 0);
  segment.writeUInt16BE(side === 'a' ? 80 : 5000, 2);
  segment.writeUInt32BE((ISS[side] + seq) >>> 0, 4);
  segment.writeUInt32BE((flags & ACK) !== 0 ? (ISS[other] + ack) >>> 0 : 0, 8);
  segment[12] = (tcp / 4) << 4;
  segment[13] = flags;
  segment.writeUInt16BE(window, 14);
  if (sack !== undefined) {
    segment.set([1, 1, 5, 10], 20);
    segment.writeUInt32BE((ISS[other] + sack[0]) >>> 0, 24);
    segment.writeUInt32BE((ISS[other] + sack[1]) >>> 0, 28);
  }
  segment.write(data, tcp, 'latin1');
  const pseudo = Buffer.alloc(12 + segment.length + (segment.length & 1));
  ip.copy(pseudo, 0, 12, 20);
  pseudo.writeUInt16BE(6, 8);
  pseudo.writeUInt16BE(segment.length, 10);
  segment.copy(pseudo, 12);
  segment.writeUInt16BE(checksum(pseudo) ^ (breaks ? 1 : 0), 16);
  return out;
}

function checksum(bytes: Buffer): number {
  let sum = 0;
  for (let at = 0; at < bytes.length; at += 2) sum += bytes.readUInt16BE(at);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}

/** A connection that is open, told frame by frame. */
function conversation() {
  const clock = new VirtualClock();
  const pool = new PacketPool({ small: 4, large: 0, pages: 0 });
  const observer = new WireObserver(new Machine({ clock, pool, entropy: new SeededEntropy(1) }), 4096);
  const tell = (side: SideName, segment: Segment, arrives: boolean): void => {
    const packet = pool.from(frame(side, segment))!;
    observer.sent(side, packet);
    if (arrives) observer.received(side === 'a' ? 'b' : 'a', packet);
    packet.release();
  };
  const says = (side: SideName, segment: Segment) => tell(side, segment, true);
  const loses = (side: SideName, segment: Segment) => tell(side, segment, false);
  says('a', { seq: 0, flags: SYN });
  says('b', { seq: 0, ack: 1, flags: SYN | ACK });
  says('a', { seq: 1, ack: 1 });
  return { clock, observer, says, loses };
}

type Talk = ReturnType<typeof conversation>;

const LAWFUL: Record<string, (talk: Talk) => void> = {
  'data, loss, the same again, SACK': ({ says, loses }) => {
    loses('a', { seq: 1, ack: 1, data: 'abc' });
    says('a', { seq: 4, ack: 1, data: 'def' });
    says('b', { seq: 1, ack: 1, sack: [4, 7] });
    says('a', { seq: 1, ack: 1, data: 'abcdef' });
    says('b', { seq: 1, ack: 7 });
  },
  'both close': ({ says }) => {
    says('a', { seq: 1, ack: 1, flags: FIN | ACK });
    says('b', { seq: 1, ack: 2, flags: FIN | ACK, window: 999 });
    says('a', { seq: 2, ack: 2, window: 999 });
  },
  'a window that is used up': ({ says }) => {
    says('b', { seq: 1, ack: 1, data: 'x'.repeat(1000) });
    says('a', { seq: 1, ack: 1001, window: 0 });
    says('b', { seq: 1000, ack: 1 });
  },
  'a timer that doubles': ({ clock, loses }) => {
    loses('a', { seq: 1, ack: 1, data: 'abc' });
    for (const wait of [200, 400, 800]) {
      clock.advance(wait);
      loses('a', { seq: 1, ack: 1, data: 'abc' });
    }
  },
};

const BROKEN: Record<string, [RegExp, (talk: Talk) => void]> = {
  'other bytes': [
    /repeats other bytes/,
    ({ says }) => {
      says('a', { seq: 1, ack: 1, data: 'abc' });
      says('a', { seq: 1, ack: 1, data: 'abd' });
    },
  ],
  'beyond the window': [
    /beyond the window/,
    ({ says }) => says('a', { seq: 1, ack: 1, data: 'x'.repeat(1001) }),
  ],
  'a hole': [/leaves a hole/, ({ says }) => says('a', { seq: 5, ack: 1, data: 'abc' })],
  'an ACK that goes back': [
    /acknowledges 1 after 4/,
    ({ says }) => {
      says('a', { seq: 1, ack: 1, data: 'abc' });
      says('b', { seq: 1, ack: 4 });
      says('b', { seq: 1, ack: 1, window: 1100 });
    },
  ],
  'an ACK for what was lost': [
    /only 1 arrived/,
    ({ says, loses }) => {
      loses('a', { seq: 1, ack: 1, data: 'abc' });
      says('b', { seq: 1, ack: 4 });
    },
  ],
  'SACK for what was lost': [
    /never arrived/,
    ({ says, loses }) => {
      loses('a', { seq: 1, ack: 1, data: 'abcdef' });
      says('b', { seq: 1, ack: 1, sack: [4, 7] });
    },
  ],
  'a right edge that shrinks': [/window back/, ({ says }) => says('b', { seq: 1, ack: 1, window: 900 })],
  'data again that is acknowledged': [
    /repeats what is acknowledged/,
    ({ says }) => {
      says('a', { seq: 1, ack: 1, data: 'abc' });
      says('b', { seq: 1, ack: 4 });
      says('a', { seq: 1, ack: 1, data: 'abc' });
    },
  ],
  'a timer that does not back off': [
    /less patient/,
    ({ clock, loses }) => {
      loses('a', { seq: 1, ack: 1, data: 'abc' });
      for (const wait of [200, 400, 300]) {
        clock.advance(wait);
        loses('a', { seq: 1, ack: 1, data: 'abc' });
      }
    },
  ],
  'a word after the RST': [
    /speaks after its own RST/,
    ({ says }) => {
      says('a', { seq: 1, ack: 1, flags: RST | ACK });
      says('a', { seq: 1, ack: 1 });
    },
  ],
  'a word after the RST of the peer': [
    /speaks after the RST that it got/,
    ({ says }) => {
      says('a', { seq: 1, ack: 1, flags: RST | ACK });
      says('b', { seq: 1, ack: 1 });
    },
  ],
  'data behind the FIN': [
    /behind its FIN/,
    ({ says }) => {
      says('a', { seq: 1, ack: 1, flags: FIN | ACK });
      says('a', { seq: 2, ack: 1, data: 'abc' });
    },
  ],
  'another SYN': [/another SYN/, ({ says }) => says('a', { seq: 7, flags: SYN })],
  'a wrong checksum': [/wrong checksum/, ({ says }) => says('a', { seq: 1, ack: 1, breaks: true })],
};

t.test('what is lawful passes', (t) => {
  for (const [name, script] of Object.entries(LAWFUL)) t.strictSame(findings(script), [], name);
  t.end();
});

t.test('each rule finds what breaks it', (t) => {
  for (const [name, [finding, script]] of Object.entries(BROKEN)) matches(t, findings(script), finding, name);
  t.end();
});

function findings(script: (talk: Talk) => void): string[] {
  const talk = conversation();
  script(talk);
  return talk.observer.findings;
}

function matches(t: Test, found: string[], finding: RegExp, name: string): void {
  t.ok(
    found.some((text) => finding.test(text)),
    name,
    { found },
  );
}
