import type { MacAddress } from '../../device/frame/mac.ts';
import type { Packet } from '../../device/memory/packet.ts';
import { ARPHRD_ETHER, NETDEV_TX_BUSY, NETDEV_TX_OK } from '../../device/netdevice/flags.ts';
import type { Link, LinkPort } from '../../device/netdevice/link.ts';

export interface TestLinkOptions {
  kind?: string;
  type?: number;
  address?: MacAddress;
  mtu?: number;
  minMtu?: number;
  maxMtu?: number;
  flags?: number;
  txQueueLength?: number;
  carrier?: boolean;
  features?: number;
}

/**
 * A link that goes nowhere: it keeps copies of what is sent, notes every call, and lets a test decide what it answers.
 * Without options it is an Ethernet device as a TAP is one.
 */
export class TestLink implements Link {
  readonly kind: string;
  readonly type: number;
  readonly address: MacAddress;
  readonly mtu: number;
  readonly minMtu: number;
  readonly maxMtu: number;
  readonly flags: number;
  readonly txQueueLength: number;
  readonly carrier: boolean;
  readonly receiveQueueFrames: number = Number.POSITIVE_INFINITY;
  readonly features: number;

  port!: LinkPort;
  /** Calls in order: `open`, `stop`, `close`, `flush`, `setMac`, `changeMtu 1400` ... */
  readonly calls: string[] = [];
  /** Frames sent, as copies. */
  readonly sent: Buffer[] = [];
  /** What `open` answers. */
  openResult = 0;
  setMacResult = 0;
  changeMtuResult = 0;
  /** Answer BUSY to `startXmit`. */
  busy = false;

  constructor(options: TestLinkOptions = {}) {
    this.kind = options.kind ?? 'test';
    this.type = options.type ?? ARPHRD_ETHER;
    this.address = options.address ?? 0x020000000001;
    this.mtu = options.mtu ?? 1500;
    this.minMtu = options.minMtu ?? 68;
    this.maxMtu = options.maxMtu ?? 65521;
    this.flags = options.flags ?? 0;
    this.txQueueLength = options.txQueueLength ?? 1000;
    this.carrier = options.carrier ?? true;
    this.features = options.features ?? 0;
  }

  bind(port: LinkPort): void {
    this.port = port;
    this.calls.push('bind');
  }

  open(): number {
    this.calls.push('open');
    return this.openResult;
  }

  stop(): void {
    this.calls.push('stop');
  }

  close(): void {
    this.calls.push('close');
  }

  startXmit(packet: Packet): number {
    if (this.busy) return NETDEV_TX_BUSY;
    this.sent.push(packet.bytes());
    packet.release();
    return NETDEV_TX_OK;
  }

  setMac(mac: MacAddress): number {
    this.calls.push(`setMac ${mac.toString(16)}`);
    return this.setMacResult;
  }

  changeMtu(mtu: number): number {
    this.calls.push(`changeMtu ${mtu}`);
    return this.changeMtuResult;
  }

  changeCarrier(on: boolean): number {
    if (on) this.port.carrierOn();
    else this.port.carrierOff();
    return 0;
  }
}
