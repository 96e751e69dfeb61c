import t from 'tap';
import { tshark } from './support/capture.ts';
import { requirements } from './support/requirements.ts';
import { OUR_ADDRESS, OUR_MAC, PEER_MAC, TapPeer } from './support/tap-peer.ts';

t.jobs = 1;
const skip = requirements('arping', 'arp-scan', 'tcpdump', 'tshark', 'nstat');

/** What a capture shows of the ARP replies that we sent: where to, and their four addresses. */
async function replies(peer: TapPeer): Promise<string[]> {
  const fields = ['eth.dst', 'arp.src.hw_mac', 'arp.src.proto_ipv4', 'arp.dst.hw_mac', 'arp.dst.proto_ipv4'];
  const columns = fields.flatMap((field) => ['-e', field]);
  return tshark(
    peer.pcap,
    `arp.opcode==2 && eth.src==${OUR_MAC}`,
    '-T',
    'fields',
    '-E',
    'separator= ',
    ...columns,
  );
}

/** A reply of ours to the peer, asked from `asker`. */
const reply = (asker: string) => `${PEER_MAC} ${OUR_MAC} ${OUR_ADDRESS} ${PEER_MAC} ${asker}`;

t.test('arping -c 3: three answers, each unicast and exact', { skip }, async (t) => {
  const peer = await TapPeer.start(t);
  const out = await peer.ns.run('arping', '-i', 'tap0', '-c', '3', '-W', '0.05', OUR_ADDRESS);
  t.match(out, `bytes from ${OUR_MAC} (${OUR_ADDRESS}): index=2`);
  t.match(out, '3 packets transmitted, 3 packets received,   0% unanswered (0 extra)');
  const { suspect, errors } = await peer.judge();
  t.strictSame(await replies(peer), Array(3).fill(reply('10.0.0.1')));
  t.strictSame(suspect, []);
  t.strictSame(errors, {});
});

t.test('arping -d: no second station answers', { skip }, async (t) => {
  const peer = await TapPeer.start(t);
  const { code, stdout } = await peer.ns.try(
    'arping',
    '-d',
    '-i',
    'tap0',
    '-c',
    '3',
    '-W',
    '0.05',
    OUR_ADDRESS,
  );
  t.equal(code, 0, 'exit code 1 would be two answers');
  t.match(stdout, '3 packets transmitted, 3 packets received,   0% unanswered (0 extra)');
});

t.test(
  'a probe for our address is answered, one for a free address is not (RFC 5227)',
  { skip },
  async (t) => {
    const peer = await TapPeer.start(t);
    // -0: the sender's IP address is 0.0.0.0, as a station asks that wants to have the address.
    const taken = await peer.ns.try('arping', '-0', '-i', 'tap0', '-c', '2', '-W', '0.05', OUR_ADDRESS);
    t.equal(taken.code, 0, taken.stderr);
    t.match(taken.stdout, '2 packets transmitted, 2 packets received');
    const free = await peer.ns.try('arping', '-0', '-i', 'tap0', '-c', '2', '-W', '0.05', '10.0.0.77');
    t.equal(free.code, 1);
    t.match(free.stdout, '2 packets transmitted, 0 packets received');
    const { suspect, errors } = await peer.judge();
    t.strictSame(await replies(peer), Array(2).fill(reply('0.0.0.0')));
    t.strictSame(suspect, []);
    t.strictSame(errors, {});
  },
);

t.test('arp-scan of the subnet finds us once, and nobody else', { skip }, async (t) => {
  const peer = await TapPeer.start(t);
  const scan = ['-I', 'tap0', '-q', '--plain', '-r', '1', '-t', '200', '-i', '1', '10.0.0.0/24'];
  const out = await peer.ns.run('arp-scan', ...scan);
  t.strictSame(out.trim().split('\n'), [`${OUR_ADDRESS}\t${OUR_MAC}`]);
  const { suspect, errors } = await peer.judge();
  t.strictSame(await replies(peer), [reply('10.0.0.1')]);
  t.strictSame(suspect, []);
  t.strictSame(errors, {});
});
