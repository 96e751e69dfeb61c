import { run } from '../sandbox.ts';
import { nextNetwork, type Placement, type Subject } from '../subject.ts';
import { TapirSubject } from './tapir.ts';
import { connect, Home } from './veth.ts';

let routers = 0;

/** A host behind a router, on the peer's CPU: the router has the subject's for itself. */
async function serverBehind({ peerCpu }: Placement): Promise<{ server: Home; near: string; far: string }> {
  const server = await Home.withServer({ subjectCpu: peerCpu, peerCpu });
  const { peer, subject, prefix } = nextNetwork();
  return { server, near: `${peer}/${prefix}`, far: `${subject}/${prefix}` };
}

/** Brings up the server's device, whose name is `device`, and its way back. */
function connectServer(server: Home, device: string, far: string, near: string): string {
  server.run('ip', 'address', 'add', far, 'dev', device);
  server.run('ip', 'link', 'set', device, 'up');
  server.run('ip', 'route', 'add', 'default', 'via', near.split('/')[0]!);
  return far.split('/')[0]!;
}

/** The stack forwards between two TAPs, of which one is in another namespace, where the peer program serves. */
export async function startTapirRouter(placement: Placement): Promise<Subject> {
  const { server, near, far } = await serverBehind(placement);
  const tap = `route${routers++}`;
  const router = await TapirSubject.start(placement, { words: [`second=${tap},${near}`] });
  run('ip', 'link', 'set', tap, 'netns', `${server.program.pid}`);
  const address = connectServer(server, tap, far, near);
  run('ip', 'route', 'add', address, 'via', router.address);
  return {
    name: 'tapir',
    address,
    enter: [],
    stop: async () => {
      await Promise.all([router.stop(), server.program.stop()]);
    },
  };
}

/** The kernel forwards between two veths. */
export async function startKernelRouter(placement: Placement): Promise<Subject> {
  const { server, near, far } = await serverBehind(placement);
  const router = await Home.empty();
  const { subject } = connect(router);
  router.run(
    'ip',
    'link',
    'add',
    'eth1',
    'type',
    'veth',
    'peer',
    'name',
    'eth0',
    'netns',
    `${server.program.pid}`,
  );
  router.run('ip', 'address', 'add', near, 'dev', 'eth1');
  router.run('ip', 'link', 'set', 'eth1', 'up');
  router.run('sysctl', '-qw', 'net.ipv4.ip_forward=1');
  const address = connectServer(server, 'eth0', far, near);
  run('ip', 'route', 'add', address, 'via', subject);
  return {
    name: 'kernel forwarding between veths',
    address,
    enter: [],
    stop: async () => {
      await Promise.all([router.program.stop(), server.program.stop()]);
    },
  };
}
