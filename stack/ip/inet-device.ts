import type { NetDevice } from '../../device/netdevice/netdevice.ts';
import type { Ipv4Conf } from '../sysctl/ipv4-conf.ts';
import { type Ipv4, maskOf } from '../wire/address.ts';
import { DevicePaths } from './device-paths.ts';

/** Address flags (Linux: `IFA_F_*`). */
export const IFA_F_SECONDARY = 0x01;
export const IFA_F_NODAD = 0x02;
export const IFA_F_TENTATIVE = 0x40;
export const IFA_F_PERMANENT = 0x80;
export const IFA_F_NOPREFIXROUTE = 0x200;

/** An IPv4 address of a device (Linux: `struct in_ifaddr`). */
export interface InetAddress {
  readonly dev: NetDevice;
  readonly local: Ipv4;
  /** The peer's address on a point-to-point link, else equal to `local`. */
  readonly address: Ipv4;
  readonly prefixLength: number;
  readonly mask: Ipv4;
  /** 0: none. */
  readonly broadcast: Ipv4;
  readonly scope: number;
  /** The device's name, or what follows a colon behind it. */
  label: string;
  /** Metric of its prefix route. */
  readonly metric: number;
  flags: number;
  /** Seconds, `Infinity` for ever. */
  validLifetime: number;
  preferredLifetime: number;
}

/** A device's IPv4 state (Linux: `struct in_device`), at `dev.ipPtr`. */
export class InetDevice {
  readonly dev: NetDevice;
  readonly conf: Ipv4Conf;
  /** In Linux's order: primaries first, by scope then age; secondaries behind them. */
  addresses: InetAddress[] = [];
  /** Multicast groups that it listens to; 224.0.0.1 while it is up. */
  readonly groups: Set<Ipv4> = new Set();
  /** Ways through the device that no route stands for. */
  readonly paths: DevicePaths;

  constructor(dev: NetDevice, conf: Ipv4Conf) {
    this.dev = dev;
    this.conf = conf;
    this.paths = new DevicePaths(dev);
  }

  /** Whether one primary subnet of the device holds `address` and, unless it is 0, `other` too (Linux: `inet_addr_onlink`). */
  onLink(address: Ipv4, other: Ipv4 = 0): boolean {
    return this.addresses.some(
      (ifa) =>
        (ifa.flags & IFA_F_SECONDARY) === 0 &&
        inSubnet(ifa, address) &&
        (other === 0 || inSubnet(ifa, other)),
    );
  }

  /** Whether `address` is one of the device's own. */
  has(address: Ipv4): boolean {
    const { addresses } = this;
    for (let i = 0; i < addresses.length; i++) if (addresses[i]!.local === address) return true;
    return false;
  }
}

/** Linux: `inet_ifa_match`. */
export function inSubnet(ifa: InetAddress, address: Ipv4): boolean {
  return ((address ^ ifa.address) & maskOf(ifa.prefixLength)) === 0;
}

/** The IPv4 state of a device, null when it has none (Linux: `__in_dev_get_rtnl`). */
export function inetDevice(dev: NetDevice): InetDevice | null {
  return dev.ipPtr as InetDevice | null;
}
