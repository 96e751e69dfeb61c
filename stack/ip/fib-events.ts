import {
  NETDEV_CHANGE,
  NETDEV_CHANGEMTU,
  NETDEV_DOWN,
  NETDEV_UNREGISTER,
  NETDEV_UP,
} from '../../device/netdevice/events.ts';
import { IFF_LOWER_UP, IFF_RUNNING } from '../../device/netdevice/flags.ts';
import type { NetdevInfo } from '../../device/netdevice/netdev-info.ts';
import type { NetDevice } from '../../device/netdevice/netdevice.ts';
import type { NotifierBlock } from '../../device/netdevice/notifier.ts';
import { registerNetnsNotifier, unregisterNetnsNotifier } from '../../device/netdevice/registry.ts';
import type { Inet } from '../inet.ts';
import { SCOPE_NOWHERE } from '../wire/address.ts';
import { addAddressRoutes, deleteAddressRoutes } from './address-routes.ts';
import type { Fib } from './fib.ts';
import { type FibEntry, RTNH_F_DEAD, RTNH_F_LINKDOWN } from './fib-entry.ts';
import { type InetAddress, inetDevice } from './inet-device.ts';

/** What devices and addresses do to the routes (Linux: `net/ipv4/fib_frontend.c`). */
export class FibEvents {
  readonly #inet: Inet;
  readonly #fib: Fib;
  readonly #deviceBlock: NotifierBlock<NetdevInfo> = {
    notify: (event, info) => this.#onDevice(event, info),
  };
  readonly #addressBlock: NotifierBlock<InetAddress> = {
    notify: (event, ifa) => this.#onAddress(event, ifa),
  };

  constructor(inet: Inet, fib: Fib) {
    this.#inet = inet;
    this.#fib = fib;
  }

  start(): void {
    registerNetnsNotifier(this.#inet.ns, this.#deviceBlock);
    this.#inet.inetaddrChain.register(this.#addressBlock);
  }

  close(): void {
    unregisterNetnsNotifier(this.#inet.ns, this.#deviceBlock);
    this.#inet.inetaddrChain.unregister(this.#addressBlock);
  }

  /** Linux: `fib_netdev_event`. */
  #onDevice(event: number, info: NetdevInfo): void {
    this.#change(event, info);
    this.#fib.generation.value++;
  }

  #change(event: number, info: NetdevInfo): void {
    const { dev } = info;
    if (event === NETDEV_UNREGISTER) {
      this.#disable(dev, true);
      return;
    }
    const inet = inetDevice(dev);
    if (inet === null) return;
    if (event === NETDEV_UP) {
      for (const ifa of inet.addresses) addAddressRoutes(this.#fib, inet, ifa);
    } else if (event === NETDEV_DOWN) {
      this.#disable(dev, false);
    } else if (event === NETDEV_CHANGE) {
      const runs = (dev.reportedFlags & (IFF_RUNNING | IFF_LOWER_UP)) !== 0;
      for (const entry of this.#through(dev)) {
        if (runs) entry.flags &= ~RTNH_F_LINKDOWN;
        else if (entry.nextHopScope !== SCOPE_NOWHERE) entry.flags |= RTNH_F_LINKDOWN;
      }
    } else if (event === NETDEV_CHANGEMTU) {
      for (const entry of this.#through(dev)) entry.exceptions?.deviceMtuChanged(info.mtu ?? 0, dev.mtu);
    }
  }

  /** Linux: `fib_inetaddr_event`. */
  #onAddress(event: number, ifa: InetAddress): void {
    const { dev } = ifa;
    const inet = inetDevice(dev);
    if (inet === null) return;
    if (event === NETDEV_UP) {
      addAddressRoutes(this.#fib, inet, ifa);
    } else if (event === NETDEV_DOWN) {
      deleteAddressRoutes(this.#fib, inet, ifa, null);
      if (inet.addresses.length === 0) this.#disable(dev, true);
    }
  }

  /**
   * Removes the routes through a device that is no more for IP (Linux: `fib_disable_ip`, `fib_sync_down_dev`): with `force`
   * all of them, else all but those to local addresses, which stay reachable through loopback.
   */
  #disable(dev: NetDevice, force: boolean): void {
    for (const entry of this.#through(dev)) {
      if (force || entry.nextHopScope !== SCOPE_NOWHERE) entry.flags |= RTNH_F_DEAD | RTNH_F_LINKDOWN;
    }
    this.#fib.flush((entry) => (entry.flags & RTNH_F_DEAD) !== 0);
  }

  #through(dev: NetDevice): FibEntry[] {
    return this.#fib.entries().filter((entry) => entry.dev === dev);
  }
}
