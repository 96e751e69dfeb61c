import type { Packet } from '../../device/memory/packet.ts';
import { ARPHRD_NONE, NETDEV_TX_OK } from '../../device/netdevice/flags.ts';
import type { Link, LinkPort } from '../../device/netdevice/link.ts';
import { TCP_SEQUENCE } from '../../stack/wire/tcp.ts';

const IPV4_BYTES = 20;

/** A link for IP packets that lead nowhere. It remembers the sequence number of the last TCP segment that it was given. */
export class SinkLink implements Link {
  readonly kind = 'sink';
  readonly type: number = ARPHRD_NONE;
  readonly address = 0;
  readonly mtu = 1500;
  readonly minMtu = 68;
  readonly maxMtu = 65535;
  readonly flags = 0;
  readonly txQueueLength = 0;
  readonly carrier = true;
  readonly receiveQueueFrames: number = Number.POSITIVE_INFINITY;
  readonly features = 0;
  port!: LinkPort;
  lastSequence = 0;

  bind(port: LinkPort): void {
    this.port = port;
  }

  open(): number {
    return 0;
  }

  stop(): void {}

  close(): void {}

  startXmit(packet: Packet): number {
    this.lastSequence = packet.pool.view.getUint32(packet.start + IPV4_BYTES + TCP_SEQUENCE);
    packet.release();
    return NETDEV_TX_OK;
  }
}
