import { DROP_POOL_EXHAUSTED } from '../drop.ts';
import { MAC_ZERO, type MacAddress } from '../frame/mac.ts';
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
import { ARPHRD_LOOPBACK, NETDEV_TX_OK } from '../netdevice/flags.ts';
import type { Link, LinkPort } from '../netdevice/link.ts';
import { scrub, takeOver } from './crossing.ts';

/** The loopback device's link (Linux: `drivers/net/loopback.c`): what is sent is received, in the next deferred work. */
export class LoopbackLink implements Link {
  readonly kind = 'loopback';
  readonly type: number = ARPHRD_LOOPBACK;
  readonly address: MacAddress = MAC_ZERO;
  readonly mtu: number = 65536;
  readonly minMtu: number = 0;
  readonly maxMtu: number = 0;
  readonly flags: number = 0;
  readonly txQueueLength: number = 0;
  readonly carrier: boolean = true;
  readonly receiveQueueFrames: number;
  readonly features: number =
    NETIF_F_SG |
    NETIF_F_HW_CSUM |
    NETIF_F_RXCSUM |
    NETIF_F_HIGHDMA |
    NETIF_F_TSO |
    NETIF_F_TSO_ECN |
    NETIF_F_TSO6 |
    NETIF_F_GSO_UDP_L4;
  /** Linux shows it as on, and has no use for it there. */
  readonly featuresOff: number = NETIF_F_GRO;
  readonly machine: Machine;
  port!: LinkPort;
  opened = false;

  constructor(machine: Machine) {
    this.machine = machine;
    this.receiveQueueFrames = machine.maxBacklog;
  }

  bind(port: LinkPort): void {
    this.port = port;
  }

  open(): number {
    this.opened = true;
    return 0;
  }

  stop(): void {
    this.opened = false;
  }

  close(): void {
    this.opened = false;
  }

  startXmit(packet: Packet): number {
    const own = takeOver(this.machine.pool, packet);
    if (own === null) {
      this.port.statistics.txDropped++;
      this.port.drop(packet, DROP_POOL_EXHAUSTED);
      return NETDEV_TX_OK;
    }
    scrub(own);
    this.port.enqueue(own);
    return NETDEV_TX_OK;
  }
}
