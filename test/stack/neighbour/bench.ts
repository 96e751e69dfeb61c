import { ETH_HLEN, ETH_P_ARP, ETH_P_IP, ETH_P_RARP } from '../../../device/frame/ethernet.ts';
import { formatMac, getMac, MAC_BROADCAST, MAC_ZERO, parseMac } from '../../../device/frame/mac.ts';
import type { Packet } from '../../../device/memory/packet.ts';
import { openDevice } from '../../../device/netdevice/admin.ts';
import { NETDEV_DOWN, NETDEV_UP } from '../../../device/netdevice/events.ts';
import type { NetDevice, NetDeviceOptions } from '../../../device/netdevice/netdevice.ts';
import { NotifierChain } from '../../../device/netdevice/notifier.ts';
import { Mib } from '../../../stack/counters.ts';
import type { AddressSeam, Inet, IpSeam, RouteResult, RouteSeam } from '../../../stack/inet.ts';
import { confirmOn, selectOn } from '../../../stack/ip/address-select.ts';
import { type InetAddress, InetDevice, inetDevice, inSubnet } from '../../../stack/ip/inet-device.ts';
import { Arp, type ArpOptions } from '../../../stack/neighbour/arp.ts';
import type { Neighbour } from '../../../stack/neighbour/neighbour.ts';
import { nudName } from '../../../stack/neighbour/nud.ts';
import { Ipv4Conf } from '../../../stack/sysctl/ipv4-conf.ts';
import { SysctlTable } from '../../../stack/sysctl/table.ts';
import {
  formatIpv4,
  INADDR_BROADCAST,
  isLoopback,
  isMulticast,
  maskOf,
  parseIpv4,
  parsePrefix,
  RTN_BROADCAST,
  RTN_LOCAL,
  RTN_MULTICAST,
  RTN_UNICAST,
} from '../../../stack/wire/address.ts';
import { ARP_LENGTH, ARPOP_REQUEST, arpLayout, writeArp } from '../../../stack/wire/arp.ts';
import { type TestMachine, type TestMachineOptions, testDevice, testMachine } from '../../testing/machine.ts';
import type { TestLink, TestLinkOptions } from '../../testing/test-link.ts';

export const ip = (text: string): number => parseIpv4(text);
export const mac = (text: string): number => parseMac(text);
/** The one who is not us. */
export const PEER = mac('02:00:00:00:00:99');
export const US = mac('02:00:00:00:00:01');

export interface ArpFrameOptions {
  op?: number;
  sha?: number;
  sip: string;
  tha?: number;
  tip: string;
  to?: number;
  from?: number;
}

/** An ARP frame as the peer would send it: a broadcast request unless told otherwise. */
export function arpFrame(options: ArpFrameOptions): Buffer {
  const op = options.op ?? ARPOP_REQUEST;
  const sha = options.sha ?? PEER;
  const frame = Buffer.alloc(ETH_HLEN + ARP_LENGTH);
  const view = new DataView(frame.buffer, frame.byteOffset, frame.length);
  frame.writeUIntBE(options.to ?? (op === ARPOP_REQUEST ? MAC_BROADCAST : US), 0, 6);
  frame.writeUIntBE(options.from ?? sha, 6, 6);
  frame.writeUInt16BE(ETH_P_ARP, 12);
  writeArp(view, ETH_HLEN, op, sha, ip(options.sip), options.tha ?? MAC_ZERO, ip(options.tip));
  return frame;
}

/** A frame in one line, as tcpdump would have it. */
export function describe(frame: Buffer): string {
  const view = new DataView(frame.buffer, frame.byteOffset, frame.length);
  const to = formatMac(getMac(view, 0));
  const type = frame.readUInt16BE(12);
  if (type === ETH_P_IP)
    return `ip ${formatIpv4(frame.readUInt32BE(ETH_HLEN + 16))} #${frame.at(-1)} to ${to}`;
  if (type === ETH_P_RARP) return `rarp ${formatMac(getMac(view, ETH_HLEN + 8))} to ${to}`;
  const { op, sha, spa, tha, tpa } = arpLayout.decode(frame, ETH_HLEN);
  const target = tha === 0 ? '' : ` (${formatMac(tha)})`;
  return op === ARPOP_REQUEST
    ? `who-has ${formatIpv4(tpa)}${target} tell ${formatIpv4(spa)} to ${to}`
    : `reply ${formatIpv4(spa)} is-at ${formatMac(sha)} to ${to}`;
}

export interface BenchOptions extends TestMachineOptions {
  arp?: ArpOptions;
  /** The machine to be on, instead of a new one. */
  on?: TestMachine;
  /** Note no frames. */
  quiet?: boolean;
}

/**
 * An ARP layer on seams that are as small as can be: addresses in a list, routes that know subnets, an IP layer that notes
 * what failed. Frames sent are noted with their time.
 */
export class Bench implements Inet {
  readonly clock;
  readonly pool;
  readonly machine;
  readonly ns;
  readonly sysctl = new SysctlTable();
  readonly mib = new Mib();
  readonly inetaddrChain = new NotifierChain<InetAddress>();
  readonly inetaddrValidatorChain = new NotifierChain<InetAddress>();
  readonly neteventChain = new NotifierChain<unknown>();
  readonly all = new Ipv4Conf(this.sysctl, 'all', null, null);
  readonly addresses: AddressSeam;
  readonly routes: RouteSeam;
  readonly ip: IpSeam;
  readonly arp: Arp;
  /** `ms frame`. */
  readonly sent: string[] = [];
  /** Marks of packets whose sender was told that they failed. */
  readonly failed: string[] = [];
  readonly links = new Map<NetDevice, TestLink>();
  readonly #timersBefore: number;

  constructor(options: BenchOptions = {}) {
    const { clock, pool, machine, ns } = options.on ?? testMachine(options);
    this.clock = clock;
    this.pool = pool;
    this.machine = machine;
    this.ns = ns;
    this.all.knobs.accept_redirects.value = 1;
    for (const knob of Object.values(this.all.knobs)) {
      const refresh = knob.onChange;
      knob.onChange = () => {
        refresh?.();
        for (const dev of ns.devices) inetDevice(dev)?.conf.refresh();
      };
    }
    this.addresses = {
      inetDevice,
      select: (dev, destination, scope) => {
        const inet = inetDevice(dev);
        return inet === null ? 0 : selectOn(inet, destination, scope);
      },
      confirm: (dev, destination, local, scope) => {
        for (const one of dev === null ? ns.devices : [dev]) {
          const inet = inetDevice(one);
          const found = inet === null ? 0 : confirmOn(inet, destination, local, scope);
          if (found !== 0) return found;
        }
        return 0;
      },
    };
    this.routes = {
      addressType: (address) => this.#type(address, ns.devices),
      addressTypeOn: (dev, address) => this.#type(address, [dev]),
      output: (destination) => this.#route(destination),
      input: (destination, source, _tos, dev) => {
        const from = this.#type(source, ns.devices);
        if (from !== RTN_UNICAST || source === 0 || isLoopback(source)) return -22;
        const type = this.#type(destination, ns.devices);
        if (type !== RTN_UNICAST) return { ...NO_ROUTE, type, dev };
        return this.#route(destination);
      },
    };
    this.ip = {
      send: () => 0,
      linkFailure: (packet) => {
        this.failed.push(`${clock.now()} #${pool.u8[packet.end - 1]}`);
        packet.release();
      },
    };
    this.#timersBefore = clock.pendingTimers();
    this.arp = new Arp(this, options.arp);
    if (options.quiet === true) return;
    ns.addTap((packet, dev, outgoing) => {
      if (!outgoing || dev.hardHeaderLength === 0) return;
      const bytes = Buffer.from(pool.u8.subarray(packet.link, packet.end));
      this.sent.push(`${Math.round(clock.now() * 1000) / 1000} ${describe(bytes)}`);
    });
  }

  /** A device that is up, with addresses as `ip address add` takes them. */
  device(
    addresses: string[] = ['192.0.2.1/24'],
    options: NetDeviceOptions & { link?: TestLinkOptions; down?: boolean } = {},
  ): NetDevice {
    const { down, ...rest } = options;
    const { dev, link } = testDevice(this.ns, rest);
    dev.ipPtr = new InetDevice(dev, new Ipv4Conf(this.sysctl, dev.name, this.all, null));
    this.links.set(dev, link);
    for (const address of addresses) this.addAddress(dev, address);
    if (down !== true) openDevice(dev);
    return dev;
  }

  addAddress(dev: NetDevice, text: string, more: Partial<InetAddress> = {}): InetAddress {
    const { address, length } = parsePrefix(text)!;
    const mask = maskOf(length);
    const broadcast = length < 31 ? (address | ~mask) >>> 0 : 0;
    const inet = inetDevice(dev)!;
    const ifa: InetAddress = {
      dev,
      local: address,
      address,
      prefixLength: length,
      mask,
      broadcast,
      scope: 0,
      label: dev.name,
      metric: 0,
      flags: inet.addresses.some((other) => inSubnet(other, address)) ? 1 : 0,
      validLifetime: Number.POSITIVE_INFINITY,
      preferredLifetime: Number.POSITIVE_INFINITY,
      ...more,
    };
    inet.addresses.push(ifa);
    this.inetaddrChain.call(NETDEV_UP, ifa);
    return ifa;
  }

  deleteAddress(ifa: InetAddress): void {
    const inet = inetDevice(ifa.dev)!;
    inet.addresses = inet.addresses.filter((other) => other !== ifa);
    this.inetaddrChain.call(NETDEV_DOWN, ifa);
  }

  set(name: string, value: string | number): void {
    const result = this.sysctl.set(name, value);
    if (result !== 0) throw new Error(`${name}=${value}: ${result}`);
  }

  /** The device receives a frame. */
  receive(dev: NetDevice, frame: Uint8Array): void {
    const packet = this.pool.from(frame);
    if (packet === null) throw new Error('pool is empty');
    dev.receive(packet);
    this.clock.drain();
  }

  /** An IP packet of `bytes` for `to`, whose last byte is `mark`. */
  packet(to: string, mark = 1, from = '192.0.2.1', bytes = 40): Packet {
    const packet = this.pool.alloc(bytes)!;
    const at = packet.put(bytes);
    this.pool.u8.fill(0, at, at + bytes);
    this.pool.view.setUint8(at, 0x45);
    this.pool.view.setUint32(at + 12, ip(from));
    this.pool.view.setUint32(at + 16, ip(to));
    this.pool.view.setUint8(at + bytes - 1, mark);
    packet.network = at;
    return packet;
  }

  /** Sends a packet to a neighbour. */
  send(dev: NetDevice, to: string, mark = 1, from?: string): number {
    const packet = this.packet(to, mark, from);
    const hop = this.arp.nextHop(dev, ip(to));
    if (hop === null) {
      packet.release();
      return -105;
    }
    return hop.output(packet);
  }

  entry(dev: NetDevice, address: string): Neighbour | null {
    return this.arp.table.lookup(dev, ip(address));
  }

  /** `STATE mac`, or `none`. */
  state(dev: NetDevice, address: string): string {
    const entry = this.entry(dev, address);
    return entry === null ? 'none' : `${nudName(entry.state)} ${formatMac(entry.mac)}`;
  }

  /** What was sent since the last call. */
  take(): string[] {
    return this.sent.splice(0);
  }

  drops(): Record<string, number> {
    return this.ns.drops.toJSON();
  }

  /** Ends the layer; what it leaves behind: packets held, timers armed. */
  close(): [packets: number, timers: number] {
    this.arp.close();
    return [this.pool.inUse, this.clock.pendingTimers() - this.#timersBefore];
  }

  #type(address: number, devices: readonly NetDevice[]): number {
    if (isMulticast(address)) return RTN_MULTICAST;
    if (address === INADDR_BROADCAST || address === 0) return RTN_BROADCAST;
    for (const dev of devices) {
      for (const ifa of inetDevice(dev)?.addresses ?? []) {
        if (ifa.local === address) return RTN_LOCAL;
        if (ifa.broadcast === address) return RTN_BROADCAST;
      }
    }
    return RTN_UNICAST;
  }

  #route(destination: number): RouteResult | number {
    for (const dev of this.ns.devices) {
      for (const ifa of inetDevice(dev)?.addresses ?? [])
        if (inSubnet(ifa, destination)) return { ...NO_ROUTE, dev };
    }
    return -101;
  }
}

const NO_ROUTE = { type: RTN_UNICAST, gateway: 0, scope: 253, source: 0, mtu: 0 };
