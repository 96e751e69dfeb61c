import { type SumKernel, simdKernel } from './checksum-simd.ts';
import { copyBytes } from './copy.ts';
import { Packet } from './packet.ts';
import { orphan } from './packet-owner.ts';
import { PagePool } from './pages.ts';
import { PoolBuffer } from './pool-buffer.ts';

/** Bytes of a small slot: a frame of up to 1518 bytes with its headroom. */
export const SMALL_SLOT = 2048;
/** Bytes of a large slot: a 64 KiB packet with headroom and tailroom. */
export const LARGE_SLOT = 65536 + 512;
/**
 * Bytes free in front of a fresh packet: enough for every header that a stack pushes (virtio 12, Ethernet with two tags 22,
 * IPv4 60, TCP 60), and such that the network header behind a 14-byte link header lies on a 16-byte boundary.
 */
export const HEADROOM = 194;

/**
 * Bytes from one small slot to the next: one cache line more than a slot, so that the headers of successive packets fall
 * into different sets of the cache.
 */
const SMALL_STRIDE = SMALL_SLOT + 64;
const WASM_PAGE = 65536;
const POISON = 0xa5;

export interface PoolOptions {
  /** Number of small slots; 4096 when left out. */
  small?: number;
  /** Number of large slots; 64 when left out. */
  large?: number;
  /** Number of send pages; 256 when left out. */
  pages?: number;
  /** Poison released slots, check the poison on reuse, and make stale packets throw. */
  debug?: boolean;
  /** False: checksums in plain JavaScript, also where the engine has vectors. */
  simd?: boolean;
}

/**
 * One region of memory, allocated once, of which everything on a packet's path is an offset.
 *
 * The region is the buffer of a WebAssembly memory that never grows, so that its address is known to the native side and a
 * checksum can run over it in place. Slots are reused last in, first out: the ones in use stay in the cache. An empty pool
 * is not an exception: `alloc` returns null, the caller drops and counts (`pool_exhausted`).
 */
export class PacketPool {
  readonly u8: Uint8Array;
  readonly view: DataView;
  /** The region as native-order 32-bit words, for checksums. */
  readonly u32: Uint32Array;
  /** The same, signed: what copies of whole words go through. */
  readonly i32: Int32Array;
  /** Sums bytes of the region with vectors; null where the engine has none. */
  readonly simd: SumKernel | null;
  /** Number of packet slots, small and large. */
  readonly slots: number;
  readonly smallSlots: number;
  readonly largeSlots: number;
  readonly pages: PagePool;
  readonly debug: boolean;

  /** Packets handed out so far. */
  allocated = 0;
  /** Packets out now. */
  inUse = 0;
  /** The most packets that were ever out. */
  highWater = 0;
  /** Requests that found no free small slot (and no large one to take its place). */
  smallExhausted = 0;
  /** Requests that found no free large slot. */
  largeExhausted = 0;

  readonly #packets: Packet[] = [];
  readonly #freeSmall: Int32Array;
  readonly #freeLarge: Int32Array;
  #smallLeft: number;
  #largeLeft: number;
  readonly #onFree: (() => void)[] = [];

  constructor(options: PoolOptions = {}) {
    const small = options.small ?? 4096;
    const large = options.large ?? 64;
    const pageCount = options.pages ?? 256;
    const slotBytes = small * SMALL_STRIDE + large * LARGE_SLOT;
    const wasmPages = Math.ceil((slotBytes + pageCount * PagePool.PAGE) / WASM_PAGE);
    const memory = new WebAssembly.Memory({ initial: wasmPages, maximum: wasmPages });
    this.u8 = new Uint8Array(memory.buffer);
    this.view = new DataView(memory.buffer);
    this.u32 = new Uint32Array(memory.buffer);
    this.i32 = new Int32Array(memory.buffer);
    this.simd = options.simd === false ? null : simdKernel(memory);
    this.debug = options.debug ?? false;
    this.smallSlots = small;
    this.largeSlots = large;
    this.slots = small + large;
    this.pages = new PagePool(slotBytes, pageCount);
    this.#freeSmall = new Int32Array(small);
    this.#freeLarge = new Int32Array(large);
    this.#smallLeft = small;
    this.#largeLeft = large;
    for (let slot = 0; slot < this.slots; slot++) {
      const isSmall = slot < small;
      const base = isSmall ? slot * SMALL_STRIDE : small * SMALL_STRIDE + (slot - small) * LARGE_SLOT;
      const packet = new Packet(this, slot, base, base + (isSmall ? SMALL_SLOT : LARGE_SLOT));
      this.#packets.push(packet);
      if (isSmall) this.#freeSmall[small - 1 - slot] = slot;
      else this.#freeLarge[large - 1 - (slot - small)] = slot;
      if (this.debug) this.#poison(packet);
    }
  }

  /**
   * An empty packet that can take `bytes` behind its headroom, `start` and `end` at {@link HEADROOM}, with one owner; null
   * when no slot of that size is free. A small request takes a large slot when the small ones are out.
   */
  alloc(bytes: number): Packet | null {
    if (bytes <= SMALL_SLOT - HEADROOM) {
      if (this.#smallLeft > 0) return this.#take(this.#freeSmall[--this.#smallLeft]!);
      if (this.#largeLeft > 0) return this.#take(this.#freeLarge[--this.#largeLeft]!);
      this.smallExhausted++;
      return null;
    }
    if (bytes > LARGE_SLOT - HEADROOM) return null;
    if (this.#largeLeft > 0) return this.#take(this.#freeLarge[--this.#largeLeft]!);
    this.largeExhausted++;
    return null;
  }

  /** A packet that holds a copy of `bytes`: for tests and tools. */
  from(bytes: Uint8Array): Packet | null {
    const packet = this.alloc(bytes.length);
    if (packet !== null) this.u8.set(bytes, packet.put(bytes.length));
    return packet;
  }

  /**
   * A copy of `packet` in a slot of this pool, with the same metadata, the headers that were pulled off (from `link` on) and
   * all payload linear; null when none is free. `room`: bytes that the slot must have behind the headroom, if that is more.
   */
  copy(packet: Packet, room = 0): Packet | null {
    const from = Math.min(packet.link, packet.start);
    const linear = packet.end - from;
    const copy = this.alloc(Math.max(linear + packet.payloadLength, room));
    if (copy === null) return null;
    const source = packet.pool.u8;
    const at = copy.put(linear + packet.payloadLength);
    copyBytes(source, from, this.u8, at, linear);
    copyBytes(source, packet.payload, this.u8, at + linear, packet.payloadLength);
    copy.pull(packet.start - from);
    const shift = at - from;
    copy.link = packet.link + shift;
    copy.network = packet.network + shift;
    copy.transport = packet.transport + shift;
    copy.protocol = packet.protocol;
    copy.packetType = packet.packetType;
    copy.ifindex = packet.ifindex;
    copy.vlanTci = packet.vlanTci;
    copy.priority = packet.priority;
    copy.mark = packet.mark;
    copy.timestamp = packet.timestamp;
    copy.gsoSize = packet.gsoSize;
    copy.gsoType = packet.gsoType;
    copy.checksum = packet.checksum;
    copy.checksumStart = packet.checksumStart + shift;
    copy.checksumOffset = packet.checksumOffset;
    return copy;
  }

  /**
   * A packet with one owner that may be written to: `packet` itself when its caller is its only owner, else a copy, for
   * which the caller's ownership of the original is given up (Linux: `skb_unshare`). Null: no slot, the original released.
   */
  unshare(packet: Packet): Packet | null {
    if (packet.references === 1 && packet.pool === this) return packet;
    const copy = this.copy(packet);
    packet.release();
    return copy;
  }

  /**
   * A page for an application to fill and send; null when none is free. `bytes`: as much of it as will be used; whole segments save a
   * packet for what is left of each page.
   */
  lend(bytes: number = PagePool.PAGE): PoolBuffer | null {
    if (!(bytes > 0 && bytes <= PagePool.PAGE)) throw new RangeError(`lend ${bytes} bytes of a page`);
    const page = this.pages.alloc();
    return page < 0 ? null : new PoolBuffer(this.pages, page, this.u8, bytes);
  }

  /** The live packet that `handle` names. Throws when it was released since. */
  resolve(handle: number): Packet {
    const packet = this.#packets[handle % this.slots]!;
    if (packet.references === 0 || packet.handle !== handle) throw new Error('stale packet handle');
    return packet;
  }

  /** Free small slots. */
  get smallFree(): number {
    return this.#smallLeft;
  }

  /** Free large slots. */
  get largeFree(): number {
    return this.#largeLeft;
  }

  /**
   * Calls `listener` once when a slot comes free after `alloc` had returned null: how a driver that stopped receiving, or a
   * socket that was pushed back, learns to go on. It must only schedule work, not allocate.
   */
  whenFree(listener: () => void): void {
    this.#onFree.push(listener);
  }

  /** Used by {@link Packet.release}. Throws on a packet that is free already. */
  free(packet: Packet): void {
    if (packet.references !== 1) throw new Error('packet released twice');
    if (packet.payloadPage >= 0) this.pages.release(packet.payloadPage);
    if (packet.owner !== null) orphan(packet);
    packet.references = 0;
    packet.generation++;
    this.inUse--;
    if (this.debug) this.#poison(packet);
    if (packet.slot < this.smallSlots) this.#freeSmall[this.#smallLeft++] = packet.slot;
    else this.#freeLarge[this.#largeLeft++] = packet.slot;
    if (this.#onFree.length > 0) this.#notifyFree();
  }

  #take(slot: number): Packet {
    const packet = this.#packets[slot]!;
    if (this.debug) this.#checkPoison(packet);
    packet.references = 1;
    packet.start = packet.base + HEADROOM;
    packet.end = packet.start;
    packet.link = packet.start;
    packet.network = packet.start;
    packet.transport = packet.start;
    packet.protocol = 0;
    packet.packetType = 0;
    packet.ifindex = 0;
    packet.vlanTci = -1;
    packet.priority = 0;
    packet.mark = 0;
    packet.timestamp = 0;
    packet.gsoSize = 0;
    packet.checksum = 0;
    packet.payloadLength = 0;
    packet.payloadPage = -1;
    packet.stamps = 0;
    this.allocated++;
    if (++this.inUse > this.highWater) this.highWater = this.inUse;
    return packet;
  }

  #notifyFree(): void {
    const listeners = this.#onFree.splice(0);
    for (const listener of listeners) listener();
  }

  /** A negative start makes every access through a released packet throw. */
  #poison(packet: Packet): void {
    this.u8.fill(POISON, packet.base, packet.limit);
    packet.start = -1;
    packet.end = -1;
    packet.link = -1;
    packet.network = -1;
    packet.transport = -1;
  }

  #checkPoison(packet: Packet): void {
    for (let at = packet.base; at < packet.limit; at++) {
      if (this.u8[at] !== POISON)
        throw new Error(`slot ${packet.slot} was written at +${at - packet.base} after its release`);
    }
    if (packet.start !== -1) throw new Error(`packet ${packet.slot} was changed after its release`);
  }
}

let shared: PacketPool | undefined;

/** The pool that the stacks of this thread share unless they are given another. */
export function sharedPool(): PacketPool {
  shared ??= new PacketPool();
  return shared;
}
