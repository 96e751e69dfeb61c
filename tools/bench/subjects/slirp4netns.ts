import { Program, until } from '../program.ts';
import { isInstalled } from '../sandbox.ts';
import { leaveOut, type Placement, type Subject } from '../subject.ts';
import { Home } from './veth.ts';

/** Its network, and the address in it that stands for the host's loopback. */
const NETWORK = '198.19.255.0/24';
const HOST = '198.19.255.2';
const MTU = 65520;

/** slirp4netns: the peer's TCP ends in libslirp, which connects to a server on the loopback of the host that it runs on. */
export async function startSlirp4netns(placement: Placement): Promise<Subject | undefined> {
  if (!isInstalled('slirp4netns')) return leaveOut('slirp4netns', 'not installed (Debian: slirp4netns)');
  const host = await Home.withServer(placement);
  const client = await Home.empty();
  const [program = '', ...enter] = host.enter;
  const pin = ['taskset', '-c', `${placement.subjectCpu}`];
  const command = [
    'slirp4netns',
    '--configure',
    `--mtu=${MTU}`,
    `--cidr=${NETWORK}`,
    `${client.program.pid}`,
    'tap0',
  ];
  const slirp = new Program(program, [...enter, ...pin, ...command], true);
  await until('slirp4netns configures its device', () => client.run('ip', 'route', 'show', 'default') !== '');
  return {
    name: 'slirp4netns',
    address: HOST,
    enter: client.enter,
    async stop() {
      for (const each of [slirp, client.program, host.program]) await each.stop();
    },
  };
}
