import t from 'tap';
import { capture } from '../../device/link/capture.ts';
import { fault } from '../../device/link/fault.ts';
import { LinkFilter } from '../../device/link/filter.ts';
import { LoopbackLink } from '../../device/link/loopback.ts';
import { createVeth } from '../../device/link/veth.ts';
import { createWire } from '../../device/link/wire/wire.ts';
import type { Machine } from '../../device/machine.ts';
import type { Packet } from '../../device/memory/packet.ts';
import type { PacketPool } from '../../device/memory/pool.ts';
import { NETDEV_TX_BUSY } from '../../device/netdevice/flags.ts';
import type { Link } from '../../device/netdevice/link.ts';
import { PcapngWriter } from '../../device/pcap/pcapng-writer.ts';
import { type DriverFixture, driverCompliance } from '../testing/driver-compliance.ts';
import { linkPeer } from '../testing/link-peer.ts';

const DRIVERS: Record<string, (machine: Machine) => DriverFixture> = {
  loopback: (machine) => ({ link: new LoopbackLink(machine), peer: null }),
  veth: (machine) => {
    const [link, far] = createVeth(machine);
    return { link, peer: linkPeer(machine, far) };
  },
  wire: (machine) => {
    const { a, b } = createWire(machine);
    return { link: a, peer: linkPeer(machine, b) };
  },
  'wire with rate, delay and jitter': (machine) => {
    const { a, b } = createWire(machine, { impairment: { rate: 1e9, delay: 20, jitter: 5 } });
    return { link: a, peer: linkPeer(machine, b) };
  },
  'capture(veth)': (machine) => {
    const [link, far] = createVeth(machine);
    return {
      link: capture(machine, link, new PcapngWriter(() => {}), 'v0'),
      peer: linkPeer(machine, far),
    };
  },
  'fault(veth)': (machine) => {
    const [link, far] = createVeth(machine);
    return { link: fault(machine, link), peer: linkPeer(machine, far) };
  },
  'capture(fault(wire))': (machine) => {
    const { a, b } = createWire(machine);
    const faulty = fault(machine, a);
    return {
      link: capture(machine, faulty, new PcapngWriter(() => {}), 'w0'),
      peer: linkPeer(machine, b),
    };
  },
};

for (const [name, create] of Object.entries(DRIVERS)) {
  t.test(name, (t) => {
    driverCompliance(t, { create });
    t.end();
  });
}

/** Runs the suite and returns the names of the checks that fail. */
async function failures(create: (machine: Machine) => DriverFixture): Promise<string[]> {
  const failed: string[] = [];
  let runs = Promise.resolve();
  const test = (name: string, run: () => Promise<void>) => {
    runs = runs.then(run).catch(() => void failed.push(name));
  };
  driverCompliance({ test }, { create });
  await runs;
  return failed;
}

/** A veth whose near end is spoilt by a filter. */
function spoilt(Filter: new (inner: Link) => LinkFilter): (machine: Machine) => DriverFixture {
  return (machine) => {
    const [link, far] = createVeth(machine);
    return { link: new Filter(link), peer: linkPeer(machine, far) };
  };
}

t.test('the suite finds drivers that break the contract', async (t) => {
  class Sound extends LinkFilter {}
  t.strictSame(await failures(spoilt(Sound)), []);

  class Leaky extends LinkFilter {
    override startXmit(packet: Packet): number {
      return super.startXmit(packet.retain());
    }
  }
  t.ok((await failures(spoilt(Leaky))).includes('sends what it is given, byte for byte and in order'));

  class Greedy extends LinkFilter {
    override startXmit(packet: Packet): number {
      const result = super.startXmit(packet);
      if (packet.references > 0) packet.release();
      return result;
    }
  }
  t.ok((await failures(spoilt(Greedy))).includes('neither changes nor keeps a packet that others own too'));

  class Scribbler extends LinkFilter {
    override startXmit(packet: Packet): number {
      packet.pool.u8[packet.start + 6] = 2;
      packet.pool.u8[packet.end - 1]! ^= 1;
      return super.startXmit(packet);
    }
  }
  t.ok(
    (await failures(spoilt(Scribbler))).includes('neither changes nor keeps a packet that others own too'),
  );

  class Late extends LinkFilter {
    #last: PacketPool | null = null;
    override enqueue(packet: Packet): void {
      this.#last = packet.pool;
      super.enqueue(packet);
    }
    override close(): void {
      const packet = this.#last?.from(new Uint8Array(60));
      if (packet) this.port.receive(packet);
      super.close();
    }
  }
  t.strictSame(await failures(spoilt(Late)), [
    'receives what the far end sends, byte for byte and in order',
    'survives frames that are too short or too long',
    'counts errors only: packets and bytes are its port’s',
    'is silent after stop, and works again after another open',
    'frees what is under way when it is closed',
  ]);

  class Busy extends LinkFilter {
    override startXmit(packet: Packet): number {
      return packet.length === 100 ? NETDEV_TX_BUSY : super.startXmit(packet);
    }
  }
  t.ok((await failures(spoilt(Busy))).includes('takes a flood, or stops its queue and wakes it again'));

  class Counting extends LinkFilter {
    override startXmit(packet: Packet): number {
      this.statistics.txPackets++;
      return super.startXmit(packet);
    }
  }
  t.strictSame(await failures(spoilt(Counting)), ['counts errors only: packets and bytes are its port’s']);
});
