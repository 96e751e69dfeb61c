import { RealClock } from '../../device/clock/real.ts';
import { TapLink } from '../../device/link/tap.ts';
import { createVeth } from '../../device/link/veth.ts';
import { Machine } from '../../device/machine.ts';
import { HEADROOM, PacketPool } from '../../device/memory/pool.ts';
import type { NetDevice } from '../../device/netdevice/netdevice.ts';
import { createStack, type Stack } from '../../stack/stack.ts';
import { parseIpv4 } from '../../stack/wire/address.ts';
import { ARP_FRAME_LENGTH, ArpTemplate } from '../../stack/wire/arp.ts';
import { benchAnswer } from './arp-answer.ts';
import { benchRoundTrip } from './arp-round-trip.ts';
import { benchTransmit } from './arp-transmit.ts';
import type { Bench, BenchResult } from './result.ts';
import { run, tapObstacle } from './sandbox.ts';

const OURS = '192.0.2.2';
const KERNELS = '192.0.2.1';
/** 192.0.2.0/24 has nobody at these; the kernel parses the requests and drops them. */
const NOBODY = '192.0.2.3';

/** The three ARP benchmarks, on a TAP in the namespace that we are in, or on a veth pair where none can be opened. */
export async function benchArp(bench: Bench): Promise<void> {
  const obstacle = tapObstacle();
  if (obstacle !== undefined) {
    process.stderr.write(
      `no TAP can be opened here (${obstacle}): measuring on a veth pair in memory instead\n`,
    );
    benchOnVeth(bench);
    return;
  }
  await benchOnTap(bench);
}

async function benchOnTap({ rounds, report }: Bench): Promise<void> {
  const machine = new Machine({
    clock: new RealClock(),
    pool: new PacketPool({ small: 4096, large: 8, pages: 0 }),
  });
  const stack = createStack({ machine });
  try {
    const link = new TapLink(machine, { name: 'tap0', up: true, vnetHeader: false });
    run('ip', 'address', 'add', `${KERNELS}/24`, 'dev', 'tap0');
    const dev = stack.addDevice(link, { name: 'tap0', addresses: [`${OURS}/24`] });
    const template = new ArpTemplate(dev.address, parseIpv4(OURS));
    report(benchTransmit(tapTransmitTarget(stack, dev, link, template), rounds));
    const request = requestBytes(machine.pool, template);
    report(await benchRoundTrip({ stack, dev, link, template, kernel: parseIpv4(KERNELS), request }, rounds));
    report(await benchAnswerOnBridge(stack, link, rounds));
  } finally {
    stack.close();
  }
}

/** A request for the kernel's address, outside the pool. */
function requestBytes(pool: PacketPool, template: ArpTemplate): Uint8Array {
  const packet = pool.alloc(ARP_FRAME_LENGTH);
  if (packet === null) throw new Error('the pool is empty');
  template.write(pool, packet.put(ARP_FRAME_LENGTH), parseIpv4(KERNELS));
  const bytes = packet.bytes();
  packet.release();
  return bytes;
}

function tapTransmitTarget(stack: Stack, dev: NetDevice, link: TapLink, template: ArpTemplate) {
  const { pool } = stack.machine;
  const constant = pool.alloc(ARP_FRAME_LENGTH);
  if (constant === null) throw new Error('the pool is empty');
  const offset = constant.put(ARP_FRAME_LENGTH);
  template.write(pool, offset, parseIpv4(NOBODY));
  return {
    stack,
    dev,
    template,
    base: parseIpv4(NOBODY),
    reference: 'native loop writing one constant frame',
    sendReference: (count: number) => link.queue.benchWrite(offset, ARP_FRAME_LENGTH, count),
  };
}

/** Requests come from a second TAP, over a bridge of the kernel's, so that they queue up before the clock starts. */
async function benchAnswerOnBridge(stack: Stack, link: TapLink, rounds: number): Promise<BenchResult> {
  const asker = new TapLink(stack.machine, { name: 'tap1', up: true, vnetHeader: false });
  try {
    run('ip', 'link', 'add', 'br0', 'type', 'bridge', 'mcast_snooping', '0');
    for (const port of ['tap0', 'tap1']) run('ip', 'link', 'set', port, 'master', 'br0');
    run('ip', 'link', 'set', 'br0', 'up');
    const packet = stack.machine.pool.alloc(ARP_FRAME_LENGTH);
    if (packet === null) throw new Error('the pool is empty');
    const offset = packet.put(ARP_FRAME_LENGTH);
    new ArpTemplate(0x02000000aa01, parseIpv4('192.0.2.9')).write(
      stack.machine.pool,
      offset,
      parseIpv4(OURS),
    );
    const result = await benchAnswer(
      {
        link,
        mib: stack.mib,
        ask: (count) => void asker.queue.benchWrite(offset, packet.length, count),
      },
      rounds,
    );
    packet.release();
    return result;
  } finally {
    asker.close();
  }
}

/** Without a TAP there is no kernel to compare with: the reference is the driver alone, given one constant frame again and again. */
function benchOnVeth({ rounds, report }: Bench): void {
  const machine = new Machine({
    clock: new RealClock(),
    pool: new PacketPool({ small: 4096, large: 8, pages: 0 }),
  });
  const ours = createStack({ machine });
  const theirs = createStack({ machine });
  try {
    const [a, b] = createVeth(machine);
    const dev = ours.addDevice(a, { name: 'veth0', addresses: [`${OURS}/24`] });
    theirs.addDevice(b, { name: 'veth1', addresses: [`${KERNELS}/24`] });
    machine.clock.settle();
    const template = new ArpTemplate(dev.address, parseIpv4(OURS));
    const { pool } = machine;
    const sendReference = (count: number): number => {
      const begin = performance.now();
      for (let sent = 0; sent < count; sent++) {
        const packet = pool.alloc(ARP_FRAME_LENGTH)!;
        packet.put(ARP_FRAME_LENGTH);
        pool.u8.copyWithin(packet.start, HEADROOM, HEADROOM + ARP_FRAME_LENGTH);
        dev.transmit(packet);
        if ((sent & 63) === 63) machine.clock.settle();
      }
      machine.clock.settle();
      return (performance.now() - begin) * 1e6;
    };
    report(
      benchTransmit(
        {
          stack: ours,
          dev,
          template,
          base: parseIpv4(NOBODY),
          reference: 'one constant frame over the same veth',
          sendReference,
        },
        rounds,
      ),
    );
  } finally {
    ours.close();
    theirs.close();
  }
}
