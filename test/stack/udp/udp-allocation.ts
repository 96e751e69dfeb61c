import { VirtualClock } from '../../../device/clock/virtual.ts';
import { Machine } from '../../../device/machine.ts';
import type { Packet } from '../../../device/memory/packet.ts';
import { PacketPool } from '../../../device/memory/pool.ts';
import { ARPHRD_NONE, IFF_NOARP } from '../../../device/netdevice/flags.ts';
import { SeededEntropy } from '../../../device/random.ts';
import { createStack } from '../../../stack/stack.ts';
import { measureAllocation } from '../../testing/allocation.ts';
import { TestLink } from '../../testing/test-link.ts';
import { udp, udpSocket } from '../socket/harness.ts';

/** Run by `allocation.test.ts` in a process of its own: what a datagram allocates on its way to a socket's queue. */

const DATAGRAMS = 1_000_000;

class NullLink extends TestLink {
  override startXmit(packet: Packet): number {
    packet.release();
    return 0;
  }
}

const clock = new VirtualClock();
const pool = new PacketPool({ small: 256, large: 1, pages: 1 });
const machine = new Machine({ clock, pool, entropy: new SeededEntropy(1) });
const stack = createStack({ machine });
const link = new NullLink({ type: ARPHRD_NONE, address: 0, flags: IFF_NOARP, minMtu: 0 });
const dev = stack.addDevice(link, { name: 'tun0', addresses: ['192.0.2.1/24'] });
const { sockets, udp: protocol } = stack;

const local = stack.routes.output(0, 0, 0, 0);
if (typeof local === 'number') throw new Error(`no path: ${local}`);
const path = local;
const frame = udp({ data: 'sixteen bytes...' });

/** A datagram as IP hands it to UDP, into a socket's queue and out again. */
function delivered(fd: number): (calls: number) => void {
  const buffer = new Uint8Array(32);
  return (calls) => {
    for (let i = 0; i < calls; i++) {
      const packet = pool.alloc(frame.length)!;
      const at = packet.put(frame.length);
      for (let j = 0; j < frame.length; j++) pool.u8[at + j] = frame[j]!;
      packet.ifindex = dev.ifindex;
      packet.transport = packet.pull(20);
      protocol.input.receive(packet, dev, path);
      if (sockets.recv(fd, buffer) !== 16) throw new Error('it did not arrive');
      if ((i & 63) === 63) clock.settle();
    }
  };
}

const bound = udpSocket(sockets, '0.0.0.0:7');
measureAllocation('bound', DATAGRAMS, delivered(bound));
sockets.close(bound);
const connected = udpSocket(sockets, '192.0.2.1:7', '192.0.2.2:9');
measureAllocation('connected', DATAGRAMS, delivered(connected));
stack.close();
