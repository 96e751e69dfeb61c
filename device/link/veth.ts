import {
  DROP_DEVICE_NOT_RUNNING,
  DROP_FRAME_TOO_LONG,
  DROP_FRAME_TOO_SHORT,
  DROP_POOL_EXHAUSTED,
} from '../drop.ts';
import { ENOTCONN } from '../errno.ts';
import { ETH_HLEN } from '../frame/ethernet.ts';
import type { MacAddress } from '../frame/mac.ts';
import { randomMac } from '../frame/random-mac.ts';
import { VLAN_HLEN } from '../frame/vlan.ts';
import type { Machine } from '../machine.ts';
import type { Packet } from '../memory/packet.ts';
import {
  NETIF_F_GRO,
  NETIF_F_GSO_UDP_L4,
  NETIF_F_HIGHDMA,
  NETIF_F_HW_CSUM,
  NETIF_F_RXCSUM,
  NETIF_F_SG,
  NETIF_F_TSO,
  NETIF_F_TSO_ECN,
  NETIF_F_TSO6,
} from '../netdevice/features.ts';
import { ARPHRD_ETHER, NETDEV_TX_OK } from '../netdevice/flags.ts';
import type { Link, LinkPort } from '../netdevice/link.ts';
import { scrub, takeOver } from './crossing.ts';

/** What Linux's driver offers, as far as we have names for it (`VETH_FEATURES`). */
const FEATURES =
  NETIF_F_SG |
  NETIF_F_HW_CSUM |
  NETIF_F_RXCSUM |
  NETIF_F_HIGHDMA |
  NETIF_F_TSO |
  NETIF_F_TSO_ECN |
  NETIF_F_TSO6 |
  NETIF_F_GSO_UDP_L4;

export interface VethOptions {
  /** Addresses of the two ends; random locally administered ones when left out. */
  addresses?: readonly [MacAddress, MacAddress];
  /** MTU in bytes that both ends start with; 1500 when left out. */
  mtu?: number;
  /** The second end's machine; the first end's when left out. With another pool, frames that cross are copied into it. */
  peerMachine?: Machine;
}

/**
 * A virtual Ethernet pair (Linux: `drivers/net/veth.c`). What one end sends, the other receives in deferred work: the frame
 * changes its owner, not its place, except that a shared one is copied.
 *
 * There is carrier only while both ends are open, and none at the start. Where Linux removes both devices together, here
 * each end is closed by its own user: the one that is left has no carrier and opens with `-ENOTCONN`.
 */
export function createVeth(machine: Machine, options: VethOptions = {}): [VethLink, VethLink] {
  const peerMachine = options.peerMachine ?? machine;
  const mtu = options.mtu ?? 1500;
  const [first, second] = options.addresses ?? [randomMac(machine.entropy), randomMac(peerMachine.entropy)];
  const a = new VethLink(machine, first, mtu);
  const b = new VethLink(peerMachine, second, mtu);
  a.peer = b;
  b.peer = a;
  return [a, b];
}

/** One end of a pair; made by {@link createVeth}. */
export class VethLink implements Link {
  readonly kind = 'veth';
  readonly type: number = ARPHRD_ETHER;
  readonly address: MacAddress;
  /** As its user set it last. */
  mtu: number;
  readonly minMtu: number = 68;
  readonly maxMtu: number = 65535;
  readonly flags: number = 0;
  readonly txQueueLength: number = 0;
  readonly carrier: boolean = false;
  readonly receiveQueueFrames: number;
  readonly features: number = FEATURES;
  readonly featuresOff: number = NETIF_F_GRO;
  readonly machine: Machine;
  port!: LinkPort;
  /** The other end; null when it is closed. */
  peer: VethLink | null = null;
  opened = false;

  constructor(machine: Machine, address: MacAddress, mtu: number) {
    this.machine = machine;
    this.address = address;
    this.mtu = mtu;
    this.receiveQueueFrames = machine.maxBacklog;
  }

  bind(port: LinkPort): void {
    this.port = port;
  }

  open(): number {
    const peer = this.peer;
    if (peer === null) return -ENOTCONN;
    this.opened = true;
    if (peer.opened) {
      this.port.carrierOn();
      peer.port.carrierOn();
    }
    return 0;
  }

  stop(): void {
    if (!this.opened) return;
    this.opened = false;
    this.port.carrierOff();
    if (this.peer?.opened) this.peer.port.carrierOff();
  }

  close(): void {
    this.stop();
    if (this.peer !== null) this.peer.peer = null;
    this.peer = null;
  }

  setMac(): number {
    return 0;
  }

  changeMtu(mtu: number): number {
    this.mtu = mtu;
    return 0;
  }

  peerIfindex(): number {
    return this.peer?.port?.ifindex ?? 0;
  }

  startXmit(packet: Packet): number {
    const peer = this.peer;
    if (packet.end - packet.start < ETH_HLEN) return this.#refuse(packet, this, DROP_FRAME_TOO_SHORT);
    if (peer === null) return this.#refuse(packet, this, DROP_DEVICE_NOT_RUNNING);
    if (!peer.opened) return this.#refuse(packet, peer, DROP_DEVICE_NOT_RUNNING);
    if (packet.gsoSize === 0 && packet.length > peer.mtu + ETH_HLEN + VLAN_HLEN)
      return this.#refuse(packet, peer, DROP_FRAME_TOO_LONG);
    const own = takeOver(peer.machine.pool, packet);
    if (own === null) return this.#refuse(packet, this, DROP_POOL_EXHAUSTED);
    scrub(own);
    peer.port.enqueue(own);
    return NETDEV_TX_OK;
  }

  /** Linux counts a frame that the peer can't take on both ends (`is_skb_forwardable`, `veth_xmit`). */
  #refuse(packet: Packet, at: VethLink, reason: number): number {
    this.port.statistics.txDropped++;
    if (at !== this) at.port.statistics.rxDropped++;
    at.port.drop(packet, reason);
    return NETDEV_TX_OK;
  }
}
