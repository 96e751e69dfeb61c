import t, { type Test } from 'tap';
import { tshark } from './support/capture.ts';
import { requirements } from './support/requirements.ts';
import { OUR_ADDRESS, OUR_MAC, TapPeer } from './support/tap-peer.ts';

t.jobs = 1;
const skip = requirements('ping', 'tcpdump', 'tshark', 'nstat');

interface Count {
  sent: number;
  received: number;
  duplicates: number;
}

/** Pings the stack and gives ping's own count; its whole output is shown when one is missing. */
async function ping(t: Test, peer: TapPeer, options: string, target = OUR_ADDRESS): Promise<Count> {
  const { stdout, stderr } = await peer.ns.try('ping', '-n', ...options.split(' '), target);
  const found =
    /(\d+) packets transmitted, (\d+) received(?:, \+(\d+) duplicates)?(?:, \+\d+ errors)?, /.exec(stdout);
  if (found === null) throw new Error(`ping ${options}: ${stdout}${stderr}`);
  const [sent, received, duplicates] = found.slice(1, 4).map((text) => Number(text ?? 0));
  t.notMatch(stdout, /wrong data|truncated|DUP!|BAD CHECKSUM/i, `ping ${options}: payload intact`);
  return { sent: sent!, received: received!, duplicates: duplicates! };
}

const all = (count: number): Count => ({ sent: count, received: count, duplicates: 0 });

/** tshark finds nothing wrong in `atLeast` frames or more of ours, and no error counter of the peer has grown. */
async function clean(t: Test, peer: TapPeer, atLeast: number): Promise<void> {
  const { frames, suspect, errors } = await peer.judge();
  t.ok(frames >= atLeast, `tshark saw ${frames} frames of ours, at least ${atLeast}`);
  t.strictSame(suspect, [], 'none is malformed or carries a wrong checksum');
  t.strictSame(errors, {}, 'error counters of the peer stay 0');
}

t.test('ping -c 1000 -i 0.002: none lost', { skip }, async (t) => {
  const peer = await TapPeer.start(t);
  t.strictSame(await ping(t, peer, '-q -c 1000 -i 0.002'), all(1000));
  await clean(t, peer, 1000);
  const replies = await tshark(peer.pcap, `icmp.type==0 && eth.src==${OUR_MAC}`);
  t.equal(replies.length, 1000, 'one reply a request');
});

t.test('ping -f -c 20000: none lost', { skip }, async (t) => {
  const peer = await TapPeer.start(t);
  t.strictSame(await ping(t, peer, '-q -f -c 20000'), all(20000));
  await clean(t, peer, 20000);
});

t.test('sizes: nothing, odd, around the MTU, fragments up to the largest datagram', { skip }, async (t) => {
  const peer = await TapPeer.start(t);
  for (const size of [0, 1, 55, 1471, 1472, 1473, 2960, 2961, 9000, 65506, 65507])
    t.strictSame(await ping(t, peer, `-q -c 3 -i 0.02 -W 2 -s ${size}`), all(3), `-s ${size}`);
  t.strictSame(await ping(t, peer, '-q -c 3 -i 0.02 -W 2 -s 1472 -M do'), all(3), '-s 1472 -M do');
  await clean(t, peer, 3 * (11 + 45 + 45));
  const fragments = await tshark(peer.pcap, `eth.src==${OUR_MAC} && ip.flags.mf==1`);
  t.ok(fragments.length >= 2 * 3 * 44, 'large replies went out in fragments');
});

t.test('IP options, TTL 1', { skip }, async (t) => {
  const peer = await TapPeer.start(t);
  const route = await peer.ns.try('ping', '-n', '-c', '1', '-W', '2', '-R', OUR_ADDRESS);
  t.match(route.stdout, '1 received');
  t.match(route.stdout, /RR:[\s\S]*10\.0\.0\.2/, 'the stack entered itself in the recorded route');
  const stamps = await peer.ns.try('ping', '-n', '-c', '1', '-W', '2', '-T', 'tsandaddr', OUR_ADDRESS);
  t.match(stamps.stdout, '1 received');
  t.match(stamps.stdout, /TS:[\s\S]*10\.0\.0\.2/, 'and in the time stamps');
  t.strictSame(await ping(t, peer, '-q -c 2 -i 0.02 -W 2 -t 1'), all(2), '-t 1');
  await clean(t, peer, 4);
});

t.test('a broadcast is not answered, as net.ipv4.icmp_echo_ignore_broadcasts says', { skip }, async (t) => {
  const peer = await TapPeer.start(t);
  const count = await ping(t, peer, '-q -b -c 2 -i 0.02 -W 1', '10.0.0.255');
  t.strictSame(count, { sent: 2, received: 0, duplicates: 0 });
  t.strictSame(await ping(t, peer, '-q -c 1 -W 2'), all(1), 'our own address is');
  const { suspect } = await peer.judge(); // The peer hears its own broadcast and counts that as an error.
  t.strictSame(suspect, []);
  t.equal((await tshark(peer.pcap, `icmp && eth.src==${OUR_MAC}`)).length, 1);
});
