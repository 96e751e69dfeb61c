import { EEXIST } from '../../../device/errno.ts';
import { setMtu } from '../../../device/netdevice/change.ts';
import type { NetDevice } from '../../../device/netdevice/netdevice.ts';
import type { FibConfig } from '../../ip/fib.ts';
import { RT_TABLE_MAIN, RTPROT_DHCP } from '../../ip/fib-entry.ts';
import { IFA_F_NOPREFIXROUTE, type InetAddress, inetDevice } from '../../ip/inet-device.ts';
import {
  formatIpv4,
  type Ipv4,
  maskOf,
  RTN_UNICAST,
  SCOPE_LINK,
  SCOPE_NOWHERE,
  SCOPE_UNIVERSE,
} from '../../wire/address.ts';
import type { DhcpRoute } from '../codecs.ts';
import { type DhcpHost, wallClock } from '../host.ts';
import { INFINITE } from '../values.ts';
import type { DhcpLease } from './lease.ts';
import type { ClientSettings } from './options.ts';

/** What of a lease is on the device, and what was there before. */
export interface Installed {
  readonly address: Ipv4;
  readonly prefixLength: number;
  routes: readonly DhcpRoute[];
  /** The MTU before, 0: it was not changed. */
  mtu: number;
  /** The name servers before, null: they were not changed. */
  servers: readonly string[] | null;
}

/** Puts what a lease grants on the device and into the stack, and takes it away again. */
export class LeaseInstaller {
  /** Null: nothing. */
  installed: Installed | null = null;
  readonly #host: DhcpHost;
  readonly #dev: NetDevice;
  readonly #settings: ClientSettings;

  constructor(host: DhcpHost, dev: NetDevice, settings: ClientSettings) {
    this.#host = host;
    this.#dev = dev;
    this.#settings = settings;
  }

  /** Whether the address of a lease is in use. */
  holds(lease: DhcpLease): boolean {
    return this.installed?.address === lease.address && this.installed.prefixLength === lease.prefixLength;
  }

  /** Uses a lease instead of the one before; 0, or the negated errno with which the address was refused, and nothing is used then. */
  install(lease: DhcpLease): number {
    if (!this.holds(lease)) this.remove();
    const placed = this.#placeAddress(lease);
    if (placed < 0) {
      this.remove();
      return placed;
    }
    this.installed ??= {
      address: lease.address,
      prefixLength: lease.prefixLength,
      routes: [],
      mtu: 0,
      servers: null,
    };
    if (this.#settings.useMtu) this.#setMtu(this.installed, lease.mtu);
    if (this.#settings.useRoutes) this.#setRoutes(this.installed, lease);
    if (this.#settings.useDns) this.#setServers(this.installed, lease);
    return 0;
  }

  /** Takes away all that is installed. */
  remove(): void {
    const { installed } = this;
    if (installed === null) return;
    this.installed = null;
    for (const route of installed.routes)
      this.#host.fib.delete({ ...this.#config(route, false), scope: SCOPE_NOWHERE });
    this.#host.addresses.delete(this.#dev, installed.address, installed.prefixLength);
    if (installed.mtu > 0) setMtu(this.#dev, installed.mtu);
    this.#resetServers(installed);
  }

  #placeAddress(lease: DhcpLease): number {
    const { addresses } = this.#host;
    const left = lease.obtainedAt + lease.leaseTime * 1000 - wallClock(this.#host);
    const seconds = lease.leaseTime === INFINITE ? Number.POSITIVE_INFINITY : Math.max(left, 1) / 1000;
    const known = this.#find(lease);
    if (known !== undefined) return addresses.setLifetime(known, seconds, seconds);
    const added = addresses.add(this.#dev, {
      local: lease.address,
      address: lease.address,
      prefixLength: lease.prefixLength,
      broadcast: lease.broadcast,
      scope: SCOPE_UNIVERSE,
      label: this.#dev.name,
      metric: this.#settings.metric,
      noPrefixRoute: false,
      validLifetime: seconds,
      preferredLifetime: seconds,
    });
    return typeof added === 'number' ? added : 0;
  }

  #find({ address, prefixLength }: DhcpLease): InetAddress | undefined {
    return inetDevice(this.#dev)?.addresses.find(
      (ifa) =>
        ifa.local === address && ifa.prefixLength === prefixLength && (ifa.flags & IFA_F_NOPREFIXROUTE) === 0,
    );
  }

  /** Adds what is not there; a route that somebody else made stays his. */
  #setRoutes(installed: Installed, lease: DhcpLease): void {
    const { fib } = this.#host;
    const wanted = lease.routes;
    for (const route of installed.routes) {
      if (!wanted.some((other) => sameRoute(route, other)))
        fib.delete({ ...this.#config(route, false), scope: SCOPE_NOWHERE });
    }
    installed.routes = wanted.filter((route) => {
      const mask = maskOf(lease.prefixLength);
      const offLink = route.gateway !== 0 && ((route.gateway ^ lease.address) & mask) !== 0;
      const added = fib.add(this.#config(route, offLink), 'add');
      if (typeof added !== 'number') return true;
      return added === -EEXIST && this.#isOfDhcp(route);
    });
  }

  /** Whether a route that is there is one of ours, or of a client that ran before and left it. */
  #isOfDhcp({ destination, prefixLength, gateway }: DhcpRoute): boolean {
    return this.#host.fib.main
      .exactly(destination, prefixLength)
      .some(
        (entry) => entry.dev === this.#dev && entry.protocol === RTPROT_DHCP && entry.gateway === gateway,
      );
  }

  #config({ destination, prefixLength, gateway }: DhcpRoute, onlink: boolean): FibConfig {
    return {
      table: RT_TABLE_MAIN,
      destination,
      prefixLength,
      gateway,
      dev: this.#dev,
      type: RTN_UNICAST,
      scope: gateway === 0 ? SCOPE_LINK : SCOPE_UNIVERSE,
      metric: this.#settings.metric,
      tos: 0,
      protocol: RTPROT_DHCP,
      preferredSource: 0,
      onlink,
      attributes: {},
    };
  }

  #setMtu(installed: Installed, mtu: number): void {
    const before = installed.mtu > 0 ? installed.mtu : this.#dev.mtu;
    const wanted = mtu > 0 ? mtu : before;
    if (this.#dev.mtu === wanted) return;
    if (setMtu(this.#dev, wanted) >= 0) installed.mtu = mtu > 0 ? before : 0;
  }

  #setServers(installed: Installed, lease: DhcpLease): void {
    const { resolver } = this.#settings;
    const { dnsServers, domain } = lease;
    const search = lease.search.length > 0 || domain === null ? lease.search : [domain];
    if (resolver !== null) {
      installed.servers = [];
      resolver.configure(dnsServers, search);
      return;
    }
    if (dnsServers.length === 0) {
      this.#resetServers(installed);
      return;
    }
    const { dns } = this.#host;
    installed.servers ??= dns.getServers();
    dns.setServers(dnsServers.map(formatIpv4));
  }

  #resetServers(installed: Installed): void {
    const { resolver } = this.#settings;
    if (installed.servers === null) return;
    if (resolver !== null) resolver.configure([], []);
    else this.#host.dns.setServers(installed.servers);
    installed.servers = null;
  }
}

function sameRoute(one: DhcpRoute, other: DhcpRoute): boolean {
  return (
    one.destination === other.destination &&
    one.prefixLength === other.prefixLength &&
    one.gateway === other.gateway
  );
}
