import type { Packet } from '../../device/memory/packet.ts';
import { footprint, truesize } from './payload.ts';
import { after, before, distance } from './sequence.ts';

/** What {@link OutOfOrderQueue.insert} did. */
export const INSERTED = 0;
/** All of it was there already. */
export const DUPLICATE = 1;

const FIRST = 8;
/** What a queue has that never held anything: most connections' do not. */
const NO_NUMBERS = new Int32Array(0);
const NO_FLAGS = new Uint8Array(0);

/**
 * Received packets with a hole before them, in sequence order (Linux: `out_of_order_queue`). The place of a packet is found
 * by halving, so that a peer who sends the worst order there is gains nothing by it.
 */
export class OutOfOrderQueue {
  #seq: Int32Array = NO_NUMBERS;
  #end: Int32Array = NO_NUMBERS;
  #fin: Uint8Array = NO_FLAGS;
  readonly #packets: Packet[] = [];
  /** What the packets count against the receive buffer. */
  memory = 0;
  /** Memory that they really tie up, in bytes. */
  footprint = 0;
  /** Index of the packet that was inserted last, for the order of pruning. */
  lastInserted = -1;
  /** What the last insertion found to be there already. */
  overlapStart = 0;
  overlapEnd = 0;
  overlaps = false;
  /** Packets that the last insertion made superfluous. */
  merged = 0;

  get length(): number {
    return this.#packets.length;
  }

  get empty(): boolean {
    return this.#packets.length === 0;
  }

  seqAt(i: number): number {
    return this.#seq[i]!;
  }

  endAt(i: number): number {
    return this.#end[i]!;
  }

  packetAt(i: number): Packet {
    return this.#packets[i]!;
  }

  finAt(i: number): boolean {
    return this.#fin[i] === 1;
  }

  /** End of the newest data. */
  get lastEnd(): number {
    return this.#end[this.#packets.length - 1]!;
  }

  /**
   * Inserts a packet with the bytes from `seq` to `end`, FIN included, and takes its ownership unless it answers
   * `DUPLICATE` (Linux: `tcp_data_queue_ofo`). What was there already is told by `overlaps`, `overlapStart`, `overlapEnd`.
   */
  insert(packet: Packet, seq: number, end: number, fin: boolean): number {
    this.overlaps = false;
    this.merged = 0;
    let at = this.#placeOf(seq);
    if (at > 0 && before(seq, this.#end[at - 1]!)) {
      const previous = at - 1;
      if (!after(end, this.#end[previous]!)) {
        this.#overlap(seq, end);
        return DUPLICATE;
      }
      if (after(seq, this.#seq[previous]!)) {
        this.#overlap(seq, this.#end[previous]!);
      } else {
        this.#overlap(this.#seq[previous]!, this.#end[previous]!);
        this.#remove(previous).release();
        this.merged++;
        at = previous;
      }
    }
    while (at < this.length && after(end, this.#seq[at]!)) {
      if (before(end, this.#end[at]!)) {
        this.#overlap(this.#seq[at]!, end);
        break;
      }
      this.#overlap(this.#seq[at]!, this.#end[at]!);
      this.#remove(at).release();
      this.merged++;
    }
    this.#insertAt(at, packet, seq, end, fin);
    return INSERTED;
  }

  /** Takes the first packet out, with its ownership. */
  shift(): Packet {
    return this.#remove(0);
  }

  /** Releases the packets from index `from` on. */
  truncate(from: number): void {
    while (this.length > from) this.#remove(this.length - 1).release();
  }

  /** Releases everything. */
  clear(): void {
    this.truncate(0);
  }

  /** Index of the first packet whose sequence number is after `seq`. */
  #placeOf(seq: number): number {
    let low = 0;
    let high = this.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (distance(this.#seq[middle]!, seq) >= 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #overlap(start: number, end: number): void {
    if (!this.overlaps) {
      this.overlaps = true;
      this.overlapStart = start | 0;
      this.overlapEnd = end | 0;
    } else if (!after(start, this.overlapEnd) && !after(this.overlapStart, end)) {
      if (before(start, this.overlapStart)) this.overlapStart = start | 0;
      if (after(end, this.overlapEnd)) this.overlapEnd = end | 0;
    }
  }

  #insertAt(at: number, packet: Packet, seq: number, end: number, fin: boolean): void {
    const { length } = this;
    if (length === this.#seq.length) this.#grow();
    this.#seq.copyWithin(at + 1, at, length);
    this.#end.copyWithin(at + 1, at, length);
    this.#fin.copyWithin(at + 1, at, length);
    this.#seq[at] = seq;
    this.#end[at] = end;
    this.#fin[at] = fin ? 1 : 0;
    if (at === length) this.#packets.push(packet);
    else this.#packets.splice(at, 0, packet);
    this.memory += truesize(packet);
    this.footprint += footprint(packet);
    this.lastInserted = at;
  }

  #remove(at: number): Packet {
    const { length } = this;
    const packet = this.#packets[at]!;
    this.#seq.copyWithin(at, at + 1, length);
    this.#end.copyWithin(at, at + 1, length);
    this.#fin.copyWithin(at, at + 1, length);
    if (at === length - 1) this.#packets.pop();
    else this.#packets.splice(at, 1);
    this.memory -= truesize(packet);
    this.footprint -= footprint(packet);
    return packet;
  }

  #grow(): void {
    const size = Math.max(FIRST, this.#seq.length * 2);
    const seq = new Int32Array(size);
    const end = new Int32Array(size);
    const fin = new Uint8Array(size);
    seq.set(this.#seq);
    end.set(this.#end);
    fin.set(this.#fin);
    this.#seq = seq;
    this.#end = end;
    this.#fin = fin;
  }
}
