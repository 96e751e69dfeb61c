import { ENOBUFS, ENOMEM } from '../../device/errno.ts';
import type { Packet } from '../../device/memory/packet.ts';
import { PacketQueue } from '../../device/memory/queue.ts';
import { truesize } from './receive-budget.ts';
import type { Socket } from './socket.ts';

/** More packets than any buffer size lets in. */
const MOST_PACKETS = 0x100000;

/** Received packets that wait to be read; their memory is their socket's `receiveMemory`, which SO_RCVBUF limits. */
export class DatagramQueue {
  readonly #socket: Socket;
  readonly #packets = new PacketQueue(MOST_PACKETS);

  constructor(socket: Socket) {
    this.#socket = socket;
  }

  get length(): number {
    return this.#packets.length;
  }

  /**
   * Appends a packet, with its ownership. `-ENOMEM`: the socket's buffer is full; `-ENOBUFS`: all sockets together hold too much;
   * the packet is then still the caller's.
   */
  push(packet: Packet): number {
    const socket = this.#socket;
    // As in Linux the one that goes beyond the limit still gets in.
    if (socket.receiveMemory > socket.rcvbuf) {
      socket.drops++;
      return -ENOMEM;
    }
    if (!socket.layer.budget.take(packet)) {
      socket.drops++;
      return -ENOBUFS;
    }
    this.#packets.push(packet);
    socket.receiveMemory += truesize(packet);
    return 0;
  }

  /** The oldest packet, which stays. */
  peek(): Packet | null {
    return this.#packets.peek();
  }

  /** The packet behind `index` others, which stays. */
  at(index: number): Packet | null {
    return this.#packets.at(index);
  }

  /** Takes the oldest packet, with its ownership. */
  shift(): Packet | null {
    const packet = this.#packets.shift();
    if (packet === null) return null;
    this.#socket.receiveMemory -= truesize(packet);
    this.#socket.layer.budget.give(packet);
    return packet;
  }

  /** Releases everything. */
  purge(): void {
    for (let packet = this.shift(); packet !== null; packet = this.shift()) packet.release();
  }
}
