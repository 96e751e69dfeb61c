import { Work } from '../clock/deferred.ts';
import type { Machine } from '../machine.ts';
import type { Discipline } from './discipline.ts';
import type { Link } from './link.ts';

/** Packets that may wait in a transmit queue before those who can wait themselves are asked to. */
const ROOM = 64;

/** Someone who sends less rather than have his packets, or the answers to them, dropped at the end of a queue. */
export interface RoomWaiter {
  /** Waits already; {@link TransmitRoom} sets it and takes it back. */
  waitsForRoom: boolean;
  /** There is room: go on. */
  roomAvailable(): void;
}

/**
 * Room for more packets of those who can wait: connections, which keep their bytes themselves (Linux: TCP small queues).
 *
 * There is none while a device's transmit queue is long, since more would only delay all others and in the end be dropped.
 * And there is none while a link that answers at once has been given more frames since it was last read than half of its
 * receive queue has room for: the peer's acknowledgements would be lost there. First come, first served; each waiter is
 * there once, so that there are no more of them than connections.
 */
export class TransmitRoom {
  /** Packets that the driver took since its link was read. */
  handed = 0;
  readonly #discipline: Discipline;
  readonly #link: Link;
  readonly #burst: number;
  readonly #waiters: RoomWaiter[] = [];
  readonly #work: Work = new Work(() => this.#serve());
  readonly #machine: Machine;

  constructor(discipline: Discipline, link: Link, machine: Machine) {
    this.#discipline = discipline;
    this.#link = link;
    this.#machine = machine;
    this.#burst =
      link.look === undefined ? Number.POSITIVE_INFINITY : Math.max(link.receiveQueueFrames / 2, 1);
  }

  /** Whether a sender who can wait should. */
  get crowded(): boolean {
    return this.#discipline.backlog >= ROOM || this.handed >= this.#burst;
  }

  /** Asks for a call when there is room. */
  wait(waiter: RoomWaiter): void {
    if (this.handed >= this.#burst) this.#link.look?.();
    if (waiter.waitsForRoom) return;
    waiter.waitsForRoom = true;
    this.#waiters.push(waiter);
  }

  /** So many frames were read from the link. */
  answered(frames: number): void {
    this.handed = Math.max(0, this.handed - frames);
    this.shortened();
  }

  /** The transmit queue has become shorter, or the driver has passed on what it collected. */
  shortened(): void {
    if (this.#waiters.length > 0 && !this.crowded) this.#machine.clock.defer(this.#work);
  }

  #serve(): void {
    // One that has to wait again stands at the end.
    for (let left = this.#waiters.length; left > 0 && !this.crowded; left--) {
      const waiter = this.#waiters.shift()!;
      waiter.waitsForRoom = false;
      waiter.roomAvailable();
    }
    if (this.#waiters.length > 0 && this.handed >= this.#burst) this.#link.look?.();
  }
}
