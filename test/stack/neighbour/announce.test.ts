import t from 'tap';
import { closeDevice, openDevice } from '../../../device/netdevice/admin.ts';
import { setMacAddress } from '../../../device/netdevice/change.ts';
import { notifyPeers } from '../../../device/netdevice/peers.ts';
import { unregisterDevice } from '../../../device/netdevice/registry.ts';
import { presetByName } from '../../../stack/neighbour/presets.ts';
import { EventLog } from '../../testing/machine.ts';
import { arpFrame, Bench, ip, PEER } from './bench.ts';

const garp = (ms: number, address: string): string =>
  `${ms} who-has ${address} tell ${address} to ff:ff:ff:ff:ff:ff`;

t.test('28. Carrier returns: zero ARP frames', (t) => {
  for (const notify of [0, 1]) {
    const bench = new Bench();
    const dev = bench.device();
    bench.set('net.ipv4.conf.all.arp_notify', notify);
    dev.carrierOff();
    bench.clock.advance(3000);
    dev.carrierOn();
    bench.clock.advance(60_000);
    t.same(bench.take(), []);
    t.equal(bench.arp.announcer.counters.requested, 0);
    t.same(bench.close(), [0, 0]);
  }
  t.end();
});

t.test('29. arp_notify=0 and notify_peers: seed 0 frames, linux one per address', (t) => {
  const bench = new Bench();
  const dev = bench.device(['192.0.2.1/24', '192.0.2.2/24']);
  notifyPeers(dev);
  t.same(bench.take(), [garp(0, '192.0.2.1'), garp(0, '192.0.2.2')]);
  bench.arp.announcer.preset = presetByName('seed')!;
  notifyPeers(dev);
  t.same(bench.take(), []);
  t.equal(bench.arp.announcer.counters.suppressed.gated, 1);
  bench.set('net.ipv4.conf.all.arp_notify', 1);
  notifyPeers(dev);
  t.same(bench.take(), [garp(0, '192.0.2.1')], 'only the first');
  const ptp = bench.device([], { link: { address: 0x020000000002 } });
  bench.addAddress(ptp, '198.51.100.1/32', { address: ip('198.51.100.2') });
  notifyPeers(ptp);
  t.same(bench.take(), [garp(0, '198.51.100.2')], 'and with the address of the peer');
  bench.arp.announcer.setPreset(ptp, 'linux');
  notifyPeers(ptp);
  t.same(bench.take(), [garp(0, '198.51.100.1')]);
  t.same(bench.close(), [0, 0]);
  t.end();
});

t.test('30. 1 primary and 2 secondaries: 3 GARPs in list order, 42 bytes each', (t) => {
  const bench = new Bench();
  const dev = bench.device(['192.0.2.1/24', '192.0.2.7/24', '192.0.2.3/24']);
  bench.addAddress(dev, '127.0.0.9/8', { scope: 254, flags: 0x40 });
  notifyPeers(dev);
  const { sent } = bench.links.get(dev)!;
  t.equal(sent.length, 4, 'linux: no scope, label or tentative filter');
  for (const [i, spa] of ['c0000201', 'c0000207', 'c0000203', '7f000009'].entries()) {
    t.equal(
      sent[i]!.toString('hex'),
      `ffffffffffff02000000000108060001080006040001020000000001${spa}000000000000${spa}`,
    );
  }
  t.equal(bench.mib.get('ArpOutRequests'), 4);
  t.equal(bench.arp.announcer.counters.sent, 4);
  t.same(bench.close(), [0, 0]);
  t.end();
});

t.test(
  '31, 32. arp_notify=1 on the device or on all: GARP with the new MAC at up and MAC change; none at address add',
  (t) => {
    for (const which of ['all', 'eth0']) {
      const bench = new Bench();
      const dev = bench.device(['192.0.2.1/24'], { down: true });
      bench.set(`net.ipv4.conf.${which}.arp_notify`, 1);
      openDevice(dev);
      t.same(bench.take(), [garp(0, '192.0.2.1')]);
      setMacAddress(dev, 0x020000000042);
      t.equal(
        bench.links.get(dev)!.sent.at(-1)!.toString('hex'),
        'ffffffffffff02000000004208060001080006040001020000000042c0000201000000000000c0000201',
      );
      t.equal(bench.take().length, 1);
      bench.addAddress(dev, '192.0.2.2/24');
      bench.clock.advance(10_000);
      t.same(bench.take(), [], '32');
      t.same(bench.close(), [0, 0]);
    }
    const quiet = new Bench();
    const dev = quiet.device();
    setMacAddress(dev, 0x020000000042);
    t.same(quiet.take(), [], 'arp_notify=0');
    t.same(quiet.close(), [0, 0]);
    t.end();
  },
);

t.test('31. At up without carrier the GARP is lost: tx_dropped per address, as in the kernel', (t) => {
  const bench = new Bench();
  const dev = bench.device(['192.0.2.1/24', '192.0.2.2/24'], { down: true, link: { carrier: false } });
  bench.set('net.ipv4.conf.all.arp_notify', 1);
  openDevice(dev);
  t.equal(dev.statistics.txDropped, 2);
  dev.carrierOn();
  bench.clock.advance(60_000);
  t.same(bench.take(), []);
  t.same(bench.drops(), { no_carrier: 2 });
  t.same(bench.close(), [0, 0]);
  t.end();
});

t.test('34. NOARP: none, whatever the preset', (t) => {
  const bench = new Bench();
  const dev = bench.device(['192.0.2.1/24'], { link: { flags: 0x80 } });
  notifyPeers(dev);
  t.equal(bench.arp.announcer.announce(dev, { preset: 'qemu', frames: 'both' }), -95);
  bench.clock.advance(10_000);
  t.same(bench.take(), []);
  t.equal(bench.arp.announcer.counters.suppressed.noarp, 2);
  t.same(bench.close(), [0, 0]);
  t.end();
});

t.test('35. NOTIFY_PEERS, and the frames, strictly precede RESEND_IGMP', (t) => {
  const bench = new Bench();
  const dev = bench.device();
  const log = new EventLog(-10);
  const order: string[] = [];
  log.verdict = () => {
    order.push(`${log.events.at(-1)} after ${bench.sent.length}`);
  };
  bench.ns.chain.register(log);
  notifyPeers(dev);
  t.same(order, ['NOTIFY_PEERS eth0 after 1', 'RESEND_IGMP eth0 after 1']);
  bench.ns.chain.unregister(log);
  t.same(bench.close(), [0, 0]);
  t.end();
});

t.test('37. QEMU preset: frames at 0, 50, 200, 450, 800 ms; RARP when asked for', (t) => {
  const bench = new Bench();
  const dev = bench.device();
  const { announcer } = bench.arp;
  t.equal(announcer.announce(dev, { preset: 'qemu' }), 0);
  t.equal(announcer.isActive(dev), true);
  bench.clock.advance(5000);
  t.same(
    bench.take(),
    [0, 50, 200, 450, 800].map((ms) => garp(ms, '192.0.2.1')),
  );
  t.equal(announcer.isActive(dev), false);
  announcer.announce(dev, { preset: 'qemu', frames: 'both' });
  bench.clock.advance(100);
  t.same(bench.take(), [
    '5000 rarp 02:00:00:00:00:01 to ff:ff:ff:ff:ff:ff',
    garp(5000, '192.0.2.1'),
    '5050 rarp 02:00:00:00:00:01 to ff:ff:ff:ff:ff:ff',
    garp(5050, '192.0.2.1'),
  ]);
  t.equal(announcer.cancel(dev), true);
  t.equal(announcer.cancel(dev), false);
  bench.clock.advance(5000);
  t.same(bench.take(), [], 'cancelled');
  const bare = bench.device([], { link: { address: 0x020000000002 } });
  t.equal(announcer.announce(bare, { preset: 'qemu' }), -99, 'no address');
  t.equal(announcer.announce(bare, { preset: 'qemu', frames: 'rarp' }), 0, 'which RARP does without');
  bench.clock.advance(5000);
  t.equal(bench.take().length, 5);
  t.equal(announcer.announce(dev, { preset: 'nonesuch' as 'qemu' }), -22);
  t.same(bench.close(), [0, 0]);
  t.end();
});

t.test('keepalived and rfc5227 presets; skipping tentative, loopback and host-scope addresses', (t) => {
  const bench = new Bench();
  const dev = bench.device();
  bench.addAddress(dev, '192.0.2.2/24', { flags: 0x41 });
  bench.addAddress(dev, '192.0.2.3/24', { scope: 254 });
  bench.addAddress(dev, '192.0.2.4/24');
  const { announcer } = bench.arp;
  announcer.announce(dev, { preset: 'rfc5227' });
  bench.clock.advance(10_000);
  t.same(bench.take(), [
    garp(0, '192.0.2.1'),
    garp(0, '192.0.2.4'),
    garp(2000, '192.0.2.1'),
    garp(2000, '192.0.2.4'),
  ]);
  announcer.setPreset(dev, 'keepalived');
  t.equal(announcer.presetOf(dev).name, 'keepalived');
  notifyPeers(dev);
  bench.clock.advance(10_000);
  const one = (ms: number, address: string): string[] =>
    Array<string>(5).fill(
      `${ms} who-has ${address} (ff:ff:ff:ff:ff:ff) tell ${address} to ff:ff:ff:ff:ff:ff`,
    );
  t.same(bench.take(), [
    ...one(10_000, '192.0.2.1'),
    ...one(10_000, '192.0.2.4'),
    ...one(15_000, '192.0.2.1'),
    ...one(15_000, '192.0.2.4'),
  ]);
  announcer.setPreset(dev, {
    ...presetByName('rfc5227')!,
    rounds: 4,
    initialMs: 100,
    backoff: 2,
    maxMs: 300,
    spacingMs: 10,
  });
  notifyPeers(dev);
  bench.clock.advance(10_000);
  t.same(
    bench.take().map((line) => Number.parseFloat(line) - 20_000),
    [0, 10, 110, 120, 320, 330, 630, 640],
    'spacing within a round, backoff between rounds, capped',
  );
  announcer.setPreset(dev, { ...presetByName('rfc5227')!, jitterMs: 100 });
  notifyPeers(dev);
  bench.clock.advance(10_000);
  const jittered = Number.parseFloat(bench.take()[2]!) - 30_000;
  t.ok(jittered > 2000 && jittered < 2100, `${jittered}`);
  t.same(bench.close(), [0, 0]);
  t.end();
});

t.test(
  'without carrier: linux and seed let it die, the others hold one until carrier returns, bounded, once',
  (t) => {
    const bench = new Bench();
    const dev = bench.device();
    bench.set('net.ipv4.conf.all.arp_notify', 1);
    const { announcer } = bench.arp;
    dev.carrierOff();
    bench.clock.advance(2000);
    for (const preset of ['linux', 'seed'] as const) announcer.announce(dev, { preset });
    t.equal(dev.statistics.txDropped, 2);
    t.equal(announcer.isActive(dev), false);
    for (let i = 0; i < 3; i++) t.equal(announcer.announce(dev, { preset: 'qemu' }), 0);
    t.equal(dev.statistics.txDropped, 2, 'nothing more was lost');
    bench.clock.advance(500);
    dev.carrierOn();
    bench.clock.advance(10_000);
    t.same(
      bench.take(),
      [0, 50, 200, 450, 800].map((ms) => garp(2500 + ms, '192.0.2.1')),
      'three requests, one announcement',
    );
    t.equal(announcer.counters.suppressed.coalesced, 2);
    t.equal(announcer.counters.held, 3);
    announcer.announce(dev, { preset: 'qemu' });
    bench.clock.advance(60);
    dev.carrierOff();
    bench.clock.advance(2000);
    dev.carrierOn();
    bench.clock.advance(5000);
    t.equal(bench.take().length, 5, 'one that was cut short goes on where it was');
    dev.carrierOff();
    bench.clock.advance(2000);
    announcer.announce(dev, { preset: 'rfc5227' });
    bench.clock.advance(60_000);
    t.equal(announcer.isActive(dev), false);
    t.equal(announcer.counters.suppressed.hold_expired, 1);
    dev.carrierOn();
    bench.clock.advance(5000);
    t.same(bench.take(), [], 'too late');
    t.same(bench.close(), [0, 0]);
    t.end();
  },
);

t.test('overlapping requests restart, never stack; a token bucket tames a source that runs wild', (t) => {
  const bench = new Bench();
  const dev = bench.device();
  const { announcer } = bench.arp;
  announcer.setPreset(dev, 'qemu');
  notifyPeers(dev);
  bench.clock.advance(60);
  notifyPeers(dev);
  bench.clock.advance(5000);
  t.same(
    bench.take().map((line) => Number.parseFloat(line)),
    [0, 50, 60, 110, 260, 510, 860],
  );
  for (let i = 0; i < 30; i++) notifyPeers(dev);
  t.equal(announcer.counters.suppressed.rate_limited, 20);
  t.equal(bench.take().length, 10);
  bench.clock.advance(2500);
  t.equal(bench.take().length, 4, 'the one under way goes on');
  for (let i = 0; i < 30; i++) notifyPeers(dev);
  t.equal(announcer.counters.suppressed.rate_limited, 48, 'a token a second');
  announcer.setPreset(dev, 'linux');
  bench.take();
  for (let i = 0; i < 50; i++) notifyPeers(dev);
  t.equal(bench.take().length, 50, 'the kernel has no such limit');
  t.same(bench.close(), [0, 0]);
  t.end();
});

t.test('carrier-up as a trigger only when asked for, after a hold-down', (t) => {
  const bench = new Bench();
  const dev = bench.device();
  bench.arp.announcer.carrierHoldDownMs = 1000;
  dev.carrierOff();
  bench.clock.advance(2000);
  dev.carrierOn();
  bench.clock.advance(400);
  dev.carrierOff();
  bench.clock.advance(2000);
  dev.carrierOn();
  bench.clock.advance(999);
  t.same(bench.take(), [], 'a flap starts the hold-down anew');
  bench.clock.advance(1);
  t.same(bench.take(), [garp(5400, '192.0.2.1')]);
  closeDevice(dev);
  openDevice(dev);
  bench.clock.advance(5000);
  t.same(bench.take(), [], 'opening a device is no carrier that came back');
  t.same(bench.close(), [0, 0]);
  t.end();
});

t.test('down and gone: announcements end; save and load: they go on', (t) => {
  const bench = new Bench();
  const dev = bench.device();
  const { announcer } = bench.arp;
  announcer.announce(dev, { preset: 'qemu' });
  bench.clock.advance(60);
  const saved: unknown = JSON.parse(JSON.stringify(announcer.save()));
  closeDevice(dev);
  t.equal(announcer.isActive(dev), false);
  t.equal(announcer.announce(dev, { preset: 'qemu' }), -100, 'ENETDOWN');
  notifyPeers(dev);
  t.equal(dev.statistics.txDropped, 1, 'linux: into the noop discipline');
  unregisterDevice(dev);
  t.same(bench.close(), [0, 0]);
  const other = new Bench();
  other.clock.advance(1000);
  other.device();
  other.arp.announcer.load(saved as ReturnType<typeof announcer.save>);
  other.clock.advance(5000);
  t.same(
    other.take(),
    [1140, 1390, 1740].map((ms) => garp(ms, '192.0.2.1')),
  );
  t.same(other.close(), [0, 0]);
  t.end();
});

t.test(
  '40. RFC 5227: probes in their windows, then 2 announcements 2 s apart; nothing is answered before',
  (t) => {
    for (let seed = 1; seed <= 20; seed++) {
      const bench = new Bench({ seed, arp: { conflictDetection: 'defend' } });
      const dev = bench.device([]);
      const events: string[] = [];
      bench.arp.conflicts.subscribe((event) => events.push(`${bench.clock.now()} ${event.type}`));
      const ifa = bench.addAddress(dev, '192.0.2.1/24');
      t.equal(ifa.flags & 0x40, 0x40, 'tentative');
      bench.receive(dev, arpFrame({ sip: '192.0.2.9', tip: '192.0.2.1' }));
      t.equal(bench.arp.table.size, 0);
      bench.clock.advance(20_000);
      const lines = bench.take();
      const times = lines.map((line) => Number.parseFloat(line));
      t.same(
        lines.map((line) => line.replace(/^\S+ /, '')),
        [
          ...Array<string>(3).fill('who-has 192.0.2.1 tell 0.0.0.0 to ff:ff:ff:ff:ff:ff'),
          ...Array<string>(2).fill('who-has 192.0.2.1 tell 192.0.2.1 to ff:ff:ff:ff:ff:ff'),
        ],
      );
      const [first = -1, second = 0, third = 0, claim = 0, again = 0] = times;
      t.ok(first >= 0 && first <= 1000, 'PROBE_WAIT');
      t.ok(
        second - first >= 1000 && second - first <= 2000 && third - second >= 1000 && third - second <= 2000,
      );
      t.same([claim - third, again - claim], [2000, 2000]);
      t.same(events, ['0 probing', `${claim} claimed`]);
      t.equal(ifa.flags & 0x48, 0);
      t.equal(bench.arp.conflicts.stateOf(dev, ifa.local), 'bound');
      bench.receive(dev, arpFrame({ sip: '192.0.2.9', tip: '192.0.2.1' }));
      t.equal(bench.take().length, 1, 'now it is answered');
      t.same(bench.close(), [0, 0]);
    }
    t.end();
  },
);

t.test(
  '40. RFC 5227: a conflict while probing abandons; our own frames and other addresses are none',
  (t) => {
    const conflicts = [
      arpFrame({ op: 2, sip: '192.0.2.1', tip: '192.0.2.50' }),
      arpFrame({ sip: '192.0.2.1', tip: '192.0.2.1' }),
      arpFrame({ sip: '0.0.0.0', tip: '192.0.2.1' }),
    ];
    for (const frame of conflicts) {
      const bench = new Bench({ arp: { conflictDetection: 'probe' } });
      const dev = bench.device([]);
      const ifa = bench.addAddress(dev, '192.0.2.1/24');
      const events: string[] = [];
      bench.arp.conflicts.subscribe((event) => events.push(`${event.type} ${event.mac === PEER}`));
      bench.clock.advance(1500);
      bench.receive(dev, arpFrame({ sip: '0.0.0.0', tip: '192.0.2.1', sha: dev.address }));
      bench.receive(dev, arpFrame({ sip: '0.0.0.0', tip: '192.0.2.2' }));
      bench.receive(dev, arpFrame({ sip: '192.0.2.9', tip: '192.0.2.1' }));
      t.same(events, []);
      bench.receive(dev, frame);
      t.same(events, ['abandoned true']);
      t.equal(ifa.flags & 0x48, 0x48, 'tentative, and DAD failed');
      bench.take();
      bench.clock.advance(60_000);
      bench.receive(dev, arpFrame({ sip: '192.0.2.9', tip: '192.0.2.1' }));
      t.same(bench.take(), [], 'silent about it');
      bench.arp.conflicts.start(dev, ifa.local);
      bench.clock.advance(60_000);
      t.equal(bench.arp.conflicts.stateOf(dev, ifa.local), 'bound', 'until it is tried again');
      bench.deleteAddress(ifa);
      t.equal(bench.arp.conflicts.watching, false);
      t.same(bench.close(), [0, 0]);
    }
    t.end();
  },
);

t.test('40. RFC 5227: the three defences; a second conflict within 10 s abandons', (t) => {
  const conflict = arpFrame({ op: 2, sip: '192.0.2.1', tip: '192.0.2.50' });
  const rows = [
    ['defend', 'give-up', ['abandoned']],
    ['defend', 'defend-once', ['defended', 'abandoned']],
    ['defend', 'defend-always', ['defended', 'conflict', 'conflict', 'defended']],
    ['probe', 'defend-always', ['conflict', 'conflict', 'conflict', 'conflict']],
    ['off', 'defend-always', []],
  ] as const;
  for (const [mode, defence, expected] of rows) {
    const bench = new Bench({ arp: { defence } });
    const dev = bench.device();
    bench.arp.conflicts.mode = mode;
    const events: string[] = [];
    bench.arp.conflicts.subscribe((event) => events.push(event.type));
    for (const wait of [0, 5000, 4999, 1]) {
      bench.clock.advance(wait);
      bench.receive(dev, conflict);
    }
    t.same(events, expected, `${mode} ${defence}`);
    const defended = events.filter((event) => event === 'defended').length;
    t.same(bench.take(), [garp(0, '192.0.2.1'), garp(10_000, '192.0.2.1')].slice(0, defended));
    t.same(bench.close(), [0, 0]);
  }
  const apart = new Bench({ arp: { conflictDetection: 'defend' } });
  const dev = apart.device([]);
  apart.addAddress(dev, '192.0.2.1/24');
  apart.clock.advance(20_000);
  apart.take();
  for (let i = 0; i < 3; i++) {
    apart.receive(dev, conflict);
    apart.clock.advance(10_000);
  }
  t.equal(apart.take().length, 3, 'defend-once, conflicts 10 s apart: each is answered');
  t.same(apart.close(), [0, 0]);
  t.end();
});

t.test(
  '40. RFC 5227: link-up probes again; after 10 conflicts once a minute; an address before it is ours',
  (t) => {
    const bench = new Bench();
    const dev = bench.device([]);
    const { conflicts } = bench.arp;
    const outcome: string[] = [];
    conflicts.subscribe(({ type }) => outcome.push(`${type} ${Math.floor(bench.clock.now() / 1000)}`));
    conflicts.start(dev, ip('192.0.2.1'));
    bench.clock.advance(20_000);
    t.match(outcome.splice(0), ['probing 0', /^claimed \d$/], 'as a DHCP client does');
    dev.carrierOff();
    bench.clock.advance(2000);
    t.equal(conflicts.stateOf(dev, ip('192.0.2.1')), 'offline');
    bench.clock.advance(98_000);
    dev.carrierOn();
    bench.clock.advance(20_000);
    t.match(outcome.splice(0), ['probing 120', /^claimed 12\d$/]);
    bench.take();
    for (let i = 0; i < 10; i++) {
      conflicts.stop(dev, ip('192.0.2.1'));
      conflicts.start(dev, ip('192.0.2.1'));
      bench.receive(dev, arpFrame({ op: 2, sip: '192.0.2.1', tip: '192.0.2.50' }));
    }
    t.equal(outcome.filter((line) => line.startsWith('abandoned')).length, 10);
    conflicts.start(dev, ip('192.0.2.1'));
    bench.clock.advance(60_000);
    t.same(bench.take(), [], 'RATE_LIMIT_INTERVAL');
    bench.clock.advance(1000);
    t.equal(bench.take().length, 1);
    closeDevice(dev);
    t.equal(conflicts.stateOf(dev, ip('192.0.2.1')), 'offline');
    unregisterDevice(dev);
    t.equal(conflicts.watching, false);
    t.same(bench.close(), [0, 0]);
    t.end();
  },
);
