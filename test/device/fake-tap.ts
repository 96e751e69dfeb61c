import {
  RING_FIRST,
  RING_STATUS,
  RX_WORDS,
  type TapDriver,
  type TapQueue,
  type TapReady,
  TX_WORDS,
} from '../../device/native.ts';

export const EAGAIN = 11;

/** The native side of a TAP link, played by a test: frames that wait to be read, frames that were written. */
export class FakeQueue implements TapQueue {
  readonly name: string;
  readonly flags: number;
  readonly fd = 42;
  readonly memory: Uint8Array;
  readonly rx: Uint32Array;
  readonly tx: Uint32Array;
  readonly ready: TapReady;
  /** Every call but receive and flush, as `name argument`. */
  readonly calls: string[] = [];
  /** Frames that wait in the kernel. */
  readonly incoming: Uint8Array[] = [];
  /** Frames written. */
  readonly written: Buffer[] = [];
  /** Arguments of each flush and receive. */
  readonly flushes: string[] = [];
  readonly receives: number[] = [];
  /** Asked before a write: an errno refuses it. */
  refuse: () => number = () => 0;
  /** What a drained queue answers. */
  emptyErrno = EAGAIN;
  /** Results of settings, by name; 0 when left out. */
  readonly results: Record<string, number> = {};
  polled = 0;

  constructor(
    name: string,
    flags: number,
    memory: Uint8Array,
    rx: Uint32Array,
    tx: Uint32Array,
    ready: TapReady,
  ) {
    this.name = name;
    this.flags = flags;
    this.memory = memory;
    this.rx = rx;
    this.tx = tx;
    this.ready = ready;
  }

  receive(max: number): number {
    this.receives.push(max);
    for (let count = 0; count < max; count++) {
      const frame = this.incoming.shift();
      if (frame === undefined) {
        this.rx[RING_STATUS] = this.emptyErrno;
        return count;
      }
      const at = RING_FIRST + count * RX_WORDS;
      const read = frame.subarray(0, this.rx[at + 1]);
      this.memory.set(read, this.rx[at]);
      this.rx[at + 2] = read.length;
    }
    this.rx[RING_STATUS] = 0;
    return max;
  }

  flush(first: number, count: number): number {
    this.flushes.push(`${first}+${count}`);
    for (let i = 0; i < count; i++) {
      const errno = this.refuse();
      if (errno !== 0) {
        this.tx[RING_STATUS] = errno;
        return i;
      }
      const at = RING_FIRST + (first + i) * TX_WORDS;
      const [start, length, payload, payloadLength] = this.tx.subarray(at, at + TX_WORDS) as unknown as [
        number,
        number,
        number,
        number,
      ];
      this.written.push(
        Buffer.concat([
          this.memory.subarray(start, start + length),
          this.memory.subarray(payload, payload + payloadLength),
        ]),
      );
    }
    this.tx[RING_STATUS] = 0;
    return count;
  }

  poll(events: number): number {
    this.polled = events;
    return this.#answer('poll', events);
  }

  ref(on: boolean): number {
    return this.#answer('ref', on);
  }

  close(): number {
    return this.#answer('close');
  }

  benchWrite(): number {
    return 0;
  }

  setCarrier(on: number): number {
    return this.#answer('setCarrier', on);
  }

  setPersist(on: number): number {
    return this.#answer('setPersist', on);
  }

  setOffload(offload: number): number {
    return this.#answer('setOffload', offload);
  }

  setVnetHeaderSize(bytes: number): number {
    return this.#answer('setVnetHeaderSize', bytes);
  }

  vnetHeaderSize(): number {
    return this.results['vnetHeaderSize'] ?? 10;
  }

  setSendBuffer(bytes: number): number {
    return this.#answer('setSendBuffer', bytes);
  }

  attachQueue(on: number): number {
    return this.#answer('attachQueue', on);
  }

  interfaceName(): string {
    return this.name;
  }

  hardwareAddress(): number {
    return 0x02000000aaaa;
  }

  setHardwareAddress(mac: number): number {
    return this.#answer('setHardwareAddress', mac);
  }

  interfaceIndex(): number {
    return 7;
  }

  mtu(): number {
    return this.results['mtu'] ?? 1500;
  }

  setMtu(bytes: number): number {
    return this.#answer('setMtu', bytes);
  }

  queueLength(): number {
    return this.results['queueLength'] ?? 1000;
  }

  interfaceFlags(): number {
    return 1;
  }

  setUp(on: number): number {
    return this.#answer('setUp', on);
  }

  #answer(name: string, argument?: number | boolean): number {
    this.calls.push(argument === undefined ? name : `${name} ${Number(argument)}`);
    return this.results[name] ?? 0;
  }
}

/** Opens {@link FakeQueue}s, prepared by `prepare`, unless `errno` says otherwise. */
export class FakeDriver implements TapDriver {
  readonly queues: FakeQueue[] = [];
  errno = 0;
  /** Flags of descriptors that are adopted. */
  adoptedFlags = 0x1002;
  prepare: (queue: FakeQueue) => void = () => {};

  open(
    name: string,
    flags: number,
    memory: Uint8Array,
    rx: Uint32Array,
    tx: Uint32Array,
    ready: TapReady,
  ): TapQueue | number {
    return this.errno !== 0
      ? -this.errno
      : this.#make(new FakeQueue(name || 'tap0', flags, memory, rx, tx, ready));
  }

  adopt(
    fd: number,
    memory: Uint8Array,
    rx: Uint32Array,
    tx: Uint32Array,
    ready: TapReady,
  ): TapQueue | number {
    return this.errno !== 0
      ? -this.errno
      : this.#make(new FakeQueue(`fd${fd}`, this.adoptedFlags, memory, rx, tx, ready));
  }

  #make(queue: FakeQueue): FakeQueue {
    this.prepare(queue);
    this.queues.push(queue);
    return queue;
  }
}
