import { readFileSync } from 'node:fs';
import t from 'tap';
import { DhcpBench } from './support/dhcp-bench.ts';
import { requirements } from './support/requirements.ts';
import { OUR_MAC } from './support/tap-peer.ts';

t.jobs = 1;
const PEERS = '10.0.0.1';

const DNSMASQ = [
  ...'-d -C /dev/null -p 0 --user=root --pid-file= --log-dhcp -i tap0 --dhcp-authoritative --no-ping'.split(
    ' ',
  ),
  '--domain=example',
  '--dhcp-range=10.0.0.100,10.0.0.110,2m',
  '--dhcp-option=option:T1,8',
  '--dhcp-option=option:mtu,1400',
  '--dhcp-option=option:dns-server,10.0.0.53',
  '--dhcp-option=option:domain-search,a.example,b.example',
  '--dhcp-option=option:classless-static-route,198.51.100.0/24,10.0.0.9,0.0.0.0/0,10.0.0.1',
];

t.test(
  'our client and dnsmasq: lease, renewal, carrier flap, restart with the stored lease, release',
  { skip: requirements('dnsmasq', 'ping'), timeout: 60_000 },
  async (t) => {
    const bench = await DhcpBench.start(t, [`${PEERS}/24`]);
    const { ns } = bench;
    const server = ns.start('dnsmasq', ...DNSMASQ, `--dhcp-leasefile=${bench.path('leases')}`);
    await server.says(/DHCP, IP range/);
    await bench.tapir(`dhcp client dev tap0 hostname left store ${bench.path('lease')}`);
    const bound = await bench.reaches('BOUND');
    t.match(bound, { server: PEERS, dns: ['10.0.0.53'], domain: 'example', routers: [PEERS], prefixlen: 24 });
    const address = bound.role === 'client' ? bound.address! : '';
    await ns.run('ping', '-c', '1', '-W', '2', address);
    const routes = await bench.tapir('route show');
    t.match(routes, /^default via 10.0.0.1 dev tap0 proto dhcp/m);
    t.match(routes, /^198.51.100.0\/24 via 10.0.0.9 dev tap0 proto dhcp/m);
    t.match(await bench.tapir('link show tap0'), 'mtu 1400');
    t.match(readFileSync(bench.path('leases'), 'utf8'), `${OUR_MAC} ${address} left`);
    await bench.counts('acks', 2, 15_000);
    t.pass('renewed at T1, by unicast');

    await bench.tapir('link set tap0 carrier off');
    await bench.reaches('INIT-REBOOT');
    await bench.tapir('link set tap0 carrier on');
    await bench.reaches('BOUND');
    t.match(await bench.tapir('address show dev tap0'), `inet ${address}/24`);

    await bench.tapir('dhcp stop dev tap0');
    await bench.tapir(`dhcp client dev tap0 check off store ${bench.path('lease')}`);
    t.match(await bench.reaches('BOUND'), { address, counters: { discovers: 0, requests: 1, acks: 1 } });

    await bench.tapir('dhcp release dev tap0');
    await server.says(/DHCPRELEASE\(tap0\) 10\.0\.0\.1\d\d/);
    t.notMatch(await bench.tapir('address show dev tap0'), 'inet ');
    t.notMatch(await bench.tapir('route show'), 'proto dhcp', 'nor what the first client left');
    await server.stop();
  },
);

t.test('tapir up --dhcp', { skip: requirements('dnsmasq', 'ping'), timeout: 60_000 }, async (t) => {
  const bench = await DhcpBench.start(t, [`${PEERS}/24`], '--dhcp');
  const server = bench.ns.start('dnsmasq', ...DNSMASQ, `--dhcp-leasefile=${bench.path('leases')}`);
  const bound = await bench.reaches('BOUND', 30_000);
  const address = bound.role === 'client' ? bound.address! : '';
  await bench.ns.run('ping', '-c', '1', '-W', '2', address);
  t.match(await bench.tapir('dhcp show'), `tap0 client BOUND ${address}/24 server ${PEERS}`);
  await server.stop();
});

t.test(
  'our client and ISC dhcpd: a conflict is declined; renewal; without the server the lease ends',
  { skip: requirements('dhcpd', 'ping'), timeout: 90_000 },
  async (t) => {
    // The kernel has the first address of the pool, of which dhcpd, told not to ping, knows nothing.
    const bench = await DhcpBench.start(t, [`${PEERS}/24`, '10.0.0.100/24']);
    const { ns } = bench;
    const conf = bench.write(
      'conf',
      `authoritative; ping-check false; default-lease-time 20; min-lease-time 20; max-lease-time 20;
       subnet 10.0.0.0 netmask 255.255.255.0 { range 10.0.0.100 10.0.0.101; option routers 10.0.0.1; }`,
    );
    const leases = bench.write('leases', '');
    const server = ns.start(
      'dhcpd',
      '-4',
      '-f',
      '-d',
      '-cf',
      conf,
      '-lf',
      leases,
      '-pf',
      bench.path('pid'),
      'tap0',
    );
    await server.says(/Server starting service/);
    await bench.tapir('dhcp client dev tap0 request 10.0.0.100');
    await server.says(/DHCPDECLINE of 10\.0\.0\.100/, 20_000);
    const bound = await bench.reaches('BOUND', 30_000);
    t.match(bound, { address: '10.0.0.101', counters: { declines: 1 } });
    await ns.run('ping', '-c', '1', '-W', '2', '10.0.0.101');
    await bench.counts('acks', 3, 15_000);
    await server.stop();
    await bench.reaches('SELECTING', 25_000);
    t.notMatch(await bench.tapir('address show dev tap0'), 'inet ');
  },
);
