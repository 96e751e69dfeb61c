import type { MacAddress } from '../frame/mac.ts';
import type { Packet } from '../memory/packet.ts';
import type { Link, LinkPort } from '../netdevice/link.ts';
import type { LinkStatistics } from '../netdevice/statistics.ts';

/**
 * A link around a link: to its user a {@link Link}, to the inner one the {@link LinkPort}. It forwards everything; a subclass
 * overrides what it wants to see or change, so that wrappers compose: `capture(fault(tap))`.
 *
 * Optional calls that the inner link lacks are lacking here too, since their absence means something.
 */
export abstract class LinkFilter implements Link, LinkPort {
  readonly inner: Link;
  port!: LinkPort;

  flush?: () => void;
  look?: () => void;
  setMac?: (mac: MacAddress) => number;
  changeMtu?: (mtu: number) => number;
  changeCarrier?: (on: boolean) => number;
  validateAddress?: () => number;
  setFeatures?: (features: number) => number;
  peerIfindex?: () => number;
  setReceiveMode?: (promiscuous: boolean, allMulticast: boolean) => void;

  constructor(inner: Link) {
    this.inner = inner;
    if (inner.flush) this.flush = () => inner.flush!();
    if (inner.look) this.look = () => inner.look!();
    if (inner.setMac) this.setMac = (mac) => inner.setMac!(mac);
    if (inner.changeMtu) this.changeMtu = (mtu) => inner.changeMtu!(mtu);
    if (inner.changeCarrier) this.changeCarrier = (on) => inner.changeCarrier!(on);
    if (inner.validateAddress) this.validateAddress = () => inner.validateAddress!();
    if (inner.setFeatures) this.setFeatures = (features) => inner.setFeatures!(features);
    if (inner.peerIfindex) this.peerIfindex = () => inner.peerIfindex!();
    if (inner.setReceiveMode)
      this.setReceiveMode = (promiscuous, allMulticast) => inner.setReceiveMode!(promiscuous, allMulticast);
  }

  get kind(): string {
    return this.inner.kind;
  }
  get type(): number {
    return this.inner.type;
  }
  get address(): MacAddress {
    return this.inner.address;
  }
  get mtu(): number {
    return this.inner.mtu;
  }
  get minMtu(): number {
    return this.inner.minMtu;
  }
  get maxMtu(): number {
    return this.inner.maxMtu;
  }
  get flags(): number {
    return this.inner.flags;
  }
  get txQueueLength(): number {
    return this.inner.txQueueLength;
  }
  get carrier(): boolean {
    return this.inner.carrier;
  }
  get receiveQueueFrames(): number {
    return this.inner.receiveQueueFrames;
  }
  get features(): number {
    return this.inner.features;
  }
  get featuresOff(): number {
    return this.inner.featuresOff ?? 0;
  }

  bind(port: LinkPort): void {
    this.port = port;
    this.inner.bind(this);
  }
  open(): number {
    return this.inner.open();
  }
  stop(): void {
    this.inner.stop();
  }
  close(): void {
    this.inner.close();
  }
  startXmit(packet: Packet): number {
    return this.inner.startXmit(packet);
  }

  get ifindex(): number {
    return this.port.ifindex ?? 0;
  }
  get statistics(): LinkStatistics {
    return this.port.statistics;
  }
  receive(packet: Packet): void {
    this.port.receive(packet);
  }
  enqueue(packet: Packet): void {
    this.port.enqueue(packet);
  }
  drop(packet: Packet, reason: number): void {
    this.port.drop(packet, reason);
  }
  carrierOn(): void {
    this.port.carrierOn();
  }
  carrierOff(): void {
    this.port.carrierOff();
  }
  stopQueue(): void {
    this.port.stopQueue();
  }
  wakeQueue(): void {
    this.port.wakeQueue();
  }
  looked(frames: number): void {
    this.port.looked?.(frames);
  }
  notifyPeers(): void {
    this.port.notifyPeers();
  }
}
