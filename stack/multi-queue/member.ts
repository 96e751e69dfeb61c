import { check, EINVAL, NetError } from '../../device/errno.ts';
import type { NetDevice } from '../../device/netdevice/netdevice.ts';
import type { IpContext } from '../ip/context.ts';
import { ArpRelay } from './arp-relay.ts';
import type { Channel } from './channel.ts';
import { HandOver, type Ring } from './hand-over.ts';
import type { GroupMessage } from './messages.ts';
import { NeighbourFollower } from './neighbour-follower.ts';
import { NeighbourOwner } from './neighbour-owner.ts';

const PORT_RANGE = 'net.ipv4.ip_local_port_range';

/**
 * One of several stacks, each in a thread of its own, that are one host to the network: each has a queue of the same multi-queue device,
 * with the same link address and the same addresses. See docs/multi-queue.md.
 */
export class GroupMember implements Ring {
  readonly index: number;
  readonly neighbourOwner: NeighbourOwner;
  readonly neighbourFollower: NeighbourFollower;
  readonly arpRelay: ArpRelay;
  readonly handOver: HandOver;
  readonly #context: IpContext;
  /** By number of the other; null for ourselves, and for those that are gone. */
  readonly #channels: (Channel | null)[];
  #owns = false;
  #closed = false;

  /**
   * Makes the stack `context` with its device `dev` member `index` of a group: `channels` lead to the others by number, with null for
   * itself. The local ports for connections of its own are its share of `ip_local_port_range`.
   */
  constructor(context: IpContext, dev: NetDevice, index: number, channels: readonly (Channel | null)[]) {
    if (channels[index] !== null || channels.filter((channel) => channel === null).length !== 1)
      throw new NetError(-EINVAL, 'group', `member ${index} of ${channels.length}`);
    this.#context = context;
    this.index = index;
    this.#channels = [...channels];
    this.neighbourOwner = new NeighbourOwner(context, dev, (news) => this.#toAll(news));
    this.neighbourFollower = new NeighbourFollower(context, dev, (question) => this.#toOwner(question));
    this.arpRelay = new ArpRelay(context, dev, index, (frame) => this.#toOwner(frame, [frame.bytes.buffer]));
    this.handOver = new HandOver(context, dev, this);
    this.#takePorts();
    this.handOver.start();
    this.#assume();
    for (const [from, channel] of this.#channels.entries()) {
      channel?.listen(
        (message) => this.#hear(message, from),
        () => this.#lose(from),
      );
    }
  }

  /** Number of the member that speaks ARP: the lowest that is left. */
  get owner(): number {
    return this.#channels.findIndex((_channel, member) => this.isThere(member));
  }

  /** Leaves the group, which hears of it; the stack goes on alone. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const channel of this.#channels) channel?.close();
    this.#channels.fill(null);
    this.handOver.stop();
    this.neighbourFollower.stop();
    this.arpRelay.stop();
    if (this.#owns) this.neighbourOwner.stop();
  }

  next(): number {
    const count = this.#channels.length;
    for (let step = 1; step < count; step++) {
      const member = (this.index + step) % count;
      if (this.isThere(member)) return member;
    }
    return this.index;
  }

  isThere(member: number): boolean {
    return member === this.index || (this.#channels[member] ?? null) !== null;
  }

  pass(to: number, stray: Parameters<Ring['pass']>[1]): void {
    this.#channels[to]?.post(stray, [stray.bytes.buffer]);
  }

  taken(origin: number): void {
    this.#channels[origin]?.post({ kind: 'taken', what: 'stray' });
  }

  #hear(message: GroupMessage, from: number): void {
    if (this.#closed) return;
    switch (message.kind) {
      case 'neighbour':
        if (from === this.owner) this.neighbourFollower.take(message);
        break;
      case 'question':
        this.neighbourOwner.answer(message, (news) => this.#channels[from]?.post(news));
        break;
      case 'stray':
        this.handOver.receive(message);
        break;
      case 'arp':
        this.arpRelay.receive(message);
        this.#channels[message.origin]?.post({ kind: 'taken', what: 'arp' });
        break;
      case 'taken':
        if (message.what === 'stray') this.handOver.settle();
        else this.arpRelay.settle();
        break;
    }
    this.#context.machine.clock.settle();
  }

  /** What was on its way through it is lost, as on a wire. */
  #lose(member: number): void {
    if (this.#closed) return;
    this.#channels[member] = null;
    this.handOver.outstanding = 0;
    this.#assume();
  }

  #assume(): void {
    if (this.owner !== this.index) {
      this.neighbourFollower.start();
      this.arpRelay.start();
      return;
    }
    this.neighbourFollower.stop();
    this.arpRelay.stop();
    if (!this.#owns) this.neighbourOwner.start();
    this.#owns = true;
  }

  #toAll(message: GroupMessage): void {
    for (const channel of this.#channels) channel?.post(message);
  }

  #toOwner(message: GroupMessage, transfer?: readonly ArrayBuffer[]): void {
    this.#channels[this.owner]?.post(message, transfer);
  }

  /** Two members that connect to the same place must not do so from the same port. */
  #takePorts(): void {
    const { sysctl } = this.#context;
    const [low = 0, high = 0] = `${sysctl.get(PORT_RANGE)}`.split(/\s+/).map(Number);
    const count = this.#channels.length;
    // An even number: the parity of a port says whether it is for binds or for connections.
    const share = Math.floor((high - low + 1) / count) & ~1;
    if (share < 2) throw new NetError(-EINVAL, 'group', `${PORT_RANGE} of ${low} to ${high}`);
    const first = low + this.index * share;
    check(sysctl.set(PORT_RANGE, `${first} ${first + share - 1}`), PORT_RANGE);
  }
}
