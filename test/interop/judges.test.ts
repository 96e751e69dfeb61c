import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { describeFrame } from '../../stack/wire/describe.ts';
import { judgeCapture, tshark } from './support/capture.ts';
import { errorCounters, grown } from './support/errors.ts';
import { withNamespace } from './support/namespace.ts';
import { requirements } from './support/requirements.ts';

const OURS = '02:00:00:00:00:02';

/** An echo reply from 10.0.0.2 to 10.0.0.1 with the right checksums. */
const REPLY = Buffer.from(
  '020000000001020000000002080045000020000100004001 66da 0a0000020a000001 0000 fbf6 0001 0002 01020304'.replaceAll(
    ' ',
    '',
  ),
  'hex',
);

/** A classic pcap of these frames. */
function pcap(...frames: Buffer[]): Buffer {
  const header = Buffer.alloc(24);
  for (const [at, value] of [
    [0, 0xa1b2c3d4],
    [16, 65535],
    [20, 1],
  ] as const)
    header.writeUInt32LE(value, at);
  header.writeUInt16LE(2, 4);
  header.writeUInt16LE(4, 6);
  const records = frames.flatMap((frame) => {
    const record = Buffer.alloc(16);
    record.writeUInt32LE(frame.length, 8);
    record.writeUInt32LE(frame.length, 12);
    return [record, frame];
  });
  return Buffer.concat([header, ...records]);
}

function changed(at: number, value: number): Buffer {
  const frame = Buffer.from(REPLY);
  frame[at] = value;
  return frame;
}

// A judge that finds nothing wrong proves something only when it does find what is wrong.
t.test(
  'tshark finds a wrong checksum and a malformed frame, ours only',
  { skip: requirements('tshark') },
  async (t) => {
    const path = join(t.testdir({}), 'judge.pcap');
    const judge = (...frames: Buffer[]) => {
      writeFileSync(path, pcap(...frames));
      return judgeCapture(path, OURS);
    };
    t.strictSame(await judge(REPLY), { frames: 1, suspect: [] });
    t.equal((await judge(REPLY, changed(25, 0))).suspect.length, 1, 'IPv4 header checksum');
    t.equal((await judge(REPLY, changed(37, 0))).suspect.length, 1, 'ICMP checksum');
    t.equal((await judge(REPLY, changed(45, 0))).suspect.length, 1, 'payload');
    t.equal((await judge(REPLY, REPLY.subarray(0, 30))).suspect.length, 1, 'cut short');
    t.strictSame(await judge(changed(11, 9)), { frames: 0, suspect: [] }, 'from another station');
    await t.rejects(tshark(join(path, 'none'), 'arp'), /tshark/);
  },
);

t.test('nstat shows what its host takes for an error', { skip: requirements('nstat', 'ping') }, async (t) => {
  const ns = await withNamespace(t);
  const before = await errorCounters(ns);
  t.ok(before.has('IpInHdrErrors') && before.has('IcmpInErrors') && before.has('UdpInCsumErrors'));
  await ns.run('ping', '-c', '1', '127.0.0.1');
  t.strictSame(grown(before, await errorCounters(ns)), {}, 'a good ping is no error');
  // Linux hears its own broadcast and, told not to answer broadcasts, counts it as an error.
  await ns.ip('link add veth0 type veth peer name veth1');
  await ns.ip('addr add 10.9.0.1/24 dev veth0');
  for (const device of ['veth0', 'veth1']) await ns.ip(`link set ${device} up`);
  await ns.try('ping', '-b', '-c', '2', '-i', '0.02', '-W', '1', '10.9.0.255');
  t.strictSame(grown(before, await errorCounters(ns)), { IcmpInErrors: 2 });
});

t.test('describeFrame says what tcpdump -ent says', { skip: requirements('tcpdump') }, (t) => {
  const arp = (type: string, op: number, tha = '000000000000') =>
    Buffer.from(
      `ffffffffffff020000000002${type}000108000604000${op}0200000000020a000002${tha}0a000001${'00'.repeat(18)}`,
      'hex',
    );
  const request = arp('0806', 1);
  const frames = [
    REPLY,
    changed(34, 8),
    request,
    arp('0806', 1, '020000000001'),
    arp('0806', 2),
    arp('8035', 3, '020000000002'),
    arp('8035', 4, '020000000002'),
    request.subarray(0, 42),
    Buffer.concat([request.subarray(0, 12), Buffer.from('81006005', 'hex'), request.subarray(12)]),
    Buffer.concat([request.subarray(0, 12), Buffer.from('81003005', 'hex'), REPLY.subarray(12)]),
  ];
  const path = join(t.testdir({}), 'frames.pcap');
  writeFileSync(path, pcap(...frames));
  const { stdout } = spawnSync('tcpdump', ['-e', '-n', '-t', '-r', path], { encoding: 'utf8' });
  t.strictSame(frames.map(describeFrame), stdout.trimEnd().split('\n'));
  t.end();
});
