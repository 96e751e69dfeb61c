import { DROP_UNHANDLED_PROTOCOL } from '../../device/drop.ts';
import { ETH_P_ARP } from '../../device/frame/ethernet.ts';
import type { Packet } from '../../device/memory/packet.ts';
import {
  NETDEV_CHANGE,
  NETDEV_CHANGEADDR,
  NETDEV_CHANGEMTU,
  NETDEV_CHANGENAME,
  NETDEV_DOWN,
  NETDEV_REGISTER,
  NETDEV_UNREGISTER,
} from '../../device/netdevice/events.ts';
import { IFF_NOARP } from '../../device/netdevice/flags.ts';
import type { NetdevInfo } from '../../device/netdevice/netdev-info.ts';
import type { NetDevice } from '../../device/netdevice/netdevice.ts';
import type { NotifierBlock } from '../../device/netdevice/notifier.ts';
import { registerNetnsNotifier, unregisterNetnsNotifier } from '../../device/netdevice/registry.ts';
import type { Inet, NeighbourSeam } from '../inet.ts';
import type { InetAddress } from '../ip/inet-device.ts';
import type { Ipv4 } from '../wire/address.ts';
import { IPV4_MIN_MTU } from '../wire/ipv4.ts';
import { Announcer } from './announce.ts';
import { ArpInput } from './arp-input.ts';
import { ArpOps } from './arp-ops.ts';
import { ArpOutput } from './arp-output.ts';
import { ConflictDetector, type ConflictMode, type DefencePolicy } from './conflict.ts';
import type { Neighbour } from './neighbour.ts';
import type { AnnouncePreset } from './presets.ts';
import { ProxyTable } from './proxy.ts';
import { NeighbourTable } from './table.ts';

export interface ArpOptions {
  /** How devices are announced; `linux` when left out. */
  readonly preset?: AnnouncePreset;
  /** Address conflict detection; `off`, as in Linux, when left out. */
  readonly conflictDetection?: ConflictMode;
  /** `defend-once` when left out. */
  readonly defence?: DefencePolicy;
}

/**
 * The ARP layer of a stack, put together: the neighbour table with what ARP brings to it, input and output, proxy ARP, the
 * announcer and conflict detection. It listens to the devices' events and to those of addresses.
 */
export class Arp implements NeighbourSeam {
  readonly table: NeighbourTable;
  readonly ops: ArpOps;
  readonly output: ArpOutput;
  readonly input: ArpInput;
  /** The addresses that are answered for. */
  readonly proxies: ProxyTable = new ProxyTable();
  readonly announcer: Announcer;
  readonly conflicts: ConflictDetector;
  /** Asked about each frame before anything is done with it; true: it took the frame, which is another stack's matter. */
  relay: ((packet: Packet, dev: NetDevice) => boolean) | null = null;
  readonly #inet: Inet;
  readonly #deviceBlock: NotifierBlock<NetdevInfo> = { notify: (event, info) => this.#onDevice(event, info) };
  readonly #addressBlock: NotifierBlock<InetAddress> = {
    notify: (event, ifa) => this.#onAddress(event, ifa),
  };
  #closed = false;

  constructor(inet: Inet, options: ArpOptions = {}) {
    const { machine, ns, mib, sysctl, neteventChain } = inet;
    const entropy = ns.entropy.fork();
    this.#inet = inet;
    this.output = new ArpOutput(inet);
    this.ops = new ArpOps(inet, this.output);
    this.table = new NeighbourTable(
      { machine, ns, mib, sysctl, neteventChain, entropy, prefix: 'net.ipv4.neigh' },
      this.ops,
    );
    this.announcer = new Announcer(inet, this.output, entropy);
    if (options.preset !== undefined) this.announcer.preset = options.preset;
    this.conflicts = new ConflictDetector(inet, this.output, entropy);
    this.conflicts.policy = options.defence ?? 'defend-once';
    const { table, output, proxies, conflicts } = this;
    this.input = new ArpInput({ inet, entropy, table, output, proxies, conflicts });
    ns.addProtocol(ETH_P_ARP, (packet, dev) => this.#receive(packet, dev));
    inet.inetaddrChain.register(this.#addressBlock);
    registerNetnsNotifier(ns, this.#deviceBlock);
    if (options.conflictDetection !== undefined) this.conflicts.mode = options.conflictDetection;
  }

  nextHop(dev: NetDevice, address: Ipv4): Neighbour | null {
    return this.table.nextHop(dev, address);
  }

  /** Stops every timer, releases every packet, removes entries and settings. Frames that still come are dropped. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.conflicts.close();
    this.announcer.close();
    unregisterNetnsNotifier(this.#inet.ns, this.#deviceBlock);
    this.#inet.inetaddrChain.unregister(this.#addressBlock);
    this.input.close();
    this.table.close();
  }

  #receive(packet: Packet, dev: NetDevice): void {
    if (this.#closed) dev.drop(packet, DROP_UNHANDLED_PROTOCOL);
    else if (this.relay === null || !this.relay(packet, dev)) this.input.receive(packet, dev);
  }

  /** Linux: `arp_netdev_event`, and what `inetdev_event` and `fib_netdev_event` do to neighbours. */
  #onDevice(event: number, info: NetdevInfo): void {
    const { dev } = info;
    switch (event) {
      case NETDEV_REGISTER:
        this.table.parms(dev);
        break;
      case NETDEV_CHANGENAME:
        this.table.renameParms(dev);
        break;
      case NETDEV_CHANGEADDR:
        this.table.flushDevice(dev, false);
        break;
      case NETDEV_CHANGE:
        if (((info.flagsChanged ?? 0) & IFF_NOARP) !== 0) this.table.flushDevice(dev, false);
        if (!dev.carrier && this.#evictsWithoutCarrier(dev)) this.#flush(dev, true);
        break;
      case NETDEV_DOWN:
        this.#flush(dev, false);
        break;
      case NETDEV_CHANGEMTU:
        if (dev.mtu < IPV4_MIN_MTU) this.#flush(dev, false);
        break;
      case NETDEV_UNREGISTER:
        this.#flush(dev, false);
        this.table.removeParms(dev);
        this.output.forget(dev);
        break;
    }
    this.announcer.onEvent(event, dev);
    this.conflicts.onEvent(event, dev);
  }

  /** With its last address a device loses its neighbours (Linux: `fib_disable_ip`). */
  #onAddress(event: number, ifa: InetAddress): void {
    const { dev } = ifa;
    if (event === NETDEV_DOWN && (this.#inet.addresses.inetDevice(dev)?.addresses.length ?? 0) === 0)
      this.#flush(dev, false);
    this.conflicts.onAddress(event, ifa);
  }

  /** Entries, proxy entries, and requests that wait to be proxied (Linux: `__neigh_ifdown`). */
  #flush(dev: NetDevice, sparePermanent: boolean): void {
    this.table.flushDevice(dev, sparePermanent);
    this.proxies.flushDevice(dev, sparePermanent);
    this.input.queue.purge(dev);
  }

  #evictsWithoutCarrier(dev: NetDevice): boolean {
    return (this.#inet.addresses.inetDevice(dev)?.conf.values.arp_evict_nocarrier ?? 1) !== 0;
  }
}
