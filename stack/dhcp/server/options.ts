import { EINVAL, NetError } from '../../../device/errno.ts';
import { type MacAddress, parseMac } from '../../../device/frame/mac.ts';
import {
  formatIpv4,
  INADDR_BROADCAST,
  type Ipv4,
  maskOf,
  parseIpv4,
  parsePrefix,
} from '../../wire/address.ts';
import {
  OPT_BOOT_FILE,
  OPT_BROADCAST,
  OPT_CLASSLESS_ROUTE,
  OPT_DNS_SERVER,
  OPT_DOMAIN_NAME,
  OPT_DOMAIN_SEARCH,
  OPT_HOSTNAME,
  OPT_MTU,
  OPT_NTP_SERVER,
  OPT_ROUTER,
  OPT_STATIC_ROUTE,
  OPT_SUBNET_MASK,
  OPT_TFTP_SERVER,
  OPT_VENDOR_SPECIFIC,
} from '../../wire/dhcp-options.ts';
import {
  address,
  addresses,
  classlessRoutes,
  type DhcpRoute,
  domains,
  staticRoutes,
  text,
  u16,
} from '../codecs.ts';
import { isHostAddress } from '../values.ts';

/** What a server says to the hosts of a subnet. */
export interface OfferedOptions {
  routers?: readonly string[];
  dnsServers?: readonly string[];
  domain?: string;
  search?: readonly string[];
  ntpServers?: readonly string[];
  mtu?: number;
  /** `{ to: '198.51.100.0/24', via: '192.0.2.9' }`: option 121; the default route must be among them, as hosts then leave option 3 aside. */
  routes?: readonly { to: string; via: string }[];
  /** Option 33: hosts, or networks of a class. */
  staticRoutes?: readonly { to: string; via: string }[];
  tftpServer?: string;
  bootFile?: string;
  /** Any other option, by code. */
  raw?: Readonly<Record<number, Uint8Array>>;
}

export interface ReservationOptions {
  /** Whose: one of the two. */
  mac?: string;
  clientId?: Uint8Array;
  address: string;
  hostname?: string;
}

export interface SubnetOptions {
  /** `192.0.2.0/24`. */
  prefix: string;
  /** `192.0.2.100-192.0.2.200`, or one address. */
  ranges?: readonly string[];
  reservations?: readonly ReservationOptions[];
  options?: OfferedOptions;
  /** Seconds: what is granted when nothing is asked for, and at most. */
  leaseTime?: number;
  longestLease?: number;
}

/** Leases as they are kept while the server does not run. */
export interface ServerStore {
  load(): readonly unknown[];
  /** Called before the client is told. */
  put(lease: SavedServerLease): void;
  remove(address: string): void;
}

/** `offered`: kept for the client until he asks for it. `declined`: somebody else was there, so that nobody gets it. */
export type LeaseState = 'offered' | 'bound' | 'declined';

/** A lease of the table as a plain object. */
export interface SavedServerLease {
  readonly address: string;
  /** Who has it: `01:...` by client identifier, `hw:...` by hardware address; bytes in hex. */
  readonly client: string;
  readonly state: LeaseState;
  /** Milliseconds since the Unix epoch at which it is over; null: never. */
  readonly expiresAt: number | null;
  readonly hostname: string;
}

export interface DhcpServerOptions {
  subnets: readonly SubnetOptions[];
  /** Refuse addresses that it knows nothing of, and of other networks (DHCPNAK); true when left out. */
  authoritative?: boolean;
  /** Milliseconds that an address is looked for on the network before it is offered; 0: not at all; 500 when left out. */
  probeMs?: number;
  /** Seconds for which an address that a client declined is given to nobody; a day when left out. */
  quarantine?: number;
  store?: ServerStore;
}

export interface Reservation {
  /** As in {@link SavedServerLease}. */
  readonly client: string;
  readonly address: Ipv4;
  readonly hostname: string;
}

/** {@link SubnetOptions}, checked, addresses as numbers. */
export interface Subnet {
  readonly network: Ipv4;
  readonly prefixLength: number;
  readonly ranges: readonly (readonly [Ipv4, Ipv4])[];
  readonly reservations: readonly Reservation[];
  readonly options: ReadonlyMap<number, Uint8Array>;
  readonly leaseTime: number;
  readonly longestLease: number;
}

/** Addresses in the ranges of one server at most. */
const ADDRESSES_MOST = 65_536;
const LEASE_TIME = 3600;
const LEAST_LEASE = 60;

/** Checks subnets. Throws `EINVAL` naming what is wrong. */
export function readSubnets(given: readonly SubnetOptions[]): readonly Subnet[] {
  const subnets = given.map(readSubnet);
  const total = subnets.flatMap(({ ranges }) => ranges).reduce((sum, [from, to]) => sum + to - from + 1, 0);
  if (total > ADDRESSES_MOST) wrong(`more than ${ADDRESSES_MOST} addresses in ranges`);
  return subnets;
}

/** The key of a client by its hardware address. */
export function hardwareKey(bytes: Uint8Array): string {
  return `hw:${Buffer.from(bytes).toString('hex')}`;
}

/** The key of a client by its identifier (option 61). */
export function identifierKey(bytes: Uint8Array): string {
  return `id:${Buffer.from(bytes).toString('hex')}`;
}

function readSubnet(given: SubnetOptions): Subnet {
  const prefix = parsePrefix(given.prefix);
  if (prefix === undefined || prefix.length < 8 || prefix.length > 30) wrong(`subnet ${given.prefix}`);
  const network = (prefix.address & maskOf(prefix.length)) >>> 0;
  const subnet = { network, prefixLength: prefix.length };
  const leaseTime = given.leaseTime ?? LEASE_TIME;
  const longestLease = given.longestLease ?? Math.max(leaseTime, LEASE_TIME);
  for (const seconds of [leaseTime, longestLease])
    if (!Number.isInteger(seconds) || seconds < LEAST_LEASE || seconds > INADDR_BROADCAST)
      wrong(`lease time ${seconds}`);
  return {
    ...subnet,
    ranges: (given.ranges ?? []).map((range) => readRange(range, subnet)),
    reservations: (given.reservations ?? []).map((one) => readReservation(one, subnet)),
    options: readOptions(given.options ?? {}, subnet),
    leaseTime,
    longestLease: Math.max(leaseTime, longestLease),
  };
}

function readRange(text: string, subnet: Pick<Subnet, 'network' | 'prefixLength'>): readonly [Ipv4, Ipv4] {
  const [first = '', last = first] = text.split('-').map((part) => part.trim());
  const range = [hostOf(first, subnet), hostOf(last, subnet)] as const;
  return range[0] <= range[1] ? range : wrong(`range ${text}`);
}

function readReservation(
  { mac, clientId, address: text, hostname = '' }: ReservationOptions,
  subnet: Pick<Subnet, 'network' | 'prefixLength'>,
): Reservation {
  const known = mac === undefined ? Number.NaN : parseMac(mac);
  if (Number.isNaN(known) === (clientId === undefined)) wrong(`reservation of ${text}: a mac or a clientId`);
  const client = clientId === undefined ? hardwareKey(macBytes(known)) : identifierKey(clientId);
  return { client, address: hostOf(text, subnet), hostname };
}

function macBytes(mac: MacAddress): Uint8Array {
  const bytes = Buffer.alloc(6);
  bytes.writeUIntBE(mac, 0, 6);
  return bytes;
}

/** Whether an address is in a subnet. */
export function isIn(
  { network, prefixLength }: Pick<Subnet, 'network' | 'prefixLength'>,
  one: Ipv4,
): boolean {
  return (one & maskOf(prefixLength)) >>> 0 === network;
}

/** An address that a host of the subnet may have. */
function hostOf(text: string, subnet: Pick<Subnet, 'network' | 'prefixLength'>): Ipv4 {
  const one = parseIpv4(text);
  const broadcast = (subnet.network | ~maskOf(subnet.prefixLength)) >>> 0;
  if (
    Number.isNaN(one) ||
    !isIn(subnet, one) ||
    one === subnet.network ||
    one === broadcast ||
    !isHostAddress(one)
  )
    wrong(`${text} is no host of ${formatIpv4(subnet.network)}/${subnet.prefixLength}`);
  return one;
}

function readOptions(
  given: OfferedOptions,
  { network, prefixLength }: Pick<Subnet, 'network' | 'prefixLength'>,
): Map<number, Uint8Array> {
  const options = new Map<number, Uint8Array>();
  const broadcast = (network | ~maskOf(prefixLength)) >>> 0;
  const list = (code: number, texts: readonly string[] | undefined): void => {
    if (texts !== undefined && texts.length > 0) options.set(code, addresses.write(texts.map(parsed)));
  };
  const words = (code: number, value: string | undefined): void => {
    if (value === undefined) return;
    if (text.read(Buffer.from(value, 'latin1')) !== value) wrong(`"${value}"`);
    options.set(code, text.write(value));
  };
  options.set(OPT_SUBNET_MASK, address.write(maskOf(prefixLength)));
  options.set(OPT_BROADCAST, address.write(broadcast));
  if (given.routes !== undefined && given.routes.length > 0)
    options.set(OPT_CLASSLESS_ROUTE, classlessRoutes.write(given.routes.map(routeOf)));
  list(OPT_ROUTER, given.routers);
  list(OPT_DNS_SERVER, given.dnsServers);
  words(OPT_DOMAIN_NAME, given.domain);
  if (given.search !== undefined && given.search.length > 0) {
    const bytes = domains.write(given.search);
    if (domains.read(bytes) === undefined) wrong(`search ${given.search.join(' ')}`);
    options.set(OPT_DOMAIN_SEARCH, bytes);
  }
  list(OPT_NTP_SERVER, given.ntpServers);
  if (given.mtu !== undefined) {
    if (!Number.isInteger(given.mtu) || given.mtu < 68 || given.mtu > 0xffff) wrong(`mtu ${given.mtu}`);
    options.set(OPT_MTU, u16.write(given.mtu));
  }
  if (given.staticRoutes !== undefined && given.staticRoutes.length > 0)
    options.set(OPT_STATIC_ROUTE, staticRoutes.write(given.staticRoutes.map(routeOf)));
  words(OPT_TFTP_SERVER, given.tftpServer);
  words(OPT_BOOT_FILE, given.bootFile);
  for (const [code, bytes] of Object.entries(given.raw ?? {})) {
    const number = Number(code);
    const free = number === OPT_VENDOR_SPECIFIC || number === OPT_HOSTNAME || !RESERVED.has(number);
    if (!(number > 0 && number < 255 && free)) wrong(`option ${code}`);
    options.set(number, bytes);
  }
  return options;
}

/** What the server itself says: the message's own, and times. */
const RESERVED: ReadonlySet<number> = new Set([50, 51, 52, 53, 54, 55, 57, 58, 59, 61, 82]);

function parsed(text: string): Ipv4 {
  const one = parseIpv4(text);
  return Number.isNaN(one) ? wrong(`${text} is no IPv4 address`) : one;
}

function routeOf({ to, via }: { to: string; via: string }): DhcpRoute {
  const prefix = to === 'default' ? { address: 0, length: 0 } : parsePrefix(to);
  if (prefix === undefined) wrong(`route to ${to}`);
  const destination = (prefix.address & maskOf(prefix.length)) >>> 0;
  return { destination, prefixLength: prefix.length, gateway: parsed(via) };
}

function wrong(what: string): never {
  throw new NetError(-EINVAL, 'dhcp server', what);
}
