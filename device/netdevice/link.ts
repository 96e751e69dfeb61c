import type { MacAddress } from '../frame/mac.ts';
import type { Packet } from '../memory/packet.ts';
import type { LinkStatistics } from './statistics.ts';

/**
 * What a driver offers: the counterpart of Linux's `net_device_ops`, one file a driver under `device/link/`.
 *
 * A link is used by exactly one port (a {@link NetDevice}, a switch, or a wrapper that is itself a link), which calls
 * `bind` once. All calls are synchronous, results are 0 or a negated errno. Between `open` and `stop` the link may call its
 * port's `receive`; outside it must not.
 */
export interface Link {
  /** Kind as `ip link show type` names it: `tun`, `veth`, `loopback` ... */
  readonly kind: string;
  /** `ARPHRD_ETHER`, `ARPHRD_LOOPBACK` or `ARPHRD_NONE` (raw IP, no link header). */
  readonly type: number;
  /** Own link-layer address at the start, 0 where the type has none. */
  readonly address: MacAddress;
  readonly mtu: number;
  readonly minMtu: number;
  /** 0: unlimited. */
  readonly maxMtu: number;
  /** Interface flags besides those that follow from the type: `IFF_NOARP`, `IFF_POINTOPOINT` ... */
  readonly flags: number;
  /** Default length of the transmit queue in packets; 0: no queue, packets go straight to the driver. */
  readonly txQueueLength: number;
  /** Whether it has carrier when it is made (Linux: devices start with carrier unless the driver says otherwise). */
  readonly carrier: boolean;
  /** Frames that the receiving side of this link can hold before it drops, `Infinity` where there is no such limit. */
  readonly receiveQueueFrames: number;
  /** Offloads that the driver can do (`NETIF_F_*`), all of which a user may toggle. */
  readonly features: number;
  /** Work of the core itself (`SOFT_FEATURES`) that is off until a user wants it; absent: none (Linux: `veth_disable_gro`). */
  readonly featuresOff?: number;

  /** Gives the link its user. Called once, before anything else. */
  bind(port: LinkPort): void;
  /** Starts traffic. */
  open(): number;
  /** Stops traffic; cannot fail. No `receive` comes after it. */
  stop(): void;
  /** Frees whatever the link holds (file descriptors, timers, packets). Nothing is called after it. */
  close(): void;
  /**
   * Sends one frame. `NETDEV_TX_OK` takes the packet's ownership, sent or not; `NETDEV_TX_BUSY` leaves it with the caller
   * and is only right after `stopQueue`. The packet may be shared: a link that writes into it calls `pool.unshare` first.
   */
  startXmit(packet: Packet): number;
  /** Pushes out what `startXmit` collected; called once at the end of a batch. */
  flush?(): void;
  /**
   * Asks the link to read what its peer has sent, at the event loop's next turn even if that is nothing, and to say so by
   * {@link LinkPort.looked}. Absent: what the peer sends is never far behind what it gets.
   */
  look?(): void;
  /** Absent: `-EOPNOTSUPP`. */
  setMac?(mac: MacAddress): number;
  /** Absent: the new MTU is just stored. */
  changeMtu?(mtu: number): number;
  /** A user's carrier setting (`ip link set DEV carrier on|off`); absent: `-EOPNOTSUPP`. */
  changeCarrier?(on: boolean): number;
  /** Absent: every address is acceptable to open with. */
  validateAddress?(): number;
  /** Tells the driver which offloads are on; a negative result undoes the change. */
  setFeatures?(features: number): number;
  /** Index of the device at the other end of a pair, 0 where there is none (Linux: `ndo_get_iflink`). */
  peerIfindex?(): number;
  /** Told when promiscuous or all-multicast reception is wanted. */
  setReceiveMode?(promiscuous: boolean, allMulticast: boolean): void;
}

/** What a link's user offers to the driver: Linux's `netif_*` calls. */
export interface LinkPort {
  /** Index of the device that this port is; absent or 0: it is no device. */
  readonly ifindex?: number;
  /** Counters that the driver adds its errors to; packets and bytes are counted by the port itself. */
  readonly statistics: LinkStatistics;
  /** Takes a received frame and handles it now (Linux: `netif_receive_skb`). For drivers that run a batch of their own. */
  receive(packet: Packet): void;
  /**
   * The same for a frame that may be held until the batch ends, to be merged with what follows (Linux: `napi_gro_receive`). Absent:
   * this port merges nothing.
   */
  groReceive?(packet: Packet): void;
  /** Takes a received frame and handles it in deferred work (Linux: `netif_rx`). For links fed by another device's transmit. */
  enqueue(packet: Packet): void;
  /** Releases a packet that the driver could not receive or send, and counts it under `reason` of `device/drop.ts`. */
  drop(packet: Packet, reason: number): void;
  carrierOn(): void;
  carrierOff(): void;
  /** Stops `startXmit` calls until `wakeQueue` (Linux: `netif_stop_queue`). */
  stopQueue(): void;
  wakeQueue(): void;
  /** So many frames of the peer's were read since the last time; `Infinity`: all that there were. Only from links that can `look`. */
  looked?(frames: number): void;
  /** Asks for the port to be announced (Linux: `netdev_notify_peers`), as after a fail-over below the driver. */
  notifyPeers(): void;
}
