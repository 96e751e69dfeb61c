import { DROP_POOL_EXHAUSTED, dropReason } from '../drop.ts';
import { copyBytes } from '../memory/copy.ts';
import type { Packet } from '../memory/packet.ts';
import { HEADROOM, LARGE_SLOT, type PacketPool, SMALL_SLOT } from '../memory/pool.ts';
import { RING_FIRST, RING_STATUS, RX_WORDS, type TapQueue } from '../native.ts';
import type { LinkPort } from '../netdevice/link.ts';
import { readVnetHeader, VNET_OK } from './vnet-header.ts';

/** The frame filled its slot to the end: the kernel cut what did not fit. */
export const DROP_TAP_FRAME_CUT: number = dropReason('tap_frame_cut');
/** Shorter than its virtio header. */
export const DROP_TAP_VNET_HEADER: number = dropReason('tap_vnet_header');

/** The most slots that are posted at once, small and large ones: a few large ones stay in the processor's cache. */
const SMALL_DEPTH = 64;
const LARGE_DEPTH = 8;
/** The longest frame that a small slot takes; one that came in a large slot is copied out of it (copybreak). */
const COPYBREAK = SMALL_SLOT - HEADROOM;

/**
 * The receiving half of a TUN/TAP link: slots of the pool that are posted for the kernel's next frames.
 *
 * The posted ones are always the first descriptors of the ring, so that a quiet link fills the same slot again and again.
 */
export class ReceiveRing {
  /** The ring that the native side shares. */
  readonly words: Uint32Array = new Uint32Array(RING_FIRST + SMALL_DEPTH * RX_WORDS);
  /** Slots posted now. */
  posted = 0;
  /** Frames read so far. */
  received = 0;
  /** How often the pool had no slot to post (`pool_exhausted`). */
  exhausted = 0;
  readonly #pool: PacketPool;
  readonly #slots: (Packet | null)[] = new Array<Packet | null>(SMALL_DEPTH).fill(null);
  /** Bytes of virtio header in front of each frame. */
  #headerBytes = 0;
  #large = false;
  /** Grows whenever the posted slots are taken back, so that a batch under way notices. */
  #epoch = 0;

  constructor(pool: PacketPool) {
    this.#pool = pool;
  }

  /** Says what comes: frames of up to `frameBytes` behind `headerBytes` of virtio header. Takes posted slots back. */
  expect(frameBytes: number, headerBytes: number): void {
    this.release();
    this.#headerBytes = headerBytes;
    // One byte of room behind the longest frame tells it from a longer one that was cut.
    this.#large = frameBytes + 1 > COPYBREAK;
  }

  /** Frames that are best read at once. */
  get batch(): number {
    return this.#large ? LARGE_DEPTH : SMALL_DEPTH;
  }

  /** Posts as many slots as there should be, a quarter of the pool at most; false when none is posted and none is free. */
  fill(): boolean {
    const { largeSlots, smallSlots } = this.#pool;
    const share = (this.#large ? largeSlots : smallSlots) >>> 2;
    const depth = Math.max(1, Math.min(this.#large ? LARGE_DEPTH : SMALL_DEPTH, share));
    while (this.posted < depth && this.#post(this.posted)) this.posted++;
    return this.posted > 0;
  }

  /** Takes the posted slots back and ends a batch that is under way. */
  release(): void {
    this.#epoch++;
    for (let i = 0; i < this.posted; i++) {
      this.#slots[i]?.release();
      this.#slots[i] = null;
    }
    this.posted = 0;
  }

  /**
   * Reads frames from `queue` and gives them to `port` until `budget` is reached or the queue has no more. Returns the errno
   * that ended it: 0 when there may be more frames, or no slot is posted any longer.
   */
  drain(queue: TapQueue, port: LinkPort, budget: number): number {
    const epoch = this.#epoch;
    for (let taken = 0; taken < budget && this.posted > 0; ) {
      const count = queue.receive(Math.min(this.posted, budget - taken));
      const status = this.words[RING_STATUS]!;
      this.received += count;
      for (let i = 0; i < count; i++) {
        this.#deliver(i, port);
        if (epoch !== this.#epoch) return 0;
      }
      taken += count;
      this.#replenish(count);
      if (status !== 0) return status;
    }
    return 0;
  }

  #deliver(index: number, port: LinkPort): void {
    const at = RING_FIRST + index * RX_WORDS;
    const read = this.words[at + 2]!;
    const slot = this.#slots[index]!;
    const headerBytes = this.#headerBytes;
    const length = read - headerBytes;
    const cut = read === this.words[at + 1];
    if (cut || length < 0) {
      port.statistics.rxErrors++;
      port.statistics.rxLengthErrors++;
      this.#slots[index] = null;
      port.drop(slot, cut ? DROP_TAP_FRAME_CUT : DROP_TAP_VNET_HEADER);
      return;
    }
    const header = slot.start - headerBytes;
    const packet = this.#takeFrame(index, slot, length);
    if (packet === null) {
      port.statistics.rxDropped++;
      port.drop(slot.retain(), DROP_POOL_EXHAUSTED);
      return;
    }
    const wrong = headerBytes > 0 ? readVnetHeader(packet, this.#pool.view, header) : VNET_OK;
    if (wrong !== VNET_OK) {
      port.statistics.rxErrors++;
      port.statistics.rxFrameErrors++;
      port.drop(packet, wrong);
      return;
    }
    if (port.groReceive === undefined) port.receive(packet);
    else port.groReceive(packet);
  }

  /**
   * The frame as a packet: its slot, or a copy in a small one, with the large slot left posted. Null when the small slots are out and no
   * more than half of the large ones is free: a flood of small frames that nobody takes must not get at those.
   */
  #takeFrame(index: number, slot: Packet, length: number): Packet | null {
    if (this.#large && length <= COPYBREAK) {
      const pool = this.#pool;
      const scarce = pool.smallFree === 0 && pool.largeFree <= pool.largeSlots >>> 1;
      const small = scarce ? null : pool.alloc(length);
      if (small !== null) copyBytes(pool.u8, slot.start, pool.u8, small.put(length), length);
      return small;
    }
    this.#slots[index] = null;
    slot.put(length);
    return slot;
  }

  /** Posts new slots for the first `count` descriptors where theirs were used; what the pool lacks closes up. */
  #replenish(count: number): void {
    for (let i = 0; i < count; i++) {
      if (this.#slots[i] === null && !this.#post(i)) {
        this.#closeUp(i);
        return;
      }
    }
  }

  #closeUp(from: number): void {
    let kept = from;
    for (let i = from; i < this.posted; i++) {
      const slot = this.#slots[i]!;
      this.#slots[i] = null;
      if (slot !== null) this.#describe(kept++, slot);
    }
    this.posted = kept;
  }

  #post(index: number): boolean {
    const slot = this.#pool.alloc(this.#large ? LARGE_SLOT - HEADROOM : COPYBREAK);
    if (slot === null) {
      this.exhausted++;
      return false;
    }
    this.#describe(index, slot);
    return true;
  }

  #describe(index: number, slot: Packet): void {
    const at = RING_FIRST + index * RX_WORDS;
    const offset = slot.start - this.#headerBytes;
    this.#slots[index] = slot;
    this.words[at] = offset;
    this.words[at + 1] = slot.limit - offset;
  }
}
