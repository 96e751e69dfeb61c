import t, { type Test } from 'tap';
import { VirtualClock } from '../../device/clock/virtual.ts';
import { createVeth } from '../../device/link/veth.ts';
import { Machine } from '../../device/machine.ts';
import { PacketPool } from '../../device/memory/pool.ts';
import { NETDEV_CHANGE_TX_QUEUE_LEN } from '../../device/netdevice/events.ts';
import { NOTIFY_BAD } from '../../device/netdevice/notifier.ts';
import { SeededEntropy } from '../../device/random.ts';
import { createStack, type Stack } from '../../stack/stack.ts';
import { METHODS } from '../../tools/control/methods.ts';
import { ControlError } from '../../tools/control/protocol.ts';

interface Bench {
  readonly clock: VirtualClock;
  readonly pool: PacketPool;
  readonly stack: Stack;
  readonly peer: Stack;
}

/** Two stacks on a cable, in virtual time. */
function makeBench(seed: number): Bench {
  const clock = new VirtualClock();
  const pool = new PacketPool({ small: 64, large: 4, pages: 4, debug: true });
  const machine = new Machine({ clock, pool, entropy: new SeededEntropy(seed) });
  const [ours, theirs] = createVeth(machine, { addresses: [0x020000000002, 0x020000000001] });
  const stack = createStack({ machine, name: 'ours' });
  stack.addDevice(ours, { name: 'eth0', addresses: ['192.0.2.2/24'] });
  const peer = createStack({ machine, name: 'theirs' });
  peer.addDevice(theirs, { name: 'eth0', addresses: ['192.0.2.1/24'] });
  clock.advance(1);
  return { clock, pool, stack, peer };
}

/** Takes a bench down; what is left then: packets, timers. */
function leftOf({ stack, peer, clock, pool }: Bench): [packets: number, timers: number] {
  stack.close();
  peer.close();
  clock.advance(1);
  return [pool.inUse, clock.pendingTimers()];
}

/** A test on a bench, which leaves nothing behind. */
function scenario(name: string, play: (t: Test, bench: Bench) => void | Promise<void>): void {
  t.test(name, async (t) => {
    const bench = makeBench(1);
    await play(t, bench);
    t.strictSame(leftOf(bench), [0, 0], 'no packet and no timer is left');
  });
}

const IDLE = { emit: () => {}, signal: new AbortController().signal };

function call(stack: Stack, name: string, params: object = {}): unknown {
  return METHODS[name]!.invoke(stack, params as Record<string, unknown>, IDLE);
}

/** A method that goes on: its events so far, and what ends it. */
function follow(
  stack: Stack,
  name: string,
  params: object = {},
): { events: unknown[]; done: unknown; end: () => void } {
  const controller = new AbortController();
  const events: unknown[] = [];
  const done = METHODS[name]!.invoke(stack, params as Record<string, unknown>, {
    emit: (event) => events.push(event),
    signal: controller.signal,
  });
  return { events, done, end: () => controller.abort() };
}

/** All that the methods can change. */
function stateOf(stack: Stack): string {
  const shown = ['link.show', 'address.show', 'route.show', 'neigh.show', 'sysctl.list'].map((name) =>
    call(
      stack,
      name,
      name === 'link.show' ? { details: true } : name === 'route.show' ? { table: 'all' } : {},
    ),
  );
  return JSON.stringify([...shown, call(stack, 'neigh.show', { proxy: true }), stack.arp.announcer.preset]);
}

scenario('show methods: the keys of ip(8), in its order', (t, { stack, clock }) => {
  stack.ping('192.0.2.1');
  clock.advance(10);
  t.strictSame(call(stack, 'link.show', { dev: 'eth0' }), [
    {
      ifindex: 2,
      ifname: 'eth0',
      flags: ['BROADCAST', 'MULTICAST', 'UP', 'LOWER_UP'],
      mtu: 1500,
      qdisc: 'noqueue',
      operstate: 'UP',
      linkmode: 'DEFAULT',
      group: 'default',
      link_type: 'ether',
      address: '02:00:00:00:00:02',
      broadcast: 'ff:ff:ff:ff:ff:ff',
    },
  ]);
  const [device] = call(stack, 'address.show', { dev: 'eth0' }) as [{ addr_info: object[] }];
  t.strictSame(device.addr_info, [
    {
      family: 'inet',
      local: '192.0.2.2',
      prefixlen: 24,
      scope: 'global',
      label: 'eth0',
      valid_life_time: 4294967295,
      preferred_life_time: 4294967295,
    },
  ]);
  t.strictSame(call(stack, 'route.show'), [
    { dst: '192.0.2.0/24', dev: 'eth0', protocol: 'kernel', scope: 'link', prefsrc: '192.0.2.2', flags: [] },
  ]);
  t.strictSame(call(stack, 'neigh.show'), [
    { dst: '192.0.2.1', dev: 'eth0', lladdr: '02:00:00:00:00:01', state: ['REACHABLE'] },
  ]);
  t.match(call(stack, 'route.get', { to: '192.0.2.2' }), [
    { type: 'local', dst: '192.0.2.2', dev: 'lo', prefsrc: '192.0.2.2', cache: ['local'] },
  ]);
});

scenario('link.set: a late veto takes back what was set before it', (t, { stack }) => {
  const before = stateOf(stack);
  const block = { notify: (event: number) => (event === NETDEV_CHANGE_TX_QUEUE_LEN ? NOTIFY_BAD : 0) };
  stack.ns.chain.register(block);
  const change = { dev: 'eth0', mtu: 1400, alias: 'a', promisc: true, arp: false, txqueuelen: 7 };
  t.throws(() => call(stack, 'link.set', change), { message: 'RTNETLINK answers: Operation not permitted' });
  t.equal(stateOf(stack), before);
  stack.ns.chain.unregister(block);
  t.equal(call(stack, 'link.set', change), undefined);
  t.match(call(stack, 'link.show', { dev: 'eth0' }), [{ mtu: 1400, ifalias: 'a', txqlen: 7 }]);
});

scenario('link.set offload: as ethtool has it, and monitors hear of it', (t, { stack }) => {
  const shown = (name: string): object => {
    const [link] = call(stack, 'link.show', { dev: 'eth0', details: true }) as {
      offload: Record<string, object>;
    }[];
    return link!.offload[name]!;
  };
  const heard: string[] = [];
  const forget = stack.ns.messages.subscribe(({ type }) => heard.push(type));
  t.strictSame(shown('tx-tcp-segmentation'), { active: true, fixed: false, requested: true });
  t.strictSame(shown('highdma'), { active: true, fixed: false, requested: true });
  t.strictSame(shown('rx-gro-hw'), { active: false, fixed: true, requested: false });
  call(stack, 'link.set', { dev: 'eth0', offload: { tx: false } });
  t.strictSame(shown('tx-tcp-segmentation'), { active: false, fixed: false, requested: true });
  t.strictSame(heard.splice(0), ['RTM_NEWLINK']);
  call(stack, 'link.set', { dev: 'eth0', offload: { tx: false } });
  t.strictSame(heard, [], 'nothing has changed');
  call(stack, 'link.set', { dev: 'eth0', offload: { all: false } });
  t.strictSame(shown('rx-gro'), { active: false, fixed: false, requested: false });
  call(stack, 'link.set', { dev: 'eth0', offload: { all: true } });
  t.strictSame(shown('tx-tcp-segmentation'), { active: true, fixed: false, requested: true });
  const before = stateOf(stack);
  const late = { dev: 'eth0', alias: 'x', offload: { gro: false, frob: true } };
  t.throws(() => call(stack, 'link.set', late), { message: 'parameter "offload": "frob" is no offload' });
  t.throws(() => call(stack, 'link.set', { dev: 'eth0', offload: { 'rx-gro-hw': true } }), {
    code: 'EOPNOTSUPP',
  });
  t.throws(() => call(stack, 'link.set', { dev: 'eth0', offload: {} }), { message: /1 to 32 names/ });
  t.throws(() => call(stack, 'link.set', { dev: 'eth0', offload: { tx: 1 } }), {
    message: /offload\.tx.*true or false/,
  });
  t.equal(stateOf(stack), before);
  forget();
});

scenario('neigh: states, proxies, flush', (t, { stack }) => {
  for (const [address, nud] of [
    ['192.0.2.7', 'permanent'],
    ['192.0.2.8', 'stale'],
    ['192.0.2.9', 'noarp'],
  ])
    call(stack, 'neigh.add', { dev: 'eth0', address, lladdr: '02:00:00:00:00:07', nud });
  const shown = (params: object): string[] =>
    (call(stack, 'neigh.show', params) as { dst: string }[]).map(({ dst }) => dst).sort();
  t.strictSame(shown({}), ['192.0.2.7', '192.0.2.8'], 'noarp is shown when asked for');
  t.strictSame(shown({ nud: 'noarp' }), ['192.0.2.9']);
  t.strictSame(shown({ nud: 'all' }), ['192.0.2.7', '192.0.2.8', '192.0.2.9']);
  t.throws(() => call(stack, 'neigh.add', { dev: 'eth0', address: '192.0.2.10' }), { code: 'EINVAL' });
  t.strictSame(shown({ nud: 'none' }), [], 'an entry that could not be is not left behind');
  t.throws(
    () => call(stack, 'neigh.add', { dev: 'eth0', address: '192.0.2.8', lladdr: '02:00:00:00:00:07' }),
    { code: 'EEXIST' },
  );
  t.throws(
    () =>
      call(stack, 'neigh.add', {
        dev: 'eth0',
        address: '192.0.2.99',
        lladdr: '02:00:00:00:00:07',
        mode: 'change',
      }),
    { code: 'ENOENT' },
  );
  t.throws(() => call(stack, 'neigh.flush', {}), { message: 'Flush requires arguments.' });
  t.strictSame(call(stack, 'neigh.flush', { dev: 'eth0' }), { flushed: 1 }, 'permanent and noarp stay');
  t.strictSame(call(stack, 'neigh.flush', { nud: 'permanent' }), { flushed: 1 });
  call(stack, 'neigh.add', { dev: 'eth0', proxy: '192.0.2.50' });
  t.strictSame(call(stack, 'neigh.show', { proxy: true }), [{ dst: '192.0.2.50', dev: 'eth0', proxy: null }]);
  call(stack, 'neigh.del', { dev: 'eth0', proxy: '192.0.2.50' });
  t.throws(() => call(stack, 'neigh.del', { dev: 'eth0', proxy: '192.0.2.50' }), { code: 'ENOENT' });
});

scenario(
  'monitor: messages and notifier events in order, by group, none after the end',
  (t, { stack, clock }) => {
    const all = follow(stack, 'monitor');
    const routes = follow(stack, 'monitor', { groups: ['route'] });
    call(stack, 'address.add', { dev: 'eth0', address: '10.0.0.1/24' });
    call(stack, 'link.set', { dev: 'eth0', mtu: 1400 });
    stack.ping('192.0.2.1');
    clock.advance(10);
    const names = (events: unknown[]): string[] =>
      (events as { group: string; type?: string; event?: string }[]).map(
        ({ group, type, event }) => `${group} ${type ?? event}`,
      );
    t.strictSame(names(all.events), [
      'address RTM_NEWADDR',
      'route RTM_NEWROUTE',
      'route RTM_NEWROUTE',
      'route RTM_NEWROUTE',
      'notifier PRECHANGEMTU',
      'notifier CHANGEMTU',
      'link RTM_NEWLINK',
      'neigh RTM_NEWNEIGH',
    ]);
    t.strictSame(names(routes.events), ['route RTM_NEWROUTE', 'route RTM_NEWROUTE', 'route RTM_NEWROUTE']);
    t.match(all.events[4], { dev: 'eth0', mtu: 1400 });
    t.match(all.events[7], { neigh: { dst: '192.0.2.1', state: ['REACHABLE'] } });
    all.end();
    routes.end();
    call(stack, 'address.del', { dev: 'eth0', address: '10.0.0.1/24' });
    t.equal(all.events.length, 8);
    t.equal(routes.events.length, 3);
  },
);

scenario(
  'ping.run: replies, errors, the number of requests; a cancel ends it',
  async (t, { stack, clock }) => {
    const ping = follow(stack, 'ping.run', { address: '192.0.2.1', count: 2, interval: 10, size: 8 });
    clock.advance(50);
    t.match(ping.events, [
      { kind: 'reply', seq: 1, from: '192.0.2.1', bytes: 16, ttl: 64, duplicate: false, intact: true },
      { kind: 'reply', seq: 2 },
    ]);
    t.strictSame(await ping.done, { transmitted: 2 });
    const silent = follow(stack, 'ping.run', { address: '192.0.2.99', count: 1, timeout: 5000 });
    clock.advance(6000);
    t.match(silent.events, [{ kind: 'error', seq: 1, from: '192.0.2.2', type: 3, code: 1 }]);
    t.strictSame(await silent.done, { transmitted: 1 });
    const endless = follow(stack, 'ping.run', { address: '192.0.2.1', interval: 10 });
    clock.advance(105);
    endless.end();
    t.strictSame(await endless.done, { transmitted: 11 });
    t.throws(() => call(stack, 'ping.run', { address: '203.0.113.1' }), {
      message: 'ping: connect: Network is unreachable',
    });
  },
);

scenario(
  'capture: frames of one device or all, so many, cut, with drops',
  async (t, { stack, peer, clock }) => {
    const two = follow(stack, 'capture', { dev: 'eth0', count: 2, snapLength: 20 });
    const drops = follow(stack, 'capture', { drops: true });
    stack.ping('192.0.2.1');
    clock.advance(10);
    t.match(two.events, [
      { dev: 'eth0', linkType: 1, direction: 'out', length: 42 },
      { dev: 'eth0', direction: 'in', length: 42 },
    ]);
    t.equal(Buffer.from((two.events[0] as { data: string }).data, 'base64').length, 20);
    t.strictSame(await two.done, { frames: 2 });
    call(stack, 'sysctl.set', { name: 'net.ipv4.conf.eth0.drop_gratuitous_arp', value: '1' });
    peer.notifyPeers('eth0');
    clock.advance(1);
    drops.end();
    t.match(drops.events.slice(-2), [{ direction: 'in' }, { comment: /^drop: arp_/, length: 42 }]);
    t.strictSame(await drops.done, { frames: drops.events.length });
  },
);

scenario('peers.notify: the preset is for this once', (t, { stack, clock }) => {
  const dev = stack.device('eth0');
  t.strictSame(call(stack, 'peers.notify', { dev: 'eth0' }), {
    sent: 1,
    held: false,
    suppressed: [],
    active: false,
  });
  t.match(call(stack, 'peers.notify', { dev: 'eth0', preset: 'qemu', frames: 'rarp' }), {
    sent: 1,
    active: true,
  });
  t.equal(stack.arp.announcer.presetOf(dev).name, 'linux');
  clock.advance(1000);
  t.equal(stack.arp.announcer.counters.sent, 6);
  call(stack, 'link.set', { dev: 'eth0', arp: false });
  t.match(call(stack, 'peers.notify', { dev: 'eth0' }), { sent: 0, suppressed: ['noarp'] });
});

/** What hostile clients send as a value. */
function nonsense(entropy: SeededEntropy): unknown {
  const values: unknown[] = [
    null,
    true,
    false,
    0,
    -1,
    1,
    1.5,
    1e308,
    4294967296,
    '',
    ' ',
    'eth0',
    'lo',
    'tap0',
    '%d',
    'a/b',
    '../x',
    '10.0.0.1',
    '10.0.0.1/24',
    '10.0.0.0/24',
    '192.0.2.1',
    '255.255.255.255',
    '0.0.0.0/0',
    'default',
    '999.1.1.1',
    '02:00:00:00:00:05',
    'ff:ff:ff:ff:ff:ff',
    'zz',
    'link',
    'global',
    'main',
    'local',
    'all',
    'up',
    'dormant',
    'stale',
    'add',
    'replace',
    'blackhole',
    'qemu',
    'x'.repeat(300),
    '\u0000',
    'net.ipv4.conf.eth0.arp_ignore',
    'net.ipv4.frob',
    [],
    [1],
    ['link'],
    {},
    { lock: true, value: 1300 },
    { lock: 1 },
    [[[]]],
  ];
  return values[entropy.below(values.length)];
}

t.test('whatever is asked, in 20,000 ways: a result, or a clear error with nothing changed', (t) => {
  const seed = 11;
  const entropy = new SeededEntropy(seed);
  const names = Object.keys(METHODS).filter((name) => !['monitor', 'ping.run', 'capture'].includes(name));
  let bench = makeBench(seed);
  let refused = 0;
  for (let round = 0; round < 20_000; round++) {
    const name = names[entropy.below(names.length)]!;
    const known = METHODS[name]!.parameters;
    const params = Object.fromEntries(
      Array.from({ length: entropy.below(5) }, (): [string, unknown] => [
        entropy.chance(0.02) ? 'frob' : (known[entropy.below(Math.max(known.length, 1))] ?? 'x'),
        nonsense(entropy),
      ]),
    );
    if (known.includes('dev') && entropy.chance(0.7)) params['dev'] = 'eth0';
    const { stack } = bench;
    const before = entropy.chance(0.5) ? stateOf(stack) : null;
    try {
      call(stack, name, params);
    } catch (cause) {
      refused++;
      if (!(cause instanceof ControlError)) {
        t.fail(`seed ${seed}, round ${round}: ${name} ${JSON.stringify(params)} threw ${String(cause)}`);
        break;
      }
      if (before !== null && stateOf(stack) !== before) {
        t.fail(
          `seed ${seed}, round ${round}: ${name} ${JSON.stringify(params)} was refused but changed something`,
        );
        break;
      }
    }
    if (round % 500 !== 499) continue;
    t.strictSame(leftOf(bench), [0, 0], `rounds to ${round} leave nothing`);
    bench = makeBench(seed + round);
  }
  leftOf(bench);
  t.ok(refused > 5000, `${refused} were refused`);
  t.ok(refused < 19_000, 'and some were not');
  t.end();
});
