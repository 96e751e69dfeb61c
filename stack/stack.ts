import type { Registry } from 'prom-client';
import { ENODEV, NetError } from '../device/errno.ts';
import { LoopbackLink } from '../device/link/loopback.ts';
import { Machine, type MachineOptions } from '../device/machine.ts';
import { closeDevice, openDevice } from '../device/netdevice/admin.ts';
import type { Link } from '../device/netdevice/link.ts';
import { NetDevice, type NetDeviceOptions } from '../device/netdevice/netdevice.ts';
import { Netns } from '../device/netdevice/netns.ts';
import { NotifierChain } from '../device/netdevice/notifier.ts';
import { notifyPeers } from '../device/netdevice/peers.ts';
import { registerDevice, unregisterDevice } from '../device/netdevice/registry.ts';
import { NETREG_UNINITIALIZED } from '../device/netdevice/state-bits.ts';
import { type CounterName, Mib } from './counters.ts';
import type { DhcpClient } from './dhcp/client/client.ts';
import type { DhcpClientOptions } from './dhcp/client/options.ts';
import type { DhcpServerOptions } from './dhcp/server/options.ts';
import type { DhcpServer } from './dhcp/server/server.ts';
import { DhcpServices } from './dhcp/services.ts';
import type { Inet } from './inet.ts';
import { AddressBook } from './ip/addresses.ts';
import { Fib } from './ip/fib.ts';
import type { FibEntry } from './ip/fib-entry.ts';
import { Icmp } from './ip/icmp.ts';
import { type InetAddress, inetDevice } from './ip/inet-device.ts';
import { IpLayer } from './ip/ip-layer.ts';
import { Ping, type PingOptions } from './ip/ping.ts';
import { Routes } from './ip/routes.ts';
import { Arp } from './neighbour/arp.ts';
import type { Dgram } from './node/dgram/index.ts';
import type { Dns } from './node/dns/index.ts';
import type { Fetch } from './node/fetch/fetch.ts';
import type { Http } from './node/http/http.ts';
import type { Https } from './node/http/https.ts';
import type { Http2 } from './node/http2/http2.ts';
import { NodeModules } from './node/modules.ts';
import type { Net } from './node/net/net.ts';
import type { Tls } from './node/tls/tls.ts';
import { createMetrics } from './observe/metrics.ts';
import {
  type AddressOptions,
  addressConfig,
  type DeviceOptions,
  ipv4Option,
  macOption,
  prefixOption,
  type RouteOptions,
  type StackOptions,
  validateStackOptions,
} from './options.ts';
import { routeConfig } from './route-options.ts';
import type { FlowHandler } from './socket/forward.ts';
import { SocketLayer } from './socket/layer.ts';
import { PacketSockets } from './socket/packet-sockets.ts';
import { RawSockets } from './socket/raw-sockets.ts';
import { linkForwarding } from './sysctl/forwarding.ts';
import { addIpv4Settings, type Ipv4Settings } from './sysctl/ipv4-settings.ts';
import { SysctlTable } from './sysctl/table.ts';
import type { Tcp } from './tcp/tcp.ts';
import { addTcp } from './tcp/tcp-sockets.ts';
import { Udp } from './udp/udp.ts';
import type { Ipv4 } from './wire/address.ts';

/** Makes a stack with its loopback device up. Throws a `NetError` that names the option when one is wrong. */
export function createStack(options: StackOptions = {}): Stack {
  return new Stack(options);
}

/** How the MIB writes `ip_forward` (RFC 4293). */
const FORWARDING = 1;
const NOT_FORWARDING = 2;

/** All counters of a stack. */
export interface StackCounters {
  /** `/proc/net/snmp` and its kin, by the names that `nstat` prints. */
  readonly mib: Record<CounterName, number>;
  /** Dropped packets by reason; reasons that did not occur are left out. */
  readonly drops: Record<string, number>;
}

/**
 * One TCP/IP stack: a network namespace with its protocols, put together.
 *
 * Its parts reach each other through {@link Inet}. What is done here is for people: errors are thrown as `NetError`, and
 * devices and addresses are named as `ip` names them.
 */
export class Stack implements Inet, Disposable, AsyncDisposable {
  readonly machine: Machine;
  readonly ns: Netns;
  readonly sysctl: SysctlTable = new SysctlTable();
  readonly settings: Ipv4Settings;
  readonly mib: Mib = new Mib();
  readonly inetaddrChain: NotifierChain<InetAddress>;
  readonly inetaddrValidatorChain: NotifierChain<InetAddress>;
  readonly neteventChain: NotifierChain<unknown>;
  readonly addresses: AddressBook;
  readonly fib: Fib;
  readonly routes: Routes;
  readonly arp: Arp;
  readonly ip: IpLayer;
  readonly icmp: Icmp;
  /** The system calls of its sockets. */
  readonly sockets: SocketLayer;
  readonly udp: Udp;
  readonly tcp: Tcp;
  /** The loopback device, index 1. */
  readonly loopback: NetDevice;
  /** Its DHCP clients and servers. */
  readonly dhcpServices: DhcpServices = new DhcpServices(this);
  readonly #pings = new Set<Ping>();
  readonly #node: NodeModules;
  #metrics: Registry | undefined;
  #closed = false;

  constructor(options: StackOptions = {}) {
    validateStackOptions(options);
    this.machine = options.machine ?? new Machine(machineOptions(options));
    this.ns = new Netns(this.machine, options.name ?? '');
    const { fault } = this.machine;
    this.inetaddrChain = new NotifierChain(fault, 'tapir:inetaddr');
    this.inetaddrValidatorChain = new NotifierChain(fault);
    this.neteventChain = new NotifierChain(fault, 'tapir:netevent');
    this.settings = addIpv4Settings(this.sysctl);
    this.fib = new Fib(this);
    this.addresses = new AddressBook(this, this.fib);
    this.routes = new Routes(this, this.fib);
    linkForwarding(this.settings, this.addresses.all, this.addresses.template, () =>
      this.ns.devices.flatMap((dev) => inetDevice(dev)?.conf ?? []),
    );
    this.arp = new Arp(this, options.arp);
    this.ip = new IpLayer(this);
    this.icmp = new Icmp(this);
    this.sockets = new SocketLayer(this);
    this.udp = new Udp(this.sockets);
    this.tcp = addTcp(this.sockets);
    new RawSockets(this.sockets).register();
    new PacketSockets(this.sockets).register();
    this.#node = new NodeModules(this.sockets, options.dns);
    this.addresses.start();
    this.fib.start();
    this.ip.start();
    try {
      for (const [name, value] of Object.entries(options.sysctl ?? {})) this.setSysctl(name, value);
      this.loopback = this.addDevice(new LoopbackLink(this.machine), { name: 'lo' });
    } catch (error) {
      this.close();
      throw error;
    }
  }

  /**
   * Registers a device on `link`, gives it its addresses and, unless `up` is false, opens it. When a step fails, the device
   * is taken away again (which closes the link) and the error thrown names the step.
   */
  addDevice(link: Link, options: DeviceOptions = {}): NetDevice {
    const given: NetDeviceOptions = {};
    if (options.name !== undefined) given.name = options.name;
    if (options.ifindex !== undefined) given.ifindex = options.ifindex;
    if (options.address !== undefined) given.address = macOption('address', options.address);
    if (options.mtu !== undefined) given.mtu = options.mtu;
    if (options.txQueueLen !== undefined) given.txQueueLen = options.txQueueLen;
    const dev = new NetDevice(this.ns, link, given);
    const registered = registerDevice(dev);
    if (registered < 0) {
      if (dev.registration === NETREG_UNINITIALIZED) link.close();
      throw new NetError(registered, 'addDevice', `name ${options.name ?? dev.name}`);
    }
    try {
      for (const address of options.addresses ?? []) this.addAddress(dev, address);
      if (options.up ?? true) this.setUp(dev);
    } catch (error) {
      unregisterDevice(dev);
      throw error;
    }
    return dev;
  }

  /** Takes a device away and closes its link. */
  removeDevice(which: string | NetDevice): void {
    unregisterDevice(this.device(which));
  }

  /** A device by name; `ENODEV` when there is none. */
  device(which: string | NetDevice): NetDevice {
    if (typeof which !== 'string') return which;
    const dev = this.ns.deviceByName(which);
    if (dev === undefined) throw new NetError(-ENODEV, 'device', which);
    return dev;
  }

  /** Opens a device (`ip link set DEV up`). */
  setUp(which: string | NetDevice): void {
    const dev = this.device(which);
    const result = openDevice(dev);
    if (result < 0) throw new NetError(result, 'setUp', dev.name);
  }

  /** Closes a device (`ip link set DEV down`). */
  setDown(which: string | NetDevice): void {
    closeDevice(this.device(which));
  }

  /** Adds an address (`ip address add`): `192.0.2.1/24`, or with more to say. */
  addAddress(which: string | NetDevice, address: string | AddressOptions): InetAddress {
    const dev = this.device(which);
    const result = this.addresses.add(dev, addressConfig(dev, address));
    if (typeof result === 'number')
      throw new NetError(
        result,
        'addAddress',
        `${typeof address === 'string' ? address : address.address} on ${dev.name}`,
      );
    return result;
  }

  /** Removes an address (`ip address del`), written as it was added; without a length the first that matches. */
  deleteAddress(which: string | NetDevice, address: string): void {
    const dev = this.device(which);
    const prefix = prefixOption('address', address);
    const length = address.includes('/') ? prefix.length : -1;
    const result = this.addresses.delete(dev, prefix.address, length);
    if (result < 0) throw new NetError(result, 'deleteAddress', `${address} on ${dev.name}`);
  }

  /** The addresses of a device, in Linux's order. */
  addressesOf(which: string | NetDevice): readonly InetAddress[] {
    return inetDevice(this.device(which))?.addresses ?? [];
  }

  /** Adds a route (`ip route add`, or as `mode` says). */
  addRoute(options: RouteOptions): FibEntry {
    const result = this.fib.add(routeConfig(this, options), options.mode ?? 'add');
    if (typeof result === 'number') throw new NetError(result, 'addRoute', options.to);
    return result;
  }

  /** Deletes the first route that has everything that is given (`ip route del`). */
  deleteRoute(options: RouteOptions): void {
    const result = this.fib.delete(routeConfig(this, options, true));
    if (result < 0) throw new NetError(result, 'deleteRoute', options.to);
  }

  /** Tells the network where a device is now (Linux: `netdev_notify_peers`). */
  notifyPeers(which: string | NetDevice): void {
    notifyPeers(this.device(which));
  }

  /** Sets a setting by its Linux name. Throws `ENOENT`, `EINVAL` or `EACCES` naming it. */
  setSysctl(name: string, value: string | number): void {
    const result = this.sysctl.set(name, value);
    if (result < 0) throw new NetError(result, 'sysctl', `${name}=${value}`);
  }

  /** Sends echo requests; they begin at once. See {@link Ping} for the ways to hear of replies. */
  ping(address: string | Ipv4, options: PingOptions = {}): Ping {
    const destination = typeof address === 'string' ? ipv4Option('address', address) : address;
    const ping = new Ping(this, this.icmp.pings, destination, options);
    this.#pings.add(ping);
    ping.onEnd(() => this.#pings.delete(ping));
    ping.start();
    return ping;
  }

  /**
   * Offers every new flow, to any address and port, that no socket wants: `handler` accepts, rejects or drops it, at once or later. Null
   * ends it. Traffic to other hosts' addresses must be routed here.
   */
  forward(handler: FlowHandler | null): void {
    this.sockets.forwarder.setHandler(handler);
  }

  /** Gets a device its address from a DHCP server, and keeps it. Throws what {@link DhcpClient}'s constructor throws; `EEXIST`. */
  dhcp(which: string | NetDevice, options: DhcpClientOptions = {}): DhcpClient {
    return this.dhcpServices.startClient(this.device(which), options);
  }

  /** Gives addresses to the hosts on a device. Throws what {@link DhcpServer}'s constructor throws; `EEXIST`. */
  serveDhcp(which: string | NetDevice, options: DhcpServerOptions): DhcpServer {
    return this.dhcpServices.startServer(this.device(which), options);
  }

  /** Node's `net` module over this stack. */
  get net(): Net {
    return this.#node.net;
  }

  /** Node's `dgram` module over this stack. */
  get dgram(): Dgram {
    return this.#node.dgram;
  }

  /** Node's `dns` module over this stack. Throws ERR_INVALID_IP_ADDRESS when a server that it was given is none. */
  get dns(): Dns {
    return this.#node.dns;
  }

  /** Node's `tls` module over this stack. */
  get tls(): Tls {
    return this.#node.tls;
  }

  /** Node's `http` module over this stack. */
  get http(): Http {
    return this.#node.http;
  }

  /** Node's `https` module over this stack. */
  get https(): Https {
    return this.#node.https;
  }

  /** Node's `http2` module over this stack. */
  get http2(): Http2 {
    return this.#node.http2;
  }

  /** The standard's `fetch` over this stack, for `http:` and `https:`. */
  get fetch(): Fetch {
    return this.#node.fetch;
  }

  counters(): StackCounters {
    const mib = this.mib.toJSON();
    mib.IpForwarding = this.settings.ipForward.value === 1 ? FORWARDING : NOT_FORWARDING;
    mib.IpDefaultTTL = this.settings.defaultTtl.value;
    return { mib, drops: this.ns.drops.toJSON() };
  }

  /** The registry behind {@link metrics}, for who merges it with others. Its names begin with `tapir_`. */
  get metricsRegistry(): Registry {
    this.#metrics ??= createMetrics(this, () => this.#node.dnsCounters);
    return this.#metrics;
  }

  /** Everything that the stack counts, in the text format of Prometheus. */
  metrics(): Promise<string> {
    return this.metricsRegistry.metrics();
  }

  /** Stops everything: devices are gone and their links closed, no timer is left, no packet held. Doing it twice is fine. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.dhcpServices.close();
    for (const ping of this.#pings) ping.stop();
    this.#node.close();
    this.sockets.closeAll();
    this.tcp.close();
    for (const dev of [...this.ns.devices].reverse()) unregisterDevice(dev);
    this.arp.close();
    this.ip.close();
    this.fib.close();
    this.addresses.close();
    const { namespaces } = this.machine;
    namespaces.splice(namespaces.indexOf(this.ns), 1);
  }

  [Symbol.dispose](): void {
    this.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.close();
    return Promise.resolve();
  }
}

function machineOptions(options: StackOptions): MachineOptions {
  const out: MachineOptions = {};
  if (options.clock !== undefined) out.clock = options.clock;
  if (options.entropy !== undefined) out.entropy = options.entropy;
  if (options.pool !== undefined) out.pool = options.pool;
  if (options.compat !== undefined) out.compat = options.compat;
  if (options.linkwatchWindowMs !== undefined) out.linkwatchWindowMs = options.linkwatchWindowMs;
  return out;
}
