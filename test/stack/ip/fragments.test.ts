import fc from 'fast-check';
import t from 'tap';
import type { NetDevice } from '../../../device/netdevice/netdevice.ts';
import type { Stack } from '../../../stack/stack.ts';
import type { TestLink } from '../../testing/test-link.ts';
import {
  bench,
  datagram,
  describe,
  drops,
  icmp,
  inject,
  leftovers,
  rawDevice,
  rawStack,
  sent,
} from './harness.ts';

const MF = 0x2000;

/** An echo request of `size` bytes of data, cut at the given payload offsets (multiples of 8). */
function pieces(size: number, cuts: readonly number[], id = 7): Buffer[] {
  const message = icmp(8, 0, 0x00010002, Buffer.from(Array.from({ length: size }, (_, i) => i & 0xff)));
  const bounds = [0, ...cuts, message.length];
  return bounds.slice(0, -1).map((begin, i) =>
    datagram({
      id,
      fragment: (begin >> 3) | (i + 2 < bounds.length ? MF : 0),
      payload: message.subarray(begin, bounds[i + 1]),
    }),
  );
}

function fragment(begin: number, length: number, more: boolean, id = 7, fill = 0): Buffer {
  return datagram({
    id,
    fragment: (begin >> 3) | (more ? MF : 0),
    payload: Buffer.alloc(length, fill),
    protocol: 1,
  });
}

function mib(stack: Stack): Record<string, number> {
  const all = stack.counters().mib;
  return Object.fromEntries(
    Object.entries(all).filter(([name, value]) => value > 0 && /Reasm|Frag/.test(name)),
  );
}

// @rfc 791 3.2
t.test('any order of the fragments gives the datagram', (t) => {
  const on = bench();
  const { stack, dev, link } = rawStack(on);
  const parts = pieces(100, [16, 24, 48, 88]);
  let id = 0;
  fc.assert(
    fc.property(fc.shuffledSubarray([0, 1, 2, 3, 4], { minLength: 5 }), (order) => {
      id++;
      for (const index of order) {
        const part = Buffer.from(parts[index]!);
        part.writeUInt16BE(id & 0xffff, 4);
        part.writeUInt16BE(0, 10);
        part.writeUInt16BE(checksumOf(part), 10);
        inject(stack, dev, part);
      }
      const [reply] = sent(link);
      return reply !== undefined && describe(reply) === '192.0.2.1 > 192.0.2.2: ICMP 0/0 len 128 ttl 64';
    }),
    { seed: 1, numRuns: 200 },
  );
  t.equal(stack.counters().mib.IpReasmOKs, 200);
  t.equal(stack.counters().mib.IpReasmReqds, 1000);
  t.equal(stack.ip.reassembly.size, 0);
  t.equal(stack.ip.reassembly.memory, 0);
  stack.close();
  t.equal(leftovers(on), '0 packets, 0 timers');
  t.end();
});

function checksumOf(frame: Buffer): number {
  let total = 0;
  for (let i = 0; i < 20; i += 2) total += frame.readUInt16BE(i);
  while (total > 0xffff) total = (total & 0xffff) + (total >>> 16);
  return ~total & 0xffff;
}

/** What becomes of a datagram whose fragments come as listed: `[begin, length, more]`. */
function outcome(list: readonly (readonly [number, number, boolean])[]): string {
  const on = bench();
  const { stack, dev } = rawStack(on);
  for (const [begin, length, more] of list) inject(stack, dev, fragment(begin, length, more));
  const counters = mib(stack);
  const waiting = stack.ip.reassembly.size;
  const reasons = Object.keys(drops(stack))
    .filter((name) => name.startsWith('ip_frag'))
    .map((name) => `${name} ${drops(stack)[name]}`);
  stack.close();
  return [
    (counters['IpReasmOKs'] ?? 0) > 0 ? 'whole' : waiting > 0 ? 'waits' : 'gone',
    ...reasons,
    ...(counters['IpExtReasmOverlaps'] === undefined ? [] : [`overlaps ${counters['IpExtReasmOverlaps']}`]),
    leftovers(on),
  ].join(', ');
}

// @rfc 1858 4
t.test('overlap: inside what is there is a duplicate, any other condemns the datagram', (t) => {
  const nothing = '0 packets, 0 timers';
  t.equal(
    outcome([
      [0, 16, true],
      [0, 16, true],
    ]),
    `waits, ip_frag_duplicate 1, ${nothing}`,
  );
  t.equal(
    outcome([
      [0, 32, true],
      [8, 16, true],
    ]),
    `waits, ip_frag_duplicate 1, ${nothing}`,
  );
  t.equal(
    outcome([
      [0, 16, true],
      [16, 16, true],
      [8, 16, true],
    ]),
    `waits, ip_frag_duplicate 1, ${nothing}`,
    'inside a run of two',
  );
  t.equal(
    outcome([
      [0, 16, true],
      [0, 16, true],
      [16, 8, false],
    ]),
    `whole, ip_frag_duplicate 1, ${nothing}`,
  );
  t.equal(
    outcome([
      [0, 16, true],
      [8, 16, true],
    ]),
    `gone, ip_frag_overlap 2, overlaps 1, ${nothing}`,
  );
  t.equal(
    outcome([
      [8, 16, true],
      [0, 16, true],
    ]),
    `gone, ip_frag_overlap 2, overlaps 1, ${nothing}`,
  );
  t.equal(
    outcome([
      [8, 8, true],
      [0, 32, true],
    ]),
    `gone, ip_frag_overlap 2, overlaps 1, ${nothing}`,
    'around it',
  );
  t.equal(
    outcome([
      [0, 8, true],
      [24, 8, true],
      [0, 24, true],
    ]),
    `gone, ip_frag_overlap 3, overlaps 1, ${nothing}`,
  );
  t.equal(
    outcome([
      [0, 8, true],
      [8, 8, true],
      [16, 8, true],
      [0, 16, true],
    ]),
    `waits, ip_frag_duplicate 1, ${nothing}`,
    'in order they are one run',
  );
  t.equal(
    outcome([
      [0, 8, true],
      [16, 8, true],
      [8, 8, true],
      [0, 16, true],
    ]),
    `gone, ip_frag_overlap 4, overlaps 1, ${nothing}`,
    'what fills a gap is a run of its own',
  );
  t.end();
});

t.test('fragments that contradict each other or hold nothing', (t) => {
  const nothing = '0 packets, 0 timers';
  t.equal(
    outcome([
      [16, 8, false],
      [24, 8, true],
    ]),
    `gone, ip_frag_corrupt 2, ${nothing}`,
    'beyond the end',
  );
  t.equal(
    outcome([
      [16, 8, true],
      [8, 8, false],
    ]),
    `gone, ip_frag_corrupt 2, ${nothing}`,
    'an end before what is there',
  );
  t.equal(
    outcome([
      [16, 8, false],
      [16, 16, false],
    ]),
    `gone, ip_frag_corrupt 2, ${nothing}`,
    'two ends',
  );
  t.equal(outcome([[0, 0, true]]), `gone, ip_frag_corrupt 1, ${nothing}`, 'nothing in it');
  t.equal(
    outcome([[0, 7, true]]),
    `gone, ip_frag_corrupt 1, ${nothing}`,
    'less than eight bytes, more to come',
  );
  t.equal(
    outcome([
      [0, 13, true],
      [8, 8, false],
    ]),
    `whole, ${nothing}`,
    'a length that is no multiple of 8 is cut',
  );
  t.end();
});

// @rfc 791 3.1
t.test('longer than a datagram can be: the ping of death', (t) => {
  const on = bench();
  const { stack, dev } = rawStack(on);
  const step = 1480;
  for (let begin = 0; begin < 65120; begin += step) inject(stack, dev, fragment(begin, step, true));
  inject(stack, dev, fragment(65120, 1400, false));
  t.equal(stack.ip.reassembly.size, 0);
  t.equal(drops(stack)['ip_frag_too_long'], 45);
  t.equal(stack.counters().mib.IpReasmFails, 1);
  stack.close();
  t.equal(leftovers(on), '0 packets, 0 timers');
  t.end();
});

// @rfc 1122 3.3.2
t.test('the longest datagram goes out and comes in', (t) => {
  const on = bench();
  const { stack, dev, link } = rawStack(on);
  const message = icmp(8, 0, 0x00010002, Buffer.alloc(65507, 0x5a));
  for (let begin = 0; begin < message.length; begin += 1480) {
    const more = begin + 1480 < message.length;
    inject(
      stack,
      dev,
      datagram({
        id: 9,
        fragment: (begin >> 3) | (more ? MF : 0),
        payload: message.subarray(begin, begin + 1480),
      }),
    );
  }
  const frames = sent(link);
  t.equal(frames.length, 45);
  t.equal(describe(frames[0]!), '192.0.2.1 > 192.0.2.2: proto 1 len 1500 ttl 64 frag 0+');
  t.equal(describe(frames[44]!), '192.0.2.1 > 192.0.2.2: proto 1 len 415 ttl 64 frag 65120');
  const whole = Buffer.concat(frames.map((frame) => frame.subarray(20)));
  t.equal(whole.length, 65515);
  t.equal(whole[0], 0);
  t.same(whole.subarray(8), Buffer.alloc(65507, 0x5a));
  t.equal(new Set(frames.map((frame) => frame.readUInt16BE(4))).size, 1, 'one identification');
  t.strictSame(mib(stack), { IpReasmReqds: 45, IpReasmOKs: 1, IpFragOKs: 1, IpFragCreates: 45 });
  stack.close();
  t.equal(leftovers(on), '0 packets, 0 timers');
  t.end();
});

// @rfc 1122 3.3.2
t.test('after 30 s the rest is given up, and the sender hears of it if the first fragment came', (t) => {
  const on = bench();
  const { stack, dev, link } = rawStack(on);
  inject(stack, dev, fragment(0, 16, true, 1));
  inject(stack, dev, fragment(8, 16, true, 2));
  on.clock.advance(29_999);
  t.equal(stack.ip.reassembly.size, 2);
  on.clock.advance(1);
  t.strictSame(sent(link).map(describe), ['192.0.2.1 > 192.0.2.2: ICMP 11/1 len 64 ttl 64']);
  t.equal(drops(stack)['ip_frag_timeout'], 2);
  t.equal(stack.counters().mib.IpReasmTimeout, 2);
  t.equal(stack.counters().mib.IpReasmFails, 2);
  stack.setSysctl('net.ipv4.ipfrag_time', 1);
  inject(stack, dev, fragment(0, 16, true, 3));
  on.clock.advance(1000);
  t.equal(stack.ip.reassembly.size, 0);
  sent(link);
  const recorded = datagram({
    id: 4,
    fragment: MF,
    protocol: 17,
    options: [7, 7, 4, 0, 0, 0, 0, 0],
    payload: Buffer.alloc(16),
  });
  inject(stack, dev, recorded);
  on.clock.advance(1000);
  const [error] = sent(link);
  t.equal(
    error?.subarray(20, 28).toString('hex'),
    '070708c000020100',
    'with the options of the first fragment',
  );
  stack.close();
  t.equal(leftovers(on), '0 packets, 0 timers');
  t.end();
});

t.test('memory: no more than ipfrag_high_thresh, and never more than half the pool', (t) => {
  const on = bench(1, 64);
  const { stack, dev } = rawStack(on);
  stack.setSysctl('net.ipv4.ipfrag_high_thresh', 2048 * 10);
  for (let id = 0; id < 20; id++) inject(stack, dev, fragment(8, 16, true, id));
  t.equal(stack.ip.reassembly.size, 11);
  t.equal(drops(stack)['ip_frag_memory'], 9);
  stack.setSysctl('net.ipv4.ipfrag_high_thresh', 0x7fffffff);
  for (let id = 100; id < 2000; id++) inject(stack, dev, fragment(8, 16, true, id));
  t.ok(stack.ip.reassembly.memory < 64 * 2048 + 8 * 66048, `${stack.ip.reassembly.memory} bytes`);
  t.ok(on.pool.smallFree > 0 || on.pool.largeFree > 0, 'the stack goes on');
  stack.setSysctl('net.ipv4.ipfrag_high_thresh', 0);
  inject(stack, dev, fragment(8, 16, true, 3000));
  stack.close();
  t.equal(leftovers(on), '0 packets, 0 timers');
  t.end();
});

t.test('ipfrag_max_dist: a fragment that comes after too many others begins anew', (t) => {
  const on = bench();
  const { stack, dev } = rawStack(on);
  stack.setSysctl('net.ipv4.ipfrag_max_dist', 4);
  inject(stack, dev, fragment(0, 16, true, 1));
  for (let id = 10; id < 14; id++) inject(stack, dev, fragment(0, 16, true, id));
  inject(stack, dev, fragment(16, 8, false, 1));
  t.equal(drops(stack)['ip_frag_distance'], 1);
  t.equal(stack.counters().mib.IpReasmOKs, 0);
  stack.close();
  t.end();
});

// @rfc 3168 5.3
t.test('ECN marks: CE is kept, marks that no path makes together are refused', (t) => {
  const on = bench();
  const { stack, dev, link } = rawStack(on);
  const [first, second] = pieces(24, [16]);
  const marked = (frame: Buffer, tos: number): Buffer => {
    const copy = Buffer.from(frame);
    copy[1] = tos;
    copy.writeUInt16BE(0, 10);
    copy.writeUInt16BE(checksumOf(copy), 10);
    return copy;
  };
  inject(stack, dev, marked(first!, 2));
  inject(stack, dev, marked(second!, 3));
  t.equal(sent(link)[0]![1], 3);
  inject(stack, dev, marked(first!, 0));
  inject(stack, dev, marked(second!, 3));
  t.strictSame(sent(link), []);
  t.equal(drops(stack)['ip_frag_ecn'], 2);
  stack.close();
  t.end();
});

// @rfc 791 3.2
t.test('sending fragments: sizes, DF, and options that only the first carries', (t) => {
  const on = bench();
  const { stack, dev, link } = rawStack(on, { addresses: ['192.0.2.1/24'] });
  stack.setSysctl('net.ipv4.ip_forward', 1);
  const { dev: other } = rawDevice(stack, { name: 'tun1', addresses: ['198.51.100.1/24'], mtu: 68 });
  const out = (other.link as TestLink).sent;
  const from: NetDevice = dev;
  // Record route is not copied into the other fragments, router alert is.
  const options = [7, 7, 4, 0, 0, 0, 0, 1, 148, 4, 0, 0];
  inject(
    stack,
    from,
    datagram({ destination: '198.51.100.7', protocol: 200, options, payload: Buffer.alloc(80, 9) }),
  );
  t.strictSame(
    out.map((frame) => `${describe(frame)} ${frame.subarray(20, 32).toString('hex')}`),
    [
      '192.0.2.2 > 198.51.100.7: proto 200 len 64 ttl 63 frag 0+ 070708c63364010194040000',
      '192.0.2.2 > 198.51.100.7: proto 200 len 64 ttl 63 frag 32+ 010101010101010194040000',
      '192.0.2.2 > 198.51.100.7: proto 200 len 48 ttl 63 frag 64 010101010101010194040000',
    ],
  );
  out.length = 0;
  inject(
    stack,
    from,
    datagram({ destination: '198.51.100.7', protocol: 200, fragment: 0x4000, payload: Buffer.alloc(80) }),
  );
  t.strictSame(out, []);
  const [error] = sent(link);
  t.equal(describe(error!), '192.0.2.1 > 192.0.2.2: ICMP 3/4 len 128 ttl 64');
  t.equal(error!.readUInt16BE(26), 68, 'with the MTU of the next hop');
  t.strictSame(drops(stack), { ip_frag_needed: 1 });
  stack.close();
  t.equal(leftovers(on), '0 packets, 0 timers');
  t.end();
});

t.test('sending fragments: the last one may be longer than the others; each counts', (t) => {
  const on = bench();
  const { stack, dev } = rawStack(on);
  stack.setSysctl('net.ipv4.ip_forward', 1);
  const { link } = rawDevice(stack, { name: 'tun1', addresses: ['198.51.100.1/24'], mtu: 75 });
  const forward = (destination: string, size: number): string[] => {
    inject(stack, dev, datagram({ destination, protocol: 200, payload: Buffer.alloc(size) }));
    return sent(link).map(describe);
  };
  const head = '192.0.2.2 > 198.51.100.7: proto 200 len';
  t.strictSame(forward('198.51.100.7', 103), [`${head} 68 ttl 63 frag 0+`, `${head} 75 ttl 63 frag 48`]);
  t.equal(stack.counters().mib.IpOutTransmits, 2);
  t.equal(stack.counters().mib.IpExtOutOctets, 143);
  t.equal(forward('198.51.100.7', 104).length, 3);
  stack.addRoute({ to: '203.0.113.0/24', via: '198.51.100.7', attributes: { mtu: 27 } });
  t.strictSame(forward('203.0.113.1', 40), [], 'no room for eight bytes');
  t.strictSame(drops(stack), { ip_frag_needed: 1 });
  t.equal(stack.counters().mib.IpFragFails, 1);
  stack.close();
  t.equal(leftovers(on), '0 packets, 0 timers');
  t.end();
});
