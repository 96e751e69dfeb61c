import t from 'tap';
import { EADDRNOTAVAIL, ENOBUFS } from '../../../device/errno.ts';
import { changeName, setMtu } from '../../../device/netdevice/change.ts';
import { NOTIFY_BAD } from '../../../device/netdevice/notifier.ts';
import type { FibEntry } from '../../../stack/ip/fib-entry.ts';
import {
  IFA_F_PERMANENT,
  IFA_F_SECONDARY,
  type InetAddress,
  inetDevice,
} from '../../../stack/ip/inet-device.ts';
import { routeTypeName } from '../../../stack/ip/route-types.ts';
import type { Stack } from '../../../stack/stack.ts';
import { formatIpv4, parseIpv4, SCOPE_HOST, SCOPE_LINK } from '../../../stack/wire/address.ts';
import { TestLink } from '../../testing/test-link.ts';
import { bench, leftovers, rawStack, sent } from './harness.ts';

const CONFIG = {
  local: 0xc0000205,
  address: 0xc0000205,
  prefixLength: 24,
  broadcast: 0,
  scope: 0,
  label: 'tun0',
  metric: 0,
  noPrefixRoute: false,
  validLifetime: Number.POSITIVE_INFINITY,
  preferredLifetime: Number.POSITIVE_INFINITY,
};

function list(stack: Stack, dev: string): string[] {
  return stack
    .addressesOf(dev)
    .map((ifa) => formatIpv4(ifa.local) + ((ifa.flags & IFA_F_SECONDARY) !== 0 ? ' secondary' : ''));
}

function routes(stack: Stack, dev: string): string[] {
  return stack.fib
    .entries()
    .filter((entry) => entry.dev?.name === dev)
    .map(line);
}

function line(entry: FibEntry): string {
  const source = entry.preferredSource === 0 ? '' : ` src ${formatIpv4(entry.preferredSource)}`;
  return `${routeTypeName(entry.type)} ${formatIpv4(entry.destination)}/${entry.prefixLength}${source}`;
}

/** Messages and chain events in the order in which they come. */
function watch(stack: Stack): string[] {
  const log: string[] = [];
  stack.ns.messages.subscribe(({ type, subject }) => {
    if (type === 'RTM_NEWADDR' || type === 'RTM_DELADDR')
      log.push(`${type} ${formatIpv4((subject as InetAddress).local)}`);
    if (type === 'RTM_NEWROUTE' || type === 'RTM_DELROUTE') log.push(`${type} ${line(subject as FibEntry)}`);
  });
  stack.inetaddrChain.register({
    priority: 10,
    notify: (event, ifa) => void log.push(`${event === 1 ? 'UP' : 'DOWN'} ${formatIpv4(ifa.local)}`),
  });
  return log;
}

t.test('a stack begins with its loopback device', (t) => {
  const on = bench();
  const { stack } = rawStack(on);
  t.equal(stack.loopback.ifindex, 1);
  t.strictSame(list(stack, 'lo'), ['127.0.0.1']);
  t.strictSame(routes(stack, 'lo'), [
    'local 127.0.0.0/8 src 127.0.0.1',
    'local 127.0.0.1/32 src 127.0.0.1',
    'broadcast 127.255.255.255/32 src 127.0.0.1',
  ]);
  stack.close();
  t.equal(leftovers(on), '0 packets, 0 timers');
  t.end();
});

t.test('adding: the message, then the chain, then the routes', (t) => {
  const on = bench();
  const { stack } = rawStack(on, { addresses: [] });
  const log = watch(stack);
  stack.addAddress('tun0', { address: '192.0.2.1/24', broadcast: '+' });
  t.strictSame(log, [
    'RTM_NEWADDR 192.0.2.1',
    'UP 192.0.2.1',
    'RTM_NEWROUTE local 192.0.2.1/32 src 192.0.2.1',
    'RTM_NEWROUTE broadcast 192.0.2.255/32 src 192.0.2.1',
    'RTM_NEWROUTE unicast 192.0.2.0/24 src 192.0.2.1',
  ]);
  stack.close();
  t.end();
});

t.test('order: primaries by scope, the widest last; secondaries behind all', (t) => {
  const on = bench();
  const { stack } = rawStack(on, { addresses: [] });
  stack.addAddress('tun0', '192.0.2.1/24');
  stack.addAddress('tun0', '192.0.2.2/24');
  stack.addAddress('tun0', { address: '10.0.0.1/8', scope: SCOPE_LINK });
  stack.addAddress('tun0', { address: '10.9.0.1/32', scope: SCOPE_HOST });
  stack.addAddress('tun0', '198.51.100.1/24');
  stack.addAddress('tun0', '192.0.2.3/24');
  t.strictSame(list(stack, 'tun0'), [
    '10.9.0.1',
    '10.0.0.1',
    '192.0.2.1',
    '198.51.100.1',
    '192.0.2.2 secondary',
    '192.0.2.3 secondary',
  ]);
  stack.close();
  t.end();
});

t.test('what is refused, and by which errno', (t) => {
  const on = bench();
  const { stack, dev } = rawStack(on);
  const code = (run: () => unknown): string => {
    try {
      run();
      return 'ok';
    } catch (error) {
      return (error as { code: string }).code;
    }
  };
  t.equal(
    code(() => stack.addAddress('tun0', '192.0.2.1/24')),
    'EEXIST',
  );
  t.equal(
    code(() => stack.addAddress('tun0', { address: '192.0.2.9/24', scope: SCOPE_LINK })),
    'EINVAL',
  );
  t.equal(
    code(() => stack.addAddress('tun0', '192.0.2.300')),
    'EINVAL',
  );
  t.equal(
    code(() => stack.addAddress('tun0', '192.0.2.1/33')),
    'EINVAL',
  );
  t.equal(
    code(() => stack.addAddress('tun0', { address: '192.0.2.4', validLifetime: 1, preferredLifetime: 2 })),
    'EINVAL',
  );
  t.equal(
    code(() => stack.addAddress('tun0', { address: '192.0.2.4', label: 'eth9:1' })),
    'EINVAL',
  );
  t.equal(
    code(() => stack.addAddress('none', '192.0.2.4/24')),
    'ENODEV',
  );
  t.equal(
    code(() => stack.deleteAddress('tun0', '192.0.2.99/24')),
    'EADDRNOTAVAIL',
  );
  t.equal(stack.addresses.delete(dev, parseIpv4('192.0.2.1'), 25), -EADDRNOTAVAIL);
  stack.inetaddrValidatorChain.register({ notify: () => NOTIFY_BAD });
  t.equal(
    code(() => stack.addAddress('tun0', '203.0.113.1/24')),
    'EPERM',
    'the validator chain vetoes',
  );
  t.strictSame(list(stack, 'tun0'), ['192.0.2.1']);
  stack.close();
  t.end();
});

t.test('a primary takes its secondaries with it, DOWN for each before its own', (t) => {
  const on = bench();
  const { stack } = rawStack(on, {
    addresses: ['192.0.2.1/24', '192.0.2.2/24', '192.0.2.3/24', '10.0.0.1/8'],
  });
  const log = watch(stack);
  stack.deleteAddress('tun0', '192.0.2.1/24');
  t.strictSame(
    log.filter((entry) => !entry.includes('ROUTE')),
    [
      'RTM_DELADDR 192.0.2.2',
      'DOWN 192.0.2.2',
      'RTM_DELADDR 192.0.2.3',
      'DOWN 192.0.2.3',
      'RTM_DELADDR 192.0.2.1',
      'DOWN 192.0.2.1',
    ],
  );
  t.strictSame(list(stack, 'tun0'), ['10.0.0.1']);
  t.strictSame(routes(stack, 'tun0'), [
    'local 10.0.0.1/32 src 10.0.0.1',
    'broadcast 10.255.255.255/32 src 10.0.0.1',
    'unicast 10.0.0.0/8 src 10.0.0.1',
  ]);
  stack.close();
  t.end();
});

t.test('promote_secondaries: the first secondary takes over, with the routes', (t) => {
  const on = bench();
  const { stack } = rawStack(on, { addresses: ['192.0.2.1/24', '192.0.2.2/24', '192.0.2.3/24'] });
  stack.setSysctl('net.ipv4.conf.all.promote_secondaries', 1);
  const log = watch(stack);
  stack.deleteAddress('tun0', '192.0.2.1');
  t.strictSame(
    log.filter((entry) => !entry.includes('ROUTE')),
    ['RTM_DELADDR 192.0.2.1', 'DOWN 192.0.2.1', 'RTM_NEWADDR 192.0.2.2', 'UP 192.0.2.2'],
  );
  t.strictSame(list(stack, 'tun0'), ['192.0.2.2', '192.0.2.3 secondary']);
  t.strictSame(routes(stack, 'tun0').sort(), [
    'broadcast 192.0.2.255/32 src 192.0.2.2',
    'local 192.0.2.2/32 src 192.0.2.2',
    'local 192.0.2.3/32 src 192.0.2.2',
    'unicast 192.0.2.0/24 src 192.0.2.2',
  ]);
  stack.close();
  t.equal(leftovers(on), '0 packets, 0 timers');
  t.end();
});

t.test('lifetimes: deprecated, then gone, at their moments', (t) => {
  const on = bench();
  const { stack } = rawStack(on, { addresses: [] });
  const ifa = stack.addAddress('tun0', { address: '192.0.2.1/24', validLifetime: 60, preferredLifetime: 20 });
  t.equal(ifa.flags & IFA_F_PERMANENT, 0);
  on.clock.advance(25_000);
  t.equal(stack.addresses.lifetimes.preferredLeft(ifa), 0);
  t.equal(stack.addresses.lifetimes.validLeft(ifa), 35);
  on.clock.advance(34_999);
  t.strictSame(list(stack, 'tun0'), ['192.0.2.1']);
  on.clock.advance(1);
  t.strictSame(list(stack, 'tun0'), []);
  t.strictSame(routes(stack, 'tun0'), []);
  t.equal(on.clock.pendingTimers() > on.baseline + 5, false);
  stack.close();
  t.equal(leftovers(on), '0 packets, 0 timers');
  t.end();
});

t.test('an MTU below 68 destroys the IPv4 state; raising it gives an empty one', (t) => {
  const on = bench();
  const { stack, dev } = rawStack(on);
  const log = watch(stack);
  t.equal(setMtu(dev, 60), 0);
  t.equal(inetDevice(dev), null);
  t.ok(log.includes('RTM_DELADDR 192.0.2.1'));
  t.strictSame(routes(stack, 'tun0'), []);
  t.strictSame(stack.sysctl.names('net.ipv4.conf.tun0.'), []);
  t.equal(stack.addresses.add(dev, { ...CONFIG }), -ENOBUFS);
  t.equal(setMtu(dev, 1500), 0);
  t.strictSame(list(stack, 'tun0'), []);
  t.equal(stack.sysctl.get('net.ipv4.conf.tun0.rp_filter'), '0');
  stack.close();
  t.end();
});

t.test('going down keeps addresses and local routes; coming up brings the others back', (t) => {
  const on = bench();
  const { stack } = rawStack(on);
  stack.addRoute({ to: 'default', via: '192.0.2.254' });
  stack.setDown('tun0');
  t.strictSame(list(stack, 'tun0'), ['192.0.2.1']);
  t.strictSame(routes(stack, 'tun0'), ['local 192.0.2.1/32 src 192.0.2.1']);
  stack.setUp('tun0');
  t.strictSame(
    routes(stack, 'tun0'),
    [
      'local 192.0.2.1/32 src 192.0.2.1',
      'broadcast 192.0.2.255/32 src 192.0.2.1',
      'unicast 192.0.2.0/24 src 192.0.2.1',
    ],
    'the default route does not come back',
  );
  stack.close();
  t.end();
});

t.test('renaming moves settings and labels', (t) => {
  const on = bench();
  const { stack, dev } = rawStack(on, { addresses: [] });
  stack.addAddress(dev, { address: '192.0.2.1/24', label: 'tun0:web' });
  stack.setSysctl('net.ipv4.conf.tun0.rp_filter', 2);
  t.equal(changeName(dev, 'vpn0'), 0);
  t.equal(stack.sysctl.get('net.ipv4.conf.vpn0.rp_filter'), '2');
  t.equal(stack.sysctl.get('net.ipv4.conf.tun0.rp_filter'), undefined);
  t.equal(inetDevice(dev)!.addresses[0]!.label, 'vpn0:web');
  stack.setSysctl('net.ipv4.conf.all.rp_filter', 1);
  t.equal(inetDevice(dev)!.conf.values.rp_filter, 2, 'the greater of both');
  stack.close();
  t.end();
});

t.test('point to point: the route is to the peer, the local address is one’s own', (t) => {
  const on = bench();
  const { stack } = rawStack(on, { addresses: [{ address: '10.0.0.1', peer: '10.0.0.2/32' }] });
  t.strictSame(routes(stack, 'tun0'), ['local 10.0.0.1/32 src 10.0.0.1', 'unicast 10.0.0.2/32 src 10.0.0.1']);
  stack.close();
  t.end();
});

t.test('noprefixroute and metric', (t) => {
  const on = bench();
  const { stack } = rawStack(on, {
    addresses: [
      { address: '192.0.2.1/24', noPrefixRoute: true },
      { address: '198.51.100.1/24', metric: 77 },
    ],
  });
  t.strictSame(
    stack.fib.main.entries().map((entry) => `${line(entry)} metric ${entry.metric}`),
    ['unicast 198.51.100.0/24 src 198.51.100.1 metric 77'],
  );
  stack.close();
  t.end();
});

t.test('behaviour 32: an address added on an up device announces nothing', (t) => {
  const on = bench();
  const { stack } = rawStack(on, { addresses: [] });
  const ethernet = new TestLink();
  stack.addDevice(ethernet, { name: 'eth0' });
  stack.setSysctl('net.ipv4.conf.all.arp_notify', 1);
  stack.addAddress('eth0', '198.51.100.1/24');
  on.clock.advance(10_000);
  t.strictSame(sent(ethernet), []);
  stack.close();
  t.equal(leftovers(on), '0 packets, 0 timers');
  t.end();
});

t.test('select and confirm', (t) => {
  const on = bench();
  const { stack, dev } = rawStack(on, {
    addresses: ['192.0.2.1/24', '198.51.100.1/24', { address: '169.254.0.1/16', scope: SCOPE_LINK }],
  });
  const { addresses } = stack;
  const a = parseIpv4;
  t.equal(formatIpv4(addresses.select(dev, a('198.51.100.7'), 0)), '198.51.100.1', 'the one on the subnet');
  t.equal(formatIpv4(addresses.select(dev, a('203.0.113.7'), 0)), '192.0.2.1', 'the first that fits');
  t.equal(formatIpv4(addresses.select(dev, a('169.254.9.9'), SCOPE_LINK)), '169.254.0.1');
  t.equal(formatIpv4(addresses.select(stack.loopback, 0, 0)), '192.0.2.1', 'another device’s');
  t.equal(formatIpv4(addresses.select(stack.loopback, 0, SCOPE_HOST)), '127.0.0.1');
  t.equal(addresses.confirm(dev, 0, a('192.0.2.1'), SCOPE_HOST), a('192.0.2.1'));
  t.equal(addresses.confirm(null, a('192.0.2.9'), a('192.0.2.1'), SCOPE_HOST), a('192.0.2.1'));
  t.equal(addresses.confirm(dev, a('203.0.113.1'), a('192.0.2.1'), SCOPE_HOST), 0, 'not on its subnet');
  t.equal(addresses.confirm(dev, 0, a('192.0.2.2'), SCOPE_HOST), 0, 'not ours');
  stack.close();
  t.end();
});
