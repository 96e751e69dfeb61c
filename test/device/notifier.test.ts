import t from 'tap';
import { EBUSY, EEXIST, EINVAL, ENOENT, EPERM } from '../../device/errno.ts';
import { NETDEV_EVENTS, netdevEventName } from '../../device/netdevice/events.ts';
import {
  NOTIFY_BAD,
  NOTIFY_DONE,
  NOTIFY_OK,
  NOTIFY_STOP,
  type NotifierBlock,
  NotifierChain,
  notifierFromErrno,
  notifierToErrno,
} from '../../device/netdevice/notifier.ts';
import { registerNetdevNotifier, registerNetnsNotifier } from '../../device/netdevice/registry.ts';
import { EventLog, testDevice, testMachine } from '../testing/machine.ts';

function recorder(
  log: string[],
  name: string,
  { answer, priority = 0 }: { answer?: number; priority?: number } = {},
): NotifierBlock<string> {
  return {
    priority,
    notify: (event, info) => {
      log.push(`${name} ${event} ${info}`);
      return answer;
    },
  };
}

t.test('event numbers and names are those of Linux 6.12, without collisions', (t) => {
  t.equal(NETDEV_EVENTS.length, 40);
  t.strictSame(
    NETDEV_EVENTS,
    [...Array(40).keys()].map((n) => n + 1),
  );
  t.equal(netdevEventName(9), 'PRE_CHANGEADDR');
  t.equal(netdevEventName(20), 'NOTIFY_PEERS');
  t.equal(netdevEventName(23), 'RESEND_IGMP');
  t.equal(netdevEventName(40), 'XDP_FEAT_CHANGE');
  t.equal(new Set(NETDEV_EVENTS.map(netdevEventName)).size, 40);
  t.end();
});

t.test('4. equal priorities run first registered first; priority 10 precedes both', (t) => {
  const log: string[] = [];
  const chain = new NotifierChain<string>();
  chain.register(recorder(log, 'a'));
  chain.register(recorder(log, 'b'));
  chain.register(recorder(log, 'high', { priority: 10 }));
  chain.register(recorder(log, 'low', { priority: -5 }));
  chain.register(recorder(log, 'c'));
  t.equal(chain.call(4, 'eth0'), NOTIFY_DONE);
  t.strictSame(log, ['high 4 eth0', 'a 4 eth0', 'b 4 eth0', 'c 4 eth0', 'low 4 eth0']);
  t.end();
});

t.test('5. STOP skips the later blocks and is no error; the last called block decides', (t) => {
  const log: string[] = [];
  const chain = new NotifierChain<string>();
  chain.register(recorder(log, 'a', { answer: NOTIFY_OK }));
  chain.register(recorder(log, 'b', { answer: NOTIFY_STOP }));
  chain.register(recorder(log, 'c'));
  const result = chain.call(1, 'x');
  t.equal(result, NOTIFY_STOP);
  t.equal(notifierToErrno(result), 0);
  t.strictSame(log, ['a 1 x', 'b 1 x']);
  t.end();
});

t.test('6. errno in answers', (t) => {
  t.equal(notifierFromErrno(-EBUSY), 0x8011);
  t.equal(notifierFromErrno(-EINVAL), 0x8017);
  t.equal(notifierFromErrno(-EPERM), NOTIFY_BAD);
  t.equal(notifierFromErrno(0), NOTIFY_OK);
  t.equal(notifierToErrno(0x8002), -EPERM);
  t.equal(notifierToErrno(0x8011), -EBUSY);
  t.equal(notifierToErrno(NOTIFY_DONE), 0);
  t.end();
});

t.test('the same block twice is -EEXIST, an unknown one -ENOENT', (t) => {
  const chain = new NotifierChain<string>();
  const block = recorder([], 'a');
  t.equal(chain.register(block), 0);
  t.equal(chain.register(block), -EEXIST);
  t.equal(chain.unregister(block), 0);
  t.equal(chain.unregister(block), -ENOENT);
  t.end();
});

t.test('a robust call undoes the blocks before the one that stopped it', (t) => {
  const log: string[] = [];
  const chain = new NotifierChain<string>();
  chain.register(recorder(log, 'a'));
  chain.register(recorder(log, 'b'));
  chain.register(recorder(log, 'c', { answer: notifierFromErrno(-EBUSY) }));
  chain.register(recorder(log, 'd'));
  t.equal(notifierToErrno(chain.callRobust(36, 37, 'x')), -EBUSY);
  t.strictSame(log, ['a 36 x', 'b 36 x', 'c 36 x', 'a 37 x', 'b 37 x']);
  t.end();
});

for (const compat of [false, true]) {
  t.test(`a successor removed mid-walk ${compat ? 'still runs, as in Linux' : 'does not run'}`, (t) => {
    const log: string[] = [];
    const chain = new NotifierChain<string>();
    chain.runRemovedSuccessor = compat;
    const b = recorder(log, 'b');
    const c = recorder(log, 'c');
    const a: NotifierBlock<string> = {
      notify: () => {
        log.push('a');
        chain.unregister(a);
        chain.unregister(b);
        chain.unregister(c);
      },
    };
    chain.register(a);
    chain.register(b);
    chain.register(c);
    chain.call(1, 'x');
    t.strictSame(log, compat ? ['a', 'b 1 x'] : ['a']);
    t.strictSame(chain.blocks, []);
    t.end();
  });
}

t.test('a block that throws or answers with a Promise is a veto, and is reported', (t) => {
  const faults: string[] = [];
  const chain = new NotifierChain<string>((message) => faults.push(message));
  const thrower = {
    notify: () => {
      throw new Error('oops');
    },
  };
  chain.register(thrower);
  t.equal(chain.call(1, 'x'), NOTIFY_BAD);
  chain.unregister(thrower);
  chain.register({ notify: (() => Promise.resolve(0)) as unknown as () => number });
  t.equal(chain.call(1, 'x'), NOTIFY_BAD);
  t.strictSame(faults, [
    'a notifier block threw',
    'a notifier block must answer with a number at once; a Promise is no answer',
  ]);
  t.end();
});

t.test('a circle of events ends at a depth', (t) => {
  const faults: string[] = [];
  const chain = new NotifierChain<string>((message) => faults.push(message));
  let calls = 0;
  chain.register({
    notify: (event, info) => {
      calls++;
      return chain.call(event, info);
    },
  });
  t.ok(notifierToErrno(chain.call(4, 'x')) < 0);
  t.equal(calls, 32);
  t.equal(faults.length, 1);
  t.end();
});

t.test('the namespace chain runs first, and its stop suppresses the machine chain', (t) => {
  const { ns } = testMachine();
  const order: string[] = [];
  const global = new EventLog();
  const local = new EventLog();
  global.verdict = () => void order.push('machine');
  local.verdict = () => void order.push('namespace');
  registerNetdevNotifier(ns, global);
  registerNetnsNotifier(ns, local);
  testDevice(ns, { name: 'eth0' });
  t.strictSame(order, ['namespace', 'machine', 'namespace', 'machine']);
  t.strictSame(global.take(), ['POST_INIT eth0', 'REGISTER eth0']);
  local.verdict = () => NOTIFY_STOP;
  testDevice(ns, { name: 'eth1' });
  t.strictSame(global.take(), []);
  t.end();
});
