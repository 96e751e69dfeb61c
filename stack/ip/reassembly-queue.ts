import type { Clock } from '../../device/clock/clock.ts';
import { Timer } from '../../device/clock/timer.ts';
import type { Packet } from '../../device/memory/packet.ts';
import type { NetDevice } from '../../device/netdevice/netdevice.ts';
import type { Ipv4 } from '../wire/address.ts';
import type { IpOptions } from './options.ts';

/** What became of a fragment that was put into a queue. */
export const FRAGMENT_TAKEN = 0;
/** All its bytes were there already. */
export const FRAGMENT_DUPLICATE = 1;
/** It overlaps others, or contradicts what is known of the datagram's end. */
export const FRAGMENT_OVERLAPS = 2;
export const FRAGMENT_CORRUPT = 3;
export type FragmentVerdict =
  | typeof FRAGMENT_TAKEN
  | typeof FRAGMENT_DUPLICATE
  | typeof FRAGMENT_OVERLAPS
  | typeof FRAGMENT_CORRUPT;

/** One fragment: the packet, whose `transport` is where its part of the payload begins. */
interface Piece {
  readonly packet: Packet;
  /** First byte of the payload that it holds, and the one behind it. */
  readonly begin: number;
  readonly end: number;
  /** It came when the piece before it was the last one, and is of one run with it. */
  readonly joined: boolean;
}

/** The fragments of one datagram (Linux: `struct ipq`). */
export class ReassemblyQueue {
  readonly source: Ipv4;
  readonly destination: Ipv4;
  readonly id: number;
  readonly protocol: number;
  dev: NetDevice;
  readonly timer: Timer;
  /** By position; they do not overlap. */
  pieces: Piece[] = [];
  /** Bytes of payload that are there, and those that the datagram has as far as is known. */
  have = 0;
  length = 0;
  lastSeen = false;
  /** Bytes of slots that it holds. */
  memory = 0;
  /** The sender's count of fragments when its last one arrived, for `ipfrag_max_dist`. */
  sequence = 0;
  /** The ECN code points that were seen, a bit each. */
  ecn = 0;
  /** The largest fragment, and the largest that said DF, in bytes with their headers. */
  largest = 0;
  largestDf = 0;
  /** Options of the first fragment. */
  options: IpOptions | null = null;

  constructor(
    source: Ipv4,
    destination: Ipv4,
    id: number,
    protocol: number,
    dev: NetDevice,
    clock: Clock,
    expire: (queue: ReassemblyQueue) => void,
  ) {
    this.source = source;
    this.destination = destination;
    this.id = id;
    this.protocol = protocol;
    this.dev = dev;
    this.timer = new Timer(clock, () => expire(this));
  }

  /** The fragment with the header, null when it has not come yet. */
  get first(): Packet | null {
    const piece = this.pieces[0];
    return piece?.begin === 0 ? piece.packet : null;
  }

  get complete(): boolean {
    return this.lastSeen && this.first !== null && this.have === this.length;
  }

  /**
   * Adds a fragment that holds the payload's bytes from `begin` up to `end`, and takes the packet only if it answers
   * {@link FRAGMENT_TAKEN}. A fragment wholly inside one run is a duplicate; any other overlap condemns the datagram
   * (Linux: `inet_frag_queue_insert`).
   */
  add(packet: Packet, begin: number, end: number, last: boolean): FragmentVerdict {
    if (last) {
      if (end < this.length || (this.lastSeen && end !== this.length)) return FRAGMENT_CORRUPT;
      this.lastSeen = true;
      this.length = end;
    } else if (end > this.length) {
      if (this.lastSeen) return FRAGMENT_CORRUPT;
      this.length = end;
    }
    if (end === begin) return FRAGMENT_CORRUPT;
    const at = this.#position(begin);
    if (this.#covers(at, begin, end)) return FRAGMENT_DUPLICATE;
    const before = this.pieces[at - 1];
    const after = this.pieces[at];
    if ((before !== undefined && before.end > begin) || (after !== undefined && after.begin < end))
      return FRAGMENT_OVERLAPS;
    this.pieces.splice(at, 0, { packet, begin, end, joined: after === undefined && before?.end === begin });
    this.have += end - begin;
    this.memory += packet.limit - packet.base;
    return FRAGMENT_TAKEN;
  }

  /** Releases the fragments and forgets what was learned from them; the queue can be filled anew. */
  purge(release: (packet: Packet) => void): void {
    for (const { packet } of this.pieces) release(packet);
    this.pieces = [];
    this.have = 0;
    this.length = 0;
    this.lastSeen = false;
    this.memory = 0;
    this.ecn = 0;
    this.largest = 0;
    this.largestDf = 0;
    this.options = null;
  }

  /** Index of the first piece that begins behind `begin`. */
  #position(begin: number): number {
    let low = 0;
    let high = this.pieces.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.pieces[middle]!.begin <= begin) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** Whether one run, of pieces that were each added behind the last one, holds all of `begin` to `end`; `at`: the first piece behind `begin`. */
  #covers(at: number, begin: number, end: number): boolean {
    const piece = this.pieces[at - 1];
    if (piece === undefined || piece.end <= begin) return false;
    let reach = piece.end;
    for (let i = at; reach < end; i++) {
      const next = this.pieces[i];
      if (next === undefined || !next.joined) return false;
      reach = next.end;
    }
    return true;
  }
}
