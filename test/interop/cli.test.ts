import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t, { type Test } from 'tap';
import type { Child, Outcome } from './support/child.ts';
import { until } from './support/child.ts';
import { type Namespace, withNamespace } from './support/namespace.ts';
import { requirements } from './support/requirements.ts';
import { startScript, startTapir } from './support/tapir.ts';

t.jobs = 1;
const skip = requirements('ping');
const CLI = fileURLToPath(new URL('../../tools/cli.js', import.meta.url));

const OURS = '10.0.0.2';
const PEERS = '10.0.0.1';
const MAC = '02:00:00:00:00:02';

/** A stack on a TAP that the kernel's side answers on, and its commands. */
class Bench {
  readonly ns: Namespace;
  readonly control: string;
  readonly folder: string;
  readonly up: Child;

  private constructor(ns: Namespace, folder: string, control: string, up: Child) {
    this.ns = ns;
    this.folder = folder;
    this.control = control;
    this.up = up;
  }

  static async start(t: Test, ...options: string[]): Promise<Bench> {
    const folder = mkdtempSync(join(tmpdir(), 'tapir-cli-'));
    t.teardown(() => rmSync(folder, { recursive: true, force: true }));
    const ns = await withNamespace(t);
    await ns.run('sysctl', '-qw', 'net.ipv6.conf.all.disable_ipv6=1', 'net.ipv6.conf.default.disable_ipv6=1');
    const control = join(folder, 'control');
    const up = await startTapir(
      ns,
      '--tap',
      'tap0',
      '--address',
      `${OURS}/24`,
      '--mac',
      MAC,
      '--control',
      control,
      ...options,
    );
    await ns.ip(`address add ${PEERS}/24 dev tap0`);
    await ns.ip('link set tap0 up');
    return new Bench(ns, folder, control, up);
  }

  /** Runs a command line and gives how it ended. */
  run(line: string): Promise<Outcome> {
    return this.ns.try(process.execPath, CLI, ...line.split(' '), '--control', this.control);
  }

  /** Runs a command that must succeed without a word on stderr; its output. */
  async ok(line: string): Promise<string> {
    const { code, stdout, stderr } = await this.run(line);
    if (code !== 0 || stderr !== '')
      throw new Error(`tapir ${line}: exit status ${code}: ${stderr}${stdout}`);
    return stdout;
  }

  async json<T>(line: string): Promise<T> {
    return JSON.parse(await this.ok(`${line} --json`)) as T;
  }

  /** Runs a command that must fail; its exit status and what it said. */
  async refused(line: string): Promise<[code: number | null, stderr: string]> {
    const { code, stdout, stderr } = await this.run(line);
    return [code, `${stdout}${stderr}`.trimEnd()];
  }

  /** Starts a command that goes on. */
  start(line: string): Child {
    return startScript(this.ns, CLI, ...line.split(' '), '--control', this.control);
  }
}

t.test('a second stack on the same socket is refused, and the first one goes on', { skip }, async (t) => {
  const bench = await Bench.start(t);
  const second = await bench.ns.try(process.execPath, CLI, 'up', '--tap', 'tap1', '--control', bench.control);
  t.equal(second.code, 1);
  t.match(second.stderr, /another process serves it/);
  t.match(await bench.ok('link show tap0'), /^2: tap0:/);
});

t.test('JSON has the keys of ip(8), and text its shape', { skip }, async (t) => {
  const bench = await Bench.start(t);
  const { ns } = bench;
  const keysOf = (value: unknown): string[] =>
    Object.keys((value as object[]).at(-1) ?? {}).filter((key) => key !== 'link_netnsid');
  const theirs = async (line: string): Promise<string[]> => keysOf(JSON.parse(await ns.ip(`-json ${line}`)));
  t.strictSame(keysOf(await bench.json('link show tap0')), await theirs('link show tap0'), 'link');
  t.strictSame(keysOf(await bench.json('address show tap0')), await theirs('address show tap0'), 'address');
  const info = (value: unknown): string[] =>
    Object.keys((value as { addr_info: object[] }[])[0]!.addr_info[0]!);
  t.strictSame(
    info(await bench.json('a sh tap0')),
    info(JSON.parse(await ns.ip('-json address show tap0'))),
    'addr_info',
  );
  await ns.run('ping', '-c1', OURS);
  await bench.ok('r add 198.51.100.0/24 via 10.0.0.1 metric 5 mtu 1400 advmss 1300');
  await ns.ip(`r add 198.51.100.0/24 via ${OURS} metric 5 mtu 1400 advmss 1300`);
  t.strictSame(keysOf(await bench.json('route show')), await theirs('route show'), 'route');
  t.strictSame(
    keysOf(await bench.json('route get 198.51.100.1')),
    await theirs('route get 198.51.100.1'),
    'route get',
  );
  t.strictSame(keysOf(await bench.json('neigh show')), await theirs('neigh show'), 'neigh');
  const stats = (value: unknown): object => (value as { stats64: object }[])[0]!.stats64;
  const shape = (value: object): object =>
    Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, Object.keys(inner as object)]));
  t.strictSame(
    shape(stats(await bench.json('-s link show tap0'))),
    shape(stats(JSON.parse(await ns.ip('-json -s link show tap0')))),
    'stats64',
  );
  const blank = (text: string): string =>
    text.replace(/\d+: |[0-9a-f:]{17}|pfifo\w*|10\.0\.0\.\d|UNKNOWN|UP/g, '#');
  t.equal(blank(await bench.ok('link show tap0')), blank(await ns.ip('link show tap0')));
  t.equal(blank(await bench.ok('address show tap0')), blank(await ns.ip('address show tap0')));
});

t.test('link set: each attribute, all or nothing, errors as iproute2 words them', { skip }, async (t) => {
  const bench = await Bench.start(t);
  const link = async (): Promise<Record<string, unknown>> =>
    (await bench.json<Record<string, unknown>[]>('link show tap0'))[0]!;
  await bench.ok('link set tap0 down');
  t.equal((await link())['operstate'], 'DOWN');
  await bench.ok(
    'link set dev tap0 mtu 1400 txqueuelen 5 alias fred address 02:00:00:00:00:77 promisc on allmulticast on arp off mode dormant up',
  );
  t.match(await link(), {
    mtu: 1400,
    txqlen: 5,
    ifalias: 'fred',
    address: '02:00:00:00:00:77',
    linkmode: 'DORMANT',
  });
  t.match((await link())['flags'], ['BROADCAST', 'MULTICAST', 'NOARP', 'ALLMULTI', 'PROMISC', 'UP']);
  await bench.ok('link set tap0 mode default arp on promisc off allmulticast off');
  await bench.ok('link set tap0 carrier off');
  t.strictSame(((await link())['flags'] as string[])[0], 'NO-CARRIER');
  await bench.ok('link set tap0 carrier on');
  await bench.ok('link set tap0 dormant on');
  t.equal((await link())['operstate'], 'DORMANT');
  await bench.ok('link set tap0 dormant off');

  const before = await bench.ok('link show --json');
  const cases: [string, number, string][] = [
    ['link set tap0 alias new mtu 10', 2, 'Error: mtu less than device minimum.'],
    ['link set tap0 alias new name lo', 2, 'RTNETLINK answers: File exists'],
    [
      'link set tap0 alias new address 01:00:5e:00:00:01',
      2,
      "RTNETLINK answers: Cannot assign requested address (01:00:5e:00:00:01 is no station's)",
    ],
    ['link set lo mtu 1500 carrier off', 2, 'RTNETLINK answers: Operation not supported'],
    ['link set tap9 up', 1, 'Cannot find device "tap9"'],
    ['link set tap0 mtu x', 1, 'Error: argument "x" is wrong: Invalid "mtu" value'],
    ['link set tap0 up frob', 1, 'Error: "frob" is a garbage.'],
    ['link set tap0 up down', 1, 'Error: duplicate "up": "down" is the second value.'],
    ['link set tap0 carrier maybe', 1, 'Error: argument of "carrier" must be "on" or "off", not "maybe"'],
    ['link set tap0 mtu', 1, 'Command line is not complete. Try option "--help"'],
    [
      'link set tap0 txqueuelen 99999999999',
      1,
      'parameter "txqueuelen": 99999999999 is not an integer from 0 to 2147483647',
    ],
  ];
  for (const [line, code, message] of cases) t.strictSame(await bench.refused(line), [code, message], line);
  t.equal(await bench.ok('link show --json'), before, 'nothing was changed by any of them');

  await bench.ok('link set tap0 name left');
  t.match(await bench.ok('l sh left'), /^2: left: /);
  t.strictSame(await bench.refused('l sh tap0'), [1, 'Cannot find device "tap0"']);
});

t.test('address, route, neigh, sysctl: there and back, and their errors', { skip }, async (t) => {
  const bench = await Bench.start(t);
  await bench.ok('addr add 10.0.0.3/24 dev tap0 label tap0:x broadcast +');
  await bench.ok('addr add 10.1.0.3/24 dev tap0 scope link');
  t.match(
    await bench.ok('a s dev tap0 label tap0:x'),
    /inet 10\.0\.0\.3\/24 brd 10\.0\.0\.255 scope global secondary tap0:x\n/,
  );
  t.match(await bench.ok('a s dev tap0 scope link'), / {4}inet 10\.1\.0\.3\/24 scope link tap0\n/);
  t.strictSame(await bench.refused('a add 10.1.0.4/24 dev tap0'), [2, 'Error: ipv4: Invalid scope value.']);
  t.match(await bench.ns.run('ping', '-n', '-c1', '10.0.0.3'), /1 received/);
  t.strictSame(await bench.refused('a add 10.0.0.3/24 dev tap0'), [
    2,
    'Error: ipv4: Address already assigned.',
  ]);
  t.strictSame(await bench.refused('a add 10.0.0.3/99 dev tap0'), [
    1,
    'Error: any valid prefix is expected rather than "10.0.0.3/99".',
  ]);
  t.strictSame(await bench.refused('a add 10.0.0.3/24'), [
    1,
    'Not enough information: "dev" argument is required.',
  ]);
  await bench.ok('a del 10.0.0.3/24 dev tap0');
  t.strictSame(await bench.refused('a del 10.0.0.3/24 dev tap0'), [2, 'Error: ipv4: Address not found.']);

  await bench.ok('route add 198.51.100.0/24 via 10.0.0.1 metric 7');
  t.equal(await bench.ok('route show 198.51.100.0/24'), '198.51.100.0/24 via 10.0.0.1 dev tap0 metric 7 \n');
  t.equal(
    await bench.ok('route get 198.51.100.9'),
    '198.51.100.9 via 10.0.0.1 dev tap0 src 10.0.0.2 uid 0 \n    cache \n',
  );
  t.strictSame(await bench.refused('route add 198.51.100.0/24 via 10.0.0.1 metric 7'), [
    2,
    'RTNETLINK answers: File exists',
  ]);
  t.strictSame(await bench.refused('route add 5.0.0.0/8 via 6.6.6.6'), [
    2,
    'Error: Nexthop has invalid gateway.',
  ]);
  t.strictSame(await bench.refused('route add 5.5.5.5/8 via 10.0.0.1'), [
    2,
    'Error: Invalid prefix for given prefix length.',
  ]);
  await bench.ok('route replace 198.51.100.0/24 via 10.0.0.9 metric 7');
  t.equal(await bench.ok('route show 198.51.100.0/24'), '198.51.100.0/24 via 10.0.0.9 dev tap0 metric 7 \n');
  await bench.ok('route del 198.51.100.0/24');
  t.strictSame(await bench.refused('route del 198.51.100.0/24'), [2, 'RTNETLINK answers: No such process']);
  await bench.ok('route add unreachable 203.0.113.0/24');
  t.strictSame(await bench.refused('route get 203.0.113.1'), [2, 'RTNETLINK answers: No route to host']);

  await bench.ok('neigh add 10.0.0.77 lladdr 02:00:00:00:00:77 dev tap0');
  t.equal(await bench.ok('neigh show 10.0.0.77'), '10.0.0.77 dev tap0 lladdr 02:00:00:00:00:77 PERMANENT \n');
  t.strictSame(await bench.refused('neigh add 10.0.0.77 lladdr 02:00:00:00:00:77 dev tap0'), [
    2,
    'RTNETLINK answers: File exists',
  ]);
  await bench.ok('neigh replace 10.0.0.77 lladdr 02:00:00:00:00:78 nud stale dev tap0');
  t.equal(
    await bench.ok('n s nud stale to 10.0.0.77'),
    '10.0.0.77 dev tap0 lladdr 02:00:00:00:00:78 STALE \n',
  );
  await bench.ok('neigh flush dev tap0');
  t.equal(await bench.ok('neigh show'), '');
  t.strictSame(await bench.refused('neigh del 10.0.0.77 dev tap0'), [
    2,
    'RTNETLINK answers: No such file or directory',
  ]);
  await bench.ok('neigh add proxy 10.0.0.88 dev tap0');
  t.equal(await bench.ok('neigh show proxy'), '10.0.0.88 dev tap0 proxy \n');
  await bench.ok('neigh del proxy 10.0.0.88 dev tap0');
  t.equal(await bench.ok('neigh show proxy'), '');

  t.equal(await bench.ok('sysctl net.ipv4.conf.tap0.arp_ignore=8'), 'net.ipv4.conf.tap0.arp_ignore = 8\n');
  await bench.ns.ip('neigh flush dev tap0');
  t.match(
    await bench.ns.try('ping', '-n', '-c1', '-W1', '10.0.0.2').then(({ stdout }) => stdout),
    / 0 received/,
  );
  await bench.ok('sysctl -w net/ipv4/conf/tap0/arp_ignore=0');
  t.strictSame(await bench.refused('sysctl net.ipv4.conf.tap0.arp_ignore=9'), [
    2,
    'sysctl: setting key "net.ipv4.conf.tap0.arp_ignore": Invalid argument',
  ]);
  t.strictSame(await bench.refused('sysctl net.ipv4.frob'), [2, 'sysctl: "net.ipv4.frob" is an unknown key']);
  t.match(await bench.ok('sysctl -a'), /^net\.ipv4\.conf\.all\.accept_local = 0$/m);
});

t.test('ping, stats, notify-peers', { skip }, async (t) => {
  const bench = await Bench.start(t);
  const ping = await bench.ok('ping -c 3 -i 0.05 10.0.0.1');
  t.match(
    ping,
    /^PING 10\.0\.0\.1 \(10\.0\.0\.1\) 56\(84\) bytes of data\.\n64 bytes from 10\.0\.0\.1: icmp_seq=1 ttl=64 time=[\d.]+ ms\n/,
  );
  t.match(
    ping,
    /\n--- 10\.0\.0\.1 ping statistics ---\n3 packets transmitted, 3 received, 0% packet loss, time \d+ms\nrtt min\/avg\/max\/mdev = [\d.]+\/[\d.]+\/[\d.]+\/[\d.]+ ms\n$/,
  );
  const silent = await bench.run('ping -c 1 -W 0.2 10.0.0.99');
  t.equal(silent.code, 1);
  t.match(silent.stdout, /1 packets transmitted, 0 received, (\+1 errors, )?100% packet loss/);
  const stats = await bench.json<{ mib: Record<string, number>; devices: Record<string, object> }>('stats');
  t.equal(stats.mib['IcmpInEchoReps'], 3);
  t.match(stats.devices, { lo: {}, tap0: { rxPackets: Number } });
  await bench.ok('notify-peers tap0');
  t.match(await bench.json('notify-peers tap0 --preset qemu'), { sent: 1, active: true });
  await bench.ok('link set tap0 arp off');
  t.strictSame(await bench.refused('notify-peers tap0'), [2, 'tap0: nothing was sent: noarp']);
});

t.test('monitor and capture: as it happens, until Ctrl-C or the count', { skip }, async (t) => {
  const bench = await Bench.start(t);
  const monitor = bench.start('monitor');
  const capture = bench.start('capture -c 2 tap0');
  const file = join(bench.folder, 'two.pcapng');
  const filed = bench.start(`capture -w ${file}`);
  await Promise.all([capture.says(/capturing on tap0/), filed.says(/capturing on all devices/)]);
  await until('the monitor listens', 10_000, async () => {
    await bench.ok('link set lo alias x');
    return monitor.stdout.includes('[LINK]1: lo');
  });
  await bench.ns.run('ping', '-n', '-c', '1', OURS);
  const { stdout } = await capture.exited;
  t.match(
    stdout,
    /^\d\d:\d\d:\d\d\.\d{6} tap0 In {2}[0-9a-f:]{17} > ff:ff:ff:ff:ff:ff, ethertype ARP \(0x0806\), length 42: Request who-has 10\.0\.0\.2 tell 10\.0\.0\.1, length 28\n/,
  );
  t.equal(stdout.trimEnd().split('\n').length, 2);
  await bench.ok('link set tap0 carrier off');
  await monitor.says(/\[LINK\]2: tap0: <NO-CARRIER/);
  await bench.ok('address add 10.9.0.1/24 dev tap0');
  await monitor.says(/\[ADDR\]2: tap0 {4}inet 10\.9\.0\.1\/24 scope global tap0\n/);
  const seen = await monitor.stop('SIGINT');
  t.equal(seen.code, 0);
  t.match(seen.stdout, /\[NOTIFIER\]tap0 CHANGE\n\[LINK\]/, 'the notifier event precedes the message');
  t.match(seen.stdout, /\[NEIGH\]/);
  await filed.stop('SIGINT');
  t.equal(readFileSync(file).readUInt32LE(0), 0x0a0d0d0a);
  await until('the stack still serves', 1000, async () => (await bench.run('link')).code === 0);
});
