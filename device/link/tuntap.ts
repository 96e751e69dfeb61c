import { Work } from '../clock/deferred.ts';
import { DROP_POOL_EXHAUSTED, DROP_QUEUE_PURGED, DROP_TRANSMIT_ERROR, dropReason } from '../drop.ts';
import { check, EAGAIN, EBADF, EBADFD, EIO, ENOBUFS, ENODEV, ENXIO } from '../errno.ts';
import type { MacAddress } from '../frame/mac.ts';
import { VLAN_HLEN } from '../frame/vlan.ts';
import type { Machine } from '../machine.ts';
import { CHECKSUM_PARTIAL, type Packet } from '../memory/packet.ts';
import { HEADROOM, LARGE_SLOT } from '../memory/pool.ts';
import { POLL_READABLE, POLL_WRITABLE, type TapDriver, type TapQueue, tapDriver } from '../native.ts';
import { NETIF_F_SG } from '../netdevice/features.ts';
import { NETDEV_TX_BUSY, NETDEV_TX_OK } from '../netdevice/flags.ts';
import type { Link, LinkPort } from '../netdevice/link.ts';
import { AdaptivePoll } from './adaptive-poll.ts';
import { BusyPoll } from './busy-poll.ts';
import { ReceivePace } from './receive-pace.ts';
import {
  configure,
  negotiateHeader,
  offerOffload,
  openQueue,
  type TunTapOptions,
  VNET_FEATURES,
} from './tuntap-open.ts';
import { ReceiveRing } from './tuntap-receive.ts';
import { TransmitRing } from './tuntap-transmit.ts';
import { writeVnetHeader } from './vnet-header.ts';

/** The kernel's side is administratively down. */
export const DROP_TAP_INTERFACE_DOWN: number = dropReason('tap_interface_down');
/** The kernel's interface was deleted. */
export const DROP_TAP_LOST: number = dropReason('tap_lost');
/** A super-segment, or a frame whose checksum is still to be filled in, on a link without virtio header. */
export const DROP_TAP_OFFLOAD: number = dropReason('tap_offload');

/** Frames that are received in one turn of the event loop, and milliseconds after which a turn begins no further batch. */
const BUDGET = 64;
const TURN_MS = 1;
/** Two tags. */
const TAGS = 2 * VLAN_HLEN;
const MAX_MTU = 65535;
const MIN_MTU = 68;

/**
 * What TUN and TAP links have in common: a cable to an interface of the kernel, with one open queue of the TUN/TAP driver as
 * our end. Frames go in and out in batches, one native call each, without a byte allocated or copied a frame. While the link
 * is stopped, frames wait in the kernel's queue, up to `receiveQueueFrames`.
 */
export abstract class TunTapLink implements Link {
  readonly kind = 'tun';
  abstract readonly type: number;
  abstract readonly address: MacAddress;
  readonly flags: number;
  readonly mtu: number;
  readonly minMtu: number = MIN_MTU;
  readonly maxMtu: number;
  readonly txQueueLength = 1000;
  readonly carrier: boolean;
  readonly receiveQueueFrames: number;
  readonly features: number;
  /** The kernel's side. */
  readonly queue: TapQueue;
  readonly rx: ReceiveRing;
  readonly tx: TransmitRing = new TransmitRing();
  /** The kernel's interface was deleted: this link will never carry a frame again. */
  lost = false;

  protected readonly machine: Machine;
  readonly #busy: BusyPoll;
  readonly #adaptive: AdaptivePoll | null;
  readonly #pace = new ReceivePace();
  #port!: LinkPort;
  #opened = false;
  #closed = false;
  /** The kernel takes no more for now; the queue is stopped until it is writable. */
  #blocked = false;
  /** The pool had no slot to receive into; polling is stopped until it has. */
  #starved = false;
  /** Waits for the pool already. */
  #waiting = false;
  #receiving = false;
  /** The port wants to hear of the next turn, even if nothing is to be read in it. */
  #looks = false;
  #polled = 0;
  readonly #linkHeader: number;
  /** Bytes of virtio header, 0: none. */
  readonly #vnetBytes: number;
  readonly #refillWork = new Work(() => this.#refill());
  readonly #onFree = (): void => {
    this.#waiting = false;
    this.machine.clock.defer(this.#refillWork);
  };

  /** `mode`: `IFF_TUN` or `IFF_TAP`; `flags`: interface flags; `linkHeader`: bytes of it. Throws a NetError. */
  protected constructor(
    machine: Machine,
    options: TunTapOptions,
    mode: number,
    flags: number,
    linkHeader: number,
    driver: TapDriver = tapDriver(),
  ) {
    this.machine = machine;
    this.flags = flags;
    this.#linkHeader = linkHeader;
    this.maxMtu = MAX_MTU - linkHeader;
    this.carrier = options.carrier ?? true;
    this.rx = new ReceiveRing(machine.pool);
    const look = (): boolean => this.poll() > 0;
    this.#busy = new BusyPoll(machine.clock, options.busyPoll ?? 0, look);
    const adapts = options.busyPoll === undefined && !machine.clock.standsStill;
    this.#adaptive = adapts ? new AdaptivePoll(machine.clock, look) : null;
    const onReady = (events: number, status: number): void => this.#ready(events, status);
    this.queue = openQueue(driver, options, mode, machine.pool.u8, this.rx.words, this.tx.words, onReady);
    try {
      this.#vnetBytes = negotiateHeader(this.queue);
      this.features = this.#vnetBytes > 0 ? VNET_FEATURES : NETIF_F_SG;
      if (this.#vnetBytes > 0) check(offerOffload(this.queue, VNET_FEATURES), 'TUNSETOFFLOAD');
      this.mtu = configure(this.queue, options);
    } catch (error) {
      this.queue.close();
      throw error;
    }
    const queueLength = this.queue.queueLength();
    this.receiveQueueFrames = queueLength > 0 ? queueLength : 1000;
    this.#expect(this.mtu);
  }

  /** Name of the kernel's interface when it was opened. */
  get name(): string {
    return this.queue.name;
  }

  bind(port: LinkPort): void {
    this.#port = port;
  }

  open(): number {
    if (this.lost || this.#closed) return -ENODEV;
    this.#opened = true;
    this.#refill();
    this.#busy.begin();
    return 0;
  }

  stop(): void {
    if (!this.#opened) return;
    this.flush();
    this.#busy.end();
    this.#opened = false;
    this.#blocked = false;
    this.#starved = false;
    this.#updatePoll();
    this.rx.release();
    for (let packet = this.tx.shift(); packet !== null; packet = this.tx.shift()) {
      this.#port.statistics.txDropped++;
      this.#port.drop(packet, DROP_QUEUE_PURGED);
    }
  }

  close(): void {
    if (this.#closed) return;
    this.stop();
    this.#closed = true;
    this.queue.close();
  }

  startXmit(packet: Packet): number {
    if (this.#blocked) return NETDEV_TX_BUSY;
    if (this.lost) {
      this.#dropUnsent(packet, DROP_TAP_LOST);
      return NETDEV_TX_OK;
    }
    const frame = this.#plain(packet) ? packet : this.#prepare(packet);
    if (frame === null) return NETDEV_TX_OK;
    this.tx.push(frame);
    if (this.tx.full) this.flush();
    return NETDEV_TX_OK;
  }

  flush(): void {
    while (!this.#blocked && !this.tx.empty) {
      const errno = this.tx.write(this.queue);
      if (errno === 0) return;
      if (errno === EAGAIN || errno === ENOBUFS) this.#block();
      else this.#refused(errno);
    }
  }

  /** Sets the MTU of both sides; only ours when the kernel's is in another network namespace, out of reach. */
  changeMtu(mtu: number): number {
    const result = this.queue.setMtu(mtu);
    if (result < 0 && result !== -ENODEV) return result;
    this.#expect(mtu);
    if (this.#opened) this.#refill();
    return 0;
  }

  /** The cable's two ends share one carrier. */
  changeCarrier(on: boolean): number {
    const result = this.queue.setCarrier(on ? 1 : 0);
    if (result < 0) return result;
    if (on) this.#port.carrierOn();
    else this.#port.carrierOff();
    return 0;
  }

  /** RXCSUM lets the kernel leave out checksums towards us, GRO_HW together with it lets it send us super-segments. */
  setFeatures(features: number): number {
    return this.#vnetBytes === 0 ? 0 : offerOffload(this.queue, features);
  }

  /** Receives what is there now without waiting for the event loop: for busy polling, or right after a flush. Frames received. */
  poll(): number {
    const before = this.rx.received;
    this.#receive();
    this.machine.clock.settle();
    return this.rx.received - before;
  }

  look(): void {
    if (this.#looks) return;
    this.#looks = true;
    this.#updatePoll();
  }

  /** Whether this link keeps the process alive; it does at first. */
  ref(on: boolean): void {
    this.queue.ref(on);
  }

  #expect(mtu: number): void {
    const frame = this.#vnetBytes > 0 ? LARGE_SLOT - HEADROOM : mtu + this.#linkHeader + TAGS;
    this.rx.expect(frame, this.#vnetBytes);
  }

  #ready(events: number, status: number): void {
    this.#adaptive?.begin();
    if (status < 0) this.#lose();
    if ((events & POLL_WRITABLE) !== 0) this.#unblock();
    if ((events & POLL_READABLE) !== 0) {
      this.#receive();
      this.#busy.begin();
    }
    if (this.#looks) this.#endLook((events & POLL_READABLE) === 0);
    this.machine.clock.settle();
    if ((events & POLL_READABLE) !== 0) this.#adaptive?.end();
  }

  #receive(): void {
    if (!this.#opened || this.#receiving || this.lost) return;
    this.#receiving = true;
    try {
      const before = this.rx.received;
      const errno = this.#pace.single ? this.rx.drain(this.queue, this.#port, 1) : this.#drain();
      const frames = this.rx.received - before;
      this.#pace.turn(frames);
      this.#port.looked?.(errno === EAGAIN ? Number.POSITIVE_INFINITY : frames);
      if (errno !== 0 && errno !== EAGAIN) this.#lose();
    } finally {
      this.#receiving = false;
    }
    this.#refill();
  }

  /**
   * Reads a turn's frames. Large ones are dealt with in short batches, so that their bytes are copied out, and acknowledged, while
   * they are in the processor's cache. What each brings about, answers and the work of applications, counts as part of the turn: it ends
   * early when that takes long.
   */
  #drain(): number {
    const { clock } = this.machine;
    for (let done = 0; done < BUDGET; ) {
      // From the second batch on, since to read the clock for each turn would allocate.
      if (done === this.rx.batch) clock.beginTurn();
      else if (done > 0 && clock.turnIsLong(TURN_MS)) break;
      const batch = Math.min(BUDGET - done, this.rx.batch);
      const errno = this.rx.drain(this.queue, this.#port, batch);
      if (errno !== 0 || this.rx.posted === 0) return errno;
      done += batch;
      if (done < BUDGET) clock.settle();
    }
    return 0;
  }

  /** The turn has come. `empty`: there was nothing to read. */
  #endLook(empty: boolean): void {
    this.#looks = false;
    this.#updatePoll();
    if (empty) this.#port.looked?.(Number.POSITIVE_INFINITY);
  }

  /** Brings the posted slots back to their number, or waits until the pool has some. */
  #refill(): void {
    if (!this.#opened || this.lost) return;
    this.#starved = !this.rx.fill();
    if (this.#starved && !this.#waiting) {
      this.#waiting = true;
      this.machine.pool.whenFree(this.#onFree);
    }
    this.#updatePoll();
  }

  /** Nothing to be done a frame: no header of ours in front, no offload, memory that the kernel reads as it is. */
  #plain(packet: Packet): boolean {
    return (
      this.#vnetBytes === 0 &&
      packet.gsoSize === 0 &&
      packet.checksum !== CHECKSUM_PARTIAL &&
      packet.pool === this.machine.pool
    );
  }

  /** The packet as it goes out, with its virtio header where one is due; null when it had to be dropped. */
  #prepare(packet: Packet): Packet | null {
    const { pool } = this.machine;
    const vnet = this.#vnetBytes;
    const offload = packet.gsoSize > 0 || packet.checksum === CHECKSUM_PARTIAL;
    if ((vnet === 0 && offload) || (packet.gsoSize > 0 && packet.checksum !== CHECKSUM_PARTIAL)) {
      this.#port.statistics.txErrors++;
      this.#port.drop(packet, DROP_TAP_OFFLOAD);
      return null;
    }
    const owned = packet.references === 1 && packet.pool === pool && packet.headroom >= vnet;
    const frame = owned ? packet : pool.copy(packet);
    if (frame === null) {
      this.#port.statistics.txDropped++;
      this.#port.drop(packet, DROP_POOL_EXHAUSTED);
      return null;
    }
    if (!owned) packet.release();
    if (vnet > 0) {
      const start = frame.start;
      writeVnetHeader(frame, frame.push(vnet), vnet, start);
    }
    return frame;
  }

  /** The kernel refused the next frame for good. */
  #refused(errno: number): void {
    if (errno === EIO) {
      this.#dropAll(DROP_TAP_INTERFACE_DOWN);
    } else if (errno === EBADFD || errno === EBADF || errno === ENXIO) {
      this.#lose();
    } else {
      this.#port.statistics.txErrors++;
      this.#port.drop(this.tx.shift()!, DROP_TRANSMIT_ERROR);
    }
  }

  #dropAll(reason: number): void {
    for (let packet = this.tx.shift(); packet !== null; packet = this.tx.shift())
      this.#dropUnsent(packet, reason);
  }

  #dropUnsent(packet: Packet, reason: number): void {
    this.#port.statistics.txErrors++;
    this.#port.statistics.txCarrierErrors++;
    this.#port.drop(packet, reason);
  }

  #block(): void {
    this.#blocked = true;
    this.#port.stopQueue();
    this.#updatePoll();
  }

  #unblock(): void {
    if (!this.#blocked) return;
    this.#blocked = false;
    this.flush();
    if (this.#blocked) return;
    this.#updatePoll();
    this.#port.wakeQueue();
  }

  #lose(): void {
    if (this.lost) return;
    this.lost = true;
    this.#busy.end();
    this.rx.release();
    this.#dropAll(DROP_TAP_LOST);
    this.#port.carrierOff();
    if (this.#blocked) this.#port.wakeQueue();
    this.#blocked = false;
    this.#updatePoll();
  }

  #updatePoll(): void {
    const reading = this.#opened && !this.#starved && !this.lost;
    const events = (reading ? POLL_READABLE : 0) | (this.#blocked || this.#looks ? POLL_WRITABLE : 0);
    if (events === this.#polled) return;
    this.#polled = events;
    this.queue.poll(events);
  }
}
