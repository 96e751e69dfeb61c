import { readFileSync } from 'node:fs';
import t from 'tap';
import { until } from './support/child.ts';
import { DhcpBench } from './support/dhcp-bench.ts';
import { requirements } from './support/requirements.ts';
import { PEER_MAC } from './support/tap-peer.ts';

t.jobs = 1;
const OURS = '10.0.0.2';

/** What clients of others do with an address, and the words by which a test hears of it. */
const SCRIPT = `#!/bin/sh
if [ $# -gt 0 ]; then reason=$1; new_ip_address=$ip; new_routers=$router; old_ip_address=$ip; fi
case $reason in
BOUND|RENEW|REBIND|REBOOT|bound|renew) ip address replace $new_ip_address/24 dev tap0 ;;
RELEASE|STOP|EXPIRE|FAIL|deconfig) ip address flush dev tap0 ;;
esac
echo "script $reason $new_ip_address via $new_routers dns $new_domain_name_servers$dns mtu $new_interface_mtu$mtu"
`;

t.test(
  'our server and dhclient: lease, release, the same address again, renewal',
  { skip: requirements('dhclient', 'ping'), timeout: 90_000 },
  async (t) => {
    const bench = await DhcpBench.start(t, [], '--address', `${OURS}/24`);
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
    const bench = await DhcpBench.start(t, [], '--address', `${OURS}/24`);
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
