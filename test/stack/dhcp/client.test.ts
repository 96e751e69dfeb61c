import t from 'tap';
import type { DhcpLease } from '../../../stack/dhcp/client/lease.ts';
import type { SavedDhcpClient } from '../../../stack/dhcp/client/snapshot.ts';
import { DHCP_TABLE } from '../../../stack/dhcp/client/table.ts';
import { parseIpv4 } from '../../../stack/wire/address.ts';
import { DHCPACK, DHCPNAK, DHCPOFFER, dhcpTypeName } from '../../../stack/wire/dhcp.ts';
import {
  arp,
  CLIENT_MAC,
  type ClientBench,
  clientBench,
  ip4,
  SERVER,
  SERVER_MAC,
  seconds,
  udpFrame,
} from './harness.ts';

const UNCHECKED = { checkAddress: false };
const OFFERED = '192.0.2.100';

// @rfc 2131 3.1
t.test('from nothing to a lease: exact bytes of DISCOVER and REQUEST, address and default route', (t) => {
  const bench = clientBench(t, { ...UNCHECKED, hostname: 'left', vendorClass: 'tapir' });
  const [frame] = bench.peer.received;
  const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
  t.equal(
    hex(frame!.subarray(0, 42)),
    [
      'ffffffffffff0200000000020800', // Ethernet
      '45000148000000004011',
      '79a6',
      '00000000ffffffff', // IPv4: 328 bytes, TTL 64, UDP
      '004400430134',
      hex(frame!.subarray(40, 42)), // 68 > 67, 308 bytes
    ].join(''),
  );
  const payload = frame!.subarray(42);
  const xid = hex(payload.subarray(4, 8));
  t.equal(
    hex(payload.subarray(0, 44)),
    `01010600${xid}00000000${'00'.repeat(16)}020000000002${'00'.repeat(10)}`,
  );
  t.equal(
    hex(payload.subarray(236)),
    [
      '63825363',
      '350101',
      '3d0701020000000002',
      '0c046c656674',
      '3c057461706972',
      '390205dc',
      '370d0179032106',
      '0f770c1a1c2a3a3b',
      'ff',
    ]
      .join('')
      .padEnd(128, '0'),
  );
  t.strictSame(bench.next(), [0, '> all 0.0.0.0.68 > 255.255.255.255.67: DISCOVER']);
  t.equal(bench.client.state, 'SELECTING');
  bench.say(DHCPOFFER);
  t.equal(bench.client.state, 'REQUESTING');
  t.strictSame(bench.next(), [
    0,
    '> all 0.0.0.0.68 > 255.255.255.255.67: REQUEST requested 192.0.2.100 server 192.0.2.1',
  ]);
  bench.say(DHCPACK);
  t.equal(bench.client.state, 'BOUND');
  t.strictSame(bench.events, ['bound 192.0.2.100']);
  t.strictSame(bench.addresses(), ['192.0.2.100/24 valid 3600']);
  t.strictSame(bench.routes(), ['0.0.0.0/0 via 192.0.2.1']);
  t.match(bench.client.counters, { discovers: 1, requests: 1, offers: 1, acks: 1, naks: 0, unsent: 0 });
  t.end();
});

// @rfc 2131 4.1
t.test(
  'without an answer DISCOVER is sent after 4, 8, 16, 32, 64, 64 seconds, each up to a second more or less',
  (t) => {
    const bench = clientBench(t, UNCHECKED);
    bench.next();
    const delays = [4, 8, 16, 32, 64, 64].map((expected) => {
      const [after, text] = bench.next();
      t.match(text, 'DISCOVER');
      t.ok(Math.abs(after - expected) <= 1, `${after} s for ${expected} s`);
      return after;
    });
    t.ok(new Set(delays.map((delay) => delay % 1)).size > 3, 'at random');
    t.match(bench.asked.secs, Math.floor(bench.seconds));
    t.end();
  },
);

t.test('a request that is not answered is sent four times; then it begins anew with another xid', (t) => {
  const bench = clientBench(t, UNCHECKED);
  bench.next();
  const { xid } = bench.asked;
  bench.say(DHCPOFFER);
  const types = Array.from({ length: 5 }, () => {
    bench.next();
    return `${dhcpTypeName(bench.asked.type)} ${bench.asked.xid === xid}`;
  });
  t.strictSame(types, [...Array.from({ length: 4 }, () => 'REQUEST true'), 'DISCOVER false']);
  t.end();
});

// @rfc 2131 4.4.5
t.test(
  'T1: renewal by unicast to the server, T2: rebinding by broadcast, expiry: everything is taken away',
  (t) => {
    const bench = clientBench(t, UNCHECKED);
    bench.bind({ leaseTime: 1000 });
    const { renewalTime, rebindingTime } = bench.client.lease!;
    t.ok(renewalTime > 475 && renewalTime <= 500, `T1 ${renewalTime}`);
    t.ok(rebindingTime > 856 && rebindingTime <= 875, `T2 ${rebindingTime}`);
    t.equal(bench.client.state, 'BOUND');
    bench.clock.advance(renewalTime * 1000);
    t.equal(bench.client.state, 'RENEWING');
    t.strictSame(bench.pass(), ['> all ARP who-has 192.0.2.1 tell 192.0.2.100']);
    bench.resolveServer();
    t.strictSame(bench.pass(), [
      '> 02:00:00:00:00:01 192.0.2.100.68 > 192.0.2.1.67: REQUEST ciaddr 192.0.2.100',
    ]);
    const [half] = bench.next();
    t.ok(Math.abs(half - (rebindingTime - renewalTime) / 2) < 0.01, 'half of the time until T2');
    // The server does not answer ARP any more, so that what is sent in between waits for it.
    const asked = /^> all 192.0.2.100.68 > 255.255.255.255.67: REQUEST secs \d+ ciaddr 192.0.2.100$/;
    t.match(bench.next()[1], asked);
    t.equal(bench.client.state, 'REBINDING');
    const { obtainedAt } = bench.client.lease!;
    t.ok(Math.abs(bench.clock.now() + bench.clock.epoch - obtainedAt - rebindingTime * 1000) < 0.01, 'at T2');
    const [minute, text] = bench.next();
    t.equal(Math.round(minute), Math.max(60, Math.round((1000 - rebindingTime) / 2)));
    t.match(text, asked);
    t.strictSame(bench.events, ['bound 192.0.2.100']);
    t.strictSame(bench.routes(), ['0.0.0.0/0 via 192.0.2.1']);
    bench.clock.advance((1000 - rebindingTime - minute) * 1000);
    t.strictSame(bench.events, ['bound 192.0.2.100', 'lost 192.0.2.100']);
    t.strictSame(bench.addresses(), []);
    t.strictSame(bench.routes(), []);
    t.match(bench.pass().at(-1), 'DISCOVER requested 192.0.2.100', 'and it asks for the same address');
    t.end();
  },
);

t.test('a renewal lengthens the lifetimes; one that changes its routes changes them', (t) => {
  const bench = clientBench(t, UNCHECKED);
  bench.bind({ leaseTime: 1000 });
  bench.renew();
  bench.say(DHCPACK, { leaseTime: 2000, options: { 3: ip4('192.0.2.254') } });
  t.equal(bench.client.state, 'BOUND');
  t.strictSame(bench.events, ['bound 192.0.2.100', 'renewed 192.0.2.100']);
  t.match(bench.addresses(), [/valid (199\d|2000)/]);
  t.strictSame(bench.routes(), ['0.0.0.0/0 via 192.0.2.254']);
  bench.clock.advance(900_000);
  t.equal(bench.client.state, 'BOUND');
  t.equal(bench.addresses().length, 1, 'the first lease would be over');
  t.end();
});

t.test('REBINDING takes the answer of another server', (t) => {
  const bench = clientBench(t, UNCHECKED);
  bench.bind({ leaseTime: 1000 });
  bench.clock.advance(900_000);
  t.equal(bench.client.state, 'REBINDING');
  bench.pass();
  bench.say(DHCPACK, { server: '192.0.2.9' });
  t.equal(bench.client.state, 'BOUND');
  t.equal(bench.client.lease?.server, parseIpv4('192.0.2.9'));
  t.end();
});

t.test('RENEWING does not', (t) => {
  const bench = clientBench(t, UNCHECKED);
  bench.bind({ leaseTime: 1000 });
  bench.renew();
  bench.say(DHCPACK, { server: '192.0.2.9' });
  bench.say(DHCPNAK, { server: '192.0.2.9' });
  t.equal(bench.client.state, 'RENEWING');
  t.equal(bench.client.counters.dropped.server, 2);
  bench.say(DHCPNAK);
  t.strictSame(bench.events, ['bound 192.0.2.100', 'lost 192.0.2.100', 'nak']);
  t.strictSame([bench.addresses(), bench.routes()], [[], []]);
  t.match(bench.pass(), ['> all 0.0.0.0.68 > 255.255.255.255.67: DISCOVER'], 'at once, and without a wish');
  t.end();
});

t.test('NAK after NAK is waited for longer and longer', (t) => {
  const bench = clientBench(t, UNCHECKED);
  const delays = Array.from({ length: 5 }, () => {
    const [after] = bench.next();
    bench.say(DHCPOFFER);
    bench.next();
    bench.say(DHCPNAK);
    return after;
  });
  t.strictSame(delays, [0, 0, 1, 2, 4]);
  t.strictSame(
    bench.events,
    Array.from({ length: 5 }, () => 'nak'),
  );
  t.end();
});

// @rfc 5227 2.1
t.test('the address is looked for before it is used, and announced', (t) => {
  const bench = clientBench(t);
  bench.next();
  bench.say(DHCPOFFER);
  bench.next();
  bench.say(DHCPACK);
  t.equal(bench.client.state, 'CHECKING');
  t.strictSame(bench.addresses(), []);
  const frames = bench.pass(9000);
  t.strictSame(frames, [
    ...Array.from({ length: 3 }, () => '> all ARP who-has 192.0.2.100 tell 0.0.0.0'),
    ...Array.from({ length: 2 }, () => '> all ARP who-has 192.0.2.100 tell 192.0.2.100'),
  ]);
  t.equal(bench.client.state, 'BOUND');
  t.strictSame(bench.events, ['bound 192.0.2.100']);
  t.end();
});

// @rfc 2131 3.1
t.test('a conflict: DECLINE, ten seconds, and from the beginning', (t) => {
  const saved: unknown[] = [];
  const bench = clientBench(t, { store: { load: () => null, save: (lease) => saved.push(lease) } });
  bench.next();
  bench.say(DHCPOFFER);
  bench.next();
  bench.say(DHCPACK);
  bench.clock.advanceUntil(() => bench.peer.received.length > 0, 2000);
  bench.pass();
  bench.peer.send(arp(2, '02:00:00:00:00:09', OFFERED, CLIENT_MAC, '0.0.0.0'));
  bench.clock.drain();
  t.strictSame(bench.pass(), [
    '> all 0.0.0.0.68 > 255.255.255.255.67: DECLINE requested 192.0.2.100 server 192.0.2.1',
  ]);
  t.strictSame(bench.asked.options.get(61), Buffer.from('01020000000002', 'hex'));
  t.notOk(bench.asked.options.has(55));
  t.strictSame(bench.events, ['declined 192.0.2.100']);
  t.strictSame(bench.next(), [10, '> all 0.0.0.0.68 > 255.255.255.255.67: DISCOVER']);
  t.equal((saved[0] as DhcpLease).address, parseIpv4(OFFERED));
  t.equal(saved[1], null);
  t.strictSame(bench.addresses(), []);
  t.end();
});

t.test('release: unicast to the server, everything is taken away, and it stops', (t) => {
  const bench = clientBench(t, UNCHECKED);
  bench.bind();
  bench.client.release();
  bench.clock.drain();
  const released = '192.0.2.100.68 > 192.0.2.1.67: RELEASE ciaddr 192.0.2.100 server 192.0.2.1';
  t.strictSame(bench.pass(), [`> all ${released}`], 'in a broadcast frame: the server is no neighbour yet');
  t.strictSame(bench.events, ['bound 192.0.2.100', 'lost 192.0.2.100']);
  t.strictSame([bench.addresses(), bench.routes()], [[], []]);
  t.equal(bench.client.state, 'STOPPED');
  t.strictSame(bench.pass(100_000), []);
  bench.run(UNCHECKED);
  bench.bind();
  bench.peer.send(arp(1, SERVER_MAC, '192.0.2.1', CLIENT_MAC, OFFERED));
  bench.pass();
  bench.client.release();
  t.strictSame(bench.pass(), [`> 02:00:00:00:00:01 ${released}`]);
  t.end();
});

t.test(
  'what a server says beside the address: routes, MTU, name servers; and what was there comes back',
  (t) => {
    const bench = clientBench(t, UNCHECKED);
    bench.stack.dns.setServers(['203.0.113.1']);
    const options = {
      3: ip4('192.0.2.1'),
      6: ip4('192.0.2.53', '192.0.2.54'),
      15: Buffer.from('example\0'),
      26: Uint8Array.of(1400 >> 8, 1400 & 255),
      28: ip4('192.0.2.255'),
      33: ip4('198.51.100.7', '192.0.2.3', '203.0.113.0', '192.0.2.4'),
      42: ip4('192.0.2.123'),
      119: Buffer.from('\x01a\x07example\0\x01b\xc0\x02', 'latin1'),
    };
    bench.bind({ options });
    t.match(bench.client.lease, { domain: 'example', search: ['a.example', 'b.example'], mtu: 1400 });
    t.strictSame(bench.stack.dns.getServers(), ['192.0.2.53', '192.0.2.54']);
    t.equal(bench.dev.mtu, 1400);
    t.strictSame(bench.routes(), [
      '0.0.0.0/0 via 192.0.2.1',
      '203.0.113.0/24 via 192.0.2.4',
      '198.51.100.7/32 via 192.0.2.3',
    ]);
    t.equal(bench.stack.addressesOf('eth0')[0]?.broadcast, parseIpv4('192.0.2.255'));
    bench.client.release();
    t.equal(bench.dev.mtu, 1500);
    t.strictSame(bench.stack.dns.getServers(), ['203.0.113.1']);
    t.end();
  },
);

// @rfc 3442
t.test('classless routes stand for all others; a gateway off the link is reached all the same', (t) => {
  const bench = clientBench(t, { ...UNCHECKED, metric: 5 });
  const routes = Uint8Array.of(0, 192, 0, 2, 254, 24, 198, 51, 100, 203, 0, 113, 1, 16, 10, 7, 0, 0, 0, 0);
  bench.bind({ options: { 121: routes, 33: ip4('1.2.3.4', '192.0.2.3') } });
  t.strictSame(bench.routes(), [
    '0.0.0.0/0 via 192.0.2.254',
    '10.7.0.0/16 via 0.0.0.0',
    '198.51.100.0/24 via 203.0.113.1',
  ]);
  t.end();
});

t.test('without the server: what is missing or wrong in a lease is refused by its reason', (t) => {
  const bench = clientBench(t, UNCHECKED);
  bench.next();
  const { dropped } = bench.client.counters;
  const cases: [() => void, keyof typeof dropped][] = [
    [() => bench.sayBytes(bench.answer(DHCPOFFER).subarray(0, 239)), 'malformed'],
    [() => bench.say(DHCPOFFER, {}, { op: 1 }), 'notReply'],
    [() => bench.say(DHCPOFFER, {}, { xid: (bench.asked.xid ^ 1) >>> 0 }), 'xid'],
    [() => bench.say(DHCPOFFER, {}, { chaddr: Uint8Array.of(2, 0, 0, 0, 0, 3) }), 'hardware'],
    [() => bench.say(DHCPOFFER, {}, { htype: 6 }), 'hardware'],
    [() => bench.say(DHCPOFFER, { options: { 61: Uint8Array.of(1, 2) } }), 'hardware'],
    [() => bench.say(DHCPACK), 'unexpected'],
    [() => bench.say(DHCPNAK), 'unexpected'],
    [() => bench.say(DHCPOFFER, { options: { 54: null } }), 'server'],
    [() => bench.say(DHCPOFFER, { server: '255.255.255.255' }), 'server'],
    [() => bench.say(DHCPOFFER, { options: { 51: null } }), 'lease'],
    [() => bench.say(DHCPOFFER, { options: { 51: seconds(0) } }), 'lease'],
    [() => bench.say(DHCPOFFER, { options: { 1: ip4('255.0.255.0') } }), 'lease'],
    [() => bench.say(DHCPOFFER, { address: '192.0.2.255' }), 'lease'],
    [() => bench.say(DHCPOFFER, { address: '192.0.2.0' }), 'lease'],
    [() => bench.say(DHCPOFFER, { address: '127.0.0.1' }, {}, false), 'lease'],
    [() => bench.say(DHCPOFFER, { address: '224.0.0.9' }, {}, false), 'lease'],
    [() => bench.say(DHCPOFFER, { address: '0.0.0.0' }, {}, false), 'lease'],
  ];
  for (const [say, reason] of cases) {
    const before = dropped[reason];
    say();
    t.equal(dropped[reason], before + 1, reason);
  }
  t.equal(bench.client.state, 'SELECTING');
  bench.say(DHCPOFFER);
  bench.next();
  bench.say(DHCPACK, { address: '192.0.2.101' }, {}, false);
  bench.say(DHCPACK, { server: '192.0.2.9' });
  t.equal(bench.client.state, 'REQUESTING');
  t.match(dropped, { address: 1, server: 3 });
  bench.say(DHCPACK, {}, {}, false);
  t.equal(bench.client.state, 'BOUND', 'by broadcast too');
  t.end();
});

// @rfc 2131 3.2
t.test('restart with a stored lease: INIT-REBOOT, the address of the lease, no server', (t) => {
  let stored: unknown = null;
  const save = (lease: unknown): void => {
    stored = structuredClone(lease);
  };
  const store = { load: () => stored, save };
  const first = clientBench(t, { ...UNCHECKED, store });
  first.bind();
  first.client.close();
  t.strictSame(first.addresses().length, 1, 'what is on the device stays');
  const bench = clientBench(t, { ...UNCHECKED, store }, 2);
  t.equal(bench.client.state, 'REBOOTING');
  t.strictSame(bench.next(), [0, '> all 0.0.0.0.68 > 255.255.255.255.67: REQUEST requested 192.0.2.100']);
  t.strictSame(bench.addresses(), []);
  bench.say(DHCPACK);
  t.strictSame(bench.events, ['bound 192.0.2.100']);
  bench.client.close();
  bench.run({ ...UNCHECKED, store });
  bench.next();
  bench.say(DHCPACK);
  bench.client.release();
  t.strictSame([bench.addresses(), bench.routes()], [[], []], 'what an earlier client left too');
  first.run({ ...UNCHECKED, store });
  first.bind();

  const refused = clientBench(t, { ...UNCHECKED, store }, 3);
  refused.next();
  refused.say(DHCPNAK);
  t.equal(stored, null, 'a NAK: the stored lease is of no use any more');
  t.match(refused.next(), [0, /DISCOVER$/]);
  refused.say(DHCPOFFER);
  refused.next();
  refused.say(DHCPACK);

  const silent = clientBench(t, { ...UNCHECKED, store }, 4);
  const lines = Array.from({ length: 3 }, () => silent.next()[1]);
  t.match(lines, [/REQUEST/, /REQUEST/, /DISCOVER/], 'silence: from the beginning');

  stored = { ...((stored as DhcpLease) ?? first.client.lease), obtainedAt: -4_000_000 };
  t.equal(clientBench(t, { ...UNCHECKED, store }, 5).client.state, 'SELECTING', 'a lease that is over');
  stored = { address: 1 };
  t.equal(clientBench(t, { ...UNCHECKED, store }, 6).client.state, 'SELECTING', 'no lease at all');
  t.end();
});

/** Takes the carrier away for `ms`, and gives what is sent within half a second of its return. */
function flap(bench: ClientBench, ms: number): string[] {
  bench.peer.down();
  bench.clock.advance(ms);
  bench.peer.take();
  bench.peer.up();
  return bench.pass(500);
}

t.test('carrier loss and return: the address stays, and is confirmed', (t) => {
  const bench = clientBench(t, UNCHECKED);
  bench.bind();
  const frames = flap(bench, 5000);
  t.strictSame(frames, ['> all 0.0.0.0.68 > 255.255.255.255.67: REQUEST requested 192.0.2.100']);
  t.equal(bench.client.state, 'REBOOTING');
  t.equal(bench.addresses().length, 1);
  bench.say(DHCPACK);
  t.equal(bench.client.state, 'BOUND');
  t.strictSame(bench.events, ['bound 192.0.2.100', 'renewed 192.0.2.100']);
  flap(bench, 2000);
  bench.say(DHCPNAK);
  t.strictSame(bench.events.slice(2), ['lost 192.0.2.100', 'nak'], 'another network');
  t.strictSame([bench.addresses(), bench.routes()], [[], []]);
  t.end();
});

// @rfc 4436 2
t.test('carrier return: the gateway answers the unicast probe, and the lease goes on at once', (t) => {
  const bench = clientBench(t, UNCHECKED);
  bench.bind();
  bench.stack.ping('198.51.100.1', { count: 1 });
  bench.clock.drain();
  bench.resolveServer();
  bench.pass(100);
  const frames = flap(bench, 5000);
  t.strictSame(frames, [
    '> all 0.0.0.0.68 > 255.255.255.255.67: REQUEST requested 192.0.2.100',
    '> 02:00:00:00:00:01 ARP who-has 192.0.2.1 tell 192.0.2.100',
  ]);
  bench.resolveServer();
  t.equal(bench.client.state, 'BOUND');
  t.strictSame(bench.events, ['bound 192.0.2.100', 'renewed 192.0.2.100']);
  bench.say(DHCPNAK);
  t.strictSame(bench.events.slice(2), ['lost 192.0.2.100', 'nak'], 'but what the server says counts more');

  const other = clientBench(t, UNCHECKED, 2);
  other.bind();
  other.stack.ping('198.51.100.1', { count: 1 });
  other.clock.drain();
  other.resolveServer();
  other.pass(100);
  flap(other, 5000);
  other.resolveServer('02:00:00:00:00:77');
  other.pass(1500);
  t.equal(other.client.state, 'REBOOTING', 'another station is no gateway of ours');
  t.end();
});

t.test('the link is down when it begins; the lease ends while it is down', (t) => {
  const bench = clientBench(t, UNCHECKED);
  bench.bind({ leaseTime: 100 });
  bench.peer.down();
  bench.clock.advance(2000);
  t.equal(bench.client.state, 'INIT-REBOOT');
  bench.clock.advance(100_000);
  t.equal(bench.client.state, 'INIT');
  t.strictSame(bench.events, ['bound 192.0.2.100', 'lost 192.0.2.100']);
  bench.peer.take();
  bench.peer.up();
  t.match(bench.pass(1100), [/DISCOVER requested 192.0.2.100$/]);
  bench.peer.down();
  bench.clock.advance(2000);
  t.equal(bench.client.state, 'INIT', 'and so does one that was only asked for');
  t.end();
});

/** Brings a client into a state. */
const INTO: Readonly<Record<string, (bench: ClientBench) => void>> = {
  SELECTING: (bench) => bench.next(),
  REQUESTING: (bench) => {
    bench.next();
    bench.say(DHCPOFFER);
    bench.next();
  },
  BOUND: (bench) => bench.bind({ leaseTime: 1000 }),
  RENEWING: (bench) => {
    bench.bind({ leaseTime: 1000 });
    bench.renew();
  },
  REBINDING: (bench) => {
    bench.bind({ leaseTime: 1000 });
    bench.pass(900_000);
  },
  'INIT-REBOOT': (bench) => {
    bench.bind({ leaseTime: 1000 });
    bench.peer.down();
    bench.clock.advance(2000);
  },
  REBOOTING: (bench) => {
    bench.bind({ leaseTime: 1000 });
    flap(bench, 2000);
  },
};

/** Goes on until the client has sent something by itself, a minute later at the latest: when, and what. */
function goesOn(bench: ClientBench): [number, string[]] {
  const before = bench.clock.now();
  bench.peer.take();
  bench.clock.advanceUntil(() => bench.peer.received.length > 0, 1_000_000);
  return [Math.round(bench.clock.now() - before), bench.pass()];
}

for (const [state, into] of Object.entries(INTO)) {
  t.test(`saved and loaded in ${state}: the same frames at the same moments`, (t) => {
    const bench = clientBench(t, UNCHECKED);
    into(bench);
    t.equal(bench.client.state, state);
    const saved = JSON.parse(JSON.stringify(bench.client.save())) as SavedDhcpClient;
    const other = clientBench(t, UNCHECKED, 7);
    other.client.close();
    other.clock.advance(12_345);
    if (state === 'INIT-REBOOT') {
      other.peer.down();
      other.clock.advance(2000);
    }
    other.client.load(saved);
    other.client.subscribe((name) => other.events.push(name));
    t.equal(other.client.state, state);
    t.strictSame(other.routes(), bench.routes());
    t.equal(other.addresses().length, bench.addresses().length);
    if (state === 'RENEWING') {
      // The neighbours are moved by others: here they are learnt anew.
      for (const one of [bench, other]) one.stack.setSysctl('net.ipv4.conf.eth0.arp_accept', 1);
      for (const one of [bench, other]) one.resolveServer();
    }
    if (state === 'INIT-REBOOT') for (const one of [bench, other]) one.peer.up();
    const went = goesOn(bench);
    t.ok(went[1].length > 0, went[1].join());
    t.strictSame(goesOn(other), went);
    if (saved.lease === null) return t.end();
    other.clock.advance(1_000_000);
    t.ok(other.events.includes('lost'), 'the lease is over some time');
    t.strictSame([other.addresses(), other.routes(), bench.dev.mtu], [[], [], 1500]);
    t.end();
  });
}

t.test('saved while the address is looked for: that begins again', (t) => {
  const bench = clientBench(t);
  INTO['REQUESTING']!(bench);
  bench.say(DHCPACK);
  bench.clock.advance(2000);
  const saved = JSON.parse(JSON.stringify(bench.client.save())) as SavedDhcpClient;
  const other = clientBench(t, {}, 7);
  other.client.close();
  other.peer.take();
  other.client.load(saved);
  t.equal(other.client.state, 'CHECKING');
  t.equal(other.pass(8000).filter((text) => text.endsWith('tell 0.0.0.0')).length, 3);
  t.equal(other.client.state, 'BOUND');
  t.end();
});

t.test('a store that throws ends nothing', (t) => {
  const fails = (): never => {
    throw new Error('the disk is full');
  };
  const bench = clientBench(t, { ...UNCHECKED, store: { load: () => null, save: fails } });
  bench.bind();
  bench.client.release();
  t.strictSame(bench.events, ['bound 192.0.2.100', 'lost 192.0.2.100']);
  t.end();
});

t.test('a listener that releases the lease of which it is told', (t) => {
  const bench = clientBench(t, UNCHECKED);
  bench.client.subscribe((name) => {
    if (name === 'bound') bench.client.release();
  });
  bench.bind();
  t.equal(bench.client.state, 'STOPPED');
  t.strictSame([bench.addresses(), bench.routes()], [[], []]);
  t.strictSame(bench.pass(100_000), []);
  t.end();
});

t.test('the table: every state can be left, every row can be reached', (t) => {
  const states = new Set(DHCP_TABLE.map(({ to }) => to));
  for (const state of states)
    t.ok(
      DHCP_TABLE.some(({ from, to }) => from.includes(state) && to !== state),
      state,
    );
  for (const [index, row] of DHCP_TABLE.entries()) {
    const hidden = row.from.filter((state) =>
      DHCP_TABLE.slice(0, index).some(
        (other) => other.on === row.on && other.when === 'always' && other.from.includes(state),
      ),
    );
    if (row.on !== 'release') t.strictSame(hidden, [], `row ${index}: ${row.from.join()} ${row.on}`);
  }
  t.end();
});

t.test('more messages in one batch than are waited for', (t) => {
  const bench = clientBench(t, UNCHECKED);
  bench.next();
  const frame = udpFrame(CLIENT_MAC, SERVER_MAC, SERVER, 67, OFFERED, 68, bench.answer(DHCPNAK));
  for (let i = 0; i < 20; i++) {
    const packet = bench.stack.machine.pool.from(frame);
    bench.dev.receive(packet!);
  }
  bench.clock.drain();
  t.match(bench.client.counters.dropped, { unexpected: 16, overrun: 4 });
  t.end();
});

t.test('options that are wrong are named', (t) => {
  const bench = clientBench(t, UNCHECKED);
  bench.client.close();
  t.throws(() => bench.stack.dhcp('eth0', { hostname: 'a b' }), /hostname/);
  t.throws(() => bench.stack.dhcp('eth0', { requestedAddress: '224.0.0.1' }), /requestedAddress/);
  t.throws(() => bench.stack.dhcp('eth0', { clientId: new Uint8Array(1) }), /clientId/);
  t.throws(() => bench.stack.dhcp('lo'), /EOPNOTSUPP|no Ethernet/);
  bench.stack.dhcp('eth0');
  t.throws(() => bench.stack.dhcp('eth0'), /EEXIST/);
  t.end();
});
