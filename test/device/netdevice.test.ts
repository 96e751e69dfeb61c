import t from 'tap';
import { Work } from '../../device/clock/deferred.ts';
import {
  EADDRNOTAVAIL,
  EBUSY,
  EEXIST,
  EINVAL,
  ENFILE,
  ENODEV,
  ENOENT,
  EOPNOTSUPP,
} from '../../device/errno.ts';
import {
  changeFlags,
  closeDevice,
  openDevice,
  setAllMulticast,
  setPromiscuity,
} from '../../device/netdevice/admin.ts';
import {
  addAltName,
  changeName,
  setAlias,
  setFeatures,
  setMacAddress,
  setMtu,
  setPresent,
  setTxQueueLength,
} from '../../device/netdevice/change.ts';
import {
  NETDEV_CHANGE_TX_QUEUE_LEN,
  NETDEV_CHANGEMTU,
  NETDEV_CHANGENAME,
  NETDEV_DOWN,
  NETDEV_GOING_DOWN,
  NETDEV_POST_INIT,
  NETDEV_PRE_CHANGEADDR,
  NETDEV_PRE_UP,
  NETDEV_PRECHANGEMTU,
  NETDEV_REGISTER,
} from '../../device/netdevice/events.ts';
import {
  featuresNamed,
  fixFeatures,
  NETIF_F_GRO,
  NETIF_F_GRO_HW,
  NETIF_F_GRO_UDP_FWD,
  NETIF_F_GSO,
  NETIF_F_GSO_UDP_L4,
  NETIF_F_HW_CSUM,
  NETIF_F_IP_CSUM,
  NETIF_F_IPV6_CSUM,
  NETIF_F_RXCSUM,
  NETIF_F_SG,
  NETIF_F_TSO,
  NETIF_F_TSO_ECN,
  NETIF_F_TSO6,
} from '../../device/netdevice/features.ts';
import {
  ARPHRD_NONE,
  flagNames,
  IFF_ALLMULTI,
  IFF_BROADCAST,
  IFF_NOARP,
  IFF_PROMISC,
  IFF_UP,
} from '../../device/netdevice/flags.ts';
import type { Link } from '../../device/netdevice/link.ts';
import { NetDevice } from '../../device/netdevice/netdevice.ts';
import { notifierFromErrno } from '../../device/netdevice/notifier.ts';
import { notifyPeers } from '../../device/netdevice/peers.ts';
import {
  registerDevice,
  registerDeviceExclusive,
  registerNetdevNotifier,
  registerNetnsNotifier,
  unregisterDevice,
  unregisterNetnsNotifier,
} from '../../device/netdevice/registry.ts';
import type { RtMessage } from '../../device/netdevice/rtnetlink.ts';
import {
  NETREG_REGISTERED,
  NETREG_RELEASED,
  NETREG_UNREGISTERED,
} from '../../device/netdevice/state-bits.ts';
import { linkUpper, unlinkUpper } from '../../device/netdevice/upper.ts';
import { EventLog, testDevice, testMachine } from '../testing/machine.ts';
import { TestLink } from '../testing/test-link.ts';

/** A namespace with a log that also notes RTM messages, so that their order relative to events shows. */
function logged(options: Parameters<typeof testMachine>[0] = {}) {
  const world = testMachine(options);
  const log = new EventLog();
  registerNetnsNotifier(world.ns, log);
  world.ns.messages.subscribe((message: RtMessage) =>
    log.events.push(`${message.type} ${message.dev!.name}`),
  );
  return { ...world, log };
}

t.test('1. eth%d takes the smallest free unit', (t) => {
  const { ns } = testMachine();
  testDevice(ns, { name: 'eth0' });
  testDevice(ns, { name: 'eth2' });
  testDevice(ns, { name: 'eth007' });
  t.equal(testDevice(ns, { name: 'eth%d' }).dev.name, 'eth1');
  const { dev } = testDevice(ns, { name: 'x%dy' });
  t.equal(dev.name, 'x0y');
  addAltName(dev, 'eth3');
  t.equal(testDevice(ns, { name: 'eth%d' }).dev.name, 'eth4', 'alternative names count as taken');
  t.equal(ns.deviceByName('eth3'), dev);
  t.end();
});

t.test('2. names that are refused', (t) => {
  const { ns } = testMachine();
  const register = (name: string) => registerDevice(new NetDevice(ns, new TestLink(), { name }));
  for (const bad of [
    'a/b',
    'a:b',
    'a b',
    'a\tb',
    '.',
    '..',
    '',
    'x%d%d',
    'x%s',
    '%',
    'sixteen-bytes-xx',
    'ünïcödé-lööng',
  ]) {
    t.equal(register(bad), -EINVAL, JSON.stringify(bad));
  }
  t.equal(register('fifteen-bytes-x'), 0);
  t.equal(register('fifteen-bytes-x'), -EEXIST);
  t.equal(ns.devices.length, 1);
  t.end();
});

t.test('a pattern without a free unit is -ENFILE', (t) => {
  const { ns } = testMachine();
  const { dev } = testDevice(ns, { name: 'a' });
  dev.altNames = Array.from({ length: 32768 }, (_, unit) => `e${unit}`);
  t.equal(registerDevice(new NetDevice(ns, new TestLink(), { name: 'e%d' })), -ENFILE);
  t.end();
});

t.test('3. an index is not reused at once; explicit ones leave the cursor alone', (t) => {
  const { ns } = testMachine();
  const devices = [1, 2, 3, 4, 5].map(() => testDevice(ns).dev);
  t.strictSame(
    devices.map((dev) => dev.ifindex),
    [1, 2, 3, 4, 5],
  );
  unregisterDevice(devices[4]!);
  t.equal(testDevice(ns).dev.ifindex, 6);
  t.equal(testDevice(ns, { ifindex: 40 }).dev.ifindex, 40);
  t.equal(testDevice(ns).dev.ifindex, 7);
  const clash = () => new NetDevice(ns, new TestLink(), { ifindex: 40 });
  t.equal(registerDevice(clash()), -EBUSY);
  t.equal(registerDeviceExclusive(clash()), -EEXIST);
  t.equal(registerDevice(new NetDevice(ns, new TestLink(), { ifindex: 2 ** 31 })), -EINVAL);
  ns.lastIfindex = 0x7fffffff;
  t.equal(testDevice(ns).dev.ifindex, 5, 'around, to the first that is free');
  t.end();
});

t.test('7. a block that registers sees what is there: REGISTER A, UP A, REGISTER B', (t) => {
  const { ns } = testMachine();
  const a = testDevice(ns, { name: 'A' }).dev;
  testDevice(ns, { name: 'B' });
  openDevice(a);
  const log = new EventLog();
  t.equal(registerNetdevNotifier(ns, log), 0);
  t.strictSame(log.take(), ['REGISTER A', 'UP A', 'REGISTER B']);
  t.equal(registerNetdevNotifier(ns, log), -EEXIST);
  t.strictSame(log.take(), [], 'no replay for a block that is there');
  t.end();
});

t.test('8. REGISTER refused for the third device undoes the ones before, newest first', (t) => {
  const { ns } = testMachine();
  const a = testDevice(ns, { name: 'A' }).dev;
  testDevice(ns, { name: 'B' });
  testDevice(ns, { name: 'C' });
  openDevice(a);
  const log = new EventLog();
  log.verdict = (event, info) =>
    event === NETDEV_REGISTER && info.dev.name === 'C' ? notifierFromErrno(-EBUSY) : undefined;
  t.equal(registerNetdevNotifier(ns, log), -EBUSY);
  t.strictSame(log.take(), [
    'REGISTER A',
    'UP A',
    'REGISTER B',
    'REGISTER C',
    'UNREGISTER B',
    'GOING_DOWN A',
    'DOWN A',
    'UNREGISTER A',
  ]);
  t.strictSame(ns.machine.chain.blocks, []);
  t.end();
});

t.test('9. a block that leaves sees synthetic teardown, and nothing later', (t) => {
  const { ns } = testMachine();
  const a = testDevice(ns, { name: 'A' }).dev;
  testDevice(ns, { name: 'B' });
  openDevice(a);
  const log = new EventLog();
  registerNetnsNotifier(ns, log);
  log.take();
  t.equal(unregisterNetnsNotifier(ns, log), 0);
  t.strictSame(log.take(), ['GOING_DOWN A', 'DOWN A', 'UNREGISTER A', 'UNREGISTER B']);
  closeDevice(a);
  t.strictSame(log.take(), []);
  t.equal(unregisterNetnsNotifier(ns, log), -ENOENT);
  t.end();
});

t.test('10. POST_INIT refused: the link is closed, the device is not listed', (t) => {
  const { ns, log } = logged();
  log.verdict = (event) => (event === NETDEV_POST_INIT ? notifierFromErrno(-EBUSY) : undefined);
  const link = new TestLink();
  const dev = new NetDevice(ns, link, { name: 'eth0' });
  t.equal(registerDevice(dev), -EBUSY);
  t.strictSame(log.take(), ['POST_INIT eth0']);
  log.verdict = () => {};
  t.equal(registerDevice(dev), -EBUSY, 'a closed link can’t be registered again');
  t.strictSame(log.take(), []);
  t.strictSame(link.calls, ['bind', 'close']);
  t.strictSame(ns.devices, []);
  t.end();
});

for (const compat of [false, true]) {
  t.test(
    `REGISTER refused: ${compat ? 'Linux tells all blocks' : 'only blocks already told are told again'}`,
    (t) => {
      const { ns } = testMachine({ compat: { registerVetoTellsAll: compat } });
      const order: string[] = [];
      const blocks = ['first', 'second', 'third'].map((name) => {
        const block = new EventLog();
        block.verdict = (event, info) => {
          order.push(`${name} ${event === NETDEV_REGISTER ? 'REGISTER' : event}`);
          return name === 'second' && event === NETDEV_REGISTER && info.dev.name === 'eth0'
            ? notifierFromErrno(-EBUSY)
            : undefined;
        };
        registerNetnsNotifier(ns, block);
        return block;
      });
      const link = new TestLink();
      t.equal(registerDevice(new NetDevice(ns, link, { name: 'eth0' })), -EBUSY);
      t.strictSame(blocks[0]!.take(), [
        'POST_INIT eth0',
        'REGISTER eth0',
        'UNREGISTER eth0',
        'PRE_UNINIT eth0',
      ]);
      t.strictSame(
        blocks[1]!.take(),
        compat
          ? ['POST_INIT eth0', 'REGISTER eth0', 'UNREGISTER eth0', 'PRE_UNINIT eth0']
          : ['POST_INIT eth0', 'REGISTER eth0'],
      );
      t.strictSame(
        blocks[2]!.take(),
        compat ? ['POST_INIT eth0', 'UNREGISTER eth0', 'PRE_UNINIT eth0'] : ['POST_INIT eth0'],
      );
      t.strictSame(link.calls, ['bind', 'close']);
      t.strictSame(ns.devices, []);
      t.end();
    },
  );
}

t.test('11. PRE_UP refused: open is not called; open failing: no UP, not running', (t) => {
  const { ns, log } = logged();
  const { dev, link } = testDevice(ns, { name: 'eth0' });
  log.take();
  log.verdict = (event) => (event === NETDEV_PRE_UP ? notifierFromErrno(-EBUSY) : undefined);
  t.equal(openDevice(dev), -EBUSY);
  t.notOk(link.calls.includes('open'));
  t.strictSame(log.take(), ['PRE_UP eth0']);
  log.verdict = () => {};
  link.openResult = -ENODEV;
  t.equal(openDevice(dev), -ENODEV);
  t.strictSame(log.take(), ['PRE_UP eth0']);
  t.notOk(dev.running);
  t.notOk(dev.up);
  setPresent(dev, false);
  t.equal(openDevice(dev), -ENODEV);
  t.strictSame(log.take(), [], 'an absent device asks nobody');
  t.end();
});

t.test('12. closing: GOING_DOWN sees it running, DOWN sees IFF_UP clear', (t) => {
  const { ns, log } = logged();
  const { dev, link } = testDevice(ns, { name: 'eth0' });
  openDevice(dev);
  t.strictSame(log.take(), [
    'POST_INIT eth0',
    'REGISTER eth0',
    'RTM_NEWLINK eth0',
    'PRE_UP eth0',
    'RTM_NEWLINK eth0',
    'UP eth0',
  ]);
  const seen: unknown[] = [];
  log.verdict = (event) => {
    if (event === NETDEV_GOING_DOWN) seen.push(dev.running, dev.up);
    if (event === NETDEV_DOWN) seen.push(dev.running, dev.up);
  };
  closeDevice(dev);
  t.strictSame(seen, [true, true, false, false]);
  t.strictSame(log.take(), ['GOING_DOWN eth0', 'RTM_NEWLINK eth0', 'DOWN eth0']);
  t.strictSame(link.calls, ['bind', 'open', 'stop']);
  closeDevice(dev);
  t.strictSame(log.take(), [], 'closing twice is nothing');
  t.end();
});

t.test('13. unregistering an up device: GOING_DOWN, DOWN, UNREGISTER, PRE_UNINIT', (t) => {
  const { ns, log } = logged();
  const { dev, link } = testDevice(ns, { name: 'eth0' });
  openDevice(dev);
  log.take();
  unregisterDevice(dev);
  t.strictSame(log.take(), [
    'GOING_DOWN eth0',
    'RTM_NEWLINK eth0',
    'DOWN eth0',
    'UNREGISTER eth0',
    'PRE_UNINIT eth0',
    'RTM_DELLINK eth0',
  ]);
  t.equal(dev.registration, NETREG_RELEASED);
  t.strictSame(link.calls.slice(-2), ['stop', 'close']);
  unregisterDevice(dev);
  t.strictSame(log.take(), []);
  t.end();
});

t.test('references: teardown is synchronous; Linux waits and asks again each second', (t) => {
  const { ns, log, clock } = logged({ compat: { waitForReferences: true } });
  const { dev } = testDevice(ns, { name: 'eth0' });
  dev.references = 1;
  log.take();
  unregisterDevice(dev);
  t.equal(dev.registration, NETREG_UNREGISTERED);
  log.take();
  clock.advance(2500);
  t.strictSame(log.take(), ['UNREGISTER eth0', 'UNREGISTER eth0']);
  dev.references = 0;
  clock.advance(1000);
  t.equal(dev.registration, NETREG_RELEASED);
  t.equal(clock.pendingTimers(), 0);
  t.end();
});

t.test('14. CHANGENAME refused: the old name is back, CHANGENAME fired twice', (t) => {
  const { ns, log } = logged();
  const { dev } = testDevice(ns, { name: 'eth0' });
  testDevice(ns, { name: 'eth1' });
  log.take();
  log.verdict = (event) => (event === NETDEV_CHANGENAME ? notifierFromErrno(-EBUSY) : undefined);
  t.equal(changeName(dev, 'wan'), -EBUSY);
  t.equal(dev.name, 'eth0');
  t.strictSame(log.take(), ['CHANGENAME wan', 'CHANGENAME eth0']);
  log.verdict = () => {};
  t.equal(changeName(dev, 'eth0'), 0, 'the same name is silent');
  t.equal(changeName(dev, 'eth1'), -EEXIST);
  t.equal(changeName(dev, 'a/b'), -EINVAL);
  t.strictSame(log.take(), []);
  openDevice(dev);
  log.take();
  t.equal(changeName(dev, 'wan%d'), 0, 'an up device may be renamed');
  t.strictSame(log.take(), ['CHANGENAME wan0', 'RTM_NEWLINK wan0']);
  t.equal(dev.nameAssignType, 4);
  t.end();
});

t.test('15. CHANGEMTU refused: the MTU is the old one, CHANGEMTU fired twice with old, refused', (t) => {
  const { ns, log } = logged();
  const { dev, link } = testDevice(ns, { name: 'eth0' });
  log.take();
  const infos: (number | undefined)[] = [];
  log.verdict = (event, info) => {
    if (event !== NETDEV_CHANGEMTU) return undefined;
    infos.push(info.mtu);
    return notifierFromErrno(-EBUSY);
  };
  t.equal(setMtu(dev, 9000), -EBUSY);
  t.equal(dev.mtu, 1500);
  t.strictSame(log.take(), ['PRECHANGEMTU eth0', 'CHANGEMTU eth0', 'CHANGEMTU eth0']);
  t.strictSame(infos, [1500, 9000]);
  t.strictSame(link.calls, ['bind', 'changeMtu 9000', 'changeMtu 1500']);
  log.verdict = () => {};
  link.changeMtuResult = -EINVAL;
  t.equal(setMtu(dev, 1400), -EINVAL);
  t.equal(dev.mtu, 1500);
  t.strictSame(log.take(), ['PRECHANGEMTU eth0']);
  t.end();
});

t.test('16. MTU 67 is -EINVAL without PRECHANGEMTU', (t) => {
  const { ns, log } = logged();
  const { dev } = testDevice(ns, { name: 'eth0' });
  log.take();
  for (const bad of [67, 0, -1, 65522, 1400.5]) t.equal(setMtu(dev, bad), -EINVAL, String(bad));
  t.strictSame(log.take(), []);
  t.equal(setMtu(dev, 1500), 0, 'the same one is silent');
  t.strictSame(log.take(), []);
  t.equal(setMtu(dev, 68), 0);
  t.strictSame(log.take(), ['PRECHANGEMTU eth0', 'CHANGEMTU eth0', 'RTM_NEWLINK eth0']);
  t.end();
});

for (const compat of [false, true]) {
  t.test(
    `PRECHANGEMTU ${compat ? 'without' : 'with'} the proposed value; ${compat ? 'a' : 'no'} CHANGEADDR for the same address`,
    (t) => {
      const { ns, log } = logged({
        compat: { prechangemtuWithoutValue: compat, changeaddrWhenUnchanged: compat },
      });
      const { dev } = testDevice(ns, { name: 'eth0' });
      let proposed: number | undefined = -1;
      log.verdict = (event, info) => {
        if (event === NETDEV_PRECHANGEMTU) proposed = info.mtu;
      };
      setMtu(dev, 1400);
      t.equal(proposed, compat ? undefined : 1400);
      log.take();
      t.equal(setMacAddress(dev, dev.address), 0);
      t.strictSame(
        log.take(),
        compat
          ? ['PRE_CHANGEADDR eth0', 'CHANGEADDR eth0', 'RTM_NEWLINK eth0']
          : ['PRE_CHANGEADDR eth0', 'RTM_NEWLINK eth0'],
      );
      t.end();
    },
  );
}

t.test('17. PRE_CHANGEADDR refused: the address is unchanged, no CHANGEADDR', (t) => {
  const { ns, log } = logged();
  const { dev, link } = testDevice(ns, { name: 'eth0' });
  log.take();
  const proposed: unknown[] = [];
  log.verdict = (event, info) => {
    if (event !== NETDEV_PRE_CHANGEADDR) return undefined;
    proposed.push(info.address);
    return notifierFromErrno(-EBUSY);
  };
  t.equal(setMacAddress(dev, 0x020000000099), -EBUSY);
  t.equal(dev.address, 0x020000000001);
  t.strictSame(log.take(), ['PRE_CHANGEADDR eth0']);
  t.strictSame(proposed, [0x020000000099]);
  log.verdict = () => {};
  t.equal(setMacAddress(dev, 0), -EADDRNOTAVAIL);
  t.equal(setMacAddress(dev, 0x01005e000001), -EADDRNOTAVAIL);
  t.equal(setMacAddress(dev, Number.NaN), -EADDRNOTAVAIL);
  t.strictSame(log.take(), []);
  t.equal(setMacAddress(dev, 0x020000000099), 0);
  t.strictSame(log.take(), ['PRE_CHANGEADDR eth0', 'CHANGEADDR eth0', 'RTM_NEWLINK eth0']);
  t.equal(dev.addressAssignType, 3);
  t.equal(dev.permanentAddress, 0x020000000001);
  t.strictSame(link.calls, ['bind', 'setMac 20000000099']);
  const tun = testDevice(ns, { name: 'tun0', link: { type: ARPHRD_NONE, address: 0 } }).dev;
  t.equal(setMacAddress(tun, 0x020000000099), -EOPNOTSUPP);
  t.end();
});

t.test('19. NOARP toggled on an up device: CHANGE with the bit; on a down device nothing', (t) => {
  const { ns, log } = logged();
  const { dev } = testDevice(ns, { name: 'eth0' });
  log.take();
  changeFlags(dev, dev.flags | IFF_NOARP);
  t.strictSame(log.take(), ['RTM_NEWLINK eth0']);
  openDevice(dev);
  log.take();
  const bits: unknown[] = [];
  log.verdict = (_event, info) => void bits.push(info.flagsChanged);
  changeFlags(dev, dev.flags & ~IFF_NOARP);
  t.strictSame(log.take(), ['RTM_NEWLINK eth0', 'CHANGE eth0']);
  t.strictSame(bits, [0x80]);
  t.end();
});

t.test('flags: volatile ones stay, UP opens and closes, PROMISC is counted and reported as wished', (t) => {
  const { ns, log } = logged();
  const { dev } = testDevice(ns, { name: 'eth0' });
  log.take();
  changeFlags(dev, (dev.flags | IFF_UP) & ~IFF_BROADCAST);
  t.ok(dev.flags & IFF_BROADCAST, 'BROADCAST is not the request’s to clear');
  t.strictSame(log.take(), ['PRE_UP eth0', 'RTM_NEWLINK eth0', 'UP eth0']);
  changeFlags(dev, dev.reportedFlags | IFF_PROMISC);
  changeFlags(dev, dev.reportedFlags | IFF_PROMISC | IFF_ALLMULTI);
  t.equal(dev.promiscuity, 1);
  t.strictSame(log.take(), ['RTM_NEWLINK eth0', 'RTM_NEWLINK eth0'], 'no CHANGE for PROMISC and ALLMULTI');
  t.strictSame(flagNames(dev.reportedFlags), [
    'BROADCAST',
    'MULTICAST',
    'ALLMULTI',
    'PROMISC',
    'UP',
    'LOWER_UP',
  ]);
  changeFlags(dev, dev.reportedFlags & ~(IFF_PROMISC | IFF_ALLMULTI));
  t.equal(dev.promiscuity + dev.allMulticast, 0);
  log.take();
  changeFlags(dev, dev.reportedFlags & ~IFF_UP);
  t.strictSame(log.take(), ['GOING_DOWN eth0', 'RTM_NEWLINK eth0', 'DOWN eth0']);
  t.end();
});

t.test('35. notify_peers: NOTIFY_PEERS strictly precedes RESEND_IGMP', (t) => {
  const { ns, log } = logged();
  const { dev, link } = testDevice(ns, { name: 'eth0' });
  log.take();
  notifyPeers(dev);
  t.strictSame(log.take(), ['NOTIFY_PEERS eth0', 'RESEND_IGMP eth0']);
  link.port.notifyPeers();
  t.strictSame(log.take(), ['NOTIFY_PEERS eth0', 'RESEND_IGMP eth0'], 'a driver asks the same way');
  t.end();
});

t.test('39. a device that the host tells to announce: notified once, then acknowledged', (t) => {
  const { ns, log } = logged();
  const { link } = testDevice(ns, { name: 'eth0' });
  log.take();
  /** The order of virtio_net: announce, acknowledge, and only then the link status of the same interrupt. */
  const configChanged = (status: number) => {
    if ((status & 2) !== 0) {
      link.port.notifyPeers();
      log.events.push('ack 3/0');
    }
    if ((status & 1) !== 0) link.port.carrierOn();
    else link.port.carrierOff();
  };
  configChanged(3);
  t.strictSame(log.take(), ['NOTIFY_PEERS eth0', 'RESEND_IGMP eth0', 'ack 3/0']);
  configChanged(1);
  t.strictSame(log.take(), []);
  t.end();
});

t.test('transmit queue length: CHANGE_TX_QUEUE_LEN may refuse', (t) => {
  const { ns, log } = logged();
  const { dev } = testDevice(ns, { name: 'eth0' });
  log.take();
  t.equal(setTxQueueLength(dev, 500), 0);
  t.strictSame(log.take(), ['CHANGE_TX_QUEUE_LEN eth0', 'RTM_NEWLINK eth0']);
  log.verdict = (event) => (event === NETDEV_CHANGE_TX_QUEUE_LEN ? notifierFromErrno(-EBUSY) : undefined);
  t.equal(setTxQueueLength(dev, 0), -EBUSY);
  t.equal(dev.txQueueLen, 500);
  t.equal(dev.discipline.queue.cap, 500);
  t.ok(setTxQueueLength(dev, -1) < 0);
  t.equal(setAlias(dev, 'x'.repeat(256)), -EINVAL);
  t.equal(setAlias(dev, 'uplink'), 0);
  t.end();
});

t.test('uppers: PRECHANGEUPPER and CHANGEUPPER may refuse, one master at most, no loops', (t) => {
  const { ns, log } = logged();
  const [port, bridge, other] = ['eth0', 'br0', 'br1'].map((name) => testDevice(ns, { name }).dev) as [
    NetDevice,
    NetDevice,
    NetDevice,
  ];
  log.take();
  t.equal(linkUpper(port, bridge, true), 0);
  t.strictSame(log.take(), ['PRECHANGEUPPER eth0', 'CHANGEUPPER eth0']);
  t.equal(port.master, bridge);
  t.equal(linkUpper(port, other, true), -EBUSY);
  t.equal(linkUpper(port, bridge), -EEXIST);
  t.equal(linkUpper(bridge, port), -EBUSY, 'a loop');
  t.equal(linkUpper(port, port), -EBUSY);
  unlinkUpper(port, bridge);
  t.strictSame(log.take(), ['PRECHANGEUPPER eth0', 'CHANGEUPPER eth0']);
  t.equal(port.master, null);
  linkUpper(port, bridge, true);
  unregisterDevice(bridge);
  t.strictSame(port.uppers, [], 'a device that goes takes its ties along');
  t.end();
});

t.test('features: hardware toggles, core rules, FEAT_CHANGE on a real change only', (t) => {
  const { ns, log } = logged();
  const hw = NETIF_F_SG | NETIF_F_HW_CSUM | NETIF_F_TSO;
  const { dev } = testDevice(ns, { name: 'eth0', link: { features: hw } });
  t.equal(dev.features, hw | NETIF_F_GSO | NETIF_F_GRO, 'registration turns GSO and GRO on');
  log.take();
  t.equal(setFeatures(dev, dev.features), 0);
  t.strictSame(log.take(), []);
  setFeatures(dev, dev.features & ~NETIF_F_HW_CSUM);
  t.equal(
    dev.features,
    NETIF_F_SG | NETIF_F_GSO | NETIF_F_GRO,
    'without checksumming: no segmentation, but scatter-gather',
  );
  t.strictSame(log.take(), ['FEAT_CHANGE eth0', 'RTM_NEWLINK eth0']);
  t.equal(fixFeatures(NETIF_F_HW_CSUM | NETIF_F_IP_CSUM) & NETIF_F_IP_CSUM, 0);
  t.equal(dev.registration, NETREG_REGISTERED);
  t.end();
});

t.test('a device that goes stays down, and goes once, whatever listeners do', (t) => {
  const { ns, log } = logged();
  const { dev, link } = testDevice(ns, { name: 'eth0' });
  openDevice(dev);
  log.take();
  const tried: number[] = [];
  log.verdict = (event) => {
    if (event !== NETDEV_DOWN) return;
    tried.push(openDevice(dev));
    unregisterDevice(dev);
  };
  ns.messages.subscribe((message) => {
    if (message.type === 'RTM_DELLINK') t.equal(link.calls.at(-1), 'close', 'the link is closed by then');
  });
  unregisterDevice(dev);
  t.strictSame(tried, [-ENODEV]);
  t.strictSame(log.take(), [
    'GOING_DOWN eth0',
    'RTM_NEWLINK eth0',
    'DOWN eth0',
    'UNREGISTER eth0',
    'PRE_UNINIT eth0',
    'RTM_DELLINK eth0',
  ]);
  t.strictSame(link.calls, ['bind', 'open', 'stop', 'close']);
  t.equal(openDevice(dev), -ENODEV);
  t.equal(changeFlags(dev, dev.flags | IFF_UP), -ENODEV);
  t.strictSame(log.take(), []);
  t.end();
});

for (const compat of [false, true]) {
  t.test(`REGISTER refused after a block opened the device: closed first (compat ${compat})`, (t) => {
    const { ns, log } = logged({ compat: { registerVetoTellsAll: compat } });
    log.verdict = (event, info) => {
      if (event === NETDEV_REGISTER) openDevice(info.dev);
    };
    const veto = new EventLog();
    veto.verdict = (event) => (event === NETDEV_REGISTER ? notifierFromErrno(-EBUSY) : undefined);
    registerNetnsNotifier(ns, veto);
    const link = new TestLink();
    const dev = new NetDevice(ns, link, { name: 'eth0' });
    t.equal(registerDevice(dev), -EBUSY);
    t.notOk(dev.up || dev.running);
    t.strictSame(link.calls, ['bind', 'open', 'stop', 'close']);
    t.strictSame(log.take().slice(-5), [
      'GOING_DOWN eth0',
      'RTM_NEWLINK eth0',
      'DOWN eth0',
      'UNREGISTER eth0',
      'PRE_UNINIT eth0',
    ]);
    t.end();
  });
}

t.test('a block that unregisters a device during its replay is not told of it as new', (t) => {
  const { ns } = testMachine();
  testDevice(ns, { name: 'A' });
  const b = testDevice(ns, { name: 'B' }).dev;
  testDevice(ns, { name: 'C' });
  const log = new EventLog();
  log.verdict = (event, info) => {
    if (event === NETDEV_REGISTER && info.dev.name === 'A') unregisterDevice(b);
  };
  t.equal(registerNetdevNotifier(ns, log), 0);
  t.strictSame(log.take(), ['REGISTER A', 'UNREGISTER B', 'PRE_UNINIT B', 'REGISTER C']);
  t.end();
});

t.test(
  'promiscuity of a packet tap: RTM_NEWLINK per user, no event, invisible; in a CHANGE it shows',
  (t) => {
    const { ns, log } = logged();
    const { dev } = testDevice(ns, { name: 'eth0' });
    openDevice(dev);
    log.take();
    setPromiscuity(dev, 1);
    setPromiscuity(dev, 1);
    t.strictSame(log.take(), ['RTM_NEWLINK eth0', 'RTM_NEWLINK eth0']);
    t.equal(dev.flags & IFF_PROMISC, IFF_PROMISC);
    t.equal(dev.reportedFlags & IFF_PROMISC, 0);
    setPromiscuity(dev, -1);
    setPromiscuity(dev, -1);
    setAllMulticast(dev, 1);
    setAllMulticast(dev, -1);
    t.equal(dev.flags & (IFF_PROMISC | IFF_ALLMULTI), 0);
    t.strictSame(log.take(), ['RTM_NEWLINK eth0', 'RTM_NEWLINK eth0'], 'ALLMULTI sends none');
    const bits: unknown[] = [];
    log.verdict = (_event, info) => void bits.push(info.flagsChanged);
    changeFlags(dev, dev.reportedFlags | IFF_NOARP | IFF_PROMISC);
    t.strictSame(log.take(), ['RTM_NEWLINK eth0', 'CHANGE eth0']);
    t.strictSame(bits, [IFF_NOARP | IFF_PROMISC]);
    t.end();
  },
);

t.test('frames that beget frames in a backlog let other work have its turn', (t) => {
  const { ns, pool, clock } = testMachine();
  const { dev, link } = testDevice(ns, { name: 'eth0' });
  openDevice(dev);
  let received = 0;
  ns.addProtocol(0x88b5, (packet) => {
    if (++received === 1000) {
      packet.release();
      return;
    }
    packet.start = packet.link;
    link.port.enqueue(packet);
  });
  const frame = Buffer.alloc(60);
  frame.writeUInt16BE(0x88b5, 12);
  for (let i = 0; i < 2; i++) link.port.enqueue(pool.from(frame)!);
  const seen: number[] = [];
  clock.defer(new Work(() => seen.push(received)));
  closeAt(2500);
  clock.drain();
  t.strictSame(seen, [2], 'after the two that were there');
  t.equal(pool.inUse, 0);
  t.end();

  /** The second frame goes round until its device stops. */
  function closeAt(runs: number): void {
    let left = runs;
    const work: Work = new Work(() => {
      if (--left === 0) closeDevice(dev);
      else clock.defer(work);
    });
    clock.defer(work);
  }
});

t.test('a link is flushed at the end of the batch, but not when it was stopped meanwhile', (t) => {
  const { ns, pool, clock } = testMachine();
  const link: Link & TestLink = new TestLink();
  link.flush = () => void link.calls.push('flush');
  const dev = new NetDevice(ns, link, { name: 'eth0' });
  registerDevice(dev);
  openDevice(dev);
  for (let i = 0; i < 2; i++) dev.transmit(pool.from(Buffer.alloc(60))!);
  clock.drain();
  t.strictSame(link.calls, ['bind', 'open', 'flush']);
  dev.transmit(pool.from(Buffer.alloc(60))!);
  unregisterDevice(dev);
  clock.drain();
  t.strictSame(link.calls, ['bind', 'open', 'flush', 'stop', 'close']);
  t.equal(pool.inUse, 0);
  t.end();
});

t.test('frames of an EtherType without handler count as dropped, not as nohandler', (t) => {
  const { ns, pool } = testMachine();
  const { dev, link } = testDevice(ns, { name: 'eth0' });
  openDevice(dev);
  const frame = Buffer.alloc(60);
  frame.writeUInt16BE(0x88b5, 12);
  link.port.receive(pool.from(frame)!);
  frame.fill(0xff, 0, 6);
  link.port.receive(pool.from(frame)!);
  t.strictSame(ns.drops.toJSON(), { other_host: 1, unhandled_protocol: 1 });
  t.equal(dev.statistics.rxDropped, 2);
  t.equal(dev.statistics.rxNohandler, 0);
  t.equal(pool.inUse, 0);
  t.end();
});

t.test('features: what is wanted comes back by itself; what the link lacks can not be had', (t) => {
  const { ns, log } = logged();
  const hw = NETIF_F_SG | NETIF_F_HW_CSUM | NETIF_F_TSO | NETIF_F_RXCSUM | NETIF_F_GRO_HW;
  const { dev } = testDevice(ns, { name: 'eth0', link: { features: hw } });
  log.take();
  setFeatures(dev, dev.wantedFeatures & ~(NETIF_F_HW_CSUM | NETIF_F_RXCSUM));
  t.equal(dev.features & (NETIF_F_TSO | NETIF_F_GRO_HW), 0, 'they hang on the other two');
  t.equal(dev.wantedFeatures & (NETIF_F_TSO | NETIF_F_GRO_HW), NETIF_F_TSO | NETIF_F_GRO_HW);
  setFeatures(dev, dev.wantedFeatures | NETIF_F_HW_CSUM | NETIF_F_RXCSUM);
  t.equal(dev.features, hw | NETIF_F_GSO | NETIF_F_GRO);
  setFeatures(dev, dev.wantedFeatures | NETIF_F_TSO6);
  t.equal(dev.features & NETIF_F_TSO6, 0);
  setFeatures(dev, (dev.wantedFeatures & ~(NETIF_F_GSO | NETIF_F_GRO)) | NETIF_F_GRO_UDP_FWD);
  t.equal(dev.features, hw | NETIF_F_GRO_UDP_FWD, 'the core’s own are a user’s to toggle');
  t.equal(log.take().length, 6, 'FEAT_CHANGE and RTM_NEWLINK, three times');
  t.end();
});

t.test('features: a link that refuses keeps what it had', (t) => {
  const { ns } = testMachine();
  const link = new TestLink({ features: NETIF_F_SG });
  const dev = new NetDevice(ns, Object.assign(link, { setFeatures: () => -EBUSY }), { name: 'eth0' });
  registerDevice(dev);
  const { features, wantedFeatures } = dev;
  t.equal(setFeatures(dev, 0), -EBUSY);
  t.strictSame([dev.features, dev.wantedFeatures], [features, wantedFeatures]);
  t.end();
});

t.test('features: by the names of ethtool', (t) => {
  t.equal(featuresNamed('tx'), NETIF_F_HW_CSUM | NETIF_F_IP_CSUM | NETIF_F_IPV6_CSUM);
  t.equal(featuresNamed('rx-gro-hw'), NETIF_F_GRO_HW);
  t.equal(featuresNamed('constructor'), 0);
  t.equal(fixFeatures(NETIF_F_SG | NETIF_F_HW_CSUM | NETIF_F_TSO_ECN), NETIF_F_SG | NETIF_F_HW_CSUM);
  t.end();
});

t.test('features: UDP segmentation needs scatter-gather and checksumming of both IP versions', (t) => {
  const udp = NETIF_F_SG | NETIF_F_GSO_UDP_L4;
  const kept = (csum: number) => (fixFeatures(udp | csum) & NETIF_F_GSO_UDP_L4) !== 0;
  t.ok(kept(NETIF_F_HW_CSUM));
  t.ok(kept(NETIF_F_IP_CSUM | NETIF_F_IPV6_CSUM));
  t.notOk(kept(NETIF_F_IP_CSUM));
  t.notOk(kept(0));
  t.equal(fixFeatures(NETIF_F_GSO_UDP_L4 | NETIF_F_HW_CSUM) & NETIF_F_GSO_UDP_L4, 0);
  t.end();
});

t.test('priority tags come off, all of them; a VLAN behind one is still another host’s', (t) => {
  const { ns, pool } = testMachine();
  const { link, dev } = testDevice(ns, { name: 'eth0' });
  openDevice(dev);
  const received: string[] = [];
  ns.addProtocol(0x88b5, (packet) => {
    received.push(packet.bytes().toString('hex'));
    packet.release();
  });
  const addresses = '020000000001020000000002';
  for (const rest of [
    '8100000088b5cafe',
    '88a8e000810060008100000088b5cafe',
    '810000008100000a88b5cafe',
    '81000000810000',
  ]) {
    link.port.receive(pool.from(Buffer.from(addresses + rest, 'hex'))!);
  }
  t.strictSame(received, ['cafe', 'cafe']);
  t.strictSame(ns.drops.toJSON(), { vlan_unknown: 2 });
  t.equal(pool.inUse, 0);
  t.end();
});
