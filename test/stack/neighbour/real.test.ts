import t from 'tap';
import { formatMac } from '../../../device/frame/mac.ts';
import { notifyPeers } from '../../../device/netdevice/peers.ts';
import { configureNeighbour } from '../../../stack/neighbour/configure.ts';
import { NUD_PERMANENT, nudName } from '../../../stack/neighbour/nud.ts';
import { Stack } from '../../../stack/stack.ts';
import { testMachine } from '../../testing/machine.ts';
import { TestLink } from '../../testing/test-link.ts';
import { arpFrame, describe, ip, PEER } from './bench.ts';

t.test('in a real stack: learnt, answered, proxied, announced, flushed; nothing is left', (t) => {
  const { clock, pool, machine } = testMachine();
  const baseline = clock.pendingTimers();
  const stack = new Stack({ machine });
  const link = new TestLink();
  const far = new TestLink({ address: 0x020000000002 });
  const dev = stack.addDevice(link, { name: 'eth0', addresses: ['192.0.2.1/24', '192.0.2.7/24'] });
  stack.addDevice(far, { name: 'eth1', addresses: ['198.51.100.1/24'] });
  const take = (): string[] => link.sent.splice(0).map(describe);
  const receive = (frame: Buffer): void => {
    dev.receive(pool.from(frame)!);
    clock.drain();
  };
  const state = (address: string): string => {
    const entry = stack.arp.table.lookup(dev, ip(address));
    return entry === null ? 'none' : `${nudName(entry.state)} ${formatMac(entry.mac)}`;
  };

  receive(arpFrame({ sip: '192.0.2.9', tip: '192.0.2.7' }));
  t.same(take(), ['reply 192.0.2.7 is-at 02:00:00:00:00:01 to 02:00:00:00:00:99']);
  t.equal(state('192.0.2.9'), 'STALE 02:00:00:00:00:99');
  for (const sip of ['192.0.2.1', '127.0.0.1', '224.0.0.1', '255.255.255.255', '198.51.100.1'])
    receive(arpFrame({ sip, tip: '192.0.2.1' }));
  t.same(take(), [], 'no such sender is answered');
  receive(arpFrame({ sip: '0.0.0.0', tip: '192.0.2.1' }));
  t.equal(take().length, 1, 'but a probe is');
  receive(arpFrame({ sip: '192.0.2.9', tip: '198.51.100.1' }));
  t.equal(take().length, 1, 'and one for an address of another device');
  stack.setSysctl('net.ipv4.conf.all.arp_ignore', 1);
  receive(arpFrame({ sip: '192.0.2.9', tip: '198.51.100.1' }));
  t.same(take(), [], 'unless arp_ignore');

  stack.setSysctl('net.ipv4.conf.all.arp_accept', 2);
  receive(arpFrame({ sip: '10.0.0.9', tip: '10.0.0.9' }));
  receive(arpFrame({ sip: '192.0.2.10', tip: '192.0.2.10' }));
  t.equal(state('10.0.0.9'), 'none');
  t.equal(state('192.0.2.10'), 'STALE 02:00:00:00:00:99');

  stack.setSysctl('net.ipv4.ip_forward', 1);
  stack.setSysctl('net.ipv4.conf.eth0.proxy_arp', 1);
  receive(arpFrame({ sip: '192.0.2.9', tip: '198.51.100.9' }));
  clock.advance(800);
  t.same(take(), ['reply 198.51.100.9 is-at 02:00:00:00:00:01 to 02:00:00:00:00:99']);

  notifyPeers(dev);
  t.same(take(), [
    'who-has 192.0.2.1 tell 192.0.2.1 to ff:ff:ff:ff:ff:ff',
    'who-has 192.0.2.7 tell 192.0.2.7 to ff:ff:ff:ff:ff:ff',
  ]);
  configureNeighbour(stack.arp.table, dev, ip('192.0.2.50'), 'add', { mac: PEER, state: NUD_PERMANENT });
  const seen: string[] = [];
  const ping = stack.ping('192.0.2.77', { count: 1 });
  ping.onEnd(() => seen.push(`${clock.now()} ended`));
  clock.advance(3500);
  t.equal(state('192.0.2.77'), 'FAILED 00:00:00:00:00:00');
  t.same(take(), Array<string>(3).fill('who-has 192.0.2.77 tell 192.0.2.1 to ff:ff:ff:ff:ff:ff'));
  t.equal(stack.counters().drops['neigh_failed'], 1);

  stack.deleteAddress('eth0', '192.0.2.7/24');
  t.equal(state('192.0.2.50'), 'PERMANENT 02:00:00:00:00:99');
  stack.deleteAddress('eth0', '192.0.2.1/24');
  t.equal(state('192.0.2.50'), 'none', 'the last address takes the neighbours with it');
  stack.close();
  t.equal(pool.inUse, 0);
  t.equal(clock.pendingTimers(), baseline);
  t.end();
});
