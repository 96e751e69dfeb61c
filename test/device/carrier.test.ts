import t from 'tap';
import { closeDevice, openDevice } from '../../device/netdevice/admin.ts';
import {
  carrierEvent,
  carrierOff,
  carrierOn,
  dormantOff,
  dormantOn,
  testingOff,
  testingOn,
} from '../../device/netdevice/carrier.ts';
import { setLinkMode, setOperstate, setPresent } from '../../device/netdevice/change.ts';
import { NETDEV_CHANGE } from '../../device/netdevice/events.ts';
import { flagNames, NET_XMIT_CN, NET_XMIT_DROP, NET_XMIT_SUCCESS } from '../../device/netdevice/flags.ts';
import { NetDevice } from '../../device/netdevice/netdevice.ts';
import {
  IF_LINK_MODE_DORMANT,
  IF_OPER_DORMANT,
  IF_OPER_UP,
  ifOperStatus,
  nextOperstate,
  operstateName,
  userMaySetOperstate,
} from '../../device/netdevice/operstate.ts';
import { registerDevice, registerNetnsNotifier, unregisterDevice } from '../../device/netdevice/registry.ts';
import { transferOperstate } from '../../device/netdevice/upper.ts';
import { EventLog, type TestMachineOptions, testDevice, testMachine } from '../testing/machine.ts';
import { TestLink } from '../testing/test-link.ts';

/** A device on a quiet clock, with what was logged since the last look. */
function world(options: TestMachineOptions & { carrier?: boolean } = {}) {
  const { clock, pool, ns } = testMachine(options);
  clock.advance(10_000);
  const log = new EventLog();
  registerNetnsNotifier(ns, log);
  const { dev, link } = testDevice(ns, { name: 'eth0', link: { carrier: options.carrier ?? true } });
  log.take();
  /** Events, state and flags that count, in one line. */
  const state = () =>
    [
      operstateName(dev.operstate),
      ...flagNames(dev.reportedFlags).filter((f) => /UP|CARRIER|DORMANT/.test(f)),
    ].join(' ');
  return { clock, pool, ns, log, dev, link, state };
}

t.test('20. carrier on twice: one count, one event', (t) => {
  const { clock, dev, log } = world({ carrier: false });
  openDevice(dev);
  log.take();
  t.equal(dev.carrierDownCount, 1, 'a device that starts without carrier begins with one');
  carrierOn(dev);
  carrierOn(dev);
  clock.advance(5000);
  t.strictSame(log.take(), ['CHANGE eth0']);
  t.equal(dev.carrierUpCount, 1);
  t.equal(dev.carrierChanges, 2);
  t.end();
});

t.test('21. the transition table, row by row', (t) => {
  t.test('rows 1-4: open, off at once, on urgent, off waits for the window', (t) => {
    const { clock, dev, log, state } = world();
    t.equal(dev.carrierChanges, 0);
    openDevice(dev);
    t.strictSame(log.take(), ['PRE_UP eth0', 'UP eth0'], 'row 1');
    t.equal(state(), 'UNKNOWN UP LOWER_UP');
    carrierOff(dev);
    t.strictSame(log.take(), [], 'not inside carrierOff itself');
    t.equal(state(), 'UNKNOWN UP', 'the bit is clear at once, the state not');
    clock.drain();
    t.strictSame(log.take(), ['CHANGE eth0'], 'row 2');
    t.equal(state(), 'DOWN NO-CARRIER UP');
    clock.advance(100);
    carrierOn(dev);
    clock.drain();
    t.strictSame(log.take(), ['CHANGE eth0'], 'row 3: coming up is never delayed');
    t.equal(state(), 'UP UP LOWER_UP');
    clock.advance(100);
    carrierOff(dev);
    clock.advance(799);
    t.strictSame(log.take(), []);
    clock.advance(1);
    t.strictSame(log.take(), ['CHANGE eth0'], 'row 4: at nextEvent, a second after the first');
    t.equal(state(), 'DOWN NO-CARRIER UP');
    t.end();
  });

  t.test('rows 5 and 6: a flap inside the window is one CHANGE with carrier up; on again is nothing', (t) => {
    const { clock, dev, log, state } = world();
    openDevice(dev);
    carrierEvent(dev);
    clock.drain();
    log.take();
    const before = dev.carrierChanges;
    clock.advance(300);
    carrierOff(dev);
    clock.advance(50);
    carrierOn(dev);
    clock.advance(649);
    t.strictSame(log.take(), []);
    clock.advance(1);
    t.strictSame(log.take(), ['CHANGE eth0']);
    t.equal(state(), 'UP UP LOWER_UP');
    t.equal(dev.carrierChanges - before, 2);
    carrierOn(dev);
    clock.advance(5000);
    t.strictSame(log.take(), []);
    t.equal(dev.carrierChanges - before, 2);
    t.end();
  });

  t.test('rows 7 and 8: carrier off while down, then open without carrier', (t) => {
    const { clock, dev, log, state, pool } = world();
    carrierOff(dev);
    clock.advance(2000);
    t.strictSame(log.take(), []);
    t.equal(dev.operstate, 2, 'row 7: stored DOWN');
    t.equal(dev.carrierDownCount, 1);
    openDevice(dev);
    clock.advance(2000);
    t.strictSame(log.take(), ['PRE_UP eth0', 'UP eth0']);
    t.equal(state(), 'DOWN NO-CARRIER UP', 'row 8: not RUNNING');
    t.equal(dev.transmit(pool.from(Buffer.alloc(60))!), NET_XMIT_CN, 'queues are noop');
    t.end();
  });

  t.test('rows 9-11: dormant', (t) => {
    const { clock, dev, log, state } = world();
    openDevice(dev);
    log.take();
    dormantOn(dev);
    clock.advance(1000);
    t.strictSame(log.take(), ['CHANGE eth0'], 'row 9');
    t.equal(state(), 'DORMANT NO-CARRIER UP LOWER_UP DORMANT');
    dormantOff(dev);
    clock.advance(1000);
    t.strictSame(log.take(), ['CHANGE eth0'], 'row 10');
    t.equal(state(), 'UP UP LOWER_UP');
    dormantOn(dev);
    clock.advance(1000);
    log.take();
    carrierOff(dev);
    clock.advance(1000);
    t.strictSame(log.take(), ['CHANGE eth0'], 'row 11');
    t.equal(operstateName(dev.operstate), 'DOWN');
    t.end();
  });

  t.test('rows 12 and 13: link mode DORMANT caps UP until the user says UP', (t) => {
    const { clock, dev, log, state } = world();
    openDevice(dev);
    carrierOff(dev);
    clock.advance(2000);
    t.equal(setLinkMode(dev, IF_LINK_MODE_DORMANT), 0);
    log.take();
    carrierOn(dev);
    clock.drain();
    t.strictSame(log.take(), ['CHANGE eth0'], 'row 12');
    t.equal(operstateName(dev.operstate), 'DORMANT');
    setOperstate(dev, IF_OPER_UP);
    t.strictSame(log.take(), ['CHANGE eth0'], 'row 13');
    t.equal(state(), 'UP UP LOWER_UP');
    setOperstate(dev, IF_OPER_UP);
    t.strictSame(log.take(), []);
    setOperstate(dev, IF_OPER_DORMANT);
    t.equal(operstateName(dev.operstate), 'DORMANT');
    t.end();
  });

  t.test('rows 14 and 15: testing; registration without carrier', (t) => {
    const { clock, dev, log } = world();
    openDevice(dev);
    log.take();
    testingOn(dev);
    clock.advance(1000);
    t.strictSame(log.take(), ['CHANGE eth0']);
    t.equal(operstateName(dev.operstate), 'TESTING');
    testingOff(dev);
    clock.advance(1000);
    t.equal(operstateName(dev.operstate), 'UP');
    const { ns } = world();
    const late = new NetDevice(ns, new TestLink(), { name: 'late' });
    carrierOff(late);
    t.equal(late.carrierDownCount, 0, 'before registration just the bit');
    registerDevice(late);
    clock.advance(2000);
    t.equal(operstateName(late.operstate), 'DOWN');
    t.notOk(log.take().includes('CHANGE late'));
    t.end();
  });

  t.test('row 16: a stacked device follows, urgently, to LOWERLAYERDOWN', (t) => {
    const { clock, ns, dev, log } = world();
    const { dev: vlan } = testDevice(ns, { name: 'eth0.10' });
    vlan.lower = dev;
    openDevice(dev);
    openDevice(vlan);
    for (const device of [dev, vlan]) carrierEvent(device);
    clock.advance(5000);
    log.take();
    log.verdict = (event, info) => {
      if (event === NETDEV_CHANGE && info.dev === dev) transferOperstate(dev, vlan);
    };
    carrierOff(dev);
    clock.drain();
    t.strictSame(log.take(), ['CHANGE eth0', 'CHANGE eth0.10'], 'no waiting for the window');
    t.equal(operstateName(vlan.operstate), 'LOWERLAYERDOWN');
    carrierOn(dev);
    clock.drain();
    t.strictSame(log.take(), ['CHANGE eth0', 'CHANGE eth0.10']);
    t.equal(operstateName(vlan.operstate), 'UP');
    carrierOff(vlan);
    clock.drain();
    t.equal(operstateName(vlan.operstate), 'DOWN', 'the lower has carrier: its own fault');
    t.end();
  });
  t.end();
});

t.test('23. carrier change while down: no CHANGE', (t) => {
  const { clock, dev, log } = world();
  openDevice(dev);
  closeDevice(dev);
  log.take();
  carrierOff(dev);
  carrierOn(dev);
  dormantOn(dev);
  clock.advance(5000);
  t.strictSame(log.take(), []);
  t.equal(dev.carrierChanges, 2);
  t.end();
});

t.test('26. no carrier after linkwatch: dropped, tx_dropped, the driver not called', (t) => {
  const { clock, dev, link, pool, ns } = world();
  openDevice(dev);
  const frame = () => pool.from(Buffer.alloc(60))!;
  carrierOff(dev);
  t.equal(dev.transmit(frame()), NET_XMIT_SUCCESS, 'until linkwatch runs, packets still reach the driver');
  t.equal(link.sent.length, 1);
  clock.drain();
  t.equal(dev.transmit(frame()), NET_XMIT_CN);
  t.equal(link.sent.length, 1);
  t.equal(dev.statistics.txDropped, 1);
  t.strictSame(ns.drops.toJSON(), { no_carrier: 1 });
  carrierOn(dev);
  clock.drain();
  t.equal(dev.transmit(frame()), NET_XMIT_SUCCESS);
  t.equal(link.sent.length, 2);
  t.equal(pool.inUse, 0);
  t.end();
});

t.test('the transmit queue: capped, restarted, purged when the carrier goes', (t) => {
  const { clock, dev, link, pool, ns } = world();
  openDevice(dev);
  dev.discipline.queue.cap = 3;
  link.port.stopQueue();
  const results = [1, 2, 3, 4].map((n) => dev.transmit(pool.from(Buffer.alloc(60, n))!));
  t.strictSame(results, [NET_XMIT_SUCCESS, NET_XMIT_SUCCESS, NET_XMIT_SUCCESS, NET_XMIT_DROP]);
  t.strictSame(ns.drops.toJSON(), { queue_full: 1 });
  t.equal(dev.discipline.drops, 1);
  link.port.wakeQueue();
  t.strictSame(
    link.sent.map((frame) => frame[0]),
    [1, 2, 3],
    'in order',
  );
  link.busy = true;
  t.equal(dev.transmit(pool.from(Buffer.alloc(60, 5))!), NET_XMIT_SUCCESS, 'a busy driver: requeued');
  t.equal(dev.discipline.requeues, 1);
  t.equal(dev.discipline.backlog, 1);
  carrierOff(dev);
  clock.drain();
  t.equal(ns.drops.toJSON()['queue_purged'], 1);
  t.equal(pool.inUse, 0);
  t.equal(dev.statistics.txPackets, 3);
  t.equal(dev.statistics.txBytes, 180);
  t.end();
});

t.test('a measured sequence: off, on, off gives events at +0, at once, and a second after the first', (t) => {
  const { clock, dev, log } = world();
  openDevice(dev);
  log.take();
  const at: string[] = [];
  const start = clock.now();
  log.verdict = (event) => {
    if (event === NETDEV_CHANGE) at.push(`${clock.now() - start} ${dev.carrier ? 'up' : 'down'}`);
  };
  carrierOff(dev);
  clock.advance(101);
  carrierOn(dev);
  clock.advance(50);
  carrierOff(dev);
  clock.advance(3000);
  t.strictSame(at, ['0 down', '101 up', '1000 down']);
  t.end();
});

t.test('back to back off and on on a quiet clock is one event with carrier up', (t) => {
  const { clock, dev, log } = world();
  openDevice(dev);
  log.take();
  carrierOff(dev);
  carrierOn(dev);
  clock.advance(3000);
  t.strictSame(log.take(), ['CHANGE eth0']);
  t.equal(dev.carrierChanges, 2);
  t.end();
});

t.test('nextEvent is shared: a flap on one device delays the event of another', (t) => {
  const { clock, ns, dev, log } = world();
  const { dev: other } = testDevice(ns, { name: 'eth1' });
  openDevice(dev);
  openDevice(other);
  carrierOff(dev);
  clock.drain();
  log.take();
  clock.advance(400);
  carrierOff(other);
  clock.advance(599);
  t.strictSame(log.take(), []);
  clock.advance(1);
  t.strictSame(log.take(), ['CHANGE eth1']);
  t.end();
});

t.test('asking for a device runs its pending event first; reading operstate does not', (t) => {
  const { clock, ns, dev, log } = world();
  openDevice(dev);
  carrierEvent(dev);
  clock.drain();
  log.take();
  clock.advance(100);
  carrierOff(dev);
  clock.advance(10);
  t.equal(operstateName(dev.operstate), 'UP');
  ns.machine.linkwatch.sync(dev);
  t.equal(operstateName(dev.operstate), 'DOWN');
  t.strictSame(log.take(), ['CHANGE eth0']);
  clock.advance(5000);
  t.strictSame(log.take(), [], 'it ran once');
  t.end();
});

t.test('window 0: linkwatch runs inside the call', (t) => {
  const { dev, log } = world({ linkwatchWindowMs: 0 });
  openDevice(dev);
  log.take();
  carrierOff(dev);
  t.strictSame(log.take(), ['CHANGE eth0']);
  carrierOn(dev);
  t.strictSame(log.take(), ['CHANGE eth0']);
  t.end();
});

t.test('a hundred devices a run, the rest a window later', (t) => {
  const { clock, ns, log } = world();
  const devices = Array.from({ length: 150 }, (_, i) => testDevice(ns, { name: `d${i}` }).dev);
  for (const dev of devices) openDevice(dev);
  log.take();
  for (const dev of devices) carrierOff(dev);
  clock.drain();
  t.equal(log.take().length, 100);
  clock.advance(1000);
  t.equal(log.take().length, 50);
  t.equal(ns.machine.linkwatch.pending.length, 0);
  t.equal(clock.pendingTimers(), 0);
  t.end();
});

t.test('operstate: the policy as a table, RFC 2863 numbers, what a user may set', (t) => {
  const base = {
    testing: false,
    carrier: true,
    lowerWithoutCarrier: false,
    dormant: false,
    linkMode: 0,
    current: 0,
  };
  const rows: [Partial<typeof base>, string][] = [
    [{}, 'UP'],
    [{ testing: true, carrier: false }, 'TESTING'],
    [{ carrier: false }, 'DOWN'],
    [{ carrier: false, lowerWithoutCarrier: true }, 'LOWERLAYERDOWN'],
    [{ lowerWithoutCarrier: true }, 'UP'],
    [{ dormant: true }, 'DORMANT'],
    [{ dormant: true, carrier: false }, 'DOWN'],
    [{ linkMode: 1 }, 'DORMANT'],
    [{ linkMode: 2 }, 'TESTING'],
    [{ linkMode: 1, current: 6 }, 'UP'],
    [{ linkMode: 1, carrier: false }, 'DOWN'],
  ];
  for (const [input, name] of rows) {
    t.equal(operstateName(nextOperstate({ ...base, ...input })), name, JSON.stringify(input));
  }
  t.strictSame([0, 1, 2, 3, 4, 5, 6].map(ifOperStatus), [4, 6, 2, 7, 3, 5, 1]);
  t.ok(userMaySetOperstate(5, 6, false, false));
  t.notOk(userMaySetOperstate(5, 6, true, false));
  t.notOk(userMaySetOperstate(2, 6, false, false), 'UP never from DOWN');
  t.ok(userMaySetOperstate(6, 5, false, false));
  t.notOk(userMaySetOperstate(6, 2, false, false), 'DOWN is not for users');
  t.end();
});

t.test('a device that is asked for, or goes, inside another one’s event is not handled again', (t) => {
  const { clock, ns, dev, log } = world();
  const other = testDevice(ns, { name: 'eth1' }).dev;
  const gone = testDevice(ns, { name: 'eth2' }).dev;
  for (const device of [dev, other, gone]) openDevice(device);
  log.take();
  log.verdict = (event, info) => {
    if (event !== NETDEV_CHANGE || info.dev !== dev) return;
    ns.machine.linkwatch.sync(other);
    unregisterDevice(gone);
  };
  setPresent(gone, false);
  for (const device of [dev, other, gone]) carrierOff(device);
  clock.advance(5000);
  t.strictSame(log.take(), [
    'CHANGE eth0',
    'CHANGE eth1',
    'GOING_DOWN eth2',
    'DOWN eth2',
    'UNREGISTER eth2',
    'PRE_UNINIT eth2',
  ]);
  t.strictSame(ns.machine.linkwatch.pending, [], 'nor kept on the list');
  t.end();
});

t.test(
  'linkwatch’s timer: a flush starts a whole window, and the last device that goes takes it along',
  (t) => {
    const { clock, ns, dev } = world();
    openDevice(dev);
    const { linkwatch } = ns.machine;
    carrierOff(dev);
    clock.drain();
    clock.advance(500);
    carrierOn(dev);
    clock.drain();
    carrierOff(dev);
    t.equal(clock.pendingTimers(), 1);
    linkwatch.flush();
    t.equal(clock.pendingTimers(), 0);
    const { nextEvent } = linkwatch;
    t.equal(nextEvent, clock.now() + 1000);
    clock.advance(600);
    t.equal(linkwatch.nextEvent, nextEvent, 'no run in between moved it');
    dormantOn(dev);
    t.equal(clock.pendingTimers(), 1);
    unregisterDevice(dev);
    t.equal(clock.pendingTimers(), 0);
    t.end();
  },
);

for (const linkwatchWindowMs of [1000, 0]) {
  t.test(`what befell an absent device is told when it is back (window ${linkwatchWindowMs})`, (t) => {
    const { clock, dev, log } = world({ linkwatchWindowMs });
    openDevice(dev);
    log.take();
    setPresent(dev, false);
    carrierOff(dev);
    clock.advance(3000);
    t.strictSame(log.take(), []);
    t.equal(clock.pendingTimers(), 0);
    setPresent(dev, true);
    clock.advance(3000);
    t.strictSame(log.take(), ['CHANGE eth0']);
    t.equal(operstateName(dev.operstate), 'DOWN');
    t.end();
  });
}

t.test('a device stacked on one that the link mode keeps DORMANT is dormant, too', (t) => {
  const { clock, ns, dev } = world();
  const { dev: vlan } = testDevice(ns, { name: 'eth0.10' });
  vlan.lower = dev;
  for (const device of [dev, vlan]) {
    openDevice(device);
    carrierOff(device);
  }
  clock.advance(2000);
  setLinkMode(dev, IF_LINK_MODE_DORMANT);
  carrierOn(dev);
  clock.drain();
  transferOperstate(dev, vlan);
  clock.drain();
  t.equal(operstateName(vlan.operstate), 'DORMANT');
  setOperstate(dev, IF_OPER_UP);
  transferOperstate(dev, vlan);
  clock.drain();
  t.equal(operstateName(vlan.operstate), 'UP');
  t.end();
});

t.test('the transmit queue keeps its order, and goes on after a BUSY that no wake follows', (t) => {
  const { dev, link, pool } = world();
  openDevice(dev);
  const send = (n: number) => dev.transmit(pool.from(Buffer.alloc(60, n))!);
  const startXmit = link.startXmit.bind(link);
  link.port.stopQueue();
  for (const n of [1, 2, 3]) send(n);
  link.startXmit = (packet) => {
    // A full ring that empties itself: stopped and woken inside the call.
    link.port.stopQueue();
    link.port.wakeQueue();
    return startXmit(packet);
  };
  link.port.wakeQueue();
  t.strictSame(
    link.sent.splice(0).map((frame) => frame[0]),
    [1, 2, 3],
  );
  link.startXmit = startXmit;
  link.busy = true;
  send(4);
  link.busy = false;
  t.equal(dev.discipline.backlog, 1);
  send(5);
  t.strictSame(
    link.sent.map((frame) => frame[0]),
    [4, 5],
  );
  t.equal(dev.discipline.backlog, 0);
  t.equal(pool.inUse, 0);
  t.end();
});

t.test('a driver may stop its queue in open', (t) => {
  const { dev, link, pool } = world();
  link.open = () => {
    link.port.stopQueue();
    return 0;
  };
  openDevice(dev);
  t.equal(dev.transmit(pool.from(Buffer.alloc(60))!), NET_XMIT_SUCCESS);
  t.equal(link.sent.length, 0, 'it waits');
  link.port.wakeQueue();
  t.equal(link.sent.length, 1);
  t.equal(pool.inUse, 0);
  t.end();
});
