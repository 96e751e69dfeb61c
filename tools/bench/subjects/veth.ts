import { peerProgram } from '../peer.ts';
import { Program } from '../program.ts';
import { run } from '../sandbox.ts';
import { nextNetwork, type Placement, type Subject } from '../subject.ts';

let pairs = 0;

/** The peer's own server in a namespace that lives as long as it: another Linux host. */
export async function startServerNamespace({ subjectCpu }: Placement): Promise<Program> {
  const server = new Program('unshare', ['--net', peerProgram(), `${subjectCpu}`, 'serve']);
  await server.says(/^ready$/m);
  const enter = ['-t', `${server.pid}`, '-n'];
  run('nsenter', ...enter, 'ip', 'link', 'set', 'lo', 'up');
  run('nsenter', ...enter, 'sysctl', '-qw', 'net.ipv4.tcp_congestion_control=reno');
  return server;
}

/** Two Linux hosts on a veth pair; without `offload` they send frames of 1514 bytes with whole checksums. */
export async function startVeth(placement: Placement, offload = true): Promise<Subject> {
  const server = await startServerNamespace(placement);
  const network = nextNetwork();
  const device = `veth${pairs++}`;
  const there = ['nsenter', '-t', `${server.pid}`, '-n'];
  run('ip', 'link', 'add', device, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', `${server.pid}`);
  run('ip', 'address', 'add', `${network.peer}/${network.prefix}`, 'dev', device);
  run('ip', 'link', 'set', device, 'up');
  run(...command(there, 'ip', 'address', 'add', `${network.subject}/${network.prefix}`, 'dev', 'eth0'));
  run(...command(there, 'ip', 'link', 'set', 'eth0', 'up'));
  if (!offload) {
    run(...command([], ...offloadsOff(device)));
    run(...command(there, ...offloadsOff('eth0')));
  }
  return {
    name: offload ? 'kernel veth' : 'kernel veth without offloads',
    address: network.subject,
    enter: [],
    async stop() {
      run('ip', 'link', 'delete', device);
      await server.stop();
    },
  };
}

function offloadsOff(device: string): string[] {
  return [
    'ethtool',
    '-K',
    device,
    ...['tx', 'rx', 'tso', 'gso', 'gro'].flatMap((feature) => [feature, 'off']),
  ];
}

function command(enter: readonly string[], ...words: string[]): [string, ...string[]] {
  const [program = '', ...args] = [...enter, ...words];
  return [program, ...args];
}
