import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { EOPNOTSUPP, NetError } from './errno.ts';
import type { MacAddress } from './frame/mac.ts';

/**
 * The addon in `device/native/`: one open queue of a TUN/TAP device.
 *
 * Its functions are bound to the queue, and its memory was registered when it was opened, so that a call passes small
 * integers only. Settings return 0 or a value, or a negated errno. After `close` everything answers `-EBADF`.
 */
export interface TapQueue {
  /** The interface's name when it was opened. */
  readonly name: string;
  /** `IFF_TUN` or `IFF_TAP`, and the `TUNSETIFF` flags that hold. */
  readonly flags: number;
  readonly fd: number;

  /**
   * Reads up to `max` frames into the slots of the receive ring, from its first descriptor on, until the queue is empty.
   * Returns how many; the ring's status is 0 when there may be more, else the errno that ended it (`EAGAIN`: empty).
   */
  receive(max: number): number;
  /**
   * Writes `count` frames of the transmit ring from descriptor `first` on. Returns how many went out; when that is less,
   * the ring's status is the errno with which the next one was refused.
   */
  flush(first: number, count: number): number;
  /** Calls `onReady` whenever the queue is ready for one of `events` (`POLL_READABLE`, `POLL_WRITABLE`); 0: no more. */
  poll(events: number): number;
  /** Whether polling keeps the process alive; it does at first. */
  ref(on: boolean): number;
  /** Closes the queue. An interface that is not persistent and has no other queue is gone when this returns. */
  close(): number;
  /** Nanoseconds that `count` plain writes of the bytes at `offset` take: the yardstick of benchmarks. */
  benchWrite(offset: number, length: number, count: number): number;

  /** `TUNSETCARRIER`: 1 or 0. */
  setCarrier(on: number): number;
  /** `TUNSETPERSIST`: 1 or 0. */
  setPersist(on: number): number;
  /** `TUNSETOFFLOAD`: `TUN_F_*` flags that say what may be received. */
  setOffload(offload: number): number;
  /** `TUNSETVNETHDRSZ`: bytes of the virtio header in front of each frame, 10 or 12; makes its fields little-endian. */
  setVnetHeaderSize(bytes: number): number;
  vnetHeaderSize(): number;
  /** `TUNSETSNDBUF`: bytes of written frames that the kernel may hold before the queue is full. */
  setSendBuffer(bytes: number): number;
  /** `TUNSETQUEUE`: attaches (1) or detaches (0) this queue of a multi-queue device. A detached one must not be polled. */
  attachQueue(on: number): number;

  /** The interface's name now. */
  interfaceName(): string | number;
  /** Address of the kernel's side. */
  hardwareAddress(): MacAddress;
  setHardwareAddress(mac: MacAddress): number;
  /** These answer `-ENODEV` when the interface lives in another network namespace. */
  interfaceIndex(): number;
  mtu(): number;
  setMtu(bytes: number): number;
  /** Frames that the kernel queues for us before it drops. */
  queueLength(): number;
  /** `IFF_*` flags, the low 16 bits. */
  interfaceFlags(): number;
  /** Brings the kernel's side up (1) or down (0). */
  setUp(on: number): number;
}

/** Told that the queue is ready, or, with a negative `status`, that it is no longer usable and polling has stopped. */
export type TapReady = (events: number, status: number) => void;

/** Opens queues. Both functions return a negated errno when the kernel refuses. */
export interface TapDriver {
  open(
    name: string,
    flags: number,
    memory: Uint8Array,
    rx: Uint32Array,
    tx: Uint32Array,
    onReady: TapReady,
  ): TapQueue | number;
  /** Takes over a descriptor that `TUNSETIFF` was done on; one that is refused stays the caller's. */
  adopt(
    fd: number,
    memory: Uint8Array,
    rx: Uint32Array,
    tx: Uint32Array,
    onReady: TapReady,
  ): TapQueue | number;
}

/** `TUNSETIFF` flags (Linux: `linux/if_tun.h`). */
export const IFF_TUN = 0x1;
export const IFF_TAP = 0x2;
/** Comes up without carrier. */
export const IFF_NO_CARRIER = 0x40;
export const IFF_MULTI_QUEUE = 0x100;
/** No four bytes of protocol information in front of a frame. */
export const IFF_NO_PI = 0x1000;
/** A virtio network header in front of each frame. */
export const IFF_VNET_HDR = 0x4000;

/** `TUNSETOFFLOAD` flags: what we can receive. */
export const TUN_F_CSUM = 0x1;
export const TUN_F_TSO4 = 0x2;
export const TUN_F_TSO6 = 0x4;
export const TUN_F_TSO_ECN = 0x8;
export const TUN_F_USO4 = 0x20;
export const TUN_F_USO6 = 0x40;

export const POLL_READABLE = 1;
export const POLL_WRITABLE = 2;

/** Rings: word 0 is the status of the last call, descriptors follow. */
export const RING_STATUS = 0;
export const RING_FIRST = 1;
/** Words of a receive descriptor: offset and capacity of the slot, then the length that was read. */
export const RX_WORDS = 3;
/** Words of a transmit descriptor: offset and length of the frame, then of the payload gathered behind it (0: none). */
export const TX_WORDS = 4;

/** The addon's interface that this file describes (`TAPDEV_VERSION`). */
const VERSION = 2;

/** Copies `length` bytes from `fromAt` on to `toAt`; the runs may overlap. Throws a RangeError when one is not inside its array. */
export type CopyKernel = (
  from: Uint8Array,
  fromAt: number,
  to: Uint8Array,
  toAt: number,
  length: number,
) => void;

interface NativeAddon extends TapDriver {
  readonly copy: CopyKernel;
}

let loaded: NativeAddon | undefined;

/** The addon's copy, which allocates nothing; null where there is no addon. */
export function nativeCopy(): CopyKernel | null {
  try {
    return tapDriver().copy;
  } catch {
    return null;
  }
}

/** The addon of this package, loaded when it is first asked for. Throws a {@link NetError} that says what is missing. */
export function tapDriver(): NativeAddon {
  loaded ??= loadDriver(join(packageRoot(), 'device'));
  return loaded;
}

/** Loads the addon that was built in `directory`. Throws a {@link NetError}: `EOPNOTSUPP`, with what to do about it. */
export function loadDriver(directory: string, platform: string = process.platform): NativeAddon {
  if (platform !== 'linux') throw unavailable(`TUN/TAP devices need Linux, this is ${platform}`);
  const installer = join(directory, 'install.mjs');
  const advice = `run "node ${installer}" on a machine with a C compiler and Node's headers`;
  const driver = load(directory, advice);
  if (driver.version !== VERSION) throw unavailable(`the native addon is of another version; ${advice}`);
  return driver;
}

function load(directory: string, advice: string): NativeAddon & { version: number } {
  try {
    const build = createRequire(import.meta.url)('node-gyp-build') as (
      dir: string,
    ) => NativeAddon & { version: number };
    return build(directory);
  } catch (error) {
    const why = error instanceof Error ? error.message.split('\n')[0] : String(error);
    throw unavailable(`the native addon was not built (${why}); ${advice}`);
  }
}

function unavailable(detail: string): NetError {
  return new NetError(-EOPNOTSUPP, 'tap', detail);
}

/** The sources run from the package's root, the compiled files from a folder below it. */
function packageRoot(): string {
  let directory = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(directory, 'device', 'binding.gyp'))) {
    const parent = dirname(directory);
    if (parent === directory) throw unavailable('device/binding.gyp is missing from the package');
    directory = parent;
  }
  return directory;
}
