import t from 'tap';
import { createVeth } from '../../device/link/veth.ts';
import { createWire } from '../../device/link/wire/wire.ts';
import { LINUX_COMPAT } from '../../device/machine.ts';
import { SeededEntropy } from '../../device/random.ts';
import { createStack, type Stack } from '../../stack/stack.ts';
import { parseIpv4 } from '../../stack/wire/address.ts';
import { TestLink } from '../testing/test-link.ts';
import {
  type Bench,
  bench,
  datagram,
  describe,
  drops,
  icmp,
  inject,
  leftovers,
  pingLog,
  rawDevice,
  rawStack,
  replyLine,
  sent,
} from './ip/harness.ts';

function thrown(run: () => unknown): string {
  try {
    run();
    return 'nothing';
  } catch (error) {
    return (error as Error).message;
  }
}

/** Two stacks on a cable. */
function pair(on: Bench, mtu = 1500): [Stack, Stack] {
  const [left, right] = createVeth(on.machine, { mtu });
  const a = createStack({ machine: on.machine, name: 'a' });
  const b = createStack({ machine: on.machine, name: 'b' });
  a.addDevice(left, { name: 'eth0', addresses: ['192.0.2.1/24'] });
  b.addDevice(right, { name: 'eth0', addresses: ['192.0.2.2/24'] });
  on.clock.advance(0);
  return [a, b];
}

/** a - r - b, r a router, with an MTU of its second cable. */
function line(on: Bench, mtu = 1500): [Stack, Stack, Stack] {
  const [a0, r0] = createVeth(on.machine);
  const [r1, b0] = createVeth(on.machine, { mtu });
  const [a, r, b] = ['a', 'r', 'b'].map((name) => createStack({ machine: on.machine, name })) as [
    Stack,
    Stack,
    Stack,
  ];
  r.setSysctl('net.ipv4.ip_forward', 1);
  a.addDevice(a0, { name: 'eth0', addresses: ['192.0.2.1/24'] });
  r.addDevice(r0, { name: 'eth0', addresses: ['192.0.2.254/24'] });
  r.addDevice(r1, { name: 'eth1', addresses: ['198.51.100.254/24'] });
  b.addDevice(b0, { name: 'eth0', addresses: ['198.51.100.1/24'] });
  a.addRoute({ to: 'default', via: '192.0.2.254' });
  b.addRoute({ to: 'default', via: '198.51.100.254' });
  on.clock.advance(0);
  return [a, r, b];
}

t.test('options are checked, and the error names the one that is wrong', (t) => {
  const on = bench();
  t.equal(
    thrown(() => createStack({ machine: on.machine, entropy: new SeededEntropy(1) })),
    'entropy EINVAL: is the machine’s, which is given too',
  );
  t.equal(
    thrown(() => createStack({ machine: on.machine, compat: LINUX_COMPAT })),
    'compat EINVAL: is the machine’s, which is given too',
  );
  t.equal(
    thrown(() => createStack({ clock: on.clock, pool: on.pool, linkwatchWindowMs: -1 })),
    'linkwatchWindowMs EINVAL: -1 is no number of milliseconds',
  );
  const stack = createStack({ machine: on.machine });
  const bad = (options: Parameters<Stack['addDevice']>[1]): string =>
    thrown(() => stack.addDevice(new TestLink(), options));
  t.equal(bad({ name: 'a/b' }), 'addDevice EINVAL: name a/b');
  t.equal(bad({ name: 'lo' }), 'addDevice EEXIST: name lo');
  t.equal(
    bad({ address: '01:00:00:00:00:00' }),
    'address EINVAL: 01:00:00:00:00:00 is no address of a station',
  );
  t.equal(bad({ addresses: ['192.0.2.1/24', '192.0.2.1/24'] }), 'addAddress EEXIST: 192.0.2.1/24 on eth0');
  t.strictSame(
    stack.ns.devices.map((dev) => dev.name),
    ['lo'],
    'what failed is taken away again',
  );
  t.equal(
    thrown(() => stack.setSysctl('net.ipv4.nothing', 1)),
    'sysctl ENOENT: net.ipv4.nothing=1',
  );
  t.equal(
    thrown(() => stack.setSysctl('net.ipv4.ip_default_ttl', 256)),
    'sysctl EINVAL: net.ipv4.ip_default_ttl=256',
  );
  t.equal(
    thrown(() => stack.ping('nobody')),
    'address EINVAL: nobody is no IPv4 address',
  );
  t.equal(
    thrown(() => stack.ping('192.0.2.1', { size: 65508 })),
    'size EINVAL: 65508 is not between 0 and 65507',
  );
  t.equal(
    thrown(() => stack.ping('192.0.2.1', { count: 0 })),
    'count EINVAL: 0 is no number of requests',
  );
  t.equal(
    thrown(() => stack.device('eth7')),
    'device ENODEV: eth7',
  );
  stack.close();
  stack.close();
  t.equal(leftovers(on), '0 packets, 0 timers');
  t.equal(
    thrown(() => createStack({ machine: on.machine, sysctl: { 'net.ipv4.ip_forward': 2 } })),
    'sysctl EINVAL: net.ipv4.ip_forward=2',
  );
  t.strictSame(on.machine.namespaces, [], 'a stack that could not be made leaves nothing behind');
  t.equal(leftovers(on), '0 packets, 0 timers');
  t.end();
});

t.test('ip_forward and conf.all.forwarding are one switch', (t) => {
  const on = bench();
  const stack = createStack({ machine: on.machine, sysctl: { 'net.ipv4.ip_forward': 1 } });
  const get = (name: string): string | undefined => stack.sysctl.get(`net.ipv4.${name}`);
  t.equal(get('conf.all.forwarding'), '1');
  t.equal(get('conf.default.forwarding'), '1');
  t.equal(get('conf.lo.forwarding'), '1');
  t.equal(get('conf.all.accept_redirects'), '0');
  stack.setSysctl('net.ipv4.conf.all.forwarding', 0);
  t.equal(get('ip_forward'), '0');
  t.equal(get('conf.lo.forwarding'), '0');
  t.equal(get('conf.all.accept_redirects'), '1');
  stack.setSysctl('net.ipv4.conf.lo.forwarding', 1);
  t.equal(get('ip_forward'), '0');
  stack.close();
  t.end();
});

t.test('ping: across a cable, to oneself, by loopback, to nobody', (t) => {
  const on = bench();
  const [a, b] = pair(on);
  const near = pingLog(a, '192.0.2.2', { count: 3, intervalMs: 100 });
  on.clock.advance(200);
  t.strictSame(near.replies.map(replyLine), ['1 reply 192.0.2.2', '2 reply 192.0.2.2', '3 reply 192.0.2.2']);
  t.equal(near.ping.ended, true);
  t.equal(
    near.replies.every((reply) => reply.intact && reply.ttl === 64 && reply.bytes === 64),
    true,
  );
  const others = ['192.0.2.1', '127.0.0.1', '192.0.2.77', '203.0.113.1'].map((to) => pingLog(a, to));
  on.clock.advance(6000);
  t.strictSame(
    others.map(({ replies }) => replies.map(replyLine).join()),
    ['1 reply 192.0.2.1', '1 reply 127.0.0.1', '1 error 192.0.2.1 host unreachable', '1 unsent null'],
  );
  t.equal(others[3]!.replies[0]!.reason, 'ENETUNREACH');
  t.equal(others[2]!.replies[0]!.rttMs, 3000, 'after three requests by ARP');
  const big = pingLog(a, '192.0.2.2', { size: 65507, pattern: Buffer.from([1, 2, 3]) });
  const forbidden = pingLog(a, '192.0.2.2', { size: 2000, dontFragment: true });
  on.clock.advance(0);
  t.equal(big.replies[0]!.intact, true);
  t.equal(forbidden.replies[0]!.reason, 'EMSGSIZE');
  a.close();
  const lost = b.ping('192.0.2.1', { count: 2, intervalMs: 10, timeoutMs: 50 });
  const kinds: string[] = [];
  lost.onReply((reply) => kinds.push(reply.kind));
  on.clock.advance(100);
  t.strictSame(kinds, ['timeout', 'timeout']);
  b.close();
  t.equal(leftovers(on), '0 packets, 0 timers');
  t.end();
});

t.test('ping: round-trip times on the clock, as a promise, and as an iterator', async (t) => {
  const on = bench();
  const wire = createWire(on.machine, { impairment: { delay: 5 } });
  const a = createStack({ machine: on.machine });
  const b = createStack({ machine: on.machine });
  a.addDevice(wire.a, { name: 'eth0', addresses: ['192.0.2.1/24'] });
  b.addDevice(wire.b, { name: 'eth0', addresses: ['192.0.2.2/24'] });
  on.clock.advance(1000);
  const ping = a.ping('192.0.2.2', { count: 3, intervalMs: 100 });
  const done = ping.finished();
  on.clock.advance(1000);
  const summary = await done;
  t.equal(summary.received, 3);
  t.strictSame([summary.minMs, summary.maxMs], [10, 20], 'the first waits for ARP');
  const seen: number[] = [];
  const second = a.ping('192.0.2.2', { count: 5, intervalMs: 100 });
  const reading = (async () => {
    for await (const reply of second) {
      seen.push(reply.sequence);
      if (reply.sequence === 3) break;
    }
  })();
  for (let i = 0; i < 10; i++) {
    on.clock.advance(100);
    await Promise.resolve();
    await Promise.resolve();
    await Promise.resolve();
  }
  await reading;
  t.strictSame(seen, [1, 2, 3]);
  t.equal(second.ended, true, 'leaving the loop ends it');
  await a[Symbol.asyncDispose]();
  b[Symbol.dispose]();
  t.equal(leftovers(on), '0 packets, 0 timers');
});

t.test('a router in the middle: forwarding, TTL, counters', (t) => {
  const on = bench();
  const [a, r, b] = line(on);
  const plain = pingLog(a, '198.51.100.1');
  const short = pingLog(a, '198.51.100.1', { ttl: 1 });
  const nowhere = pingLog(a, '203.0.113.1');
  const absent = pingLog(a, '198.51.100.99');
  on.clock.advance(5000);
  t.strictSame(plain.replies.map(replyLine), ['1 reply 198.51.100.1']);
  t.equal(plain.replies[0]!.ttl, 63);
  t.strictSame(short.replies.map(replyLine), ['1 error 192.0.2.254 time to live exceeded']);
  t.strictSame(nowhere.replies.map(replyLine), ['1 error 192.0.2.254 network unreachable']);
  t.strictSame(absent.replies.map(replyLine), ['1 error 192.0.2.254 host unreachable']);
  const { mib } = r.counters();
  t.equal(mib.IpForwDatagrams, 3);
  t.equal(mib.IpInHdrErrors, 1);
  t.equal(mib.IpExtInNoRoutes, 1);
  t.equal(mib.IcmpOutTimeExcds, 1);
  t.equal(mib.IcmpOutDestUnreachs, 2);
  t.strictSame(drops(r), { neigh_failed: 1, ip_forward_ttl: 1, ip_unreachable: 1 });
  for (const stack of [a, r, b]) stack.close();
  t.equal(leftovers(on), '0 packets, 0 timers');
  t.end();
});

t.test('a router in the middle: path MTU is found', (t) => {
  const on = bench();
  const [a, r, b] = line(on, 1000);
  const forbidden = pingLog(a, '198.51.100.1', { size: 1400, dontFragment: true });
  on.clock.advance(0);
  t.strictSame(forbidden.replies.map(replyLine), ['1 error 192.0.2.254 fragmentation needed']);
  t.equal(forbidden.replies[0]!.info, 1000);
  const after = pingLog(a, '198.51.100.1', { size: 1400 });
  on.clock.advance(0);
  t.strictSame(after.replies.map(replyLine), ['1 reply 198.51.100.1'], 'now in fragments of the sender’s');
  t.equal(a.counters().mib.IpFragCreates, 2);
  t.equal(r.counters().mib.IpFragCreates, 0, 'the router passes them on as they are');
  t.equal(r.counters().mib.IpForwDatagrams, 5);
  for (const stack of [a, r, b]) stack.close();
  t.equal(leftovers(on), '0 packets, 0 timers');
  t.end();
});

t.test('redirects: sent by a router less and less often, followed by a host', (t) => {
  const on = bench();
  const { stack: router, dev, link } = rawStack(on, { addresses: ['192.0.2.1/24'] });
  router.setSysctl('net.ipv4.ip_forward', 1);
  router.addRoute({ to: '203.0.113.0/24', via: '192.0.2.253' });
  const ask = (): string[] => {
    inject(router, dev, datagram({ destination: '203.0.113.9', payload: icmp(8, 0, 1) }));
    return sent(link).map(describe);
  };
  const onward = '192.0.2.2 > 203.0.113.9: ICMP 8/0 len 28 ttl 63';
  const told = '192.0.2.1 > 192.0.2.2: ICMP 5/1 len 56 ttl 64';
  t.strictSame(ask(), [told, onward]);
  t.strictSame(ask(), [onward], 'not twice at once');
  on.clock.advance(41);
  t.strictSame(ask(), [told, onward]);
  on.clock.advance(60);
  t.strictSame(ask(), [onward]);
  let count = 0;
  for (let i = 0; i < 60; i++) {
    on.clock.advance(12_000);
    count += ask().length - 1;
  }
  t.equal(count, 7, 'nine in all to one that does not listen');
  on.clock.advance(21_000);
  t.strictSame(ask(), [told, onward], 'after silence it begins anew');
  router.setSysctl('net.ipv4.conf.all.send_redirects', 0);
  router.setSysctl('net.ipv4.conf.tun0.send_redirects', 0);
  on.clock.advance(30_000);
  t.strictSame(ask(), [onward]);
  router.close();
  t.equal(leftovers(on), '0 packets, 0 timers');
  t.end();
});

t.test('redirects: believed only from the gateway in use, to a neighbour that is there', (t) => {
  const on = bench();
  const { stack: host, dev, link } = rawStack(on, { addresses: ['192.0.2.1/24'] });
  host.addRoute({ to: 'default', via: '192.0.2.254' });
  const redirect = (gateway: string, from = '192.0.2.254', code = 1): string => {
    const quoted = datagram({ source: '192.0.2.1', destination: '203.0.113.9', payload: icmp(8, 0, 1) });
    inject(host, dev, datagram({ source: from, payload: icmp(5, code, parseIpv4(gateway), quoted) }));
    const path = host.routes.output(parseIpv4('203.0.113.9'), 0, 0, 0);
    return typeof path === 'number'
      ? 'none'
      : [...new Uint8Array(new Uint32Array([path.gateway]).buffer)].reverse().join('.');
  };
  t.equal(redirect('192.0.2.253', '192.0.2.9'), '192.0.2.254', 'not from another');
  t.equal(redirect('192.0.2.1'), '192.0.2.254', 'not to ourselves');
  t.equal(redirect('224.0.0.5'), '192.0.2.254');
  t.equal(redirect('192.0.2.254'), '192.0.2.254');
  t.equal(redirect('192.0.2.253', '192.0.2.254', 7), '192.0.2.254', 'unknown code');
  host.setSysctl('net.ipv4.conf.all.accept_redirects', 0);
  host.setSysctl('net.ipv4.conf.tun0.accept_redirects', 0);
  t.equal(redirect('192.0.2.253'), '192.0.2.254');
  host.setSysctl('net.ipv4.conf.tun0.accept_redirects', 1);
  t.equal(redirect('192.0.2.253'), '192.0.2.253');
  on.clock.advance(299_999);
  host.ping('203.0.113.9', { timeoutMs: 0 });
  on.clock.advance(0);
  t.equal(sent(link).length, 1);
  on.clock.advance(1);
  t.equal(redirect('192.0.2.1'), '192.0.2.254', 'forgotten after gc_timeout');
  host.setSysctl('net.ipv4.conf.all.shared_media', 0);
  host.setSysctl('net.ipv4.conf.tun0.shared_media', 0);
  t.equal(redirect('198.51.100.9'), '192.0.2.254', 'not on the link');
  t.equal(redirect('192.0.2.252'), '192.0.2.254', 'secure_redirects: no gateway that is known');
  host.addRoute({ to: '10.0.0.0/8', via: '192.0.2.252' });
  t.equal(redirect('192.0.2.252'), '192.0.2.252');
  t.equal(host.counters().mib.IcmpInRedirects, 11);
  host.close();
  t.equal(leftovers(on), '0 packets, 0 timers');
  t.end();
});

t.test('the same seed gives the same frames', (t) => {
  const run = (): string[] => {
    const on = bench(42);
    const { stack, dev, link } = rawStack(on);
    stack.ping('192.0.2.9', { count: 5, intervalMs: 10, size: 3000 });
    for (let i = 0; i < 10; i++) {
      on.clock.advance(10);
      inject(stack, dev, datagram({ protocol: 200, payload: Buffer.alloc(i) }));
    }
    const frames = sent(link).map((frame) => frame.toString('hex'));
    stack.close();
    return frames;
  };
  const first = run();
  t.equal(first.length > 15, true);
  t.strictSame(run(), first);
  t.end();
});

/** One of each kind of packet that the IP layer looks into. */
function kinds(): Buffer[] {
  const quote = datagram({
    source: '192.0.2.1',
    destination: '203.0.113.9',
    payload: icmp(8, 0, 1, Buffer.alloc(16)),
  });
  const options = [7, 11, 4, 0, 0, 0, 0, 0, 0, 0, 0, 68, 12, 5, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0];
  const route = [131, 11, 4, 198, 51, 100, 7, 192, 0, 2, 9, 0];
  return [
    datagram({ payload: icmp(8, 0, 1, Buffer.alloc(32)) }),
    datagram({ payload: icmp(8, 0, 1, Buffer.alloc(32)), options }),
    datagram({ payload: icmp(8, 0, 1, Buffer.alloc(32)), options: route }),
    datagram({ payload: icmp(8, 0, 1, Buffer.alloc(32)), fragment: 0x2000 }),
    datagram({ payload: Buffer.alloc(24), fragment: 0x0003, options }),
    datagram({ payload: icmp(0, 0, 1, Buffer.alloc(32)) }),
    datagram({ payload: icmp(3, 4, 1400, quote), source: '192.0.2.254' }),
    datagram({ payload: icmp(3, 1, 0, quote), source: '192.0.2.254' }),
    datagram({ payload: icmp(5, 1, 0xc00002fd, quote), source: '192.0.2.254' }),
    datagram({ payload: icmp(11, 0, 0, quote), source: '192.0.2.254' }),
    datagram({ payload: icmp(12, 0, 0x14000000, quote), source: '192.0.2.254' }),
    datagram({ payload: icmp(13, 0, 1, Buffer.alloc(12)) }),
    datagram({ payload: icmp(17, 0, 1, Buffer.alloc(4)) }),
    datagram({ payload: Buffer.alloc(20), protocol: 200 }),
    datagram({ payload: icmp(8, 0, 1), destination: '198.51.100.7' }),
    datagram({ payload: icmp(8, 0, 1), destination: '198.51.100.7', ttl: 1, options }),
    datagram({ payload: icmp(8, 0, 1), destination: '192.0.2.255' }),
    datagram({ payload: icmp(8, 0, 1), destination: '224.0.0.1' }),
  ];
}

function hostileStack(seed: number): { on: Bench; stack: Stack; feed: (frame: Uint8Array) => void } {
  const on = bench(seed);
  const faults: unknown[] = [];
  const { stack, dev, link } = rawStack(on);
  const { link: other } = rawDevice(stack, { name: 'tun1', addresses: ['198.51.100.1/24'], mtu: 100 });
  stack.setSysctl('net.ipv4.ip_forward', 1);
  stack.setSysctl('net.ipv4.conf.all.accept_source_route', 1);
  stack.setSysctl('net.ipv4.icmp_echo_ignore_broadcasts', 0);
  stack.addRoute({ to: 'default', via: '192.0.2.254' });
  const feed = (frame: Uint8Array): void => {
    inject(stack, dev, frame);
    link.sent.length = 0;
    other.sent.length = 0;
    if (faults.length > 0) throw new Error('a listener failed');
  };
  return { on, stack, feed };
}

/** Puts the header's checksum right, so that a mutation reaches the code behind it. */
function repair(frame: Buffer): void {
  const length = Math.min((frame[0]! & 15) * 4, frame.length) & ~1;
  if (length < 20) return;
  frame.writeUInt16BE(0, 10);
  let total = 0;
  for (let i = 0; i < length; i += 2) total += frame.readUInt16BE(i);
  while (total > 0xffff) total = (total & 0xffff) + (total >>> 16);
  frame.writeUInt16BE(~total & 0xffff, 10);
}

t.test('every truncation of every kind of packet', (t) => {
  const { on, stack, feed } = hostileStack(3);
  let frames = 0;
  for (const kind of kinds()) {
    for (let length = 0; length <= kind.length; length++) {
      feed(kind.subarray(0, length));
      const shortened = Buffer.from(kind.subarray(0, length));
      if (length >= 20) {
        shortened.writeUInt16BE(length, 2);
        repair(shortened);
      }
      feed(shortened);
      frames += 2;
    }
  }
  on.clock.advance(60_000);
  t.equal(on.pool.inUse, 0);
  const named = Object.values(drops(stack)).reduce((sum, count) => sum + count, 0);
  t.ok(named > frames / 3, `${named} drops of ${frames} frames have a name`);
  t.notOk(Object.keys(drops(stack)).some((name) => name.startsWith('reason_')));
  stack.close();
  t.equal(leftovers(on), '0 packets, 0 timers');
  t.end();
});

t.test('20,000 seeded mutations: no exception, no leak', (t) => {
  const seed = 20261123;
  const { on, stack, feed } = hostileStack(seed);
  const random = new SeededEntropy(seed);
  const all = kinds();
  for (let i = 0; i < 20_000; i++) {
    const frame = Buffer.from(all[random.below(all.length)]!);
    const changes = 1 + random.below(4);
    for (let change = 0; change < changes; change++) frame[random.below(frame.length)] = random.below(256);
    if (random.chance(0.9)) repair(frame);
    try {
      feed(frame);
    } catch (error) {
      t.fail(`seed ${seed}, frame ${i} ${frame.toString('hex')}: ${(error as Error).stack ?? ''}`);
      break;
    }
    if (i % 100 === 0) on.clock.advance(1000);
  }
  on.clock.advance(60_000);
  t.equal(on.pool.inUse, 0);
  t.equal(stack.ip.reassembly.memory, 0);
  t.ok(Object.keys(drops(stack)).length > 15, Object.keys(drops(stack)).join(' '));
  stack.close();
  t.equal(leftovers(on), '0 packets, 0 timers');
  t.end();
});

t.test('an empty pool drops and counts, and the stack recovers', (t) => {
  const on = bench(1, 8);
  const { stack, dev, link } = rawStack(on);
  const held = Array.from({ length: 7 + 8 }, () => on.pool.alloc(100)!);
  inject(stack, dev, datagram({ protocol: 200, payload: Buffer.alloc(8) }));
  t.strictSame(sent(link), []);
  t.equal(drops(stack)['pool_exhausted'], 1);
  const { replies } = pingLog(stack, '192.0.2.9', { timeoutMs: 10 });
  held.push(on.pool.alloc(100)!);
  on.clock.advance(20);
  t.equal(replies[0]!.reason, 'ENOBUFS');
  for (const packet of held) packet.release();
  inject(stack, dev, datagram({ payload: icmp(8, 0, 1) }));
  t.equal(sent(link).length, 1);
  stack.close();
  t.equal(leftovers(on), '0 packets, 0 timers');
  t.end();
});
