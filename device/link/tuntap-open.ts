import { check, EACCES, EBUSY, EINVAL, ENODEV, ENOENT, ENXIO, EPERM, NetError } from '../errno.ts';
import {
  IFF_MULTI_QUEUE,
  IFF_NO_CARRIER,
  IFF_NO_PI,
  IFF_TAP,
  IFF_TUN,
  IFF_VNET_HDR,
  type TapDriver,
  type TapQueue,
  type TapReady,
  TUN_F_CSUM,
  TUN_F_TSO_ECN,
  TUN_F_TSO4,
  TUN_F_TSO6,
  TUN_F_USO4,
  TUN_F_USO6,
} from '../native.ts';
import {
  NETIF_F_GRO_HW,
  NETIF_F_GSO_UDP_L4,
  NETIF_F_HW_CSUM,
  NETIF_F_RXCSUM,
  NETIF_F_SG,
  NETIF_F_TSO,
  NETIF_F_TSO_ECN,
  NETIF_F_TSO6,
} from '../netdevice/features.ts';
import { isValidName } from '../netdevice/names.ts';
import { VNET_HLEN } from './vnet-header.ts';

export interface TunTapOptions {
  /** The kernel's interface: made when there is none. May hold one `%d`; the kernel chooses when it is left out. */
  name?: string;
  /** A descriptor that `TUNSETIFF` was done on, used instead of opening `name`. The link takes it over. */
  fd?: number;
  /** Bytes, for both sides; the kernel side's own (1500) when left out. */
  mtu?: number;
  /** Brings the kernel's side up (true) or down. */
  up?: boolean;
  /** Whether the kernel's interface outlives the link. */
  persist?: boolean;
  /** False: both sides start without carrier. */
  carrier?: boolean;
  /**
   * Frames carry a virtio header: checksums and segmentation are left to the kernel, super-segments go both ways. True when left out;
   * false: plain frames.
   */
  vnetHeader?: boolean;
  /** Opens one queue of a multi-queue device: one link each in several threads, all with the same name. */
  multiQueue?: boolean;
  /**
   * Microseconds for which the link looks for a next frame by itself after each, instead of waiting until the event loop tells; 0: not at
   * all, Infinity: always. Left out: for a tenth of a millisecond, as long as that mostly finds one.
   */
  busyPoll?: number;
  /** Bytes of sent frames that the kernel may hold; unlimited when left out. */
  sendBuffer?: number;
}

/** What the kernel does for us when frames carry a virtio header. */
export const VNET_FEATURES: number =
  NETIF_F_SG |
  NETIF_F_HW_CSUM |
  NETIF_F_RXCSUM |
  NETIF_F_TSO |
  NETIF_F_TSO_ECN |
  NETIF_F_TSO6 |
  NETIF_F_GSO_UDP_L4 |
  NETIF_F_GRO_HW;

const TCP_OFFLOAD = TUN_F_TSO4 | TUN_F_TSO6 | TUN_F_TSO_ECN;
const UDP_OFFLOAD = TUN_F_USO4 | TUN_F_USO6;

/** Opens or adopts the queue that `options` name, `mode` being `IFF_TUN` or `IFF_TAP`. Throws a {@link NetError}. */
export function openQueue(
  driver: TapDriver,
  options: TunTapOptions,
  mode: number,
  memory: Uint8Array,
  rx: Uint32Array,
  tx: Uint32Array,
  onReady: TapReady,
): TapQueue {
  const { fd, name = '' } = options;
  if (fd !== undefined) {
    const adopted = driver.adopt(fd, memory, rx, tx, onReady);
    if (typeof adopted === 'number') throw new NetError(adopted, 'tap', `descriptor ${fd}`);
    if ((adopted.flags & (IFF_TUN | IFF_TAP | IFF_NO_PI)) === (mode | IFF_NO_PI)) return adopted;
    adopted.close();
    const kind = mode === IFF_TAP ? 'TAP' : 'TUN';
    throw new NetError(-EINVAL, 'tap', `descriptor ${fd} is not a ${kind} with IFF_NO_PI`);
  }
  if (name !== '' && !isValidName(name)) throw new NetError(-EINVAL, 'tap', `interface name '${name}'`);
  const flags =
    mode |
    IFF_NO_PI |
    ((options.vnetHeader ?? true) ? IFF_VNET_HDR : 0) |
    (options.multiQueue ? IFF_MULTI_QUEUE : 0) |
    (options.carrier === false ? IFF_NO_CARRIER : 0);
  const opened = driver.open(name, flags, memory, rx, tx, onReady);
  if (typeof opened === 'number') throw new NetError(opened, 'tap', openingHint(opened, name));
  return opened;
}

/** Bytes of virtio header in front of each frame, 0: none. A descriptor that was handed in keeps its own size. */
export function negotiateHeader(queue: TapQueue): number {
  if ((queue.flags & IFF_VNET_HDR) === 0) return 0;
  const bytes = Math.max(VNET_HLEN, queue.vnetHeaderSize());
  check(queue.setVnetHeaderSize(bytes), 'TUNSETVNETHDRSZ');
  return bytes;
}

/** Applies the options to the kernel's side and returns the MTU in bytes. Throws a {@link NetError}. */
export function configure(queue: TapQueue, options: TunTapOptions): number {
  const { mtu, sendBuffer, persist, carrier, up } = options;
  if (mtu !== undefined) check(queue.setMtu(mtu), 'SIOCSIFMTU', `mtu ${mtu}`);
  if (sendBuffer !== undefined) check(queue.setSendBuffer(sendBuffer), 'TUNSETSNDBUF');
  if (persist !== undefined) check(queue.setPersist(persist ? 1 : 0), 'TUNSETPERSIST');
  if (carrier === false) check(queue.setCarrier(0), 'TUNSETCARRIER');
  if (up !== undefined) check(queue.setUp(up ? 1 : 0), 'SIOCSIFFLAGS');
  const current = mtu ?? queue.mtu();
  return current > 0 ? current : 1500;
}

/**
 * Tells the kernel what we can receive: unfinished checksums with RXCSUM, super-segments when GRO_HW is on as well. UDP
 * segmentation is left out where the kernel does not know it (before Linux 6.2).
 */
export function offerOffload(queue: TapQueue, features: number): number {
  if ((features & NETIF_F_RXCSUM) === 0) return queue.setOffload(0);
  if ((features & NETIF_F_GRO_HW) === 0) return queue.setOffload(TUN_F_CSUM);
  const result = queue.setOffload(TUN_F_CSUM | TCP_OFFLOAD | UDP_OFFLOAD);
  return result === -EINVAL ? queue.setOffload(TUN_F_CSUM | TCP_OFFLOAD) : result;
}

/** What to do about it when the kernel does not open an interface. */
function openingHint(result: number, name: string): string {
  const which = name === '' ? 'a new interface' : name;
  switch (-result) {
    case ENOENT:
    case ENXIO:
    case ENODEV:
      return '/dev/net/tun is missing: load the kernel module tun';
    case EACCES:
      return 'no permission to open /dev/net/tun';
    case EPERM:
      return `opening ${which} needs CAP_NET_ADMIN, or an interface that this user owns`;
    case EBUSY:
      return `${which} is in use`;
    case EINVAL:
      return `${which} exists and is of another kind (TUN or TAP, multi-queue or not)`;
    default:
      return which;
  }
}
