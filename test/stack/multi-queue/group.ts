import { Work } from '../../../device/clock/deferred.ts';
import { VirtualClock } from '../../../device/clock/virtual.ts';
import { Machine } from '../../../device/machine.ts';
import type { Packet } from '../../../device/memory/packet.ts';
import { PacketPool } from '../../../device/memory/pool.ts';
import { NETDEV_TX_OK } from '../../../device/netdevice/flags.ts';
import type { NetDevice } from '../../../device/netdevice/netdevice.ts';
import { SeededEntropy } from '../../../device/random.ts';
import type { Channel } from '../../../stack/multi-queue/channel.ts';
import { GroupMember } from '../../../stack/multi-queue/member.ts';
import type { GroupMessage } from '../../../stack/multi-queue/messages.ts';
import { nudName } from '../../../stack/neighbour/nud.ts';
import { createStack, type Stack } from '../../../stack/stack.ts';
import { formatIpv4, parseIpv4 } from '../../../stack/wire/address.ts';
import { TestLink } from '../../testing/test-link.ts';

const OUR_MAC = 0x020000000001;
const PEER_MAC = 0x020000000099;
export const OURS = '192.0.2.1';
export const PEER = '192.0.2.2';

/** One direction between two members: what is posted arrives at the end of what happens now, as copies, in order. */
class TestChannel implements Channel {
  other!: TestChannel;
  readonly #machine: Machine;
  readonly #note: (message: GroupMessage) => void;
  readonly #posted: GroupMessage[] = [];
  #hear: (message: GroupMessage) => void = () => {};
  #gone: () => void = () => {};
  readonly #work = new Work(() => {
    for (const message of this.#posted.splice(0)) this.other.#hear(message);
  });

  constructor(machine: Machine, note: (message: GroupMessage) => void) {
    this.#machine = machine;
    this.#note = note;
  }

  post(message: GroupMessage, transfer: readonly ArrayBuffer[] = []): void {
    this.#note(message);
    this.#posted.push(structuredClone(message, { transfer: [...transfer] }));
    this.#machine.clock.defer(this.#work);
  }

  listen(hear: (message: GroupMessage) => void, gone: () => void): void {
    this.#hear = hear;
    this.#gone = gone;
  }

  close(): void {
    this.#hear = () => {};
    this.other.#gone();
  }
}

/** A queue of the device, or the end of the one who is on the other side. */
class QueueLink extends TestLink {
  send: (packet: Packet) => void = () => {};

  override startXmit(packet: Packet): number {
    this.send(packet);
    return NETDEV_TX_OK;
  }
}

/**
 * `count` stacks that are one host, on the queues of one device, and a peer of another stack at its other end, in virtual time. What comes
 * from the peer goes to the queue that `steer` says.
 */
export class Group {
  readonly clock: VirtualClock = new VirtualClock();
  readonly machine: Machine = new Machine({
    clock: this.clock,
    entropy: new SeededEntropy(1),
    pool: new PacketPool({ small: 2048, large: 64, pages: 64, debug: true }),
  });
  readonly stacks: Stack[] = [];
  readonly members: GroupMember[] = [];
  readonly devices: NetDevice[] = [];
  readonly peer: Stack;
  /** The queue for a frame of the peer. */
  steer: (frame: Buffer) => number = () => 0;
  /** What passes, oldest first: `q1> arp who-has ...`, `>q0 icmp 8`, `0-1 question 192.0.2.2`. */
  readonly trace: string[] = [];

  constructor(count: number) {
    const queues = Array.from({ length: count }, () => new QueueLink({ address: OUR_MAC }));
    const end = new QueueLink({ address: PEER_MAC });
    queues.forEach((queue, index) => {
      queue.send = (packet) => {
        this.trace.push(`q${index}> ${describe(packet.bytes())}`);
        end.port.enqueue(packet);
      };
    });
    end.send = (packet) => {
      const frame = packet.bytes();
      const index = this.steer(frame);
      this.trace.push(`>q${index} ${describe(frame)}`);
      queues[index]!.port.enqueue(packet);
    };
    this.peer = createStack({ machine: this.machine });
    this.peer.addDevice(end, { name: 'eth0', addresses: [`${PEER}/24`] });
    const channels = this.#channels(count);
    queues.forEach((queue, index) => {
      const stack = createStack({ machine: this.machine });
      const dev = stack.addDevice(queue, { name: 'tap0', addresses: [`${OURS}/24`] });
      this.stacks.push(stack);
      this.devices.push(dev);
      this.members.push(new GroupMember(stack, dev, index, channels[index]!));
    });
    this.clock.advance(3000);
    this.trace.length = 0;
  }

  /** What passed since the last call. */
  passed(): string[] {
    return this.trace.splice(0);
  }

  /** State of an entry in each stack: `REACHABLE STALE -`. */
  neighbour(address = PEER): string {
    return this.stacks
      .map(({ arp }, index) => {
        const entry = arp.table.lookup(this.devices[index]!, parseIpv4(address));
        return entry === null ? '-' : nudName(entry.state);
      })
      .join(' ');
  }

  /** Ends everything; what is still held: `0 packets, 0 timers`. */
  close(): string {
    for (const member of this.members) member.close();
    for (const stack of [...this.stacks, this.peer]) stack.close();
    return `${this.machine.pool.inUse} packets, ${this.clock.pendingTimers()} timers`;
  }

  #channels(count: number): (Channel | null)[][] {
    const rows = Array.from({ length: count }, () => new Array<TestChannel | null>(count).fill(null));
    const channel = (from: number, to: number): TestChannel =>
      new TestChannel(this.machine, (message) => this.trace.push(`${from}-${to} ${summary(message)}`));
    for (let i = 0; i < count; i++)
      for (let j = i + 1; j < count; j++) {
        const [here, there] = [channel(i, j), channel(j, i)];
        here.other = there;
        there.other = here;
        rows[i]![j] = here;
        rows[j]![i] = there;
      }
    return rows;
  }
}

function summary(message: GroupMessage): string {
  switch (message.kind) {
    case 'neighbour':
      return `neighbour ${formatIpv4(message.key)} ${nudName(message.state)}`;
    case 'question':
      return `question ${formatIpv4(message.key)}${message.probe ? ' probe' : ''}`;
    case 'stray':
      return `stray of ${message.origin}: ${describeIp(Buffer.from(message.bytes))}`;
    case 'arp':
      return `arp of ${message.origin}`;
    case 'taken':
      return `taken ${message.what}`;
  }
}

function describe(frame: Buffer): string {
  if (frame.readUInt16BE(12) === 0x0800) return describeIp(frame.subarray(14));
  const [op, from, to] = [frame.readUInt16BE(20), frame.readUInt32BE(28), frame.readUInt32BE(38)];
  const cast = (frame[0]! & 1) === 1 ? '' : ' unicast';
  return op === 1
    ? `arp who-has ${formatIpv4(to)} tell ${formatIpv4(from)}${cast}`
    : `arp ${formatIpv4(from)} is at ${frame.toString('hex', 22, 28)}`;
}

const FLAGS: readonly (readonly [number, string])[] = [
  [2, 'S'],
  [1, 'F'],
  [4, 'R'],
  [8, 'P'],
  [16, '.'],
];

function describeIp(datagram: Buffer): string {
  const header = (datagram[0]! & 15) * 4;
  const body = datagram.subarray(header, datagram.readUInt16BE(2));
  if (datagram[9] === 1) return `icmp ${body[0]}/${body[1]}`;
  if (datagram[9] === 17) return `udp ${body.length - 8}`;
  const flags = FLAGS.map(([bit, name]) => ((body[13]! & bit) === 0 ? '' : name)).join('');
  return `tcp ${flags} ${body.length - (body[12]! >> 4) * 4}`;
}
