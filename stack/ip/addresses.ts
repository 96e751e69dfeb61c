import { EADDRNOTAVAIL, EEXIST, EINVAL, ENOBUFS } from '../../device/errno.ts';
import { NETDEV_DOWN, NETDEV_UP } from '../../device/netdevice/events.ts';
import type { NetDevice } from '../../device/netdevice/netdevice.ts';
import { notifierToErrno } from '../../device/netdevice/notifier.ts';
import type { AddressSeam, Inet } from '../inet.ts';
import { Ipv4Conf } from '../sysctl/ipv4-conf.ts';
import { INADDR_BROADCAST, INADDR_LOOPBACK, type Ipv4, maskOf, SCOPE_HOST } from '../wire/address.ts';
import { AddressLifetimes } from './address-lifetime.ts';
import { addAddressRoutes, deleteAddressRoutes } from './address-routes.ts';
import { confirmOn, selectAnywhere, selectOn } from './address-select.ts';
import { AddressEvents } from './device-events.ts';
import type { Fib } from './fib.ts';
import {
  IFA_F_NOPREFIXROUTE,
  IFA_F_PERMANENT,
  IFA_F_SECONDARY,
  type InetAddress,
  InetDevice,
  inetDevice,
  inSubnet,
} from './inet-device.ts';

/** An address to add. */
export interface AddressConfig {
  readonly local: Ipv4;
  /** The peer's address on a point-to-point link, else equal to `local`. */
  readonly address: Ipv4;
  readonly prefixLength: number;
  /** 0: none. */
  readonly broadcast: Ipv4;
  readonly scope: number;
  readonly label: string;
  /** Metric of the prefix route. */
  readonly metric: number;
  readonly noPrefixRoute: boolean;
  /** Seconds, `Infinity` for ever. */
  readonly validLifetime: number;
  readonly preferredLifetime: number;
}

/** The IPv4 addresses of all devices (Linux: `net/ipv4/devinet.c`). */
export class AddressBook implements AddressSeam {
  readonly inet: Inet;
  /** `net.ipv4.conf.all` and `net.ipv4.conf.default`. */
  readonly all: Ipv4Conf;
  readonly template: Ipv4Conf;
  readonly lifetimes: AddressLifetimes;
  readonly #fib: Fib;
  readonly #events: AddressEvents;

  constructor(inet: Inet, fib: Fib) {
    this.inet = inet;
    this.#fib = fib;
    this.all = new Ipv4Conf(inet.sysctl, 'all', null, null);
    this.template = new Ipv4Conf(inet.sysctl, 'default', null, null);
    this.lifetimes = new AddressLifetimes(inet.machine.clock, (ifa) => this.remove(ifa));
    this.#events = new AddressEvents(inet, this);
  }

  /** Begins to listen to devices. */
  start(): void {
    this.#events.start();
  }

  close(): void {
    this.#events.close();
    this.lifetimes.close();
  }

  inetDevice(dev: NetDevice): InetDevice | null {
    return inetDevice(dev);
  }

  select(dev: NetDevice, destination: Ipv4, scope: number): Ipv4 {
    const inet = inetDevice(dev);
    const own = inet === null ? 0 : selectOn(inet, destination, scope);
    return own !== 0 ? own : selectAnywhere(this.inet.ns.devices, scope);
  }

  confirm(dev: NetDevice | null, destination: Ipv4, local: Ipv4, scope: number): Ipv4 {
    if (dev !== null) {
      const inet = inetDevice(dev);
      return inet === null ? 0 : confirmOn(inet, destination, local, scope);
    }
    const { devices } = this.inet.ns;
    for (let i = 0; i < devices.length; i++) {
      const inet = inetDevice(devices[i]!);
      const found = inet === null ? 0 : confirmOn(inet, destination, local, scope);
      if (found !== 0) return found;
    }
    return 0;
  }

  /** Whether an address is one of this stack's, whatever the routes say (Linux: `inet_lookup_ifaddr_rcu`). */
  isOwn(address: Ipv4): boolean {
    const { devices } = this.inet.ns;
    for (let i = 0; i < devices.length; i++) if (inetDevice(devices[i]!)?.has(address)) return true;
    return false;
  }

  /** Gives a device its IPv4 state (Linux: `inetdev_init`). */
  createDevice(dev: NetDevice): InetDevice {
    const inet = new InetDevice(dev, new Ipv4Conf(this.inet.sysctl, dev.name, this.all, this.template));
    dev.ipPtr = inet;
    return inet;
  }

  /** Takes a device's addresses and its IPv4 state (Linux: `inetdev_destroy`). */
  destroyDevice(inet: InetDevice): void {
    for (let first = inet.addresses[0]; first !== undefined; first = inet.addresses[0])
      this.#delete(inet, first);
    inet.conf.remove();
    inet.dev.ipPtr = null;
  }

  /**
   * Adds an address to a device (Linux: `inet_rtm_newaddr`, `__inet_insert_ifa`). `-EINVAL` for one that can't be, or of
   * another scope than its subnet's; `-EEXIST`; `-ENOBUFS` without IPv4 on the device; or the validator chain's veto.
   */
  add(dev: NetDevice, config: AddressConfig): InetAddress | number {
    return this.inet.machine.rtnl.run(() => {
      const inet = inetDevice(dev);
      if (inet === null) return -ENOBUFS;
      if (!isValid(config)) return -EINVAL;
      const ifa = makeAddress(dev, config);
      const result = this.insert(inet, ifa);
      return result < 0 ? result : ifa;
    });
  }

  /** Adds 127.0.0.1/8 to a loopback device that has no address. */
  addLoopback(inet: InetDevice): void {
    this.insert(
      inet,
      makeAddress(inet.dev, {
        local: INADDR_LOOPBACK,
        address: INADDR_LOOPBACK,
        prefixLength: 8,
        broadcast: 0,
        scope: SCOPE_HOST,
        label: inet.dev.name,
        metric: 0,
        noPrefixRoute: false,
        validLifetime: Number.POSITIVE_INFINITY,
        preferredLifetime: Number.POSITIVE_INFINITY,
      }),
    );
  }

  /** Primaries stand by scope, the widest last, and age; secondaries behind all (Linux: `__inet_insert_ifa`). */
  insert(inet: InetDevice, ifa: InetAddress): number {
    for (const other of inet.addresses) {
      if (other.mask !== ifa.mask || !inSubnet(other, ifa.address)) continue;
      if (other.local === ifa.local) return -EEXIST;
      if (other.scope !== ifa.scope) return -EINVAL;
      ifa.flags |= IFA_F_SECONDARY;
    }
    const vetoed = notifierToErrno(this.inet.inetaddrValidatorChain.call(NETDEV_UP, ifa));
    if (vetoed < 0) return vetoed;
    const secondary = (ifa.flags & IFA_F_SECONDARY) !== 0;
    const at = secondary ? inet.addresses.length : behindPrimaries(inet, ifa.scope);
    inet.addresses = inet.addresses.toSpliced(at, 0, ifa);
    this.lifetimes.track(ifa);
    this.#announce('RTM_NEWADDR', NETDEV_UP, ifa);
    return 0;
  }

  /** Deletes `local` with that prefix length, or, -1, any (Linux: `inet_rtm_deladdr`); `-EADDRNOTAVAIL` when it is not there. */
  delete(dev: NetDevice, local: Ipv4, prefixLength: number): number {
    return this.inet.machine.rtnl.run(() => {
      const inet = inetDevice(dev);
      const ifa = inet?.addresses.find(
        (other) => other.local === local && (prefixLength < 0 || other.prefixLength === prefixLength),
      );
      if (inet === null || ifa === undefined) return -EADDRNOTAVAIL;
      this.#delete(inet, ifa);
      return 0;
    });
  }

  /** Deletes all addresses of a device, secondaries with their primaries or after promotion, until none is left. */
  flush(dev: NetDevice): void {
    this.inet.machine.rtnl.run(() => {
      const inet = inetDevice(dev);
      if (inet === null) return;
      for (let first = inet.addresses[0]; first !== undefined; first = inet.addresses[0])
        this.#delete(inet, first);
    });
  }

  /** Deletes an address whose time has come. */
  remove(ifa: InetAddress): void {
    this.inet.machine.rtnl.run(() => {
      const inet = inetDevice(ifa.dev);
      if (inet?.addresses.includes(ifa)) this.#delete(inet, ifa);
    });
  }

  /** Changes the lifetimes of an address, in seconds; `-EINVAL` unless 0 <= preferred <= valid and valid is not 0. */
  setLifetime(ifa: InetAddress, validLifetime: number, preferredLifetime: number): number {
    if (!validLifetimes(validLifetime, preferredLifetime)) return -EINVAL;
    ifa.validLifetime = validLifetime;
    ifa.preferredLifetime = preferredLifetime;
    ifa.flags =
      validLifetime === Number.POSITIVE_INFINITY ? ifa.flags | IFA_F_PERMANENT : ifa.flags & ~IFA_F_PERMANENT;
    this.lifetimes.track(ifa);
    this.inet.ns.messages.send('RTM_NEWADDR', ifa.dev, ifa);
    return 0;
  }

  /** Linux: `__inet_del_ifa`. A primary takes its secondaries with it, or hands over to the first of them. */
  #delete(inet: InetDevice, ifa: InetAddress): void {
    let promoted: InetAddress | undefined;
    if ((ifa.flags & IFA_F_SECONDARY) === 0) {
      const secondaries = inet.addresses.filter((other) => other !== ifa && sameSubnet(ifa, other));
      if (inet.conf.values.promote_secondaries === 1) promoted = secondaries[0];
      else for (const secondary of secondaries) this.#unlink(inet, secondary);
    }
    if (promoted === undefined) {
      this.#unlink(inet, ifa);
      return;
    }
    const moved = inet.addresses.filter((other) => other !== ifa && sameSubnet(ifa, other));
    for (const other of moved) deleteAddressRoutes(this.#fib, inet, other, ifa);
    this.#unlink(inet, ifa);
    const rest = inet.addresses.filter((other) => other !== promoted);
    inet.addresses = rest;
    promoted.flags &= ~IFA_F_SECONDARY;
    inet.addresses = rest.toSpliced(behindPrimaries(inet, promoted.scope), 0, promoted);
    this.#announce('RTM_NEWADDR', NETDEV_UP, promoted);
    for (const other of moved) if (other !== promoted) addAddressRoutes(this.#fib, inet, other);
  }

  #unlink(inet: InetDevice, ifa: InetAddress): void {
    inet.addresses = inet.addresses.filter((other) => other !== ifa);
    this.lifetimes.forget(ifa);
    this.#announce('RTM_DELADDR', NETDEV_DOWN, ifa);
  }

  /** The message goes out before the chain is called. */
  #announce(message: 'RTM_NEWADDR' | 'RTM_DELADDR', event: number, ifa: InetAddress): void {
    this.inet.ns.messages.send(message, ifa.dev, ifa);
    this.inet.inetaddrChain.call(event, ifa);
  }
}

function behindPrimaries(inet: InetDevice, scope: number): number {
  const last = inet.addresses.findLastIndex(
    (other) => (other.flags & IFA_F_SECONDARY) === 0 && scope <= other.scope,
  );
  return last + 1;
}

function sameSubnet(primary: InetAddress, other: InetAddress): boolean {
  return (
    (other.flags & IFA_F_SECONDARY) !== 0 && other.mask === primary.mask && inSubnet(primary, other.address)
  );
}

function isValid(config: AddressConfig): boolean {
  const { local, address, broadcast, prefixLength, metric } = config;
  return (
    isAddress(local) &&
    isAddress(address) &&
    local !== 0 &&
    isAddress(broadcast) &&
    Number.isInteger(prefixLength) &&
    prefixLength >= 0 &&
    prefixLength <= 32 &&
    isAddress(metric) &&
    validLifetimes(config.validLifetime, config.preferredLifetime)
  );
}

function isAddress(value: number): boolean {
  return Number.isInteger(value) && value >= 0 && value <= INADDR_BROADCAST;
}

function validLifetimes(valid: number, preferred: number): boolean {
  return valid > 0 && preferred >= 0 && preferred <= valid;
}

function makeAddress(dev: NetDevice, config: AddressConfig): InetAddress {
  const permanent = config.validLifetime === Number.POSITIVE_INFINITY ? IFA_F_PERMANENT : 0;
  return {
    dev,
    local: config.local,
    address: config.address,
    prefixLength: config.prefixLength,
    mask: maskOf(config.prefixLength),
    broadcast: config.broadcast,
    scope: config.scope,
    label: config.label,
    metric: config.metric,
    flags: permanent | (config.noPrefixRoute ? IFA_F_NOPREFIXROUTE : 0),
    validLifetime: config.validLifetime,
    preferredLifetime: config.preferredLifetime,
  };
}
