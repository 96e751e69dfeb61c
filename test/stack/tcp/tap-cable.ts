import { Timer } from '../../../device/clock/timer.ts';
import type { Machine } from '../../../device/machine.ts';
import type { Packet } from '../../../device/memory/packet.ts';
import { HEADROOM, LARGE_SLOT } from '../../../device/memory/pool.ts';
import {
  POLL_READABLE,
  RING_FIRST,
  RING_STATUS,
  RX_WORDS,
  type TapQueue,
  type TapReady,
  TX_WORDS,
} from '../../../device/native.ts';
import { EAGAIN, FakeDriver, FakeQueue } from '../../device/fake-tap.ts';

/** Frames that an end holds for its reader. */
const DEPTH = 128;
/** Milliseconds from a write to the other end's event. */
const LATENCY = 0.05;

/** What the native side of a TAP link was asked to do. */
export interface CallCounts {
  /** Calls from JavaScript into the addon. */
  nativeCalls: number;
  /** System calls that the addon's calls stand for: one a frame, and one that finds the queue empty. */
  systemCalls: number;
  framesRead: number;
  framesWritten: number;
  /** Frames that the other end had no room for. */
  lost: number;
}

/** One end of a cable between two TAP links, as the addon would be: it allocates nothing a frame, and counts. */
export class CableQueue extends FakeQueue {
  readonly counts: CallCounts = { nativeCalls: 0, systemCalls: 0, framesRead: 0, framesWritten: 0, lost: 0 };
  other: CableQueue | null = null;
  readonly #slots: Packet[] = [];
  readonly #lengths = new Int32Array(DEPTH);
  readonly #event: Timer;
  #first = 0;
  #waiting = 0;

  constructor(
    machine: Machine,
    name: string,
    flags: number,
    rx: Uint32Array,
    tx: Uint32Array,
    ready: TapReady,
  ) {
    super(name, flags, machine.pool.u8, rx, tx, ready);
    for (let i = 0; i < DEPTH; i++) this.#slots.push(machine.pool.alloc(LARGE_SLOT - HEADROOM)!);
    this.#event = new Timer(machine.clock, () => {
      this.ready(POLL_READABLE, 0);
      if (this.#waiting > 0) this.#event.start(LATENCY);
    });
  }

  override receive(max: number): number {
    const { counts, rx } = this;
    counts.nativeCalls++;
    let count = 0;
    for (; count < max && this.#waiting > 0; count++) {
      const at = RING_FIRST + count * RX_WORDS;
      const from = this.#slots[this.#first]!.start;
      const length = this.#lengths[this.#first]!;
      this.#copy(rx[at]!, from, length);
      rx[at + 2] = length;
      this.#first = (this.#first + 1) % DEPTH;
      this.#waiting--;
    }
    counts.framesRead += count;
    counts.systemCalls += count < max ? count + 1 : count;
    rx[RING_STATUS] = count < max ? EAGAIN : 0;
    return count;
  }

  override flush(first: number, count: number): number {
    const { counts, tx } = this;
    counts.nativeCalls++;
    counts.systemCalls += count;
    counts.framesWritten += count;
    for (let i = 0; i < count; i++) {
      const at = RING_FIRST + (first + i) * TX_WORDS;
      this.other!.#put(tx[at]!, tx[at + 1]!, tx[at + 2]!, tx[at + 3]!);
    }
    tx[RING_STATUS] = 0;
    return count;
  }

  /** As the kernel does it, which nobody counts: past what may be set on the instance. */
  #copy(to: number, from: number, length: number): void {
    Uint8Array.prototype.copyWithin.call(this.memory, to, from, from + length);
  }

  #put(start: number, length: number, payload: number, payloadLength: number): void {
    if (this.#waiting === DEPTH) {
      this.counts.lost++;
      return;
    }
    const slot = (this.#first + this.#waiting++) % DEPTH;
    const to = this.#slots[slot]!.start;
    this.#copy(to, start, length);
    this.#copy(to + length, payload, payloadLength);
    this.#lengths[slot] = length + payloadLength;
    if (!this.#event.pending) this.#event.start(LATENCY);
  }
}

/** Opens queues that hang together, two by two. */
export class CableDriver extends FakeDriver {
  readonly ends: CableQueue[] = [];
  readonly #machine: Machine;

  constructor(machine: Machine) {
    super();
    this.#machine = machine;
  }

  override open(
    name: string,
    flags: number,
    _memory: Uint8Array,
    rx: Uint32Array,
    tx: Uint32Array,
    ready: TapReady,
  ): TapQueue {
    const end = new CableQueue(this.#machine, name, flags, rx, tx, ready);
    const other = this.ends.find((known) => known.other === null);
    if (other !== undefined) {
      other.other = end;
      end.other = other;
    }
    this.ends.push(end);
    return end;
  }
}
