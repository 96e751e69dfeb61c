import type { Clock } from '../device/clock/clock.ts';
import { EINVAL, NetError } from '../device/errno.ts';
import { isValidMac, type MacAddress, parseMac } from '../device/frame/mac.ts';
import type { LinuxCompat, Machine } from '../device/machine.ts';
import type { PacketPool } from '../device/memory/pool.ts';
import { IFF_LOOPBACK } from '../device/netdevice/flags.ts';
import type { NetDevice } from '../device/netdevice/netdevice.ts';
import type { Entropy } from '../device/random.ts';
import type { AddressConfig } from './ip/addresses.ts';
import type { RouteAttributes } from './ip/fib-entry.ts';
import type { ArpOptions } from './neighbour/arp.ts';
import type { DnsOptions } from './node/dns/index.ts';
import {
  type Ipv4,
  type Ipv4Prefix,
  isLoopback,
  maskOf,
  parseIpv4,
  parsePrefix,
  SCOPE_HOST,
  SCOPE_UNIVERSE,
} from './wire/address.ts';

/** How a stack is made. Everything may be left out. */
export interface StackOptions {
  /** The machine to run on, which several stacks may share; one of its own when left out. */
  machine?: Machine;
  /** Where time comes from; not together with `machine`. The host's clock when left out. */
  clock?: Clock;
  /** Where chance comes from; not together with `machine`. The host's when left out. */
  entropy?: Entropy;
  /** Memory for packets; not together with `machine`. The thread's shared pool when left out. */
  pool?: PacketPool;
  /** Where to behave as Linux even where tapir differs on purpose; not together with `machine`. */
  compat?: Partial<LinuxCompat>;
  /** Milliseconds between two reports of link changes, 1000 as in Linux; not together with `machine`. */
  linkwatchWindowMs?: number;
  /** Name of the network namespace, for people. */
  name?: string;
  /** Which preset announces, and whether address conflicts are looked for. */
  arp?: ArpOptions;
  /** How names are found: servers, hosts, search list. */
  dns?: DnsOptions;
  /** Settings by their Linux names: `{ 'net.ipv4.ip_forward': 1 }`. */
  sysctl?: Readonly<Record<string, string | number>>;
}

/** An address to add, as `ip address add` takes it. */
export interface AddressOptions {
  /** `192.0.2.1/24`; without a length it is a host address (`/32`). */
  address: string;
  /** The other end of a point-to-point link; the prefix length then is the peer's. */
  peer?: string;
  /** Broadcast address; `+` for the one that the prefix gives. None when left out. */
  broadcast?: string;
  /** `RT_SCOPE_*`; host for 127.0.0.0/8, else universe, when left out. */
  scope?: number;
  /** The device's name, or one that begins with it and a colon. */
  label?: string;
  /** Metric of the prefix route. */
  metric?: number;
  /** Add no route for the prefix. */
  noPrefixRoute?: boolean;
  /** Seconds until it is removed; for ever when left out. */
  validLifetime?: number;
  /** Seconds until it is deprecated; for ever when left out. */
  preferredLifetime?: number;
}

/** How a device is added. */
export interface DeviceOptions {
  /** Name, or a pattern with one `%d`; `eth%d` when left out. */
  name?: string;
  /** Interface index to ask for. */
  ifindex?: number;
  /** Link-layer address, `02:00:00:00:00:01` or a 48-bit number, instead of the link's own. */
  address?: MacAddress | string;
  /** Addresses to add in order: `192.0.2.1/24`, or with more to say. */
  addresses?: readonly (string | AddressOptions)[];
  /** MTU in bytes. */
  mtu?: number;
  /** Length of the transmit queue in packets. */
  txQueueLen?: number;
  /** Whether to open it; true when left out. */
  up?: boolean;
}

/** A route, as `ip route` takes it. */
export interface RouteOptions {
  /** `192.0.2.0/24`, a host, or `default`. */
  to: string;
  /** Gateway. */
  via?: string;
  /** Device by name. */
  dev?: string | NetDevice;
  /** Smaller ones win; 0 when left out. */
  metric?: number;
  /** `RTN_*`; unicast when left out. */
  type?: number;
  /** 254 main, 255 local, or what the type goes to when left out. */
  table?: number;
  /** `RT_SCOPE_*`; what the type and gateway give when left out. */
  scope?: number;
  /** `RTPROT_*`; boot when left out. */
  protocol?: number;
  /** Preferred source address. */
  src?: string;
  /** The gateway is on the link even if no route says so. */
  onlink?: boolean;
  tos?: number;
  attributes?: RouteAttributes;
  /** `add` refuses a second route to the same prefix, `append` and `prepend` do not, `replace` replaces, `change` only replaces. */
  mode?: 'add' | 'append' | 'prepend' | 'replace' | 'change';
}

/** Throws an `EINVAL` that names the option. */
export function badOption(option: string, detail: string): never {
  throw new NetError(-EINVAL, option, detail);
}

/** Refuses options that belong to the machine when one is given, and numbers out of range. */
export function validateStackOptions(options: StackOptions): void {
  if (options.machine !== undefined) {
    for (const name of ['clock', 'entropy', 'pool', 'compat', 'linkwatchWindowMs'] as const) {
      if (options[name] !== undefined) badOption(name, 'is the machine’s, which is given too');
    }
  }
  const window = options.linkwatchWindowMs;
  if (window !== undefined && !(window >= 0 && Number.isFinite(window)))
    badOption('linkwatchWindowMs', `${window} is no number of milliseconds`);
}

/** A MAC address given as text or number. Throws `EINVAL` naming `option`. */
export function macOption(option: string, value: MacAddress | string): MacAddress {
  const mac = typeof value === 'string' ? parseMac(value) : value;
  if (!Number.isInteger(mac) || mac < 0 || mac > 0xffffffffffff || !isValidMac(mac))
    badOption(option, `${value} is no address of a station`);
  return mac;
}

/** An IPv4 address given as text. Throws `EINVAL` naming `option`. */
export function ipv4Option(option: string, value: string): Ipv4 {
  const address = parseIpv4(value);
  if (Number.isNaN(address)) badOption(option, `${value} is no IPv4 address`);
  return address;
}

/** A prefix given as text; `default` is 0.0.0.0/0. Throws `EINVAL` naming `option`. */
export function prefixOption(option: string, value: string): Ipv4Prefix {
  const prefix = value === 'default' ? { address: 0, length: 0 } : parsePrefix(value);
  return prefix ?? badOption(option, `${value} is no IPv4 prefix`);
}

/** What the address book takes, from what a user wrote. Throws `EINVAL` naming the option. */
export function addressConfig(dev: NetDevice, given: string | AddressOptions): AddressConfig {
  const options: AddressOptions = typeof given === 'string' ? { address: given } : given;
  const own = prefixOption('address', options.address);
  const peer = options.peer === undefined ? undefined : prefixOption('peer', options.peer);
  const length = peer?.length ?? own.length;
  const address = peer?.address ?? own.address;
  const scope = options.scope ?? (isLoopback(own.address) ? SCOPE_HOST : SCOPE_UNIVERSE);
  if (!(Number.isInteger(scope) && scope >= 0 && scope <= 255)) badOption('scope', `${scope} is no scope`);
  const label = options.label ?? dev.name;
  if (label !== dev.name && !label.startsWith(`${dev.name}:`))
    badOption('label', `${label} does not begin with ${dev.name}`);
  return {
    local: own.address,
    address,
    prefixLength: length,
    broadcast: broadcastOption(dev, options.broadcast, address, length),
    scope,
    label,
    metric: options.metric ?? 0,
    noPrefixRoute: options.noPrefixRoute ?? false,
    validLifetime: options.validLifetime ?? Number.POSITIVE_INFINITY,
    preferredLifetime: options.preferredLifetime ?? options.validLifetime ?? Number.POSITIVE_INFINITY,
  };
}

function broadcastOption(dev: NetDevice, value: string | undefined, address: Ipv4, length: number): Ipv4 {
  if (value === undefined) return 0;
  if (value !== '+') return ipv4Option('broadcast', value);
  return length >= 31 || (dev.flags & IFF_LOOPBACK) !== 0 ? 0 : (address | ~maskOf(length)) >>> 0;
}
