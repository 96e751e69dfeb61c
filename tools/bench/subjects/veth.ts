import { peerProgram } from '../peer.ts';
import { Program } from '../program.ts';
import { run } from '../sandbox.ts';
import { nextNetwork, type Placement, type Subject } from '../subject.ts';

let pairs = 0;

/** A namespace of the kernel that lives as long as a program in it, and how other programs are run there. */
export class Home {
  readonly program: Program;
  readonly enter: readonly string[];

  constructor(program: Program) {
    this.program = program;
    this.enter = ['nsenter', '-t', `${program.pid}`, '-n'];
  }

  /** With the peer's own server: another Linux host. */
  static async withServer({ subjectCpu }: Placement): Promise<Home> {
    const server = new Program('unshare', ['--net', peerProgram(), `${subjectCpu}`, 'serve']);
    await server.says(/^ready$/m);
    return new Home(server).#prepared();
  }

  /** With nothing in it. */
  static async empty(): Promise<Home> {
    const holder = new Program('unshare', ['--net', 'sh', '-c', 'echo ready; exec cat']);
    await holder.says(/^ready$/m);
    return new Home(holder).#prepared();
  }

  /** Runs a program in it to its end; throws when it fails. */
  run(...words: string[]): string {
    const [program = '', ...args] = [...this.enter, ...words];
    return run(program, ...args);
  }

  #prepared(): this {
    this.run('ip', 'link', 'set', 'lo', 'up');
    this.run('sysctl', '-qw', 'net.ipv4.tcp_congestion_control=reno');
    return this;
  }
}

/** Connects a home with the benchmark's namespace; addresses of both ends, and the device at ours. */
export function connect(home: Home): { peer: string; subject: string; device: string } {
  const { peer, subject, prefix } = nextNetwork();
  const device = `veth${pairs++}`;
  run('ip', 'link', 'add', device, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', `${home.program.pid}`);
  run('ip', 'address', 'add', `${peer}/${prefix}`, 'dev', device);
  run('ip', 'link', 'set', device, 'up');
  home.run('ip', 'address', 'add', `${subject}/${prefix}`, 'dev', 'eth0');
  home.run('ip', 'link', 'set', 'eth0', 'up');
  return { peer, subject, device };
}

/** Two Linux hosts on a veth pair; without `offload` they send frames of 1514 bytes with whole checksums. */
export async function startVeth(placement: Placement, offload = true): Promise<Subject> {
  const home = await Home.withServer(placement);
  const { subject, device } = connect(home);
  if (!offload) {
    run('ethtool', ...offloadsOff(device));
    home.run('ethtool', ...offloadsOff('eth0'));
  }
  return {
    name: offload ? 'kernel veth' : 'kernel veth without offloads',
    address: subject,
    enter: [],
    stop: () => home.program.stop(),
  };
}

function offloadsOff(device: string): string[] {
  return ['-K', device, ...['tx', 'rx', 'tso', 'gso', 'gro'].flatMap((feature) => [feature, 'off'])];
}
