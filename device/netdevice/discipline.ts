import type { Packet } from '../memory/packet.ts';
import { PacketQueue } from '../memory/queue.ts';

/**
 * The transmit queue of a device (Linux: its root qdisc). The *configured* discipline is what the device has while it runs
 * with carrier; the *active* one is `NOOP` otherwise, which drops whatever it is given.
 */
export const QDISC_NOOP = 0;
/** Straight to the driver: devices without a queue. */
export const QDISC_NOQUEUE = 1;
/** First in, first out, capped at `txQueueLen` packets. */
export const QDISC_PFIFO = 2;
export type QdiscKind = typeof QDISC_NOOP | typeof QDISC_NOQUEUE | typeof QDISC_PFIFO;

const NAMES = ['noop', 'noqueue', 'pfifo'];

/** Name as `tc qdisc show` prints it. */
export function qdiscName(kind: QdiscKind): string {
  return NAMES[kind]!;
}

export class Discipline {
  configured: QdiscKind;
  active: QdiscKind = QDISC_NOOP;
  /** Its packets are being handed to the driver right now (Linux: `qdisc_is_running`). */
  running = false;
  /** Packets dropped because the queue was full. */
  drops = 0;
  /** Packets that a driver handed back as busy. */
  requeues = 0;
  /** Flows are to be paced, as under Linux's `fq`. The queue holds nothing back for it: whoever makes a flow's packets does. */
  paces = false;
  readonly queue: PacketQueue;

  constructor(txQueueLength: number) {
    this.configured = txQueueLength > 0 ? QDISC_PFIFO : QDISC_NOQUEUE;
    this.queue = new PacketQueue(Math.max(txQueueLength, 1));
  }

  /** Packets waiting. */
  get backlog(): number {
    return this.queue.length;
  }

  /** Takes a packet; false, with nothing taken, when the queue is full. */
  enqueue(packet: Packet): boolean {
    if (this.queue.push(packet)) return true;
    this.drops++;
    return false;
  }
}
