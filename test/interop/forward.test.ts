import { fileURLToPath } from 'node:url';
import t from 'tap';
import { requirements } from './support/requirements.ts';
import { OUR_ADDRESS, TapPeer } from './support/tap-peer.ts';

t.jobs = 1;
const skip = requirements('nc', 'python3', 'tcpdump', 'tshark', 'nstat');
const HOST = fileURLToPath(new URL('fixtures/tcp-host.js', import.meta.url));
/** Nobody has these: they are routed to us. */
const ANYWHERE = '203.0.113.77';

/** Sends a datagram of so many bytes from a connected socket and says what comes back: how much, or which error. */
const ASK = `
import socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.settimeout(2)
s.connect((sys.argv[1], int(sys.argv[2])))
data = bytes(i * 7 & 255 for i in range(int(sys.argv[3])))
s.send(data)
try:
    print('same' if s.recv(65535) == data else 'other')
except socket.timeout:
    print('nothing')
except ConnectionRefusedError:
    print('refused')
`;

async function ask(peer: TapPeer, address: string, port: number, bytes: number): Promise<string> {
  return (await peer.ns.run('python3', '-c', ASK, address, `${port}`, `${bytes}`)).trim();
}

t.test('UDP: datagrams of all sizes are echoed, a closed port is refused', { skip }, async (t) => {
  const [peer, host] = await TapPeer.startScript(t, HOST, []);
  for (const bytes of [0, 1, 511, 1472, 1473, 20_000, 65_507])
    t.equal(await ask(peer, OUR_ADDRESS, 7, bytes), 'same', `${bytes} bytes`);
  t.equal(await ask(peer, OUR_ADDRESS, 5353, 10), 'refused');
  const { stdout } = await peer.ns.try('sh', '-c', `echo hello | nc -u -w 1 ${OUR_ADDRESS} 7`);
  t.equal(stdout, 'hello\n', 'nc -u');
  const { frames, suspect, errors } = await peer.judge(true);
  t.ok(frames >= 50);
  t.strictSame(suspect, []);
  t.strictSame(errors, {});
  t.equal((await host.stop()).stderr, '');
});

t.test('flows to any address are offered: accepted, rejected, dropped', { skip }, async (t) => {
  const [peer, host] = await TapPeer.startScript(t, HOST, ['forward=1']);
  await peer.ns.ip(`route add 203.0.113.0/24 via ${OUR_ADDRESS}`);
  t.equal(
    await ask(peer, ANYWHERE, 1000, 1000),
    'same',
    'UDP accepted: answered from the address that was asked',
  );
  t.equal(await ask(peer, ANYWHERE, 1001, 1000), 'refused', 'UDP rejected');
  t.equal(await ask(peer, ANYWHERE, 1002, 1000), 'nothing', 'UDP dropped');
  const bytes = 200_000;
  const tcp = (port: number) =>
    peer.ns.try('sh', '-c', `head -c ${bytes} /dev/zero | nc -N -w 2 ${ANYWHERE} ${port} | wc -c`);
  t.equal((await tcp(1000)).stdout.trim(), `${bytes}`, 'TCP accepted');
  const probe = (port: number) => peer.ns.try('nc', '-vz', '-w', '2', ANYWHERE, `${port}`);
  t.match((await probe(1001)).stderr, /refused/, 'TCP rejected');
  t.match((await probe(1002)).stderr, /timed out|in progress/, 'TCP dropped');
  const { suspect } = await peer.judge(true);
  t.strictSame(suspect, []);
  const { stdout, stderr } = await host.stop();
  t.equal(stderr, '');
  const { drops, held } = JSON.parse(/^ended (.*)$/m.exec(stdout)?.[1] ?? '{}');
  t.ok(drops.flow_dropped >= 2, 'counted under a reason');
  t.equal(held.packets, 0);
});
