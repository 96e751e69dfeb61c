import { DROP_TRANSMIT_ERROR, dropReason } from '../drop.ts';
import { EINVAL, EIO, ENODEV, NetError } from '../errno.ts';
import { MAC_ZERO, type MacAddress, parseMac } from '../frame/mac.ts';
import { randomMac } from '../frame/random-mac.ts';
import type { Machine } from '../machine.ts';
import type { Packet } from '../memory/packet.ts';
import {
  ARPHRD_ETHER,
  ARPHRD_NONE,
  IFF_NOARP,
  IFF_POINTOPOINT,
  NETDEV_TX_BUSY,
  NETDEV_TX_OK,
} from '../netdevice/flags.ts';
import type { Link, LinkPort } from '../netdevice/link.ts';

/** The device is closed. */
export const DROP_TUNTAP2_CLOSED: number = dropReason('tuntap2_closed');

/**
 * What `fromTuntap2` needs of an object: the shape of tuntap2's `Tap` and `Tun`, which forward to streams but are neither
 * streams nor event emitters themselves.
 */
export interface Tuntap2Device {
  readonly name: string;
  readonly isTap: boolean;
  /** Bytes; absent in some forks. */
  mtu?: number;
  /** Emits one `data` chunk a frame. */
  on(event: string, listener: (argument: unknown) => void): unknown;
  /** Takes one frame. A callback in second place would be taken for the encoding and lost. */
  write(chunk: Uint8Array, encoding: undefined, callback: (error?: Error | null) => void): boolean;
  /** Closes the device, but not before its reading thread has seen one more frame. */
  release(callback?: () => void): unknown;
}

export interface Tuntap2Options {
  /** Our own address, which must differ from the kernel side's; random when left out. */
  mac?: MacAddress;
  /** Bytes; the kernel side's when left out. */
  mtu?: number;
}

/** Whether `value` has the shape of a tuntap2 device. Its class cannot be asked: every fork has its own. */
export function isTuntap2(value: unknown): value is Tuntap2Device {
  if (value === null || typeof value !== 'object') return false;
  const device = value as Partial<Record<keyof Tuntap2Device, unknown>>;
  return (
    typeof device.name === 'string' &&
    typeof device.isTap === 'boolean' &&
    typeof device.on === 'function' &&
    typeof device.write === 'function' &&
    typeof device.release === 'function'
  );
}

/** Makes a link of a tuntap2 `Tap` or `Tun`, or anything of that shape. Throws a {@link NetError} (`EINVAL`) for others. */
export function fromTuntap2(machine: Machine, device: unknown, options: Tuntap2Options = {}): Tuntap2Link {
  if (!isTuntap2(device)) throw new NetError(-EINVAL, 'tuntap2', 'this object is no tuntap2 device');
  return new Tuntap2Link(machine, device, options);
}

/**
 * A link on a tuntap2 device. Each frame costs a copy, a stream write and a turn of the thread pool, some fifty times what
 * {@link TapLink} needs: for programs that have such a device already.
 */
export class Tuntap2Link implements Link {
  readonly kind = 'tun';
  readonly type: number;
  readonly flags: number;
  readonly address: MacAddress;
  readonly mtu: number;
  readonly minMtu = 68;
  readonly maxMtu = 65521;
  readonly txQueueLength = 1000;
  readonly carrier = true;
  readonly receiveQueueFrames = 1000;
  readonly features = 0;
  readonly device: Tuntap2Device;
  /** Frames that came while the pool was empty (`pool_exhausted`). */
  exhausted = 0;
  /** Frames given to the device whose callback has not come yet. */
  pendingWrites = 0;
  readonly #machine: Machine;
  #port!: LinkPort;
  #opened = false;
  #gone = false;
  #blocked = false;
  #lastError: unknown;
  readonly #written = (error?: Error | null): void => this.#onWritten(error);

  constructor(machine: Machine, device: Tuntap2Device, options: Tuntap2Options) {
    this.#machine = machine;
    this.device = device;
    this.type = device.isTap ? ARPHRD_ETHER : ARPHRD_NONE;
    this.flags = device.isTap ? 0 : IFF_POINTOPOINT | IFF_NOARP;
    this.mtu = options.mtu ?? kernelMtu(device);
    this.address = device.isTap ? (options.mac ?? otherMac(machine, kernelMac(device))) : MAC_ZERO;
    device.on('data', (chunk) => this.#onData(chunk));
    device.on('drain', () => this.#onDrain());
    device.on('error', (error) => this.#countError(error));
    device.on('close', () => this.#onGone());
  }

  get name(): string {
    return this.device.name;
  }

  bind(port: LinkPort): void {
    this.#port = port;
  }

  open(): number {
    if (this.#gone) return -ENODEV;
    this.#opened = true;
    return 0;
  }

  stop(): void {
    this.#opened = false;
  }

  /** Lets go of the device; it ends on its own terms, when its reading thread has seen one more frame. */
  close(): void {
    if (this.#gone) return;
    this.#gone = true;
    this.device.release(() => {});
  }

  startXmit(packet: Packet): number {
    if (this.#blocked) return NETDEV_TX_BUSY;
    if (this.#gone) {
      this.#port.statistics.txErrors++;
      this.#port.statistics.txCarrierErrors++;
      this.#port.drop(packet, DROP_TUNTAP2_CLOSED);
      return NETDEV_TX_OK;
    }
    const frame = packet.bytes();
    this.pendingWrites++;
    let room: boolean;
    try {
      room = this.device.write(frame, undefined, this.#written);
    } catch {
      this.pendingWrites--;
      this.#port.statistics.txErrors++;
      this.#port.drop(packet, DROP_TRANSMIT_ERROR);
      return NETDEV_TX_OK;
    }
    packet.release();
    if (room === false) {
      this.#blocked = true;
      this.#port.stopQueue();
    }
    return NETDEV_TX_OK;
  }

  /** The device hands us every frame, whomever it is for. */
  setMac(_mac: MacAddress): number {
    return 0;
  }

  #onData(chunk: unknown): void {
    if (!this.#opened || !(chunk instanceof Uint8Array)) return;
    const packet = this.#machine.pool.from(chunk);
    if (packet === null) {
      this.exhausted++;
      this.#port.statistics.rxDropped++;
      return;
    }
    this.#port.receive(packet);
    this.#machine.clock.settle();
  }

  #onWritten(error?: Error | null): void {
    this.pendingWrites--;
    if (error) this.#countError(error);
  }

  /** A failed write tells of its error twice, by its callback and by the stream's event: it counts once. */
  #countError(error: unknown): void {
    if (error === this.#lastError) return;
    this.#lastError = error;
    const { statistics } = this.#port;
    statistics.txErrors++;
    if (errnoOf(error) === -EIO) statistics.txCarrierErrors++;
  }

  #onDrain(): void {
    if (!this.#blocked) return;
    this.#blocked = false;
    this.#port.wakeQueue();
    this.#machine.clock.settle();
  }

  #onGone(): void {
    if (this.#gone) return;
    this.#gone = true;
    this.#blocked = false;
    this.#port.carrierOff();
    this.#machine.clock.settle();
  }
}

function errnoOf(error: unknown): number {
  const { errno } = (error ?? {}) as { errno?: unknown };
  return typeof errno === 'number' ? errno : 0;
}

function kernelMtu(device: Tuntap2Device): number {
  const mtu = property(device, 'mtu');
  return typeof mtu === 'number' && mtu >= 68 ? mtu : 1500;
}

/** The kernel side's address: a string or a list of one; NaN when the device does not tell. */
function kernelMac(device: Tuntap2Device): MacAddress {
  const mac = property(device, 'mac');
  const text: unknown = Array.isArray(mac) ? mac[0] : mac;
  return typeof text === 'string' ? parseMac(text) : Number.NaN;
}

/** A getter's value. Getters of a device that is not up throw, strings even; what they would tell is unknown then. */
function property(device: object, name: string): unknown {
  try {
    return (device as Record<string, unknown>)[name];
  } catch {
    return undefined;
  }
}

function otherMac(machine: Machine, taken: MacAddress): MacAddress {
  let mac = randomMac(machine.entropy);
  while (mac === taken) mac = randomMac(machine.entropy);
  return mac;
}
