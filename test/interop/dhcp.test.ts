import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t, { type Test } from 'tap';
import type { DhcpView } from '../../tools/control/view/dhcp.ts';
import { until } from './support/child.ts';
import { type Namespace, withNamespace } from './support/namespace.ts';
import { requirements } from './support/requirements.ts';
import { addTap, OUR_MAC, PEER_MAC } from './support/tap-peer.ts';
import { startTapir } from './support/tapir.ts';

t.jobs = 1;
const CLI = fileURLToPath(new URL('../../tools/cli.js', import.meta.url));
const OURS = '10.0.0.2';
const PEERS = '10.0.0.1';

/** What clients of others do with an address, and the words by which a test hears of it. */
const SCRIPT = `#!/bin/sh
if [ $# -gt 0 ]; then reason=$1; new_ip_address=$ip; new_routers=$router; old_ip_address=$ip; fi
case $reason in
BOUND|RENEW|REBIND|REBOOT|bound|renew) ip address replace $new_ip_address/24 dev tap0 ;;
RELEASE|STOP|EXPIRE|FAIL|deconfig) ip address flush dev tap0 ;;
esac
echo "script $reason $new_ip_address via $new_routers dns $new_domain_name_servers$dns mtu $new_interface_mtu$mtu"
`;

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

/** A stack on a TAP and the kernel at the other side. */
class Bench {
  readonly ns: Namespace;
  readonly folder: string;

  private constructor(ns: Namespace, folder: string) {
    this.ns = ns;
    this.folder = folder;
  }

  static async start(t: Test, kernel: readonly string[], ...options: string[]): Promise<Bench> {
    const folder = mkdtempSync(join(tmpdir(), 'tapir-dhcp-'));
    t.teardown(() => rmSync(folder, { recursive: true, force: true }));
    const ns = await withNamespace(t);
    await addTap(ns, 'tap0');
    await ns.ip(`link set tap0 address ${PEER_MAC} up`);
    for (const address of kernel) await ns.ip(`address add ${address} dev tap0`);
    const bench = new Bench(ns, folder);
    await startTapir(ns, '--tap', 'tap0', '--mac', OUR_MAC, '--control', bench.path('control'), ...options);
    return bench;
  }

  path(name: string): string {
    return join(this.folder, name);
  }

  write(name: string, text: string, mode = 0o644): string {
    writeFileSync(this.path(name), text);
    chmodSync(this.path(name), mode);
    return this.path(name);
  }

  /** Runs a command of `tapir`; what it printed. */
  tapir(line: string): Promise<string> {
    return this.ns.run(process.execPath, CLI, ...line.split(' '), '--control', this.path('control'));
  }

  async show(): Promise<DhcpView> {
    const [view] = JSON.parse(await this.tapir('dhcp show -s -j')) as DhcpView[];
    return view!;
  }

  /** Waits for a state of the client. */
  async reaches(state: string, ms = 20_000): Promise<DhcpView> {
    return until(`the client is ${state}`, ms, async () => {
      const view = await this.show();
      return view.state === state && view;
    });
  }

  /** Waits until a counter has come to `least`. */
  async counts(name: string, least: number, ms = 20_000): Promise<void> {
    await until(`${name} ${least}`, ms, async () => Number((await this.show()).counters?.[name]) >= least);
  }
}

t.test(
  'our client and dnsmasq: lease, renewal, carrier flap, restart with the stored lease, release',
  { skip: requirements('dnsmasq', 'ping'), timeout: 60_000 },
  async (t) => {
    const bench = await Bench.start(t, [`${PEERS}/24`]);
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

t.test(
  'our client and ISC dhcpd: a conflict is declined; renewal; without the server the lease ends',
  { skip: requirements('dhcpd', 'ping'), timeout: 90_000 },
  async (t) => {
    // The kernel has the first address of the pool, of which dhcpd, told not to ping, knows nothing.
    const bench = await Bench.start(t, [`${PEERS}/24`, '10.0.0.100/24']);
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

t.test(
  'our server and dhclient: lease, release, the same address again, renewal',
  { skip: requirements('dhclient', 'ping'), timeout: 90_000 },
  async (t) => {
    const bench = await Bench.start(t, [], '--address', `${OURS}/24`);
    const { ns } = bench;
    await bench.tapir(
      `dhcp server dev tap0 subnet 10.0.0.0/24 range 10.0.0.50-10.0.0.59 router ${OURS} dns ${OURS} lease 60 store ${bench.path('table')}`,
    );
    const script = bench.write('script', SCRIPT, 0o755);
    const conf = bench.write(
      'conf',
      'send host-name "right"; request subnet-mask, routers, domain-name-servers;',
    );
    const files = ['-lf', bench.path('lf'), '-pf', bench.path('pf'), '-sf', script, '-cf', conf];
    const client = ns.start('dhclient', '-4', '-d', ...files, 'tap0');
    await client.says(/script BOUND 10\.0\.0\.50 via 10\.0\.0\.2 dns 10\.0\.0\.2/, 20_000);
    await ns.run('ping', '-c', '1', '-W', '2', OURS);
    t.match(await bench.show(), {
      leases: [{ address: '10.0.0.50', state: 'bound', hostname: 'right' }],
      counters: { offers: 1, acks: 1, naks: 0 },
    });
    await client.says(/script RENEW 10\.0\.0\.50/, 45_000);
    await client.stop('SIGKILL');
    await ns.run('dhclient', '-4', '-r', ...files, 'tap0');
    await until('the release', 5000, async () => {
      const view = await bench.show();
      return view.role === 'server' && view.leases.length === 0;
    });
    t.match(readFileSync(bench.path('table'), 'utf8').trim().split('\n').at(-1), '{"address":"10.0.0.50"}');
  },
);

t.test(
  'our server and udhcpc: reservation, renewal when asked, release, another wish',
  { skip: requirements('udhcpc', 'ping'), timeout: 60_000 },
  async (t) => {
    const bench = await Bench.start(t, [], '--address', `${OURS}/24`);
    const { ns } = bench;
    await bench.tapir(
      `dhcp server dev tap0 subnet 10.0.0.0/24 range 10.0.0.50-10.0.0.59 router ${OURS} reserve ${PEER_MAC}=10.0.0.7`,
    );
    const script = bench.write('script', SCRIPT, 0o755);
    const start = (...more: string[]) => ns.start('udhcpc', '-f', '-i', 'tap0', '-s', script, ...more);
    const client = start('-O', 'mtu');
    await client.says(/script bound 10\.0\.0\.7 via 10\.0\.0\.2/, 20_000);
    await ns.run('ping', '-c', '1', '-W', '2', OURS);
    client.signal('SIGUSR1');
    await client.says(/script renew 10\.0\.0\.7/);
    client.signal('SIGUSR2');
    await client.says(/script renew[\s\S]*script deconfig/);
    await until('the release', 5000, async () => {
      const view = await bench.show();
      return view.role === 'server' && view.leases.length === 0 && view;
    });
    t.match((await bench.show()).counters, { releases: 1, naks: 0 });
    await client.stop('SIGKILL');
    const other = start('-r', '192.0.2.9');
    await other.says(/script bound 10\.0\.0\.7/, 20_000);
    t.match((await bench.show()).counters, { dropped: { malformed: 0, inconsistent: 0 } });
    await other.stop('SIGKILL');
  },
);
