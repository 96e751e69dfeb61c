import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Program, until } from '../program.ts';
import { isInstalled, run } from '../sandbox.ts';
import { leaveOut, type Placement, type Subject } from '../subject.ts';
import { connect, Home } from './veth.ts';

/** pasta: the peer's TCP ends in it, and is spliced to a server on the loopback of the host that it runs on. */
export async function startPasta(placement: Placement): Promise<Subject | undefined> {
  if (!isInstalled('pasta')) return leaveOut('pasta', 'not installed (Debian: passt)');
  const host = await Home.withServer(placement);
  const { peer: gateway } = connect(host); // It takes addresses and routes from a device of the host's.
  host.run('ip', 'route', 'add', 'default', 'via', gateway);
  const client = await Home.empty();
  // pasta gives up the rights that it would need to open a namespace of another process.
  const folder = mkdtempSync(join(tmpdir(), 'tapir-bench-'));
  const namespace = join(folder, 'net');
  const clean = (): void => {
    spawnSync('umount', ['-l', namespace]);
    rmSync(folder, { recursive: true, force: true });
  };
  process.once('exit', clean);
  writeFileSync(namespace, '');
  run('mount', '--bind', `/proc/${client.program.pid}/ns/net`, namespace);
  const [program = '', ...enter] = host.enter;
  const pin = ['taskset', '-c', `${placement.subjectCpu}`];
  const command = [
    'pasta',
    '--foreground',
    '--quiet',
    '--config-net',
    '--runas',
    '0',
    '--netns-only',
    '--netns',
    namespace,
  ];
  const ports = ['-t', 'none', '-u', 'none', '-T', 'none', '-U', 'none'];
  const pasta = new Program(program, [...enter, ...pin, ...command, ...ports], true);
  await until('pasta configures its device', () => client.run('ip', 'route', 'show', 'default') !== '');
  return {
    name: 'pasta',
    address: gateway,
    enter: client.enter,
    async stop() {
      for (const each of [pasta, client.program, host.program]) await each.stop();
      process.off('exit', clean);
      clean();
    },
  };
}
