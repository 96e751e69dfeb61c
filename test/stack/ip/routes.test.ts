import t from 'tap';
import {
  EACCES,
  EHOSTUNREACH,
  EINVAL,
  ENETUNREACH,
  ENODEV,
  EXDEV,
  errnoName,
} from '../../../device/errno.ts';
import { carrierOff, carrierOn } from '../../../device/netdevice/carrier.ts';
import type { NetDevice } from '../../../device/netdevice/netdevice.ts';
import { type FibEntry, RTNH_F_LINKDOWN } from '../../../stack/ip/fib-entry.ts';
import type { Path } from '../../../stack/ip/path.ts';
import { routeTypeName } from '../../../stack/ip/route-types.ts';
import type { RouteOptions } from '../../../stack/options.ts';
import type { Stack } from '../../../stack/stack.ts';
import {
  formatIpv4,
  parseIpv4,
  RTN_BLACKHOLE,
  RTN_BROADCAST,
  RTN_LOCAL,
  RTN_MULTICAST,
  RTN_PROHIBIT,
  RTN_THROW,
  RTN_UNICAST,
  RTN_UNREACHABLE,
  SCOPE_HOST,
} from '../../../stack/wire/address.ts';
import { bench, datagram, drops, icmp, inject, leftovers, rawDevice, rawStack, sent } from './harness.ts';

const a = parseIpv4;

function show(result: Path | number): string {
  if (typeof result === 'number') return errnoName(result);
  const gateway = result.gateway === 0 ? '' : ` via ${formatIpv4(result.gateway)}`;
  const error = result.error === 0 ? '' : ` ${errnoName(result.error)}`;
  return `${routeTypeName(result.type)} dev ${result.dev.name}${gateway}${error}`;
}

function out(stack: Stack, to: string, from = '0.0.0.0', oif = 0, tos = 0): string {
  const result = stack.routes.output(a(to), a(from), oif, tos);
  const source =
    typeof result === 'number' ? '' : ` src ${formatIpv4(a(from) || stack.routes.sourceFor(result, a(to)))}`;
  return show(result) + source;
}

function code(run: () => unknown): string {
  try {
    run();
    return 'ok';
  } catch (error) {
    return (error as { code: string }).code;
  }
}

t.test('output: where packets of ours go', (t) => {
  const on = bench();
  const { stack, dev } = rawStack(on, { addresses: ['192.0.2.1/24', '192.0.2.5/24'] });
  rawDevice(stack, { name: 'tun1', addresses: ['198.51.100.1/24'] });
  stack.addRoute({ to: 'default', via: '192.0.2.254' });
  stack.addRoute({ to: '203.0.113.0/24', via: '198.51.100.254', metric: 10 });
  stack.addRoute({ to: '203.0.113.0/24', via: '192.0.2.253', metric: 20, src: '192.0.2.5' });
  stack.addRoute({ to: '203.0.113.128/25', via: '192.0.2.252', src: '192.0.2.5' });
  const rows: [string, string][] = [
    [out(stack, '192.0.2.7'), 'unicast dev tun0 src 192.0.2.1'],
    [out(stack, '8.8.8.8'), 'unicast dev tun0 via 192.0.2.254 src 192.0.2.1'],
    [out(stack, '203.0.113.1'), 'unicast dev tun1 via 198.51.100.254 src 198.51.100.1'],
    [out(stack, '203.0.113.200'), 'unicast dev tun0 via 192.0.2.252 src 192.0.2.5'],
    [out(stack, '203.0.113.1', '0.0.0.0', dev.ifindex), 'unicast dev tun0 via 192.0.2.253 src 192.0.2.5'],
    [out(stack, '192.0.2.5'), 'local dev lo src 192.0.2.1'],
    [out(stack, '127.5.6.7'), 'local dev lo src 127.0.0.1'],
    [out(stack, '192.0.2.255'), 'broadcast dev tun0 src 192.0.2.1'],
    [out(stack, '255.255.255.255', '0.0.0.0', dev.ifindex), 'broadcast dev tun0 src 192.0.2.1'],
    [out(stack, '255.255.255.255', '198.51.100.1'), 'broadcast dev tun1 src 198.51.100.1'],
    [out(stack, '224.0.0.9', '198.51.100.1'), 'multicast dev tun1 src 198.51.100.1'],
    [out(stack, '8.8.8.8', '9.9.9.9'), 'ENETUNREACH'],
    [out(stack, '8.8.8.8', '224.0.0.1'), 'EINVAL'],
    [out(stack, '8.8.8.8', '127.0.0.1'), 'EINVAL'],
    [out(stack, '0.1.2.3'), 'unicast dev tun0 via 192.0.2.254 src 192.0.2.1'],
    [out(stack, '8.8.8.8', '0.0.0.0', 99), 'ENODEV'],
  ];
  for (const [seen, wanted] of rows) t.equal(seen, wanted);
  stack.deleteRoute({ to: 'default' });
  t.equal(out(stack, '8.8.8.8'), 'ENETUNREACH');
  t.equal(
    out(stack, '8.8.8.8', '0.0.0.0', dev.ifindex),
    'unicast dev tun0 src 192.0.2.1',
    'taken for a neighbour',
  );
  stack.close();
  t.equal(leftovers(on), '0 packets, 0 timers');
  t.end();
});

t.test('types that refuse, throw, and TOS', (t) => {
  const on = bench();
  const { stack } = rawStack(on);
  stack.addRoute({ to: 'default', via: '192.0.2.254' });
  stack.addRoute({ to: '10.0.0.0/8', type: RTN_BLACKHOLE });
  stack.addRoute({ to: '10.1.0.0/16', type: RTN_UNREACHABLE });
  stack.addRoute({ to: '10.2.0.0/16', type: RTN_PROHIBIT });
  stack.addRoute({ to: '10.3.0.0/16', type: RTN_THROW });
  stack.addRoute({ to: '10.4.0.0/16', via: '192.0.2.250', tos: 0x10 });
  t.equal(stack.routes.output(a('10.9.9.9'), 0, 0, 0), -EINVAL);
  t.equal(stack.routes.output(a('10.1.9.9'), 0, 0, 0), -EHOSTUNREACH);
  t.equal(stack.routes.output(a('10.2.9.9'), 0, 0, 0), -EACCES);
  t.equal(stack.routes.output(a('10.3.9.9'), 0, 0, 0), -ENETUNREACH);
  t.equal(out(stack, '10.4.0.1', '0.0.0.0', 0, 0x10), 'unicast dev tun0 via 192.0.2.250 src 192.0.2.1');
  t.equal(
    stack.routes.output(a('10.4.0.1'), 0, 0, 0),
    -EINVAL,
    'without that TOS the shorter prefix decides',
  );
  stack.close();
  t.end();
});

t.test('adding: what is checked', (t) => {
  const on = bench();
  const { stack } = rawStack(on);
  const { dev: down } = rawDevice(stack, { name: 'tun1', up: false });
  const rows: [RouteOptions, string][] = [
    [{ to: '10.0.0.1/8', via: '192.0.2.254' }, 'EINVAL'],
    [{ to: '10.0.0.0/8', via: '198.51.100.1' }, 'ENETUNREACH'],
    [{ to: '10.0.0.0/8', via: '192.0.2.255' }, 'EINVAL'],
    [{ to: '10.0.0.0/8', via: '198.51.100.1', dev: 'tun0', onlink: true }, 'ok'],
    [{ to: '10.0.0.0/8', via: '192.0.2.254' }, 'EEXIST'],
    [{ to: '10.0.0.0/8', via: '192.0.2.254', metric: 5 }, 'ok'],
    [{ to: '11.0.0.0/8', via: '192.0.2.1' }, 'ok'],
    [{ to: '11.1.0.0/16', via: '192.0.2.1', onlink: true }, 'ENODEV'],
    [{ to: '11.2.0.0/16', via: '192.0.2.1', onlink: true, dev: 'tun0' }, 'EINVAL'],
    [{ to: '12.0.0.0/8' }, 'ENODEV'],
    [{ to: '12.0.0.0/8', dev: down }, 'ENETDOWN'],
    [{ to: '12.0.0.0/8', dev: 'tun0', src: '192.0.2.77' }, 'EINVAL'],
    [{ to: '12.0.0.0/8', dev: 'tun0', type: RTN_BLACKHOLE }, 'EINVAL'],
    [{ to: '12.0.0.0/8', dev: 'tun0', scope: SCOPE_HOST + 1 }, 'EINVAL'],
    [{ to: '12.0.0.0/8', dev: 'tun0', table: 7 }, 'EINVAL'],
    [{ to: '12.0.0.0/8', dev: 'tun0', attributes: { mtu: -1 } }, 'EINVAL'],
    [{ to: '13.0.0.0/8', dev: 'tun0', mode: 'change' }, 'ENOENT'],
    [{ to: 'nonsense', dev: 'tun0' }, 'EINVAL'],
  ];
  for (const [options, wanted] of rows)
    t.equal(
      code(() => stack.addRoute(options)),
      wanted,
      `${options.to} ${options.via ?? ''} ${wanted}`,
    );
  t.equal(
    code(() => stack.deleteRoute({ to: '99.0.0.0/8' })),
    'ESRCH',
  );
  stack.close();
  t.end();
});

t.test('append, prepend, replace', (t) => {
  const on = bench();
  const { stack } = rawStack(on);
  const to = '10.0.0.0/8';
  stack.addRoute({ to, via: '192.0.2.10' });
  stack.addRoute({ to, via: '192.0.2.11', mode: 'append' });
  stack.addRoute({ to, via: '192.0.2.12', mode: 'prepend' });
  t.equal(
    code(() => stack.addRoute({ to, via: '192.0.2.11', mode: 'append' })),
    'EEXIST',
  );
  const hops = (): string[] =>
    stack.fib.main.exactly(a('10.0.0.0'), 8).map((entry) => formatIpv4(entry.gateway));
  t.strictSame(hops(), ['192.0.2.12', '192.0.2.10', '192.0.2.11']);
  stack.addRoute({ to, via: '192.0.2.13', mode: 'replace' });
  t.strictSame(hops(), ['192.0.2.13', '192.0.2.10', '192.0.2.11']);
  stack.deleteRoute({ to, via: '192.0.2.10' });
  t.strictSame(hops(), ['192.0.2.13', '192.0.2.11']);
  stack.close();
  t.end();
});

t.test('input: for us, on, or refused', (t) => {
  const on = bench();
  const { stack, dev } = rawStack(on);
  rawDevice(stack, { name: 'tun1', addresses: ['198.51.100.1/24'] });
  const at = (to: string, from: string): string => show(stack.routes.input(a(to), a(from), 0, dev));
  const host: [string, string, string][] = [
    ['192.0.2.1', '192.0.2.2', 'local dev lo'],
    ['198.51.100.1', '192.0.2.2', 'local dev lo'],
    ['192.0.2.255', '192.0.2.2', 'broadcast dev tun0'],
    ['255.255.255.255', '0.0.0.0', 'broadcast dev tun0'],
    ['0.0.0.0', '0.0.0.0', 'broadcast dev tun0'],
    ['224.0.0.1', '192.0.2.2', 'multicast dev tun0'],
    ['224.0.0.2', '192.0.2.2', 'EINVAL'],
    ['192.0.2.1', '192.0.2.1', 'EINVAL'],
    ['192.0.2.1', '224.0.0.1', 'EINVAL'],
    ['192.0.2.1', '255.255.255.255', 'EINVAL'],
    ['192.0.2.1', '0.0.0.0', 'EINVAL'],
    ['192.0.2.1', '127.0.0.1', 'EINVAL'],
    ['127.0.0.1', '192.0.2.2', 'EINVAL'],
    ['0.0.0.1', '192.0.2.2', 'unreachable dev tun0 EHOSTUNREACH'],
    ['192.0.2.1', '0.1.2.3', 'local dev lo'],
    ['0.0.0.0', '192.0.2.2', 'EINVAL'],
    ['198.51.100.7', '192.0.2.2', 'unreachable dev tun0 EHOSTUNREACH'],
  ];
  for (const [to, from, wanted] of host) t.equal(at(to, from), wanted, `${from} > ${to}`);
  stack.setSysctl('net.ipv4.ip_forward', 1);
  t.equal(at('198.51.100.7', '192.0.2.2'), 'unicast dev tun1');
  t.equal(at('8.8.8.8', '192.0.2.2'), 'unreachable dev tun0 ENETUNREACH');
  stack.addRoute({ to: '10.0.0.0/8', type: RTN_PROHIBIT });
  t.equal(at('10.0.0.1', '192.0.2.2'), 'unreachable dev tun0 EACCES');
  stack.setSysctl('net.ipv4.conf.tun0.accept_local', 1);
  t.equal(at('192.0.2.1', '192.0.2.1'), 'local dev lo', 'accept_local');
  stack.setSysctl('net.ipv4.conf.tun0.route_localnet', 1);
  t.equal(at('127.0.0.1', '192.0.2.2'), 'local dev lo', 'route_localnet');
  stack.close();
  t.end();
});

t.test('rp_filter: strict, loose, and none', (t) => {
  const on = bench();
  const { stack, dev } = rawStack(on);
  rawDevice(stack, { name: 'tun1', addresses: ['198.51.100.1/24'] });
  const from = (source: string): number | string => {
    const result = stack.routes.input(a('192.0.2.1'), a(source), 0, dev);
    return typeof result === 'number' ? result : 'accepted';
  };
  t.equal(from('198.51.100.7'), 'accepted');
  t.equal(from('8.8.8.8'), 'accepted');
  stack.setSysctl('net.ipv4.conf.tun0.rp_filter', 1);
  t.equal(from('192.0.2.7'), 'accepted');
  t.equal(from('198.51.100.7'), -EXDEV);
  t.equal(from('8.8.8.8'), -EXDEV);
  stack.setSysctl('net.ipv4.conf.tun0.rp_filter', 0);
  stack.setSysctl('net.ipv4.conf.all.rp_filter', 2);
  t.equal(from('198.51.100.7'), 'accepted', 'loose: another way is good enough');
  t.equal(from('8.8.8.8'), -EXDEV, 'loose: but none is not');
  inject(stack, dev, datagram({ source: '8.8.8.8', payload: icmp(8, 0, 0) }));
  t.strictSame(drops(stack), { ip_rpfilter: 1 });
  stack.close();
  t.end();
});

t.test('the path of a flow is kept until routes, devices or settings change', (t) => {
  const on = bench();
  const { stack, dev } = rawStack(on);
  const other = rawDevice(stack, { name: 'tun1', addresses: ['198.51.100.1/24'] });
  const ping = (): string => {
    const [before, answers] = [drops(stack), stack.mib.get('IcmpOutEchoReps')];
    inject(stack, dev, datagram({ source: '198.51.100.7', payload: icmp(8, 0, 0) }));
    const after = drops(stack);
    const dropped = Object.keys(after).filter((reason) => after[reason] !== before[reason]);
    return stack.mib.get('IcmpOutEchoReps') > answers ? 'answered' : dropped.join();
  };
  const outcomes = (): string[] => [ping(), ping()];
  t.strictSame(outcomes(), ['answered', 'answered']);
  stack.setSysctl('net.ipv4.conf.tun0.rp_filter', 1);
  t.strictSame(outcomes(), ['ip_rpfilter', 'ip_rpfilter'], 'a setting');
  stack.addRoute({ to: '198.51.100.7/32', dev: 'tun0' });
  t.strictSame(outcomes(), ['answered', 'answered'], 'a route');
  stack.setDown(other.dev);
  t.strictSame(outcomes(), ['answered', 'answered']);
  stack.deleteAddress(dev, '192.0.2.1/24');
  t.notSame(ping(), 'answered', 'an address that is gone');
  stack.close();
  t.end();
});

t.test(
  'behaviour 27: without carrier routes are LINKDOWN but lead on, unless they are to be ignored',
  (t) => {
    const on = bench();
    const { stack, dev } = rawStack(on);
    stack.addRoute({ to: 'default', via: '192.0.2.254' });
    const flagged = (): string[] =>
      stack.fib
        .entries()
        .filter((entry) => entry.dev === dev && (entry.flags & RTNH_F_LINKDOWN) !== 0)
        .map((entry) => `${routeTypeName(entry.type)} ${formatIpv4(entry.destination)}`);
    t.strictSame(flagged(), []);
    carrierOff(dev);
    on.clock.advance(2000);
    t.strictSame(flagged(), ['broadcast 192.0.2.255', 'unicast 0.0.0.0', 'unicast 192.0.2.0']);
    t.equal(out(stack, '192.0.2.7'), 'unicast dev tun0 src 192.0.2.1');
    t.equal(out(stack, '192.0.2.1'), 'local dev lo src 192.0.2.1');
    stack.setSysctl('net.ipv4.conf.tun0.ignore_routes_with_linkdown', 1);
    t.equal(stack.routes.output(a('192.0.2.7'), 0, 0, 0), -ENETUNREACH);
    t.equal(out(stack, '192.0.2.1'), 'local dev lo src 192.0.2.1');
    const added = stack.addRoute({ to: '10.0.0.0/8', via: '192.0.2.253' });
    t.equal(added.flags & RTNH_F_LINKDOWN, RTNH_F_LINKDOWN, 'a new route is born with the flag');
    carrierOn(dev);
    on.clock.advance(2000);
    t.strictSame(flagged(), []);
    t.equal(out(stack, '10.0.0.1'), 'unicast dev tun0 via 192.0.2.253 src 192.0.2.1');
    stack.close();
    t.end();
  },
);

t.test('address types', (t) => {
  const on = bench();
  const { stack, dev } = rawStack(on);
  const type = (text: string): number => stack.routes.addressType(a(text));
  t.equal(type('192.0.2.1'), RTN_LOCAL);
  t.equal(type('192.0.2.255'), RTN_BROADCAST);
  t.equal(type('255.255.255.255'), RTN_BROADCAST);
  t.equal(type('0.0.0.0'), RTN_BROADCAST);
  t.equal(type('224.0.0.1'), RTN_MULTICAST);
  t.equal(type('192.0.2.2'), RTN_UNICAST);
  t.equal(stack.routes.addressTypeOn(dev, a('192.0.2.1')), RTN_LOCAL);
  t.equal(stack.routes.addressTypeOn(dev, a('127.0.0.1')), RTN_UNICAST);
  stack.close();
  t.end();
});

// @rfc 1812 5.2.4.3
t.test('longest prefix match agrees with a plain search', (t) => {
  const on = bench(7);
  const { stack } = rawStack(on, { addresses: ['10.0.0.1/8'] });
  const random = on.machine.entropy;
  const known: FibEntry[] = [];
  for (let i = 0; i < 400; i++) {
    const length = 9 + random.below(24);
    const mask = length === 32 ? 0xffffffff : (0xffffffff << (32 - length)) >>> 0;
    const destination = ((0x0a000000 | random.below(0x40000)) & mask) >>> 0;
    const entry = stack.fib.add(
      {
        table: 254,
        destination,
        prefixLength: length,
        gateway: 0,
        dev: stack.device('tun0'),
        type: RTN_UNICAST,
        scope: 253,
        metric: random.below(3),
        tos: 0,
        protocol: 3,
        preferredSource: 0,
        onlink: false,
        attributes: {},
      },
      'add',
    );
    if (typeof entry !== 'number') known.push(entry);
  }
  const inside = (entry: FibEntry, address: number): boolean =>
    entry.prefixLength === 0 || (address ^ entry.destination) >>> (32 - entry.prefixLength) === 0;
  let compared = 0;
  for (let i = 0; i < 2000; i++) {
    const address = (0x0a000000 | random.below(0x40000)) >>> 0;
    const best = known
      .filter((entry) => inside(entry, address))
      .sort((x, y) => y.prefixLength - x.prefixLength || x.metric - y.metric)[0];
    const found = stack.fib.lookup(address);
    if (best === undefined || address === 0x0a000001) continue;
    compared++;
    if (found !== best) t.fail(`seed 7: ${formatIpv4(address)}`);
  }
  t.ok(compared > 1000, `${compared} compared`);
  stack.close();
  t.end();
});

// @rfc 1191 6.3
t.test('path MTU: learned, expired, locked, capped; only about what we sent', (t) => {
  const on = bench();
  const { stack, dev, link } = rawStack(on);
  stack.addRoute({ to: 'default', via: '192.0.2.254' });
  const needed = (mtu: number, source = '192.0.2.1', to = '203.0.113.9'): void => {
    const quoted = datagram({ source, destination: to, payload: icmp(8, 0, 1) });
    inject(stack, dev, datagram({ source: '192.0.2.254', payload: icmp(3, 4, mtu, quoted) }));
  };
  const path = (): Path => stack.routes.output(a('203.0.113.9'), 0, 0, 0) as Path;
  t.equal(path().mtu, 0);
  needed(1400, '192.0.2.77');
  t.equal(path().mtu, 0, 'not about a packet of ours');
  needed(1400);
  t.equal(path().mtu, 1400);
  t.equal((stack.routes.output(a('203.0.113.10'), 0, 0, 0) as Path).mtu, 0, 'other hosts are not concerned');
  needed(1450);
  t.equal(path().mtu, 1400, 'it does not grow');
  on.clock.advance(599_000);
  t.equal(path().mtu, 1400);
  on.clock.advance(1001);
  t.equal(path().mtu, 0, 'forgotten after mtu_expires');
  needed(100);
  t.equal(path().mtu, 552, 'nobody is believed below min_pmtu');
  t.equal(path().mtuLocked, true, 'and DF is given up');
  stack.ping('203.0.113.9', { size: 1000 });
  on.clock.advance(0);
  const frames = sent(link);
  t.strictSame(
    frames.map((frame) => frame.readUInt16BE(6)),
    [0x2000, 66],
  );
  t.strictSame(
    frames.map((frame) => frame.readUInt16BE(2)),
    [548, 500],
  );
  for (let i = 0; i < 3000; i++) needed(1400, '192.0.2.1', `198.18.${i >> 8}.${i & 255}`);
  const entry = stack.fib.main.exactly(0, 0)[0]!;
  t.equal(entry.exceptions!.size, 2048);
  t.equal(entry.exceptions!.evicted, 953);
  stack.setSysctl('net.ipv4.ip_no_pmtu_disc', 2);
  needed(1300, '192.0.2.1', '203.0.113.50');
  t.equal((stack.routes.output(a('203.0.113.50'), 0, 0, 0) as Path).mtu, 0);
  stack.close();
  t.equal(leftovers(on), '0 packets, 0 timers');
  t.end();
});

t.test('a device’s MTU caps what is larger; attributes win over it', (t) => {
  const on = bench();
  const { stack, dev } = rawStack(on);
  stack.addRoute({
    to: '10.0.0.0/8',
    via: '192.0.2.254',
    attributes: { mtu: 1300, mtuLock: true, advmss: 1200 },
  });
  const path = stack.routes.output(a('10.0.0.1'), 0, 0, 0) as Path;
  t.equal(path.mtu, 1300);
  t.equal(path.mtuLocked, true);
  t.equal(path.entry!.attributes.advmss, 1200);
  t.equal(path.dev as NetDevice, dev);
  t.equal(typeof stack.routes.output(a('10.0.0.1'), 0, 99, 0) === 'number' ? -ENODEV : 0, -ENODEV);
  stack.close();
  t.end();
});
