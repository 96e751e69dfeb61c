import type { Clock } from '../../../../device/clock/clock.ts';
import { MAC_ZERO, type MacAddress } from '../../../../device/frame/mac.ts';
import {
  CHECKSUM_NONE,
  CHECKSUM_UNNECESSARY,
  GSO_TCPV4,
  type Packet,
} from '../../../../device/memory/packet.ts';
import type { PacketPool } from '../../../../device/memory/pool.ts';
import { NETIF_F_SG } from '../../../../device/netdevice/features.ts';
import { ARPHRD_NONE, IFF_NOARP, IFF_POINTOPOINT, NETDEV_TX_OK } from '../../../../device/netdevice/flags.ts';
import type { Link, LinkPort } from '../../../../device/netdevice/link.ts';
import { IP_HLEN, IP_PROTOCOL, IPPROTO_TCP } from '../../../../stack/wire/ipv4.ts';
import type { OutboundPacket } from '../../backend.ts';
import { TCP } from '../../wire/headers.ts';

/** The default length of a TUN device's queue. */
const QUEUE = 500;

/** A TUN device whose other end is the script: packets that the stack sends are kept with the time when they were sent. */
export class ScriptLink implements Link {
  readonly kind = 'tun';
  readonly type: number = ARPHRD_NONE;
  readonly address: MacAddress = MAC_ZERO;
  readonly mtu: number;
  readonly minMtu: number = 68;
  readonly maxMtu: number = 65_535;
  readonly flags: number = IFF_POINTOPOINT | IFF_NOARP;
  readonly txQueueLength: number = QUEUE;
  readonly carrier: boolean = true;
  readonly receiveQueueFrames: number = Number.POSITIVE_INFINITY;
  /** A device that segments nothing: super-segments are cut before they get here. */
  readonly features: number = NETIF_F_SG;
  readonly #clock: Clock;
  readonly #pool: PacketPool;
  readonly #segmentSize: number | undefined;
  #port: LinkPort | undefined;
  /** What was sent and not yet taken. */
  readonly sent: OutboundPacket[] = [];

  /** `segmentSize`: TCP packets with more payload than this arrive as super-segments. */
  constructor(clock: Clock, pool: PacketPool, mtu: number, segmentSize: number | undefined) {
    this.#clock = clock;
    this.#pool = pool;
    this.mtu = mtu;
    this.#segmentSize = segmentSize;
  }

  bind(port: LinkPort): void {
    this.#port = port;
  }

  open(): number {
    return 0;
  }

  stop(): void {}

  close(): void {
    this.sent.length = 0;
  }

  startXmit(packet: Packet): number {
    this.sent.push({ time: Math.round(this.#clock.now() * 1000), bytes: packet.bytes() });
    packet.release();
    return NETDEV_TX_OK;
  }

  /** Lets a packet arrive. Throws when there is no memory for it. */
  receive(bytes: Uint8Array): void {
    const packet = this.#pool.from(bytes);
    if (packet === null) throw new Error(`no memory for a packet of ${bytes.length} bytes`);
    const size = this.#segmentSize;
    const joined = size !== undefined && tcpPayload(bytes) > size;
    packet.checksum = joined ? CHECKSUM_UNNECESSARY : CHECKSUM_NONE;
    if (joined) {
      packet.gsoSize = size;
      packet.gsoType = GSO_TCPV4;
    }
    this.#port?.receive(packet);
  }
}

/** Bytes of TCP payload in an IP packet as scripts make them: no options of IP. */
function tcpPayload(bytes: Uint8Array): number {
  if (bytes[IP_PROTOCOL] !== IPPROTO_TCP) return 0;
  return bytes.length - IP_HLEN - (bytes[IP_HLEN + TCP.offsetAndFlags]! >>> 4) * 4;
}
