import type { PacketOwner } from './packet-owner.ts';
import type { PacketPool } from './pool.ts';

/**
 * One packet: a window on one slot of the pool. All its fields but the pool are numbers, all offsets count from the start
 * of the pool's region, and the object is made once, with its slot, and recycled with it.
 *
 * ```
 *  base          start                          end            limit
 *   | headroom ... | link | network | transport ... | tailroom ... |
 *                  push <-|-> pull          trim <-|-> put
 * ```
 *
 * **Ownership.** Whoever holds a packet either releases it exactly once or passes it on; `retain()` adds one owner, who
 * owes one more release. A call that takes a packet (`transmit`, `receive`, `startXmit`, `drop`) takes its ownership,
 * whatever it returns, unless its documentation says otherwise.
 */
export class Packet {
  readonly pool: PacketPool;
  // What `release` reads stands first and together, in one line of the cache: by then the kernel's work on a batch has
  // driven the rest out.
  /** Number of its slot in the pool. */
  readonly slot: number;
  /** Owners; 0 while the slot is free. */
  references = 0;
  /** Grows each time the slot is released; tells a stale handle from a live one. */
  generation = 0;
  /** Send page that the gathered payload holds a reference on, -1: none. */
  payloadPage = -1;
  /** Who hears of its end and of its way out, null: nobody. */
  owner: PacketOwner | null = null;

  /** First byte of the slot. */
  readonly base: number;
  /** First byte behind the slot. */
  readonly limit: number;

  /** First byte of the packet, in whichever layer holds it now. */
  start = 0;
  /** First byte behind the packet's linear part. */
  end = 0;
  /** First byte of the link header, as received. */
  link = 0;
  /** First byte of the network header. */
  network = 0;
  /** First byte of the transport header. */
  transport = 0;

  /** EtherType, host order. */
  protocol = 0;
  /** One of `PACKET_HOST` ... `PACKET_LOOPBACK`. */
  packetType = 0;
  /** Interface that received it (Linux: `skb_iif`), 0 when made here. */
  ifindex = 0;
  /** 802.1Q tag control information taken off the frame or to be put on it, -1: none. */
  vlanTci = -1;
  priority = 0;
  mark = 0;
  /** Milliseconds of the clock at arrival, when somebody wants timestamps (`Netns.timestamps`). */
  timestamp = 0;

  /** Segment size in bytes; 0: not a super-segment. */
  gsoSize = 0;
  /** Of a super-segment: `GSO_TCPV4` ..., with the numbers of the virtio network header. */
  gsoType = 0;
  /** `CHECKSUM_NONE` ... `CHECKSUM_PARTIAL`. */
  checksum = 0;
  /** With `CHECKSUM_PARTIAL`: offset (in the region) where summing starts. */
  checksumStart = 0;
  /** With `CHECKSUM_PARTIAL`: bytes from `checksumStart` to the field that takes the sum. */
  checksumOffset = 0;

  /** With `payloadLength`: first byte of the payload gathered from elsewhere in the region, behind the linear part. */
  payload = 0;
  /** Bytes of gathered payload; 0: all of the packet lies between `start` and `end`. */
  payloadLength = 0;

  /** What it counts against its owner's send buffer, in bytes. */
  charge = 0;
  /** Moments that its owner is told of, `STAMP_*`, and the number that tells him of which packet. */
  stamps = 0;
  stampKey = 0;

  constructor(pool: PacketPool, slot: number, base: number, limit: number) {
    this.pool = pool;
    this.slot = slot;
    this.base = base;
    this.limit = limit;
  }

  /** Bytes of the packet, gathered payload included. */
  get length(): number {
    return this.end - this.start + this.payloadLength;
  }

  /** Bytes free in front of the packet. */
  get headroom(): number {
    return this.start - this.base;
  }

  /** Bytes free behind the packet's linear part. */
  get tailroom(): number {
    return this.limit - this.end;
  }

  /** Opens `bytes` in front of the packet for a header and returns the new start. Throws when the headroom is too small. */
  push(bytes: number): number {
    const start = this.start - bytes;
    if (start < this.base)
      throw new RangeError(`packet headroom: ${bytes} bytes wanted, ${this.headroom} left`);
    this.start = start;
    return start;
  }

  /** Takes `bytes` off the front; the caller knows that they are there. Returns the new start. */
  pull(bytes: number): number {
    this.start += bytes;
    return this.start;
  }

  /** Appends `bytes` of room at the end and returns where it begins. Throws when the tailroom is too small. */
  put(bytes: number): number {
    const at = this.end;
    if (at + bytes > this.limit)
      throw new RangeError(`packet tailroom: ${bytes} bytes wanted, ${this.tailroom} left`);
    this.end = at + bytes;
    return at;
  }

  /** Cuts the linear part to `bytes`. */
  trim(bytes: number): void {
    const end = this.start + bytes;
    if (end < this.end) this.end = end;
  }

  /** Adds an owner. */
  retain(): this {
    this.references++;
    return this;
  }

  /** Gives up one ownership; the last one returns the slot to the pool. */
  release(): void {
    if (this.references > 1) {
      this.references--;
      return;
    }
    this.pool.free(this);
  }

  /** A number that names this packet until it is released; {@link PacketPool.resolve} turns it back. */
  get handle(): number {
    return this.generation * this.pool.slots + this.slot;
  }

  /** Copies the bytes out, gathered payload included: for tests and tools, never on a packet's path. */
  bytes(): Buffer {
    const copy = Buffer.allocUnsafe(this.length);
    const linear = this.end - this.start;
    copy.set(this.pool.u8.subarray(this.start, this.end), 0);
    if (this.payloadLength > 0) {
      copy.set(this.pool.u8.subarray(this.payload, this.payload + this.payloadLength), linear);
    }
    return copy;
  }
}

/** Where a received frame was going (Linux: `linux/if_packet.h`). */
export const PACKET_HOST = 0;
export const PACKET_BROADCAST = 1;
export const PACKET_MULTICAST = 2;
export const PACKET_OTHERHOST = 3;
export const PACKET_OUTGOING = 4;
export const PACKET_LOOPBACK = 5;

/** What is known of the transport checksum (Linux: `ip_summed`). */
export const CHECKSUM_NONE = 0;
export const CHECKSUM_UNNECESSARY = 1;
export const CHECKSUM_PARTIAL = 3;

/** Kinds of super-segment, numbered as in the virtio network header. */
export const GSO_NONE = 0;
export const GSO_TCPV4 = 1;
export const GSO_TCPV6 = 4;
export const GSO_UDP_L4 = 5;
export const GSO_ECN = 0x80;
