import fc from 'fast-check';
import t from 'tap';
import { formatMac } from '../../../device/frame/mac.ts';
import { LINUX_COMPAT } from '../../../device/machine.ts';
import { changeFlags, closeDevice } from '../../../device/netdevice/admin.ts';
import { changeName, setMacAddress } from '../../../device/netdevice/change.ts';
import { IFF_NOARP } from '../../../device/netdevice/flags.ts';
import { unregisterDevice } from '../../../device/netdevice/registry.ts';
import { configureNeighbour, deleteNeighbour, flushNeighbours } from '../../../stack/neighbour/configure.ts';
import { Neighbour, NO_ADDRESS } from '../../../stack/neighbour/neighbour.ts';
import { NETEVENT_NEIGH_UPDATE } from '../../../stack/neighbour/netevent.ts';
import {
  judgeUpdate,
  NEIGH_UPDATE_F_ADMIN,
  NEIGH_UPDATE_F_OVERRIDE,
  NEIGH_UPDATE_F_WEAK_OVERRIDE,
  NUD_CONNECTED,
  NUD_DELAY,
  NUD_FAILED,
  NUD_IN_TIMER,
  NUD_INCOMPLETE,
  NUD_NOARP,
  NUD_NONE,
  NUD_PERMANENT,
  NUD_PROBE,
  NUD_REACHABLE,
  NUD_STALE,
  NUD_TABLE,
  NUD_VALID,
  nudName,
  nudState,
} from '../../../stack/neighbour/nud.ts';
import { loadNeighbours, saveNeighbours } from '../../../stack/neighbour/snapshot.ts';
import { formatIpv4 } from '../../../stack/wire/address.ts';
import { arpFrame, Bench, ip, PEER } from './bench.ts';

const STATES = [
  NUD_NONE,
  NUD_INCOMPLETE,
  NUD_REACHABLE,
  NUD_STALE,
  NUD_DELAY,
  NUD_PROBE,
  NUD_FAILED,
  NUD_NOARP,
  NUD_PERMANENT,
];

/** Sets entry 192.0.2.9 to a state as a user does. */
function given(bench: Bench, dev: Parameters<Bench['state']>[0], state: number, address = '192.0.2.9'): void {
  const result = configureNeighbour(bench.arp.table, dev, ip(address), 'replace', { mac: PEER, state });
  if (result !== 0) throw new Error(`configureNeighbour: ${result}`);
}

t.test(
  "the table: every state has an answer to output, timer states to their timer, numbers are Linux's",
  (t) => {
    for (const state of STATES) {
      const output = NUD_TABLE.filter((row) => row.on === 'output' && row.from.includes(state));
      t.equal(output.at(-1)?.when, 'always', `${nudName(state)} always answers output`);
      const timer = NUD_TABLE.filter((row) => row.on === 'timer' && row.from.includes(state));
      t.equal(
        timer.at(-1)?.when,
        (state & NUD_IN_TIMER) === 0 ? undefined : 'always',
        `${nudName(state)} timer`,
      );
      t.equal(nudState(nudName(state).toLowerCase()), state);
    }
    for (const row of NUD_TABLE) {
      if (row.timer === 'stop')
        t.equal(row.to & NUD_IN_TIMER, 0, `${row.on} to ${nudName(row.to)} stops the timer`);
      if (row.timer !== 'stop' && row.timer !== 'keep') t.not(row.to & NUD_IN_TIMER, 0);
    }
    t.same(STATES, [0, 1, 2, 4, 8, 16, 32, 64, 128]);
    t.equal(NUD_VALID, 0xde);
    t.equal(NUD_CONNECTED, 0xc2);
    t.end();
  },
);

// @rfc 1122 2.3.2.1
t.test('46. Unresolved: requests at 0, 1, 2 s; at 3 s FAILED, and each queued packet errors', (t) => {
  const bench = new Bench();
  const dev = bench.device();
  t.equal(bench.send(dev, '192.0.2.9', 7), 0);
  bench.clock.advance(1500);
  bench.send(dev, '192.0.2.9', 8);
  t.equal(bench.state(dev, '192.0.2.9'), 'INCOMPLETE 00:00:00:00:00:00');
  bench.clock.advance(1499.999);
  t.same(bench.failed, []);
  bench.clock.advance(0.001);
  t.same(bench.take(), [
    '0 who-has 192.0.2.9 tell 192.0.2.1 to ff:ff:ff:ff:ff:ff',
    '1000 who-has 192.0.2.9 tell 192.0.2.1 to ff:ff:ff:ff:ff:ff',
    '2000 who-has 192.0.2.9 tell 192.0.2.1 to ff:ff:ff:ff:ff:ff',
  ]);
  t.same(bench.failed, ['3000 #7', '3000 #8']);
  t.equal(bench.state(dev, '192.0.2.9'), 'FAILED 00:00:00:00:00:00');
  t.same(bench.drops(), { neigh_failed: 2 });
  t.equal(bench.mib.get('NeighResFailed'), 1);
  t.equal(bench.mib.get('ArpOutRequests'), 3);
  bench.send(dev, '192.0.2.9', 9);
  t.equal(bench.state(dev, '192.0.2.9'), 'INCOMPLETE 00:00:00:00:00:00', 'the next packet tries again');
  t.same(bench.close(), [0, 0]);
  t.same(bench.drops(), { neigh_failed: 2, neigh_dead: 1 });
  t.end();
});

t.test('46. With HZ=250 and the 10 ms floor probes come on jiffies', (t) => {
  const bench = new Bench({ compat: LINUX_COMPAT });
  const dev = bench.device();
  bench.clock.advance(1.5);
  bench.set(`net.ipv4.neigh.${dev.name}.retrans_time_ms`, 1);
  bench.send(dev, '192.0.2.9');
  bench.clock.advance(100);
  t.same(
    bench.take().map((line) => Number.parseFloat(line)),
    [1.5, 12, 24],
  );
  t.same(bench.failed, ['36 #1']);
  t.same(bench.close(), [0, 0]);
  t.end();
});

t.test('47. STALE + output: the packet leaves at once; unicast probes at 5, 6, 7 s; FAILED at 8 s', (t) => {
  const bench = new Bench();
  const dev = bench.device();
  given(bench, dev, NUD_STALE);
  bench.clock.advance(100);
  bench.send(dev, '192.0.2.9', 5);
  t.same(bench.take(), ['100 ip 192.0.2.9 #5 to 02:00:00:00:00:99']);
  t.equal(bench.state(dev, '192.0.2.9'), 'DELAY 02:00:00:00:00:99');
  bench.clock.advance(6000);
  t.equal(bench.state(dev, '192.0.2.9'), 'PROBE 02:00:00:00:00:99');
  bench.send(dev, '192.0.2.9', 6);
  bench.clock.advance(1999);
  t.equal(bench.state(dev, '192.0.2.9'), 'PROBE 02:00:00:00:00:99');
  bench.clock.advance(1);
  t.equal(bench.state(dev, '192.0.2.9'), 'FAILED 02:00:00:00:00:99');
  t.same(bench.take(), [
    '5100 who-has 192.0.2.9 tell 192.0.2.1 to 02:00:00:00:00:99',
    '6100 who-has 192.0.2.9 tell 192.0.2.1 to 02:00:00:00:00:99',
    '6100 ip 192.0.2.9 #6 to 02:00:00:00:00:99',
    '7100 who-has 192.0.2.9 tell 192.0.2.1 to 02:00:00:00:00:99',
  ]);
  t.same(bench.close(), [0, 0]);
  t.end();
});

t.test(
  'a learnt address sends what waited, in order, and the entry goes its way: STALE, DELAY, REACHABLE',
  (t) => {
    const bench = new Bench();
    const dev = bench.device();
    bench.send(dev, '192.0.2.9', 1);
    bench.send(dev, '192.0.2.9', 2);
    bench.clock.advance(10);
    bench.receive(dev, arpFrame({ op: 2, sip: '192.0.2.9', tip: '192.0.2.1' }));
    t.same(bench.take(), [
      '0 who-has 192.0.2.9 tell 192.0.2.1 to ff:ff:ff:ff:ff:ff',
      '10 ip 192.0.2.9 #1 to 02:00:00:00:00:99',
      '10 ip 192.0.2.9 #2 to 02:00:00:00:00:99',
    ]);
    t.equal(bench.state(dev, '192.0.2.9'), 'REACHABLE 02:00:00:00:00:99');
    const entry = bench.entry(dev, '192.0.2.9')!;
    const { reachableTime } = entry.parms;
    t.ok(reachableTime >= 15_000 && reachableTime < 45_000, `reachable for ${reachableTime} ms`);
    bench.clock.advance(reachableTime - 0.001);
    t.equal(entry.state, NUD_REACHABLE);
    bench.clock.advance(0.001);
    t.equal(entry.state, NUD_STALE, 'expired, unused');
    bench.send(dev, '192.0.2.9', 3);
    t.equal(entry.state, NUD_DELAY);
    bench.clock.advance(1000);
    entry.confirm();
    bench.clock.advance(4000);
    t.equal(entry.state, NUD_REACHABLE, 'confirmed within the delay');
    bench.clock.advance(reachableTime - 4000);
    t.equal(entry.state, NUD_STALE);
    given(bench, dev, NUD_REACHABLE);
    entry.use();
    t.equal(entry.state, NUD_REACHABLE);
    bench.clock.advance(reachableTime - 100);
    entry.use();
    bench.clock.advance(100);
    t.equal(entry.state, NUD_DELAY, 'expired, used within delay_first_probe_time');
    t.same(bench.close(), [0, 0]);
    t.end();
  },
);

t.test('REACHABLE is prolonged by confirmation, exactly', (t) => {
  const bench = new Bench();
  const dev = bench.device();
  given(bench, dev, NUD_REACHABLE);
  const entry = bench.entry(dev, '192.0.2.9')!;
  bench.clock.advance(entry.parms.reachableTime / 2);
  entry.confirm();
  bench.clock.advance(entry.parms.reachableTime - 0.001);
  t.equal(entry.state, NUD_REACHABLE);
  bench.clock.advance(0.001);
  t.equal(entry.state, NUD_STALE);
  t.same(bench.close(), [0, 0]);
  t.end();
});

t.test(
  'probe counts: mcast_solicit 0 fails at once, app_solicit asks a program, mcast_resolicit broadcasts again',
  (t) => {
    const bench = new Bench();
    const dev = bench.device();
    const dir = `net.ipv4.neigh.${dev.name}`;
    bench.set(`${dir}.mcast_solicit`, 0);
    bench.send(dev, '192.0.2.9', 1);
    t.equal(bench.state(dev, '192.0.2.9'), 'FAILED 00:00:00:00:00:00');
    t.same(bench.drops(), { neigh_failed: 1 });
    t.same(bench.failed, [], 'the refused packet itself gets no error, as in Linux');
    t.same(bench.take(), []);
    bench.set(`${dir}.mcast_solicit`, 1);
    bench.set(`${dir}.app_solicit`, 2);
    const asked: string[] = [];
    bench.arp.ops.appSolicit = (entry) => asked.push(`${bench.clock.now()} ${formatIpv4(entry.key)}`);
    bench.send(dev, '192.0.2.10', 1);
    bench.clock.advance(3000);
    t.same(asked, ['0 192.0.2.10', '1000 192.0.2.10']);
    t.same(bench.take(), ['2000 who-has 192.0.2.10 tell 192.0.2.1 to ff:ff:ff:ff:ff:ff']);
    t.equal(bench.state(dev, '192.0.2.10'), 'FAILED 00:00:00:00:00:00');
    bench.set(`${dir}.app_solicit`, 0);
    bench.set(`${dir}.ucast_solicit`, 1);
    bench.set(`${dir}.mcast_resolicit`, 1);
    given(bench, dev, NUD_PROBE);
    bench.clock.advance(2000);
    t.same(bench.take(), [
      '3000 who-has 192.0.2.9 tell 192.0.2.1 to 02:00:00:00:00:99',
      '4000 who-has 192.0.2.9 tell 192.0.2.1 to ff:ff:ff:ff:ff:ff',
    ]);
    t.equal(bench.state(dev, '192.0.2.9'), 'FAILED 02:00:00:00:00:99');
    bench.set(`${dir}.ucast_solicit`, 0);
    bench.set(`${dir}.mcast_resolicit`, 0);
    given(bench, dev, NUD_DELAY);
    bench.clock.advance(1);
    t.equal(bench.state(dev, '192.0.2.9'), 'FAILED 02:00:00:00:00:99', 'no probe allowed: DELAY fails');
    t.same(bench.close(), [0, 0]);
    t.end();
  },
);

// @rfc 1122 2.3.2.2
t.test('48. A byte-full unresolved queue drops the oldest; the newest survives', (t) => {
  const bench = new Bench();
  const dev = bench.device();
  bench.set(`net.ipv4.neigh.${dev.name}.unres_qlen_bytes`, 100);
  for (let mark = 1; mark <= 4; mark++) bench.send(dev, '192.0.2.9', mark);
  const entry = bench.entry(dev, '192.0.2.9')!;
  t.equal(entry.queue.length, 2);
  t.equal(entry.queue.bytes, 80);
  t.equal(bench.mib.get('NeighUnresDiscards'), 2);
  t.same(bench.drops(), { neigh_queue_full: 2 });
  entry.queue.push(bench.packet('192.0.2.9', 5, '192.0.2.1', 500), 100, dev);
  t.equal(entry.queue.length, 1, 'one that is larger than the limit is held alone');
  bench.send(dev, '192.0.2.9', 6);
  bench.receive(dev, arpFrame({ op: 2, sip: '192.0.2.9', tip: '192.0.2.1' }));
  t.same(bench.take().slice(1), ['0 ip 192.0.2.9 #6 to 02:00:00:00:00:99']);
  t.same(bench.close(), [0, 0]);
  const truesize = new Bench({ compat: { unresolvedByTruesize: true } });
  const other = truesize.device();
  truesize.set(`net.ipv4.neigh.${other.name}.unres_qlen_bytes`, 3 * 2048);
  for (let mark = 1; mark <= 5; mark++) truesize.send(other, '192.0.2.9', mark);
  t.equal(truesize.entry(other, '192.0.2.9')!.queue.length, 3, 'by buffers');
  t.same(truesize.close(), [0, 0]);
  t.end();
});

t.test('48. Waiting packets never hold more than half of the pool', (t) => {
  const bench = new Bench({ small: 40, large: 4 });
  const dev = bench.device();
  for (let host = 10; host < 50; host++) bench.send(dev, `192.0.2.${host}`, host);
  t.equal(bench.arp.table.unresolved, 22);
  t.equal(bench.pool.inUse, 22);
  t.same(bench.drops(), { neigh_queue_full: 18 });
  bench.clock.advance(10_000);
  t.equal(bench.arp.table.unresolved, 0);
  t.same(bench.close(), [0, 0]);
  t.end();
});

t.test('the update rules: what becomes of each state, address and flag', (t) => {
  const OVERRIDE = NEIGH_UPDATE_F_OVERRIDE;
  const WEAK = NEIGH_UPDATE_F_WEAK_OVERRIDE;
  const ADMIN = NEIGH_UPDATE_F_ADMIN;
  const rows: [number, number, 'none' | 'same' | 'other', number, string][] = [
    [NUD_PERMANENT, NUD_REACHABLE, 'other', OVERRIDE, 'refuse'],
    [NUD_NOARP, NUD_STALE, 'same', 0, 'refuse'],
    [NUD_PERMANENT, NUD_FAILED, 'none', OVERRIDE, 'refuse'],
    [NUD_PERMANENT, NUD_REACHABLE, 'other', OVERRIDE | ADMIN, 'take'],
    [NUD_REACHABLE, NUD_FAILED, 'none', ADMIN, 'invalidate'],
    [NUD_INCOMPLETE, NUD_REACHABLE, 'none', 0, 'invalid'],
    [NUD_INCOMPLETE, NUD_REACHABLE, 'other', 0, 'take'],
    [NUD_FAILED, NUD_STALE, 'other', 0, 'take'],
    [NUD_REACHABLE, NUD_REACHABLE, 'other', 0, 'ignore'],
    [NUD_STALE, NUD_REACHABLE, 'other', WEAK, 'ignore'],
    [NUD_REACHABLE, NUD_REACHABLE, 'other', WEAK, 'suspect'],
    [NUD_REACHABLE, NUD_REACHABLE, 'other', WEAK | OVERRIDE, 'take'],
    [NUD_REACHABLE, NUD_STALE, 'same', OVERRIDE, 'keepState'],
    [NUD_REACHABLE, NUD_STALE, 'same', OVERRIDE | ADMIN, 'take'],
    [NUD_REACHABLE, NUD_STALE, 'other', OVERRIDE, 'take'],
    [NUD_STALE, NUD_REACHABLE, 'same', 0, 'take'],
    [NUD_PROBE, NUD_REACHABLE, 'none', 0, 'take'],
  ];
  for (const [old, proposed, address, flags, verdict] of rows) {
    const name = `${nudName(old)} <- ${nudName(proposed)} ${address} flags ${flags}`;
    t.equal(judgeUpdate(old, proposed, address, flags), verdict, name);
  }
  t.end();
});

t.test('update: timestamps, refused address refreshes confirmed, updated moves on real change only', (t) => {
  const bench = new Bench();
  const dev = bench.device();
  given(bench, dev, NUD_STALE);
  const entry = bench.entry(dev, '192.0.2.9')!;
  const other = PEER + 1;
  bench.clock.advance(1000);
  t.equal(entry.update(other, NUD_REACHABLE, 0), 0);
  t.equal(entry.mac, PEER);
  t.equal(entry.state, NUD_STALE);
  t.equal(entry.confirmed, 1000, 'a refused address still confirms');
  t.equal(entry.updated, 0, 'but is no change');
  bench.clock.advance(1000);
  entry.update(PEER, NUD_STALE, NEIGH_UPDATE_F_OVERRIDE);
  t.equal(entry.updated, 0);
  entry.update(other, NUD_STALE, NEIGH_UPDATE_F_OVERRIDE);
  t.equal(entry.updated, 2000);
  t.equal(entry.confirmed, 2000 - 60_000, 'a new address that is not confirmed forgets the old confirmation');
  entry.update(other, NUD_REACHABLE, 0);
  t.equal(entry.state, NUD_REACHABLE);
  entry.update(PEER, NUD_REACHABLE, NEIGH_UPDATE_F_WEAK_OVERRIDE);
  t.equal(entry.state, NUD_STALE);
  t.equal(entry.mac, other);
  given(bench, dev, NUD_PERMANENT);
  t.equal(entry.update(other, NUD_REACHABLE, NEIGH_UPDATE_F_OVERRIDE), -1, 'EPERM');
  bench.arp.table.remove(entry);
  t.equal(entry.update(other, NUD_REACHABLE, NEIGH_UPDATE_F_OVERRIDE), -22, 'a dead entry');
  t.same(bench.close(), [0, 0]);
  t.end();
});

t.test('49. 1024 fresh entries, one more is -ENOBUFS; PERMANENT ones are not counted', (t) => {
  const bench = new Bench({ small: 3000 });
  const dev = bench.device(['10.0.0.1/8']);
  for (let i = 0; i < 20; i++) given(bench, dev, NUD_PERMANENT, `10.9.0.${i + 1}`);
  for (let i = 0; i < 1024; i++) t.equal(bench.send(dev, formatIpv4(ip('10.1.0.0') + i), 1, '10.0.0.1'), 0);
  t.equal(bench.arp.table.size, 1044);
  t.equal(bench.arp.table.collectable, 1024);
  t.equal(bench.arp.nextHop(dev, ip('10.2.0.1')), null);
  t.equal(bench.arp.table.create(dev, ip('10.2.0.1'), false), -105);
  t.equal(bench.mib.get('NeighTableFulls'), 2);
  given(bench, dev, NUD_PERMANENT, '10.9.1.1');
  t.equal(bench.arp.table.size, 1045, 'a permanent one still fits');
  bench.clock.advance(3000);
  t.not(bench.arp.nextHop(dev, ip('10.2.0.1')), null, 'failed ones make room');
  t.equal(bench.mib.get('NeighForcedGcRuns') >= 3, true);
  t.equal(bench.arp.table.collectable, 512 + 0, 'down to gc_thresh2 and the new one');
  t.same(bench.close(), [0, 0]);
  t.end();
});

t.test('49. Above gc_thresh2 a collection runs at most every 5 s and spares what changed within 5 s', (t) => {
  const bench = new Bench();
  const dev = bench.device();
  bench.set('net.ipv4.neigh.default.gc_thresh2', 2);
  for (const host of ['192.0.2.10', '192.0.2.11', '192.0.2.12']) given(bench, dev, NUD_STALE, host);
  t.equal(bench.mib.get('NeighForcedGcRuns'), 1);
  t.equal(bench.arp.table.size, 3, 'all too young');
  bench.clock.advance(5000.001);
  given(bench, dev, NUD_STALE, '192.0.2.13');
  t.equal(bench.mib.get('NeighForcedGcRuns'), 2);
  t.equal(bench.state(dev, '192.0.2.10'), 'none');
  t.equal(bench.state(dev, '192.0.2.11'), 'none', 'two of three for a new one: back to the threshold');
  t.equal(bench.state(dev, '192.0.2.12'), 'STALE 02:00:00:00:00:99');
  t.same(bench.close(), [0, 0]);
  t.end();
});

t.test('50. 100 idle entries for an hour all remain; 128 go once unused for gc_stale_time', (t) => {
  const bench = new Bench();
  const dev = bench.device();
  for (let i = 0; i < 100; i++) given(bench, dev, NUD_STALE, `192.0.2.${i + 100}`);
  bench.clock.advance(3_600_000);
  t.equal(bench.arp.table.size, 100);
  t.equal(bench.mib.get('NeighPeriodicGcRuns'), 240, 'every half base_reachable_time');
  for (let i = 0; i < 27; i++) given(bench, dev, NUD_STALE, `192.0.2.${i + 10}`);
  given(bench, dev, NUD_PERMANENT, '192.0.2.50');
  configureNeighbour(bench.arp.table, dev, ip('192.0.2.51'), 'add', {
    mac: PEER,
    state: NUD_STALE,
    externallyLearned: true,
  });
  t.equal(bench.arp.table.size, 129);
  bench.clock.advance(15_000);
  t.equal(bench.arp.table.size, 29, 'unused ones go; 27 young, a permanent and a learnt one stay');
  bench.clock.advance(600_000);
  t.equal(bench.arp.table.size, 29, 'below gc_thresh1 nothing goes');
  t.same(bench.close(), [0, 0]);
  t.end();
});

t.test('18. A MAC change: all neighbours incl. PERMANENT vanish, proxy entries stay', (t) => {
  const bench = new Bench();
  const dev = bench.device();
  const second = bench.device(['198.51.100.1/24'], { link: { address: 0x020000000002 } });
  given(bench, dev, NUD_PERMANENT);
  given(bench, dev, NUD_REACHABLE, '192.0.2.10');
  given(bench, second, NUD_REACHABLE, '198.51.100.9');
  bench.arp.proxies.add(dev, ip('192.0.2.77'), true);
  t.equal(setMacAddress(dev, 0x020000000042), 0);
  t.equal(bench.state(dev, '192.0.2.9'), 'none');
  t.equal(bench.state(dev, '192.0.2.10'), 'none');
  t.equal(
    bench.state(second, '198.51.100.9'),
    'REACHABLE 02:00:00:00:00:99',
    'the other device keeps its own',
  );
  t.equal(bench.arp.proxies.entries().length, 1);
  given(bench, dev, NUD_REACHABLE);
  bench.send(dev, '192.0.2.9', 3);
  const frame = bench.links.get(dev)!.sent.at(-1)!;
  t.equal(frame.subarray(0, 14).toString('hex'), '0200000000990200000000420800', 'the new header');
  t.same(bench.close(), [0, 0]);
  t.end();
});

t.test('19. NOARP toggled on an up device flushes neighbours; then everything resolves by itself', (t) => {
  const bench = new Bench();
  const dev = bench.device();
  given(bench, dev, NUD_PERMANENT);
  bench.send(dev, '192.0.2.10', 1);
  changeFlags(dev, dev.flags | IFF_NOARP);
  t.equal(bench.arp.table.size, 0);
  t.same(bench.drops(), { neigh_dead: 1 });
  bench.take();
  bench.send(dev, '192.0.2.9', 4);
  t.same(bench.take(), ['0 ip 192.0.2.9 #4 to 02:00:00:00:00:01']);
  t.equal(bench.state(dev, '192.0.2.9'), 'NOARP 02:00:00:00:00:01');
  changeFlags(dev, dev.flags & ~IFF_NOARP);
  t.equal(bench.arp.table.size, 0);
  t.same(bench.close(), [0, 0]);
  t.end();
});

t.test(
  '22, 24, 25. Carrier loss: dynamic entries go, PERMANENT stay, a coalesced flap spares all, the sysctl too',
  (t) => {
    const fill = (bench: Bench): ReturnType<Bench['device']> => {
      const dev = bench.device();
      given(bench, dev, NUD_PERMANENT);
      given(bench, dev, NUD_NOARP, '192.0.2.10');
      given(bench, dev, NUD_REACHABLE, '192.0.2.11');
      bench.send(dev, '192.0.2.12', 1);
      bench.arp.proxies.add(dev, ip('192.0.2.77'), true);
      bench.arp.proxies.add(dev, ip('192.0.2.78'), false);
      bench.clock.advance(1);
      return dev;
    };
    const bench = new Bench();
    const dev = fill(bench);
    dev.carrierOff();
    dev.carrierOn();
    bench.clock.drain();
    t.equal(bench.arp.table.size, 4, '22: off and on in one window');
    dev.carrierOff();
    bench.clock.advance(1000);
    t.same(
      bench.arp.table.entries().map((entry) => bench.state(dev, formatIpv4(entry.key))),
      ['PERMANENT 02:00:00:00:00:99'],
      '24',
    );
    t.same(
      bench.arp.proxies.entries().map(({ key }) => formatIpv4(key)),
      ['192.0.2.77'],
    );
    t.same(bench.failed, [], 'what waited vanishes without an error');
    t.same(bench.drops(), { neigh_dead: 1 });
    t.same(bench.close(), [0, 0]);
    for (const which of ['all', 'eth0']) {
      const spared = new Bench();
      spared.set(`net.ipv4.conf.all.arp_evict_nocarrier`, which === 'all' ? 0 : 1);
      const other = fill(spared);
      if (which !== 'all') spared.set(`net.ipv4.conf.${which}.arp_evict_nocarrier`, 0);
      other.carrierOff();
      spared.clock.advance(1500);
      t.equal(spared.arp.table.size, 4, `25: 0 on ${which}`);
      t.same(spared.close(), [0, 0]);
    }
    t.end();
  },
);

t.test('admin down flushes everything, proxy entries included; so does losing the last address', (t) => {
  const bench = new Bench();
  const dev = bench.device([]);
  const first = bench.addAddress(dev, '192.0.2.1/24');
  const second = bench.addAddress(dev, '192.0.2.2/24');
  given(bench, dev, NUD_PERMANENT);
  bench.deleteAddress(second);
  t.equal(bench.arp.table.size, 1);
  bench.deleteAddress(first);
  t.equal(bench.arp.table.size, 0);
  given(bench, dev, NUD_PERMANENT);
  bench.arp.proxies.add(dev, ip('192.0.2.77'), true);
  bench.arp.proxies.add(null, ip('192.0.2.79'), true);
  closeDevice(dev);
  t.equal(bench.arp.table.size, 0);
  t.equal(bench.arp.proxies.entries().length, 1, 'that of all devices stays');
  unregisterDevice(dev);
  t.same(bench.sysctl.names('net.ipv4.neigh.eth0'), []);
  t.equal(bench.arp.nextHop(dev, ip('192.0.2.9')), null, 'a device that is gone');
  t.same(bench.close(), [0, 0]);
  t.same(bench.sysctl.names('net.ipv4.neigh'), []);
  t.end();
});

t.test('a removed entry that somebody still holds hands its packets to its successor', (t) => {
  const bench = new Bench();
  const dev = bench.device();
  given(bench, dev, NUD_REACHABLE);
  const held = bench.arp.nextHop(dev, ip('192.0.2.9'))!;
  bench.arp.table.remove(held);
  t.equal(held.dead, true);
  held.output(bench.packet('192.0.2.9', 1));
  t.same(bench.take(), ['0 who-has 192.0.2.9 tell 192.0.2.1 to ff:ff:ff:ff:ff:ff']);
  t.not(bench.entry(dev, '192.0.2.9'), held);
  bench.arp.close();
  held.output(bench.packet('192.0.2.9', 2));
  t.equal(bench.drops()['neigh_dead'], 2);
  t.equal(bench.pool.inUse, 0);
  t.end();
});

t.test('broadcast, multicast, loopback, point-to-point and raw devices resolve by themselves', (t) => {
  const bench = new Bench();
  const dev = bench.device();
  for (const to of ['192.0.2.255', '255.255.255.255', '224.0.0.251', '239.129.2.3']) bench.send(dev, to, 1);
  const ptp = bench.device(['198.51.100.1/32'], { link: { flags: 0x10 } });
  bench.send(ptp, '198.51.100.7', 2, '198.51.100.1');
  bench.send(ptp, '198.51.100.8', 3, '198.51.100.1');
  t.same(bench.take(), [
    '0 ip 192.0.2.255 #1 to ff:ff:ff:ff:ff:ff',
    '0 ip 255.255.255.255 #1 to ff:ff:ff:ff:ff:ff',
    '0 ip 224.0.0.251 #1 to 01:00:5e:00:00:fb',
    '0 ip 239.129.2.3 #1 to 01:00:5e:01:02:03',
    '0 ip 198.51.100.7 #2 to ff:ff:ff:ff:ff:ff',
    '0 ip 198.51.100.8 #3 to ff:ff:ff:ff:ff:ff',
  ]);
  t.equal(
    bench.arp.nextHop(ptp, ip('198.51.100.7')),
    bench.arp.nextHop(ptp, ip('198.51.100.8')),
    'one entry',
  );
  const tun = bench.device(['203.0.113.1/24'], { link: { type: 0xfffe, flags: 0x80 } });
  const packet = bench.packet('203.0.113.9', 4);
  const { start } = packet;
  packet.retain();
  bench.arp.nextHop(tun, ip('203.0.113.9'))!.output(packet);
  t.equal(packet.start, start, 'no link header');
  packet.release();
  const crowded = bench.packet('192.0.2.255', 9);
  crowded.push(crowded.headroom - 4);
  crowded.end = crowded.start + 40;
  bench.take();
  bench.arp.nextHop(dev, ip('192.0.2.255'))!.output(crowded);
  t.equal(bench.take().length, 1, 'a packet without headroom goes out as a copy');
  t.same(bench.close(), [0, 0]);
  t.end();
});

t.test('messages: netevent before RTM_NEWNEIGH, RTM_DELNEIGH before netevent, with the entry', (t) => {
  const bench = new Bench();
  const dev = bench.device();
  const log: string[] = [];
  const name = (subject: unknown): string =>
    subject instanceof Neighbour ? `${formatIpv4(subject.key)} ${nudName(subject.state)}` : '?';
  bench.ns.messages.subscribe(({ type, subject }) => {
    if (type.endsWith('NEIGH')) log.push(`${type} ${name(subject)}`);
  });
  bench.neteventChain.register({
    notify: (event, subject) => {
      if (event === NETEVENT_NEIGH_UPDATE) log.push(`netevent ${name(subject)}`);
      else log.push(`netevent ${event}`);
    },
  });
  bench.send(dev, '192.0.2.9', 1);
  t.same(log.splice(0), [], 'INCOMPLETE is not told');
  bench.receive(dev, arpFrame({ op: 2, sip: '192.0.2.9', tip: '192.0.2.1' }));
  t.same(log.splice(0), ['netevent 192.0.2.9 REACHABLE', 'RTM_NEWNEIGH 192.0.2.9 REACHABLE']);
  deleteNeighbour(bench.arp.table, dev, ip('192.0.2.9'));
  t.same(log.splice(0), [
    'netevent 192.0.2.9 FAILED',
    'RTM_NEWNEIGH 192.0.2.9 FAILED',
    'RTM_DELNEIGH 192.0.2.9 FAILED',
    'netevent 192.0.2.9 FAILED',
  ]);
  bench.set(`net.ipv4.neigh.${dev.name}.delay_first_probe_time`, 7);
  t.same(log.splice(0), ['netevent 3']);
  t.same(bench.close(), [0, 0]);
  t.end();
});

t.test('users: add, change, replace, delete, use, flush by state and device', (t) => {
  const bench = new Bench();
  const dev = bench.device();
  const { table } = bench.arp;
  const key = ip('192.0.2.9');
  t.equal(configureNeighbour(table, dev, key, 'change', { mac: PEER }), -2, 'ENOENT');
  t.equal(configureNeighbour(table, dev, key, 'add', {}), -22, 'PERMANENT needs an address');
  t.equal(deleteNeighbour(table, dev, key), 0);
  t.equal(configureNeighbour(table, dev, key, 'add', { mac: PEER }), 0);
  t.same(table.lookup(dev, key)!.toJSON(), {
    dst: '192.0.2.9',
    dev: 'eth0',
    lladdr: '02:00:00:00:00:99',
    state: ['PERMANENT'],
  });
  t.equal(configureNeighbour(table, dev, key, 'add', { mac: PEER }), -17, 'EEXIST');
  t.equal(configureNeighbour(table, dev, key, 'replace', { mac: PEER + 1, state: NUD_REACHABLE }), 0);
  t.equal(bench.state(dev, '192.0.2.9'), `REACHABLE ${formatMac(PEER + 1)}`);
  t.equal(table.collectable, 1, 'no longer exempt');
  t.equal(configureNeighbour(table, dev, key, 'replace', { state: NUD_REACHABLE | NUD_STALE }), -22);
  t.equal(configureNeighbour(table, dev, key, 'replace', { state: 0x100 }), -22);
  t.equal(configureNeighbour(table, dev, ip('192.0.2.10'), 'add', { use: true, state: NUD_NONE }), 0);
  t.same(bench.take(), ['0 who-has 192.0.2.10 tell 192.0.2.1 to ff:ff:ff:ff:ff:ff']);
  t.equal(configureNeighbour(table, dev, ip('192.0.2.11'), 'add', { state: NUD_INCOMPLETE }), 0);
  bench.clock.advance(60_000);
  t.match(bench.state(dev, '192.0.2.11'), 'FAILED', "a user's INCOMPLETE ends like any");
  given(bench, dev, NUD_PERMANENT, '192.0.2.12');
  t.equal(flushNeighbours(table, { dev, matches: (one) => one === ip('192.0.2.11') }), 1);
  t.equal(flushNeighbours(table), 2, 'not the permanent one');
  t.equal(flushNeighbours(table, { states: NUD_PERMANENT }), 1);
  t.equal(deleteNeighbour(table, dev, key), -2, 'ENOENT');
  t.equal(table.size, 0);
  t.same(bench.close(), [0, 0]);
  t.end();
});

t.test(
  'settings: units of Linux, aliases, inheritance, rename, random reachable time redrawn every 300 s',
  (t) => {
    const bench = new Bench();
    bench.set('net.ipv4.neigh.default.ucast_solicit', 5);
    const dev = bench.device();
    const get = (name: string): string | undefined => bench.sysctl.get(`net.ipv4.neigh.${dev.name}.${name}`);
    t.same(
      Object.fromEntries(
        bench.sysctl
          .names(`net.ipv4.neigh.${dev.name}.`)
          .map((name) => [name.split('.').at(-1), bench.sysctl.get(name)]),
      ),
      {
        anycast_delay: '100',
        app_solicit: '0',
        base_reachable_time: '30',
        base_reachable_time_ms: '30000',
        delay_first_probe_time: '5',
        gc_stale_time: '60',
        locktime: '100',
        mcast_resolicit: '0',
        mcast_solicit: '3',
        proxy_delay: '80',
        proxy_qlen: '64',
        retrans_time: '100',
        retrans_time_ms: '1000',
        ucast_solicit: '5',
        unres_qlen: '101',
        unres_qlen_bytes: '212992',
      },
    );
    t.same(
      ['gc_thresh1', 'gc_thresh2', 'gc_thresh3', 'gc_interval'].map((name) =>
        bench.sysctl.get(`net.ipv4.neigh.default.${name}`),
      ),
      ['128', '512', '1024', '30'],
    );
    const parms = bench.arp.table.parms(dev);
    t.equal(parms.locktime, 1000);
    t.equal(parms.proxyDelay, 800);
    bench.set(`net.ipv4.neigh.${dev.name}.retrans_time`, 50);
    t.equal(get('retrans_time_ms'), '500');
    bench.set('net.ipv4.neigh.default.retrans_time_ms', 700);
    bench.set('net.ipv4.neigh.default.gc_stale_time', 10);
    t.equal(get('retrans_time_ms'), '500', 'set here, it no longer follows default');
    t.equal(parms.gcStaletime, 10_000, 'never set here, it follows');
    t.equal(bench.sysctl.set(`net.ipv4.neigh.${dev.name}.base_reachable_time`, 'x'), -22);
    changeName(dev, 'lan0');
    t.equal(bench.sysctl.get('net.ipv4.neigh.lan0.retrans_time_ms'), '500');
    t.equal(bench.sysctl.get('net.ipv4.neigh.eth0.retrans_time_ms'), undefined);
    bench.set('net.ipv4.neigh.default.gc_stale_time', 20);
    bench.set('net.ipv4.neigh.default.retrans_time_ms', 900);
    t.equal(parms.gcStaletime, 20_000);
    t.equal(parms.retransTime, 500);
    const draws = new Set<number>();
    for (let i = 0; i < 50; i++) {
      draws.add(parms.reachableTime);
      bench.clock.advance(315_000);
    }
    t.equal(draws.size > 45, true, 'a new draw each time');
    for (const draw of draws) t.ok(draw >= 15_000 && draw < 45_000);
    t.same(bench.close(), [0, 0]);
    t.end();
  },
);

t.test('save and load: states, addresses and timers go on where they were', (t) => {
  const bench = new Bench();
  const dev = bench.device();
  given(bench, dev, NUD_PERMANENT);
  given(bench, dev, NUD_STALE, '192.0.2.10');
  bench.clock.advance(50);
  bench.send(dev, '192.0.2.10', 1);
  bench.send(dev, '192.0.2.11', 1);
  bench.clock.advance(1200);
  const saved: unknown = JSON.parse(JSON.stringify(saveNeighbours(bench.arp.table)));
  const other = new Bench();
  other.clock.advance(100_000);
  const there = other.device();
  const find = (name: string): typeof there | undefined => other.ns.deviceByName(name);
  t.equal(loadNeighbours(other.arp.table, saved as ReturnType<typeof saveNeighbours>, find), 3);
  t.equal(other.state(there, '192.0.2.9'), 'PERMANENT 02:00:00:00:00:99');
  t.equal(other.state(there, '192.0.2.10'), 'DELAY 02:00:00:00:00:99');
  t.equal(other.arp.table.collectable, 2);
  other.clock.advance(4000);
  t.same(other.take(), [
    '100800 who-has 192.0.2.11 tell 192.0.2.1 to ff:ff:ff:ff:ff:ff',
    '103800 who-has 192.0.2.10 tell 192.0.2.1 to 02:00:00:00:00:99',
  ]);
  t.match(other.state(there, '192.0.2.11'), 'FAILED');
  t.same(bench.close(), [0, 0]);
  t.same(other.close(), [0, 0]);
  t.end();
});

type Step = { act: string; host: number; flags: number; state: number; ms: number };

t.test(
  'property: whatever happens, timers run iff the state has one, queues keep their caps, nothing leaks',
  (t) => {
    const step = fc.record<Step>({
      act: fc.constantFrom(
        'send',
        'update',
        'advance',
        'reply',
        'request',
        'configure',
        'delete',
        'confirm',
        'flap',
        'mac',
      ),
      host: fc.integer({ min: 10, max: 15 }),
      flags: fc.constantFrom(0, 1, 2, 3, 0x80, 0x81),
      state: fc.constantFrom(...STATES),
      ms: fc.integer({ min: 0, max: 40_000 }),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), fc.integer({ min: 1, max: 1000 }), (steps, seed) => {
        const bench = new Bench({ seed });
        const dev = bench.device();
        bench.set(`net.ipv4.neigh.${dev.name}.unres_qlen_bytes`, 130);
        bench.set('net.ipv4.neigh.default.gc_thresh1', 2);
        bench.set('net.ipv4.neigh.default.gc_thresh2', 3);
        bench.set('net.ipv4.neigh.default.gc_thresh3', 5);
        for (const one of steps) {
          const address = `192.0.2.${one.host}`;
          const known = bench.entry(dev, address);
          if (one.act === 'send') bench.send(dev, address, one.host);
          if (one.act === 'update')
            known?.update((one.ms & 1) === 0 ? PEER + one.host : NO_ADDRESS, one.state, one.flags);
          if (one.act === 'advance') bench.clock.advance(one.ms);
          if (one.act === 'reply')
            bench.receive(dev, arpFrame({ op: 2, sip: address, tip: '192.0.2.1', sha: PEER + (one.ms & 3) }));
          if (one.act === 'request')
            bench.receive(dev, arpFrame({ sip: address, tip: '192.0.2.1', sha: PEER + (one.ms & 3) }));
          if (one.act === 'configure')
            configureNeighbour(bench.arp.table, dev, ip(address), 'replace', { mac: PEER, state: one.state });
          if (one.act === 'delete') deleteNeighbour(bench.arp.table, dev, ip(address));
          if (one.act === 'confirm') known?.confirm();
          if (one.act === 'mac') setMacAddress(dev, 0x020000000100 + one.host);
          if (one.act === 'flap') {
            if (dev.carrier) dev.carrierOff();
            else dev.carrierOn();
            bench.clock.drain();
          }
          let held = 0;
          const { table } = bench.arp;
          for (const entry of table.entries()) {
            if (entry.timer.pending !== ((entry.state & NUD_IN_TIMER) !== 0))
              throw new Error(`timer in ${nudName(entry.state)}`);
            if (entry.queue.length > 0 && entry.state !== NUD_INCOMPLETE)
              throw new Error(`queue in ${nudName(entry.state)}`);
            if (entry.queue.bytes > 130) throw new Error('queue over its limit');
            if (entry.dead || table.lookup(dev, entry.key) !== entry)
              throw new Error('an entry that is not found');
            if (entry.updated > bench.clock.now() || entry.used > bench.clock.now())
              throw new Error('a moment to come');
            held += entry.queue.length;
          }
          if (held !== table.unresolved || held !== bench.pool.inUse)
            throw new Error(`${held} held, ${table.unresolved} counted, ${bench.pool.inUse} in use`);
          if (table.entries().length !== table.size) throw new Error('size');
          if (table.collectable > 5) throw new Error('over gc_thresh3');
        }
        const [packets, timers] = bench.close();
        return packets === 0 && timers <= 1;
      }),
      { seed: 46, numRuns: 300 },
    );
    t.pass('300 sequences');
    t.end();
  },
);
