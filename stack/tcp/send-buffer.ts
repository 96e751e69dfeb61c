import { copyBytes } from '../../device/memory/copy.ts';
import { PagePool } from '../../device/memory/pages.ts';
import type { PacketPool } from '../../device/memory/pool.ts';
import { distance } from './sequence.ts';

/** Where in the region a stretch of the send sequence lies. */
export interface Stretch {
  /** Offset of its first byte. */
  offset: number;
  /** Bytes from there on that lie together. */
  length: number;
  /** The send page. */
  page: number;
}

const FIRST = 4;
/** What a buffer has that never held anything. */
const NO_NUMBERS = new Int32Array(0);
const NO_LENGTHS = new Uint32Array(0);
const NO_OFFSETS = new Float64Array(0);

/**
 * The bytes that an application has written and the peer has not acknowledged. They are copied once, into send pages, and
 * stay where they are; a run is a piece of a page. New bytes go behind the last ones in the stack's current page
 * (Linux: `sk_page_frag`), so that a connection with nothing to send holds no page.
 */
export class SendBuffer {
  readonly #pool: PacketPool;
  readonly #frag: PageFrag;
  /** A ring of runs: sequence number, offset, length, page. */
  #seq: Int32Array = NO_NUMBERS;
  #offset: Float64Array = NO_OFFSETS;
  #length: Uint32Array = NO_LENGTHS;
  #page: Int32Array = NO_NUMBERS;
  #head = 0;
  #count = 0;
  /** Bytes held. */
  bytes = 0;

  constructor(pool: PacketPool, frag: PageFrag) {
    this.#pool = pool;
    this.#frag = frag;
  }

  /** Appends up to `length` bytes of `source`, the first of which has number `seq`; returns how many, 0: no page is free. */
  append(seq: number, source: Uint8Array, from: number, length: number): number {
    const frag = this.#frag;
    const room = frag.reserve();
    if (room === 0) return 0;
    const bytes = Math.min(room, length);
    const at = frag.at;
    copyBytes(source, from, this.#pool.u8, at, bytes);
    const last = (this.#head + this.#count - 1) & (this.#seq.length - 1);
    if (
      this.#count > 0 &&
      this.#page[last] === frag.page &&
      this.#offset[last]! + this.#length[last]! === at
    ) {
      this.#length[last]! += bytes;
    } else {
      this.#push(seq, at, bytes, frag.page);
    }
    frag.used += bytes;
    this.bytes += bytes;
    return bytes;
  }

  /**
   * Appends `length` bytes that lie from `offset` on in a page that an application has filled; they are not copied. It refers to
   * the page until they are acknowledged.
   */
  adopt(seq: number, offset: number, length: number, page: number): void {
    const last = (this.#head + this.#count - 1) & (this.#seq.length - 1);
    if (this.#count > 0 && this.#page[last] === page && this.#offset[last]! + this.#length[last]! === offset)
      this.#length[last]! += length;
    else this.#push(seq, offset, length, page);
    this.bytes += length;
  }

  /**
   * Says that a segment begins which will have `bytes`: many of them begin on a page of their own rather than lie on two, which
   * would take two packets.
   */
  begin(bytes: number): void {
    if (bytes >= PagePool.PAGE / 2 && bytes > this.#frag.room) this.#frag.close();
  }

  /** Number of the first byte held; there is one. */
  get firstSeq(): number {
    return this.#seq[this.#head]!;
  }

  /** Takes the newest `bytes` back, which were not sent. */
  truncate(bytes: number): void {
    let left = bytes;
    while (left > 0 && this.#count > 0) {
      const last = (this.#head + this.#count - 1) & (this.#seq.length - 1);
      const part = Math.min(left, this.#length[last]!);
      this.#length[last]! -= part;
      this.bytes -= part;
      left -= part;
      if (this.#length[last] === 0) {
        this.#pool.pages.release(this.#page[last]!);
        this.#count--;
      }
    }
  }

  /** Finds where the byte with number `seq` lies, which is in the buffer, and how many follow it there. */
  locate(seq: number, out: Stretch): void {
    const mask = this.#seq.length - 1;
    for (let i = 0; i < this.#count; i++) {
      const run = (this.#head + i) & mask;
      const into = distance(this.#seq[run]!, seq);
      const length = this.#length[run]!;
      if (into < length) {
        out.offset = this.#offset[run]! + into;
        out.length = length - into;
        out.page = this.#page[run]!;
        return;
      }
    }
    throw new RangeError('a segment outside the send buffer');
  }

  /** Forgets what lies before `seq`: it was acknowledged. */
  release(seq: number): void {
    const mask = this.#seq.length - 1;
    while (this.#count > 0) {
      const run = this.#head;
      const past = distance(this.#seq[run]!, seq);
      if (past <= 0) return;
      const length = this.#length[run]!;
      if (past < length) {
        this.#seq[run] = seq;
        this.#offset[run]! += past;
        this.#length[run] = length - past;
        this.bytes -= past;
        return;
      }
      this.#pool.pages.release(this.#page[run]!);
      this.#head = (run + 1) & mask;
      this.#count--;
      this.bytes -= length;
    }
  }

  /** Forgets everything. */
  clear(): void {
    const mask = this.#seq.length - 1;
    for (; this.#count > 0; this.#count--) {
      this.#pool.pages.release(this.#page[this.#head]!);
      this.#head = (this.#head + 1) & mask;
    }
    this.bytes = 0;
  }

  /** Copies `length` bytes from number `seq` on to `at` in the region. */
  copy(seq: number, length: number, at: number, stretch: Stretch): void {
    const { u8 } = this.#pool;
    for (let done = 0; done < length; ) {
      this.locate((seq + done) | 0, stretch);
      const bytes = Math.min(stretch.length, length - done);
      copyBytes(u8, stretch.offset, u8, at + done, bytes);
      done += bytes;
    }
  }

  /** All bytes, oldest first: for a snapshot. */
  toBytes(): Buffer {
    return this.bytesFrom(this.#seq[this.#head]!, this.bytes);
  }

  /** A copy of `length` bytes from number `seq` on, which are in the buffer: never on a packet's path. */
  bytesFrom(seq: number, length: number): Buffer {
    const out = Buffer.allocUnsafe(length);
    const stretch: Stretch = { offset: 0, length: 0, page: 0 };
    for (let done = 0; done < length; done += stretch.length) {
      this.locate((seq + done) | 0, stretch);
      const end = stretch.offset + Math.min(stretch.length, length - done);
      out.set(this.#pool.u8.subarray(stretch.offset, end), done);
    }
    return out;
  }

  #push(seq: number, offset: number, length: number, page: number): void {
    if (this.#count === this.#seq.length) this.#grow();
    const at = (this.#head + this.#count) & (this.#seq.length - 1);
    this.#seq[at] = seq;
    this.#offset[at] = offset;
    this.#length[at] = length;
    this.#page[at] = page;
    this.#count++;
    this.#pool.pages.retain(page);
  }

  #grow(): void {
    const mask = this.#seq.length - 1;
    const order = Array.from({ length: this.#count }, (_, i) => (this.#head + i) & mask);
    const size = Math.max(FIRST, this.#seq.length * 2);
    const seq = new Int32Array(size);
    const offset = new Float64Array(size);
    const length = new Uint32Array(size);
    const page = new Int32Array(size);
    order.forEach((from, to) => {
      seq[to] = this.#seq[from]!;
      offset[to] = this.#offset[from]!;
      length[to] = this.#length[from]!;
      page[to] = this.#page[from]!;
    });
    this.#seq = seq;
    this.#offset = offset;
    this.#length = length;
    this.#page = page;
    this.#head = 0;
  }
}

/** The send page that is being filled, shared by the connections of a stack. */
export class PageFrag {
  readonly #pool: PacketPool;
  page = -1;
  used = 0;

  constructor(pool: PacketPool) {
    this.#pool = pool;
  }

  /** Region offset of the first free byte. */
  get at(): number {
    return this.#pool.pages.offset(this.page) + this.used;
  }

  /** Bytes free in the current page. */
  get room(): number {
    return this.page < 0 ? 0 : PagePool.PAGE - this.used;
  }

  /** Bytes free in the current page, of which there is a new one when the last was full; 0: none is free. */
  reserve(): number {
    if (this.room > 0) return this.room;
    this.close();
    this.page = this.#pool.pages.alloc();
    this.used = 0;
    return this.page < 0 ? 0 : PagePool.PAGE;
  }

  /** Gives the current page up. */
  close(): void {
    if (this.page >= 0) this.#pool.pages.release(this.page);
    this.page = -1;
  }
}
