import { Timer } from '../../clock/timer.ts';
import {
  DROP_FRAME_TOO_SHORT,
  DROP_POOL_EXHAUSTED,
  DropCounters,
  type DropListener,
  dropReason,
} from '../../drop.ts';
import { ETH_HLEN, ETH_P_8021AD, ETH_P_8021Q, ETH_TYPE } from '../../frame/ethernet.ts';
import { VLAN_HLEN } from '../../frame/vlan.ts';
import type { Machine } from '../../machine.ts';
import { CHECKSUM_NONE, type Packet } from '../../memory/packet.ts';
import type { LinkPort } from '../../netdevice/link.ts';
import type { Entropy } from '../../random.ts';
import { scrub, takeLinear, takeOver } from '../crossing.ts';
import { Departures } from './departures.ts';
import { Flight } from './flight.ts';
import { type Impairment, UNIMPAIRED } from './impairment.ts';
import { LossModel } from './loss.ts';

/** The wire is cut, or the far end is not open. */
export const DROP_WIRE_DOWN: number = dropReason('wire_down');
/** Longer than the wire carries. */
export const DROP_WIRE_MTU: number = dropReason('wire_mtu');
/** Lost by chance. */
export const DROP_WIRE_LOSS: number = dropReason('wire_loss');
/** The queue in front of the wire is full. */
export const DROP_WIRE_QUEUE_FULL: number = dropReason('wire_queue_full');
/** As many frames are on the wire as it may hold. */
export const DROP_WIRE_FLIGHT_FULL: number = dropReason('wire_flight_full');

/** Bits of a byte times microseconds of a second. */
const BIT_MICROSECONDS = 8e6;

/** Frames of one direction. `sent + duplicated` = `delivered` + all drops + those in flight. */
export class WireCounters {
  sent = 0;
  delivered = 0;
  duplicated = 0;
  corrupted = 0;
  reordered = 0;
}

/**
 * One direction of a wire: a drop-tail queue, a serialiser, and a stretch of cable on which frames take their time. All
 * moments in here are microseconds of the clock; a departure has fractions, an arrival has none.
 */
export class WireDirection {
  readonly machine: Machine;
  readonly entropy: Entropy;
  readonly counters: WireCounters = new WireCounters();
  readonly drops: DropCounters = new DropCounters();
  impairment: Impairment = { ...UNIMPAIRED };
  /** Hears of every drop before the packet is released. */
  onDrop: DropListener<Packet, null> | null = null;
  /** The receiving end's user; null while that end is not open or the wire is cut. */
  receiver: LinkPort | null = null;

  readonly #loss = new LossModel();
  readonly #departures = new Departures();
  readonly #flight = new Flight();
  readonly #timer: Timer;
  #busyUntil = 0;
  #latestArrival = 0;
  #sinceReordered = 0;

  constructor(machine: Machine) {
    this.machine = machine;
    this.entropy = machine.entropy.fork();
    this.#timer = new Timer(machine.clock, () => this.#arrive());
  }

  /** Frames on the wire. */
  get inFlight(): number {
    return this.#flight.length;
  }

  /** Puts a frame on the wire, with its ownership. */
  send(packet: Packet): void {
    const { impairment, counters, entropy } = this;
    counters.sent++;
    if (this.receiver === null) {
      this.#drop(packet, DROP_WIRE_DOWN);
    } else if (packet.end - packet.start < ETH_HLEN) {
      this.#drop(packet, DROP_FRAME_TOO_SHORT);
    } else if (impairment.mtu > 0 && isTooLong(packet, impairment.mtu)) {
      this.#drop(packet, DROP_WIRE_MTU);
    } else if (this.#loss.lost(impairment, entropy)) {
      this.#drop(packet, DROP_WIRE_LOSS);
    } else if (entropy.chance(impairment.duplicate)) {
      counters.duplicated++;
      this.#pass(packet.retain());
      this.#pass(packet);
    } else {
      this.#pass(packet);
    }
  }

  /** Drops what is on the wire: its receiver has gone. */
  purge(): void {
    this.#timer.stop();
    this.#departures.clear();
    this.#busyUntil = 0;
    this.#latestArrival = 0;
    for (let packet = this.#flight.take(); packet !== null; packet = this.#flight.take())
      this.#drop(packet, DROP_WIRE_DOWN);
  }

  #pass(packet: Packet): void {
    const { corrupt } = this.impairment;
    if (!this.entropy.chance(corrupt)) {
      this.#queue(packet);
      return;
    }
    const damaged = this.#corrupt(packet);
    if (damaged === null) this.#drop(packet, DROP_POOL_EXHAUSTED);
    else this.#queue(damaged);
  }

  #queue(packet: Packet): void {
    const { impairment } = this;
    const now = Math.round(this.machine.clock.recent() * 1000);
    if (this.#flight.length >= impairment.flightLimit) {
      this.#drop(packet, DROP_WIRE_FLIGHT_FULL);
      return;
    }
    let departure = Math.max(now, this.#busyUntil);
    if (impairment.rate > 0) {
      if (this.#departures.waiting(now) >= impairment.queueLimit) {
        this.#drop(packet, DROP_WIRE_QUEUE_FULL);
        return;
      }
      departure += (packet.length * BIT_MICROSECONDS) / impairment.rate;
      this.#departures.add(departure);
      this.#busyUntil = departure;
    }
    this.#flight.add(packet, Math.ceil(this.#arrivalOf(departure)));
    if (!this.#timer.pending || this.#timer.deadline > this.#flight.nextDue) this.#arm();
  }

  /** When a frame arrives that leaves at `departure`. */
  #arrivalOf(departure: number): number {
    const { impairment, entropy } = this;
    this.#sinceReordered++;
    if (this.#sinceReordered >= impairment.reorderGap && entropy.chance(impairment.reorder)) {
      this.#sinceReordered = 0;
      this.counters.reordered++;
      return departure;
    }
    let arrival = departure + impairment.delay * 1000;
    if (impairment.jitter > 0)
      arrival = Math.max(departure, arrival + entropy.uniform(-impairment.jitter, impairment.jitter) * 1000);
    if (!impairment.jitterReorders) arrival = Math.max(arrival, this.#latestArrival);
    this.#latestArrival = Math.max(arrival, this.#latestArrival);
    return arrival;
  }

  #arrive(): void {
    const now = Math.round(this.machine.clock.now() * 1000);
    for (let packet = this.#flight.takeDue(now); packet !== null; packet = this.#flight.takeDue(now))
      this.#deliver(packet);
    if (this.#flight.length > 0) this.#arm();
  }

  #deliver(packet: Packet): void {
    const own = takeOver(this.machine.pool, packet);
    if (own === null) {
      this.#drop(packet, DROP_POOL_EXHAUSTED);
      return;
    }
    scrub(own);
    own.checksum = CHECKSUM_NONE;
    this.counters.delivered++;
    this.receiver!.receive(own);
  }

  /** A packet of ours with one inverted bit; the same packet when it has no byte to hit; null: no slot, nothing taken. */
  #corrupt(packet: Packet): Packet | null {
    const { corruptFrom } = this.impairment;
    const bytes = packet.length - corruptFrom;
    if (bytes <= 0) return packet;
    const bit = this.entropy.below(bytes * 8);
    const own = takeLinear(this.machine.pool, packet);
    if (own === null) return null;
    this.counters.corrupted++;
    own.pool.u8[own.start + corruptFrom + (bit >>> 3)]! ^= 1 << (bit & 7);
    return own;
  }

  #arm(): void {
    this.#timer.startAt(this.#flight.nextDue / 1000);
  }

  #drop(packet: Packet, reason: number): void {
    this.drops.add(reason);
    this.onDrop?.(reason, packet, null);
    packet.release();
  }
}

/** One VLAN tag does not count, as in Linux (`is_skb_forwardable`), but here only where there is one. */
function isTooLong(packet: Packet, mtu: number): boolean {
  const excess = packet.length - ETH_HLEN - mtu;
  if (excess <= 0) return false;
  if (excess > VLAN_HLEN) return true;
  const type = packet.pool.view.getUint16(packet.start + ETH_TYPE);
  return type !== ETH_P_8021Q && type !== ETH_P_8021AD;
}
