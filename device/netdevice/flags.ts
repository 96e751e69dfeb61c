/** Interface flags (Linux: `linux/if.h`). */
export const IFF_UP = 0x1;
export const IFF_BROADCAST = 0x2;
export const IFF_DEBUG = 0x4;
export const IFF_LOOPBACK = 0x8;
export const IFF_POINTOPOINT = 0x10;
export const IFF_NOTRAILERS = 0x20;
export const IFF_RUNNING = 0x40;
export const IFF_NOARP = 0x80;
export const IFF_PROMISC = 0x100;
export const IFF_ALLMULTI = 0x200;
export const IFF_MASTER = 0x400;
export const IFF_SLAVE = 0x800;
export const IFF_MULTICAST = 0x1000;
export const IFF_PORTSEL = 0x2000;
export const IFF_AUTOMEDIA = 0x4000;
export const IFF_DYNAMIC = 0x8000;
export const IFF_LOWER_UP = 0x10000;
export const IFF_DORMANT = 0x20000;
export const IFF_ECHO = 0x40000;

/** Set by the device alone: a request to change flags never alters these. */
export const IFF_VOLATILE: number =
  IFF_LOOPBACK |
  IFF_POINTOPOINT |
  IFF_BROADCAST |
  IFF_ECHO |
  IFF_MASTER |
  IFF_SLAVE |
  IFF_RUNNING |
  IFF_LOWER_UP |
  IFF_DORMANT;

/** Copied from a request as they are; UP, PROMISC and ALLMULTI have handling of their own (Linux: `__dev_change_flags`). */
export const IFF_CHANGEABLE: number =
  IFF_DEBUG | IFF_NOTRAILERS | IFF_NOARP | IFF_DYNAMIC | IFF_MULTICAST | IFF_PORTSEL | IFF_AUTOMEDIA;

/** In the order in which `ip link` prints them. */
const PRINTED: readonly (readonly [number, string])[] = [
  [IFF_LOOPBACK, 'LOOPBACK'],
  [IFF_BROADCAST, 'BROADCAST'],
  [IFF_POINTOPOINT, 'POINTOPOINT'],
  [IFF_MULTICAST, 'MULTICAST'],
  [IFF_NOARP, 'NOARP'],
  [IFF_ALLMULTI, 'ALLMULTI'],
  [IFF_PROMISC, 'PROMISC'],
  [IFF_MASTER, 'MASTER'],
  [IFF_SLAVE, 'SLAVE'],
  [IFF_DEBUG, 'DEBUG'],
  [IFF_DYNAMIC, 'DYNAMIC'],
  [IFF_AUTOMEDIA, 'AUTOMEDIA'],
  [IFF_PORTSEL, 'PORTSEL'],
  [IFF_NOTRAILERS, 'NOTRAILERS'],
  [IFF_UP, 'UP'],
  [IFF_LOWER_UP, 'LOWER_UP'],
  [IFF_DORMANT, 'DORMANT'],
  [IFF_ECHO, 'ECHO'],
];

/** Flag names as `ip link` shows them: an up device that does not run starts with `NO-CARRIER`. */
export function flagNames(flags: number): string[] {
  const names = (flags & IFF_UP) !== 0 && (flags & IFF_RUNNING) === 0 ? ['NO-CARRIER'] : [];
  for (const [bit, name] of PRINTED) if ((flags & bit) !== 0) names.push(name);
  return names;
}

/** Device types (Linux: `linux/if_arp.h`). */
export const ARPHRD_ETHER = 1;
export const ARPHRD_IEEE802 = 6;
export const ARPHRD_LOOPBACK = 772;
/** A device without link-layer header or address: TUN. */
export const ARPHRD_NONE = 0xfffe;

/** Results of `transmit` (Linux: `linux/netdevice.h`). */
export const NET_XMIT_SUCCESS = 0;
export const NET_XMIT_DROP = 1;
/** Dropped or marked because of congestion: what the noop discipline answers. */
export const NET_XMIT_CN = 2;

/** Results of a driver's `startXmit`. */
export const NETDEV_TX_OK = 0;
/** Not taken: the queue should have been stopped before; the packet is requeued. */
export const NETDEV_TX_BUSY = 0x10;
