import type { MacAddress } from '../../frame/mac.ts';
import { randomMac } from '../../frame/random-mac.ts';
import type { Machine } from '../../machine.ts';
import type { Packet } from '../../memory/packet.ts';
import { ARPHRD_ETHER, NETDEV_TX_OK } from '../../netdevice/flags.ts';
import type { Link, LinkPort } from '../../netdevice/link.ts';
import { WireDirection } from './direction.ts';
import { changeImpairment, type Impairment } from './impairment.ts';

export interface WireOptions {
  /** Addresses of the two ends; random locally administered ones when left out. */
  addresses?: readonly [MacAddress, MacAddress];
  /** MTU in bytes that both ends say they have; 1500 when left out. What the wire itself carries is `Impairment.mtu`. */
  mtu?: number;
  /** What both directions do to frames; see {@link Impairment} for the defaults. Throws `EINVAL` when it makes no sense. */
  impairment?: Partial<Impairment>;
}

export type WireSide = 'aToB' | 'bToA' | 'both';

/**
 * A cable between two Ethernet ports that impairs what it carries, by its own stream of chance and on the machine's clock.
 * Drops are counted by the wire, not by the ports: neither of them could know.
 */
export function createWire(machine: Machine, options: WireOptions = {}): Wire {
  return new Wire(machine, options);
}

/** A cable; made by {@link createWire}. */
export class Wire {
  readonly a: WireEnd;
  readonly b: WireEnd;
  readonly aToB: WireDirection;
  readonly bToA: WireDirection;
  #cut = false;
  #lit = false;

  constructor(machine: Machine, options: WireOptions) {
    const [first, second] = options.addresses ?? [randomMac(machine.entropy), randomMac(machine.entropy)];
    const mtu = options.mtu ?? 1500;
    this.aToB = new WireDirection(machine);
    this.bToA = new WireDirection(machine);
    this.a = new WireEnd(this, this.aToB, first, mtu);
    this.b = new WireEnd(this, this.bToA, second, mtu);
    if (options.impairment !== undefined) this.setImpairment('both', options.impairment);
  }

  /** Whether the wire is whole. */
  get whole(): boolean {
    return !this.#cut;
  }

  /** Changes what happens to frames sent from now on. Throws `EINVAL` naming the field that makes no sense. */
  setImpairment(side: WireSide, changes: Partial<Impairment>): void {
    if (side !== 'bToA') this.aToB.impairment = changeImpairment(this.aToB.impairment, changes);
    if (side !== 'aToB') this.bToA.impairment = changeImpairment(this.bToA.impairment, changes);
  }

  /** Cuts the wire: what is on it is dropped, and both ends lose their carrier. */
  cut(): void {
    this.#cut = true;
    this.update();
  }

  /** Makes it whole again. */
  splice(): void {
    this.#cut = false;
    this.update();
  }

  /** Used by the ends when they open or stop: who may receive, and whether there is carrier. */
  update(): void {
    this.#connect(this.aToB, this.b);
    this.#connect(this.bToA, this.a);
    const lit = !this.#cut && this.a.opened && this.b.opened;
    if (lit === this.#lit) return;
    this.#lit = lit;
    for (const end of [this.a, this.b]) {
      if (lit) end.port.carrierOn();
      else end.port.carrierOff();
    }
  }

  #connect(direction: WireDirection, receiver: WireEnd): void {
    direction.receiver = receiver.opened && !this.#cut ? receiver.port : null;
    if (direction.receiver === null) direction.purge();
  }
}

/** One end of a wire: carrier only while the wire is whole and both ends are open, none at the start. */
export class WireEnd implements Link {
  readonly kind = 'wire';
  readonly type: number = ARPHRD_ETHER;
  readonly address: MacAddress;
  readonly mtu: number;
  readonly minMtu: number = 68;
  readonly maxMtu: number = 65535;
  readonly flags: number = 0;
  readonly txQueueLength: number = 0;
  readonly carrier: boolean = false;
  readonly receiveQueueFrames: number = Number.POSITIVE_INFINITY;
  readonly features: number = 0;
  readonly wire: Wire;
  readonly direction: WireDirection;
  port!: LinkPort;
  opened = false;

  constructor(wire: Wire, direction: WireDirection, address: MacAddress, mtu: number) {
    this.wire = wire;
    this.direction = direction;
    this.address = address;
    this.mtu = mtu;
  }

  bind(port: LinkPort): void {
    this.port = port;
  }

  open(): number {
    this.opened = true;
    this.wire.update();
    return 0;
  }

  stop(): void {
    if (!this.opened) return;
    this.opened = false;
    this.wire.update();
  }

  close(): void {
    this.stop();
  }

  setMac(): number {
    return 0;
  }

  startXmit(packet: Packet): number {
    this.direction.send(packet);
    return NETDEV_TX_OK;
  }
}
