import t, { type Test } from 'tap';
import { SeededEntropy } from '../../device/random.ts';
import { createStack, type Stack } from '../../stack/stack.ts';
import { testMachine } from '../testing/machine.ts';
import { TestLink } from '../testing/test-link.ts';
import { CORPUS } from './corpus.ts';

const SEED = Number(process.env['FUZZ_SEED'] ?? 20261123);
const MUTATIONS = Number(process.env['FUZZ_MUTATIONS'] ?? 100_000);
/** Longer than anything here waits: reassembly, neighbours in every state, learned path MTUs. */
const LONG_MS = 700_000;
/** Counters that say that a frame was seen, not what became of it. */
const SEEN =
  /^(IpInReceives|IpInDelivers|IpReasmReqds|IpExtIn(Octets|McastPkts|BcastPkts)|IcmpInMsgs|NeighLookups)$/;

/** A forwarding host with proxy ARP on one Ethernet device, as 10.0.0.2: the most code that a frame can reach. */
function host(sysctl: Record<string, number> = {}) {
  const { clock, pool, machine } = testMachine({ seed: SEED, small: 1024, large: 8 });
  const stack = createStack({ machine });
  const link = new TestLink({ address: 0x020000000002 });
  stack.addDevice(link, { name: 'eth0', addresses: ['10.0.0.2/24'] });
  stack.addRoute({ to: 'default', via: '10.0.0.254' });
  for (const [name, value] of Object.entries({
    'net.ipv4.ip_forward': 1,
    'net.ipv4.conf.eth0.proxy_arp': 1,
    'net.ipv4.conf.eth0.arp_accept': 1,
    'net.ipv4.conf.all.accept_source_route': 1,
    'net.ipv4.conf.eth0.accept_source_route': 1,
    'net.ipv4.icmp_echo_ignore_broadcasts': 0,
    ...sysctl,
  })) {
    stack.setSysctl(name, value);
  }
  clock.advance(LONG_MS);
  const baseline = clock.pendingTimers();
  const receive = (frame: Uint8Array): void => {
    const packet = pool.from(frame);
    if (packet === null) throw new Error('the pool is empty before the frame came: a leak');
    link.port.receive(packet);
    clock.settle();
  };
  return { clock, pool, stack, link, baseline, receive };
}

/** What became of frames so far, as one number that every outcome adds to: answers, drops by reason, counted events. */
function outcomes({ stack, link, pool }: { stack: Stack; link: TestLink; pool: { inUse: number } }): number {
  const { statistics } = stack.device('eth0');
  let sum = stack.ns.drops.total() + link.sent.length + pool.inUse * 1e-6;
  sum += statistics.rxErrors + statistics.rxNohandler + statistics.rxDropped;
  for (const [name, value] of Object.entries(stack.mib.toJSON())) if (!SEEN.test(name)) sum += value;
  return sum;
}

function settleAndCheck(t: Test, world: ReturnType<typeof host>): void {
  world.clock.advance(LONG_MS);
  t.equal(world.pool.inUse, 0, 'every slot is back');
  t.equal(world.pool.smallFree, world.pool.smallSlots);
  t.equal(world.clock.pendingTimers(), world.baseline, 'no timer is left');
  world.stack.close();
  t.equal(world.clock.pendingTimers(), 0);
  t.equal(world.pool.inUse, 0);
}

t.test('each kind of frame is answered, counted or dropped under a reason', (t) => {
  for (const { name, frame } of CORPUS) {
    const world = host();
    const before = outcomes(world);
    world.receive(frame);
    t.not(outcomes(world), before, name);
    world.clock.advance(LONG_MS);
    t.equal(world.pool.inUse, 0, `${name}: every slot is back`);
    world.stack.close();
  }
  t.end();
});

t.test('every truncation of every kind', (t) => {
  const world = host();
  for (const { name, frame } of CORPUS) {
    for (let length = 0; length < frame.length; length++) {
      const before = outcomes(world);
      try {
        world.receive(frame.subarray(0, length));
      } catch (error) {
        t.fail(`${name} cut to ${length} bytes threw ${String(error)}`, {
          frame: frame.subarray(0, length).toString('hex'),
        });
      }
      if (outcomes(world) === before) t.fail(`${name} cut to ${length} bytes vanished without a trace`);
    }
    world.clock.advance(40_000);
    world.link.sent.length = 0;
  }
  settleAndCheck(t, world);
  t.end();
});

t.test(`${MUTATIONS} mutations, seed ${SEED}`, (t) => {
  const world = host();
  const entropy = new SeededEntropy(SEED);
  let vanished = 0;
  for (let i = 0; i < MUTATIONS; i++) {
    const specimen = CORPUS[entropy.below(CORPUS.length)]!;
    const frame = mutate(specimen.frame, entropy);
    const before = outcomes(world);
    try {
      world.receive(frame);
    } catch (error) {
      t.fail(`mutation ${i} of ${specimen.name} threw ${String(error)}`, {
        seed: SEED,
        frame: frame.toString('hex'),
      });
      break;
    }
    if (outcomes(world) === before && vanished++ < 5) {
      t.fail(`mutation ${i} of ${specimen.name} vanished without a trace`, {
        seed: SEED,
        frame: frame.toString('hex'),
      });
    }
    if (entropy.below(64) === 0) world.clock.advance(entropy.below(3_000));
    if ((i & 0xfff) === 0) world.link.sent.length = 0;
  }
  t.equal(vanished, 0);
  settleAndCheck(t, world);
  t.end();
});

/** Flips, overwrites, cuts, extends, splices: what a broken or a hostile host sends. Checksums are mended half of the time. */
function mutate(original: Buffer, entropy: SeededEntropy): Buffer {
  let frame = Buffer.from(original);
  for (let count = 1 + entropy.below(4); count > 0; count--) {
    const at = frame.length === 0 ? 0 : entropy.below(frame.length);
    switch (entropy.below(6)) {
      case 0:
        if (frame.length > 0) frame[at]! ^= 1 << entropy.below(8);
        break;
      case 1:
        if (frame.length > 0) frame[at] = entropy.below(256);
        break;
      case 2:
        if (frame.length > at + 1) frame.writeUInt16BE([0, 1, 0x7fff, 0xffff][entropy.below(4)]!, at);
        break;
      case 3:
        frame = frame.subarray(0, at);
        break;
      case 4:
        frame = Buffer.concat([frame, Buffer.alloc(1 + entropy.below(64), entropy.below(256))]);
        break;
      default: {
        const other = CORPUS[entropy.below(CORPUS.length)]!.frame;
        frame = Buffer.concat([frame.subarray(0, at), other.subarray(Math.min(at, other.length))]);
      }
    }
  }
  if (entropy.below(2) === 0) mendChecksum(frame);
  return frame;
}

/** Makes the IPv4 header checksum right again, so that mutations reach what lies behind it. */
function mendChecksum(frame: Buffer): void {
  if (frame.length < 34 || frame.readUInt16BE(12) !== 0x0800) return;
  const end = 14 + (frame[14]! & 15) * 4;
  if (end < 34 || end > frame.length) return;
  frame.writeUInt16BE(0, 24);
  let sum = 0;
  for (let i = 14; i < end; i += 2) sum += frame.readUInt16BE(i);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
  frame.writeUInt16BE(~sum & 0xffff, 24);
}
