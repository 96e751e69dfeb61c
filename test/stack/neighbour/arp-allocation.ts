import { VirtualClock } from '../../../device/clock/virtual.ts';
import { ETH_HLEN } from '../../../device/frame/ethernet.ts';
import { Machine } from '../../../device/machine.ts';
import type { Packet } from '../../../device/memory/packet.ts';
import { PacketPool } from '../../../device/memory/pool.ts';
import { openDevice } from '../../../device/netdevice/admin.ts';
import { NetDevice } from '../../../device/netdevice/netdevice.ts';
import { Netns } from '../../../device/netdevice/netns.ts';
import { registerDevice } from '../../../device/netdevice/registry.ts';
import { SeededEntropy } from '../../../device/random.ts';
import { InetDevice } from '../../../stack/ip/inet-device.ts';
import { configureNeighbour } from '../../../stack/neighbour/configure.ts';
import { NUD_PERMANENT } from '../../../stack/neighbour/nud.ts';
import { Ipv4Conf } from '../../../stack/sysctl/ipv4-conf.ts';
import { measureAllocation } from '../../testing/allocation.ts';
import { TestLink } from '../../testing/test-link.ts';
import { arpFrame, Bench, ip, PEER } from './bench.ts';

/** Run by `allocation.test.ts` in a process of its own: what the ARP paths allocate for each frame on a link that goes nowhere. */

const FRAMES = 1_000_000;

class NullLink extends TestLink {
  override startXmit(packet: Packet): number {
    packet.release();
    return 0;
  }

  flush(): void {}
}

const clock = new VirtualClock();
const pool = new PacketPool({ small: 256, large: 1, pages: 1 });
const machine = new Machine({ clock, pool, entropy: new SeededEntropy(1) });
const ns = new Netns(machine);
const bench = new Bench({ on: { clock, pool, machine, ns }, quiet: true });
const { arp } = bench;
const dev = new NetDevice(ns, new NullLink());
registerDevice(dev);
dev.ipPtr = new InetDevice(dev, new Ipv4Conf(bench.sysctl, dev.name, bench.all, null));
// Above 2^31, where a boxed number costs.
bench.addAddress(dev, '192.0.2.1/24');
openDevice(dev);

/** Some calls, and the end of a batch after each 64. */
function batched(call: (i: number) => void): (calls: number) => void {
  return (calls) => {
    for (let i = 0; i < calls; i++) {
      call(i);
      if ((i & 63) === 63) clock.settle();
    }
    clock.settle();
  };
}

const template = arp.output.template(dev, ip('192.0.2.1'));
const network = ip('192.0.2.0') | 0;
measureAllocation(
  'request',
  FRAMES,
  batched((i) => arp.output.request(dev, template, network + (i & 255))),
);
measureAllocation(
  'announce',
  FRAMES,
  batched(() => arp.output.announce(dev, template)),
);

configureNeighbour(arp.table, dev, ip('192.0.2.9'), 'add', { mac: PEER, state: NUD_PERMANENT });
const hop = arp.nextHop(dev, ip('192.0.2.9'))!;
measureAllocation(
  'output',
  FRAMES,
  batched(() => {
    const packet = pool.alloc(60)!;
    packet.put(60);
    hop.output(packet);
  }),
);

const request = arpFrame({ sip: '192.0.2.9', tip: '192.0.2.1' });
measureAllocation(
  'reply',
  FRAMES / 10,
  batched(() => {
    const packet = pool.alloc(60)!;
    const at = packet.put(request.length);
    for (let i = 0; i < request.length; i++) pool.u8[at + i] = request[i]!;
    packet.pull(ETH_HLEN);
    arp.output.reply(packet, dev);
  }),
);

/** One boxed number every second call: 8 bytes a call, which the measurement has to see. */
const boxes: unknown[] = ['', ''];
measureAllocation(
  'control',
  FRAMES,
  batched((i) => {
    boxes[i & 1] = (i & 1) === 0 ? i + 0.5 : 0;
  }),
);
bench.close();
