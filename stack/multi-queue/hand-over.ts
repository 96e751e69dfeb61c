import { DROP_POOL_EXHAUSTED } from '../../device/drop.ts';
import { ETH_P_IP } from '../../device/frame/ethernet.ts';
import { copyBytes } from '../../device/memory/copy.ts';
import type { Packet } from '../../device/memory/packet.ts';
import type { NetDevice } from '../../device/netdevice/netdevice.ts';
import type { IpContext } from '../ip/context.ts';
import { IP_TOTAL_LENGTH } from '../wire/ipv4.ts';
import type { Stray } from './messages.ts';

/** Strays of one member that are on their way. */
const MOST_OUTSTANDING = 256;

/** What a member must know of the group to hand something over. */
export interface Ring {
  readonly index: number;
  /** The member behind `index`, in a ring of those that are left; `index` itself when it is alone. */
  next(): number;
  isThere(member: number): boolean;
  /** Sends a stray, whose buffer it may give away. */
  pass(to: number, stray: Stray): void;
  /** Tells the origin of a stray that somebody had a use for it. */
  taken(origin: number): void;
}

/**
 * Hands over the datagrams that came to the wrong queue: what nobody here waits for goes from member to member until one does, and when it
 * comes back its origin deals with it as if it were alone. No datagram is answered with a refusal before all were asked, and none twice.
 */
export class HandOver {
  /** Datagrams given to the next member, those of them that are on their way, and those that came back. */
  handed = 0;
  outstanding = 0;
  returned = 0;
  /** Datagrams of others that were of use here. */
  received = 0;
  /** Datagrams that were dealt with here because too many were on their way. */
  overflows = 0;
  readonly #context: IpContext;
  readonly #dev: NetDevice;
  readonly #ring: Ring;
  /** A stray is being looked at, and whether nobody is left to ask. */
  #looking = false;
  #last = false;
  #unwanted = false;

  constructor(context: IpContext, dev: NetDevice, ring: Ring) {
    this.#context = context;
    this.#dev = dev;
    this.#ring = ring;
  }

  start(): void {
    this.#context.ip.input.astray = (packet) => this.#astray(packet);
  }

  stop(): void {
    this.#context.ip.input.astray = null;
  }

  /** A stray of another member, or one of ours that has been all round. */
  receive(stray: Stray): void {
    const ring = this.#ring;
    const ours = stray.origin === ring.index;
    const packet = this.#toPacket(stray);
    this.#looking = true;
    this.#last = ours || !ring.isThere(stray.origin);
    this.#unwanted = false;
    try {
      if (packet === null) this.#context.ns.dropUnmade(DROP_POOL_EXHAUSTED);
      else this.#context.ip.input.receive(packet, this.#dev);
    } finally {
      this.#looking = false;
    }
    if (ours) {
      this.returned++;
      this.settle();
    } else if (this.#unwanted) {
      ring.pass(ring.next(), stray);
    } else {
      this.received++;
      ring.taken(stray.origin);
    }
  }

  /** One of ours was dealt with. */
  settle(): void {
    if (this.outstanding > 0) this.outstanding--;
  }

  /** Whether a datagram that nobody here waits for goes on to others. Copies it. */
  #astray(packet: Packet): boolean {
    if (packet.ifindex !== this.#dev.ifindex) return false;
    if (this.#looking) {
      this.#unwanted = !this.#last;
      return this.#unwanted;
    }
    const next = this.#ring.next();
    if (next === this.#ring.index) return false;
    if (this.outstanding >= MOST_OUTSTANDING) {
      this.overflows++;
      return false;
    }
    this.outstanding++;
    this.handed++;
    this.#ring.pass(next, strayOf(packet, this.#ring.index));
    return true;
  }

  #toPacket(stray: Stray): Packet | null {
    const packet = this.#context.machine.pool.from(stray.bytes);
    if (packet === null) return null;
    packet.protocol = ETH_P_IP;
    packet.packetType = stray.packetType;
    packet.ifindex = this.#dev.ifindex;
    packet.gsoSize = stray.gsoSize;
    packet.gsoType = stray.gsoType;
    packet.checksum = stray.checksum;
    packet.checksumStart = packet.start + stray.checksumStart;
    packet.checksumOffset = stray.checksumOffset;
    return packet;
  }
}

/** A copy of a datagram from its IP header on, with all that its protocol may have trimmed off. */
function strayOf(packet: Packet, origin: number): Stray {
  const { network, payload, payloadLength } = packet;
  const { u8, view } = packet.pool;
  const total = payloadLength > 0 ? 0 : view.getUint16(network + IP_TOTAL_LENGTH);
  const linear = Math.max(packet.end - network, total);
  const bytes = new Uint8Array(linear + payloadLength);
  copyBytes(u8, network, bytes, 0, linear);
  copyBytes(u8, payload, bytes, linear, payloadLength);
  return {
    kind: 'stray',
    origin,
    bytes,
    packetType: packet.packetType,
    gsoSize: packet.gsoSize,
    gsoType: packet.gsoType,
    checksum: packet.checksum,
    checksumStart: packet.checksumStart - network,
    checksumOffset: packet.checksumOffset,
  };
}
