import { existsSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { withNamespace } from './support/namespace.ts';
import { requirements } from './support/requirements.ts';
import { startTapir } from './support/tapir.ts';

t.jobs = 1;
const skip = requirements('ping');
const CLI = fileURLToPath(new URL('../../tools/cli.js', import.meta.url));

const OURS = '10.0.0.2';
const PEERS = '10.0.0.1';
const MAC = '02:00:00:00:00:02';

t.test(
  'up: the line, the socket, no traffic before the kernel side is up, and nothing left after Ctrl-C',
  { skip },
  async (t) => {
    const folder = mkdtempSync(join(tmpdir(), 'tapir-cli-'));
    t.teardown(() => rmSync(folder, { recursive: true, force: true }));
    for (const signal of ['SIGINT', 'SIGTERM'] as const) {
      const ns = await withNamespace(t);
      const control = join(folder, 'control');
      const pcap = join(folder, 'tap.pcapng');
      const up = await startTapir(
        ns,
        '--tap',
        'tap0',
        '--address',
        `${OURS}/24`,
        '--gateway',
        PEERS,
        '--mac',
        MAC,
        '--pcap',
        pcap,
        '--control',
        control,
      );
      t.equal(up.stdout, `ready tap0 mac ${MAC} address ${OURS}/24 control ${control}\n`);
      t.equal(statSync(control).mode & 0o777, 0o600);
      t.match(await ns.ip('address show dev tap0'), /state DOWN/, 'the kernel side is not touched');
      await ns.ip(`address add ${PEERS}/24 dev tap0`);
      await ns.ip('link set tap0 up');
      t.match(await ns.run('ping', '-n', '-c', '3', '-i', '0.05', OURS), /3 received/);
      const { code, stderr } = await up.stop(signal);
      t.strictSame([code, stderr], [0, ''], `${signal} ends it well`);
      t.equal(existsSync(control), false, 'the socket is removed');
      t.match((await ns.try('ip', 'link', 'show', 'tap0')).stderr, /does not exist/, 'the TAP is gone');
      t.equal(readFileSync(pcap).readUInt32LE(0), 0x0a0d0d0a, 'the capture is there');
      t.ok(statSync(pcap).size > 6 * 98, 'and has the frames');
    }
  },
);

t.test(
  'up: what cannot be is said in one line, with exit status 1, and leaves nothing',
  { skip },
  async (t) => {
    const ns = await withNamespace(t);
    const folder = mkdtempSync(join(tmpdir(), 'tapir-cli-'));
    t.teardown(() => rmSync(folder, { recursive: true, force: true }));
    const control = join(folder, 'control');
    const cases: [string, RegExp][] = [
      ['', /^Either --tap NAME or --tun NAME is needed\.$/],
      ['--tap tap0 --tun tun0', /^Either --tap NAME or --tun NAME is needed\.$/],
      ['--tap tap0 --address 10.0.0.1/33', /^address EINVAL: 10\.0\.0\.1\/33 is no IPv4 prefix$/],
      ['--tap tap0 --mac ff:ff:ff:ff:ff:ff', /EADDRNOTAVAIL/],
      ['--tap tap0 --mac zz', /^"zz" is invalid lladdr\.$/],
      ['--tap a/b', /EINVAL/],
      ['--tap tap0 --sysctl net.ipv4.frob=1', /ENOENT: net\.ipv4\.frob=1/],
      ['--tap tap0 --sysctl net.ipv4.ip_forward', /^--sysctl takes NAME=VALUE/],
      ['--tap tap0 --address 10.0.0.2/24 --gateway 192.0.2.1', /ENETUNREACH/],
      ['--tap tap0 --pcap /nonexistent/x', /ENOENT/],
      ['--tap tap0 --mtu 1', /EINVAL/],
    ];
    for (const [line, message] of cases) {
      const words = line.split(' ').filter((word) => word !== '');
      const { code, stdout, stderr } = await ns.try(
        process.execPath,
        CLI,
        'up',
        '--control',
        control,
        ...words,
      );
      t.equal(code, 1, `up ${line}`);
      t.equal(stdout, '', 'nothing on stdout');
      t.match(stderr.trimEnd(), message, stderr);
      t.equal(stderr.trimEnd().split('\n').length, 1, 'one line');
      t.equal(existsSync(control), false, 'no socket');
      t.notMatch(await ns.ip('-brief link show'), /tap0|tun0/, 'no device');
    }
  },
);

t.test('up on a TUN device, with settings', { skip }, async (t) => {
  const ns = await withNamespace(t);
  const folder = mkdtempSync(join(tmpdir(), 'tapir-cli-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  const control = join(folder, 'control');
  const up = await startTapir(
    ns,
    '--tun',
    'tun0',
    '--address',
    `${OURS}/24`,
    '--control',
    control,
    '--forward',
    '--sysctl',
    'net.ipv4.conf.tun0.rp_filter=2',
    '--sysctl',
    'net.ipv4.conf.default.arp_ignore=1',
  );
  t.equal(up.stdout, `ready tun0 address ${OURS}/24 control ${control}\n`);
  await ns.ip(`address add ${PEERS}/24 dev tun0`);
  await ns.ip('link set tun0 up');
  t.match(await ns.run('ping', '-n', '-c', '2', '-i', '0.05', OURS), /2 received/);
  const sysctl = async (name: string): Promise<string> =>
    ns.run(process.execPath, CLI, '--control', control, 'sysctl', '-n', name);
  t.equal(await sysctl('net.ipv4.ip_forward'), '1\n');
  t.equal(await sysctl('net.ipv4.conf.tun0.rp_filter'), '2\n');
  t.equal(await sysctl('net.ipv4.conf.tun0.arp_ignore'), '1\n', 'default held before the device came');
});
