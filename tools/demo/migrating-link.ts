import { dropReason } from '../../device/drop.ts';
import type { MacAddress } from '../../device/frame/mac.ts';
import type { Packet } from '../../device/memory/packet.ts';
import { NETDEV_TX_OK } from '../../device/netdevice/flags.ts';
import type { Link, LinkPort } from '../../device/netdevice/link.ts';
import type { LinkStatistics } from '../../device/netdevice/statistics.ts';

/** Arrived at the host that the machine has left. */
export const DROP_LEFT_BEHIND: number = dropReason('demo_left_behind');
/** Sent while the machine is between two hosts. */
export const DROP_IN_TRANSIT: number = dropReason('demo_in_transit');

/**
 * The network card of a virtual machine that moves from one host to another. To the machine it is one link, which loses its
 * carrier when it leaves the source and has it again at the destination. The source's cable stays plugged in and lit: the
 * switch there notices nothing, and what it sends down that cable is lost and counted.
 */
export class MigratingLink implements Link {
  readonly kind = 'veth';
  readonly type: number;
  readonly address: MacAddress;
  readonly mtu: number;
  readonly minMtu: number;
  readonly maxMtu: number;
  readonly flags: number;
  readonly txQueueLength: number;
  readonly carrier: boolean;
  readonly receiveQueueFrames: number;
  readonly features: number;
  /** Frames that arrived at the source after the machine had left. */
  leftBehind = 0;

  readonly #source: Link;
  readonly #destination: Link;
  #active: Link | null;
  #port!: LinkPort;

  /** Both are unbound; `address` is the machine's, wherever it runs. */
  constructor(source: Link, destination: Link, address: MacAddress) {
    this.#source = source;
    this.#destination = destination;
    this.#active = source;
    this.type = source.type;
    this.address = address;
    this.mtu = source.mtu;
    this.minMtu = source.minMtu;
    this.maxMtu = source.maxMtu;
    this.flags = source.flags;
    this.txQueueLength = source.txQueueLength;
    this.carrier = source.carrier;
    this.receiveQueueFrames = source.receiveQueueFrames;
    this.features = source.features & destination.features;
  }

  bind(port: LinkPort): void {
    this.#port = port;
    this.#source.bind(new HostPort(this, this.#source));
    this.#destination.bind(new HostPort(this, this.#destination));
  }

  open(): number {
    return this.#active?.open() ?? 0;
  }

  stop(): void {
    this.#source.stop();
    this.#destination.stop();
  }

  close(): void {
    this.#source.close();
    this.#destination.close();
  }

  startXmit(packet: Packet): number {
    if (this.#active !== null) return this.#active.startXmit(packet);
    this.#port.drop(packet, DROP_IN_TRANSIT);
    return NETDEV_TX_OK;
  }

  flush(): void {
    this.#active?.flush?.();
  }

  /** The machine stops at the source. */
  leave(): void {
    this.#active = null;
    this.#port.carrierOff();
  }

  /** The machine goes on at the destination, whose cable is lit from now on. 0 or a negated errno. */
  arrive(): number {
    const destination = this.#destination;
    this.#active = destination;
    const failed = destination.open();
    return failed < 0 ? failed : (destination.changeCarrier?.(true) ?? 0);
  }

  /** Where the machine is, as its hosts' ports ask. */
  portFor(link: Link): LinkPort | null {
    return link === this.#active ? this.#port : null;
  }

  /** Used by the hosts' ports, for what concerns the machine wherever it is. */
  get port(): LinkPort {
    return this.#port;
  }
}

/** One host's end of its cable: hands everything to the machine while it runs there. */
class HostPort implements LinkPort {
  readonly #nic: MigratingLink;
  readonly #link: Link;

  constructor(nic: MigratingLink, link: Link) {
    this.#nic = nic;
    this.#link = link;
  }

  get statistics(): LinkStatistics {
    return this.#nic.port.statistics;
  }

  receive(packet: Packet): void {
    const port = this.#nic.portFor(this.#link);
    if (port === null) this.#leaveBehind(packet);
    else port.receive(packet);
  }

  enqueue(packet: Packet): void {
    const port = this.#nic.portFor(this.#link);
    if (port === null) this.#leaveBehind(packet);
    else port.enqueue(packet);
  }

  drop(packet: Packet, reason: number): void {
    this.#nic.port.drop(packet, reason);
  }

  carrierOn(): void {
    this.#nic.portFor(this.#link)?.carrierOn();
  }

  carrierOff(): void {
    this.#nic.portFor(this.#link)?.carrierOff();
  }

  stopQueue(): void {
    this.#nic.portFor(this.#link)?.stopQueue();
  }

  wakeQueue(): void {
    this.#nic.portFor(this.#link)?.wakeQueue();
  }

  notifyPeers(): void {
    this.#nic.portFor(this.#link)?.notifyPeers();
  }

  #leaveBehind(packet: Packet): void {
    this.#nic.leftBehind++;
    this.#nic.port.drop(packet, DROP_LEFT_BEHIND);
  }
}
