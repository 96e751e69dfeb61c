import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { Child } from './support/child.ts';
import { withNamespace } from './support/namespace.ts';
import { requirements } from './support/requirements.ts';

// tuntap2 itself is not on the registry; this fork of it is, with the same code for Linux. It is no dependency of the
// project: a hundred packages and a native build, for this test alone.
const FORK = '@xiaobaidadada/node-tuntap2-wintun';
const VERSION = '3.0.2';

/** Installs the fork into a folder of its own, outside any project; a reason to skip, or false. */
function install(folder: string): string | false {
  const npm = [
    'install',
    '--prefix',
    folder,
    '--no-audit',
    '--no-fund',
    '--loglevel=error',
    `${FORK}@${VERSION}`,
  ];
  const { status, stderr } = spawnSync('npm', npm, { encoding: 'utf8', cwd: folder });
  return status === 0
    ? false
    : `needs ${FORK}@${VERSION} from the registry, and a compiler: ${stderr.trim()}`;
}

const missing = requirements('npm', 'ping');
const folder = missing === false ? mkdtempSync(join(tmpdir(), 'tapir-tuntap2-')) : '';
const reason = missing === false ? install(folder) : missing;
process.on('exit', () => {
  if (folder !== '') rmSync(folder, { recursive: true, force: true });
});

if (reason !== false) {
  t.plan(0, reason);
} else {
  t.test('an adapted tuntap2 device answers ARP and echo requests of the kernel', async (t) => {
    const namespace = await withNamespace(t);
    const script = join(import.meta.dirname, 'fixtures', 'tuntap2-echo.js');
    // Its reading thread never ends by itself, nor does a process that holds it: it is ended from here.
    const child = new Child('ip', [
      'netns',
      'exec',
      namespace.name,
      process.execPath,
      script,
      join(folder, 'node_modules', FORK),
    ]);
    t.teardown(() => child.stop('SIGKILL'));
    const [, name, ours] = await child.says(/^ready (\S+) (\S+)$/m);
    const link = JSON.parse(await namespace.ip(`-j link show ${name}`))[0];
    t.ok(link.flags.includes('LOWER_UP'));
    t.not(link.address, ours, 'each end has its own address');

    const ping = await namespace.run('ping', '-c', '50', '-i', '0.01', '-s', '1400', '10.0.0.2');
    t.match(ping, /50 packets transmitted, 50 received, 0% packet loss/);
    const [neighbour] = JSON.parse(await namespace.ip('-j neigh show to 10.0.0.2'));
    t.equal(neighbour.lladdr, ours);
    const outcome = await child.stop('SIGKILL');
    t.equal(outcome.stderr, '');
  });
}
