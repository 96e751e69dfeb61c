import {
  NETDEV_CHANGEMTU,
  NETDEV_CHANGENAME,
  NETDEV_DOWN,
  NETDEV_REGISTER,
  NETDEV_UNREGISTER,
  NETDEV_UP,
} from '../../device/netdevice/events.ts';
import { IFF_LOOPBACK } from '../../device/netdevice/flags.ts';
import type { NetdevInfo } from '../../device/netdevice/netdev-info.ts';
import type { NotifierBlock } from '../../device/netdevice/notifier.ts';
import { registerNetnsNotifier, unregisterNetnsNotifier } from '../../device/netdevice/registry.ts';
import type { Inet } from '../inet.ts';
import { INADDR_ALLHOSTS_GROUP } from '../wire/address.ts';
import { IPV4_MIN_MTU } from '../wire/ipv4.ts';
import type { AddressBook } from './addresses.ts';
import { type InetDevice, inetDevice } from './inet-device.ts';

/** The life of a device's IPv4 state (Linux: `inetdev_event`). Taking a device down leaves its addresses. */
export class AddressEvents {
  readonly #inet: Inet;
  readonly #book: AddressBook;
  readonly #block: NotifierBlock<NetdevInfo> = { notify: (event, info) => this.#on(event, info) };

  constructor(inet: Inet, book: AddressBook) {
    this.#inet = inet;
    this.#book = book;
  }

  start(): void {
    registerNetnsNotifier(this.#inet.ns, this.#block);
  }

  close(): void {
    unregisterNetnsNotifier(this.#inet.ns, this.#block);
  }

  #on(event: number, info: NetdevInfo): void {
    const { dev } = info;
    const inet = inetDevice(dev);
    const bigEnough = dev.mtu >= IPV4_MIN_MTU;
    if (inet === null) {
      if (event === NETDEV_REGISTER || (event === NETDEV_CHANGEMTU && bigEnough)) this.#create(info);
      return;
    }
    if (event === NETDEV_UP && bigEnough) this.#up(inet);
    else if (event === NETDEV_DOWN) inet.groups.delete(INADDR_ALLHOSTS_GROUP);
    else if (event === NETDEV_CHANGENAME) this.#rename(inet);
    else if (event === NETDEV_UNREGISTER || (event === NETDEV_CHANGEMTU && !bigEnough))
      this.#book.destroyDevice(inet);
  }

  #create(info: NetdevInfo): void {
    const inet = this.#book.createDevice(info.dev);
    if (info.dev.up) inet.groups.add(INADDR_ALLHOSTS_GROUP);
  }

  #up(inet: InetDevice): void {
    if ((inet.dev.flags & IFF_LOOPBACK) !== 0 && inet.addresses.length === 0) this.#book.addLoopback(inet);
    inet.groups.add(INADDR_ALLHOSTS_GROUP);
  }

  /** The settings move to the new name; labels keep what they have behind the colon (Linux: `inetdev_changename`). */
  #rename(inet: InetDevice): void {
    const { name } = inet.dev;
    inet.conf.rename(name);
    for (const ifa of inet.addresses) {
      const colon = ifa.label.indexOf(':');
      ifa.label = colon < 0 ? name : name + ifa.label.slice(colon);
      this.#inet.ns.messages.send('RTM_NEWADDR', inet.dev, ifa);
    }
  }
}
