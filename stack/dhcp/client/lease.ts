import { INADDR_BROADCAST, type Ipv4, maskOf } from '../../wire/address.ts';
import type { DhcpMessage } from '../../wire/dhcp.ts';
import {
  OPT_BROADCAST,
  OPT_CLASSLESS_ROUTE,
  OPT_DNS_SERVER,
  OPT_DOMAIN_NAME,
  OPT_DOMAIN_SEARCH,
  OPT_HOSTNAME,
  OPT_LEASE_TIME,
  OPT_MTU,
  OPT_NTP_SERVER,
  OPT_REBINDING_TIME,
  OPT_RENEWAL_TIME,
  OPT_ROUTER,
  OPT_SERVER_ID,
  OPT_STATIC_ROUTE,
  OPT_SUBNET_MASK,
} from '../../wire/dhcp-options.ts';
import {
  address,
  addresses,
  type Codec,
  classfulLength,
  classlessRoutes,
  type DhcpRoute,
  domains,
  staticRoutes,
  text,
  u16,
  u32,
} from '../codecs.ts';
import { INFINITE, isHostAddress } from '../values.ts';

/** What DHCP may set an MTU to (RFC 2132, section 5.1, has 68; with less than 576 hosts don't work). */
const LEAST_MTU = 576;

/** What a server granted: a plain object, addresses as numbers in host order, times in seconds. */
export interface DhcpLease {
  readonly address: Ipv4;
  readonly prefixLength: number;
  /** 0: none. */
  readonly broadcast: Ipv4;
  readonly server: Ipv4;
  /** {@link INFINITE}: for ever. */
  readonly leaseTime: number;
  /** T1 and T2. */
  readonly renewalTime: number;
  readonly rebindingTime: number;
  /** Milliseconds since the Unix epoch at which it was asked for: when its times begin. */
  readonly obtainedAt: number;
  /** Gateway of the default route first, where there is one. */
  readonly routers: readonly Ipv4[];
  readonly routes: readonly DhcpRoute[];
  readonly dnsServers: readonly Ipv4[];
  readonly domain: string | null;
  readonly search: readonly string[];
  readonly ntpServers: readonly Ipv4[];
  readonly hostname: string | null;
  /** 0: not said. */
  readonly mtu: number;
}

/** Why an offer or a DHCPACK is not taken. */
export type LeaseDefect = 'address' | 'mask' | 'server' | 'leaseTime';

/** Milliseconds until `seconds` of a lease are over; `now` as `obtainedAt`. */
export function msUntil({ obtainedAt, leaseTime }: DhcpLease, seconds: number, now: number): number {
  return leaseTime === INFINITE ? Number.POSITIVE_INFINITY : obtainedAt + seconds * 1000 - now;
}

/** Options whose value is not as it should be are as good as not there: those that matter are then missing. */
function value<T>(message: DhcpMessage, code: number, codec: Codec<T>): T | undefined {
  const bytes = message.options.get(code);
  return bytes === undefined ? undefined : codec.read(bytes);
}

/** The server that a message is from, 0: it does not say. */
export function serverOf(message: DhcpMessage): Ipv4 {
  return value(message, OPT_SERVER_ID, address) ?? 0;
}

/** The prefix length of a mask, -1 when it has holes. */
function lengthOf(mask: Ipv4): number {
  const length = Math.clz32(~mask);
  return maskOf(length) === mask ? length : -1;
}

/** Whether an address is that of its network, or the broadcast address there. */
function isSpecial(candidate: Ipv4, length: number): boolean {
  const host = (candidate & ~maskOf(length)) >>> 0;
  return length < 31 && (host === 0 || host === ~maskOf(length) >>> 0);
}

/** Reads what a DHCPOFFER or a DHCPACK grants. `obtainedAt`: see {@link DhcpLease}. */
export function readLease(message: DhcpMessage, obtainedAt: number): DhcpLease | LeaseDefect {
  const { yiaddr } = message;
  const server = serverOf(message);
  if (!isHostAddress(yiaddr)) return 'address';
  const mask = value(message, OPT_SUBNET_MASK, address);
  const prefixLength = mask === undefined ? classfulLength(yiaddr) : lengthOf(mask);
  if (prefixLength < 1) return 'mask';
  if (isSpecial(yiaddr, prefixLength)) return 'address';
  if (!isHostAddress(server)) return 'server';
  const leaseTime = value(message, OPT_LEASE_TIME, u32) ?? 0;
  if (leaseTime === 0) return 'leaseTime';
  const mtu = value(message, OPT_MTU, u16) ?? 0;
  return {
    address: yiaddr,
    prefixLength,
    broadcast: broadcastOf(message, prefixLength),
    server,
    leaseTime,
    ...timesOf(message, leaseTime),
    obtainedAt,
    ...routesOf(message),
    dnsServers: (value(message, OPT_DNS_SERVER, addresses) ?? []).filter(isHostAddress),
    domain: value(message, OPT_DOMAIN_NAME, text) ?? null,
    search: value(message, OPT_DOMAIN_SEARCH, domains) ?? [],
    ntpServers: (value(message, OPT_NTP_SERVER, addresses) ?? []).filter(isHostAddress),
    hostname: value(message, OPT_HOSTNAME, text) ?? null,
    mtu: mtu < LEAST_MTU ? 0 : mtu,
  };
}

function broadcastOf(message: DhcpMessage, length: number): Ipv4 {
  if (length >= 31) return 0;
  const usual = (message.yiaddr | ~maskOf(length)) >>> 0;
  const said = value(message, OPT_BROADCAST, address) ?? usual;
  const network = (message.yiaddr & maskOf(length)) >>> 0;
  return said === usual || said === network || said === INADDR_BROADCAST ? said : usual;
}

/** T1 and T2 are as the server says where they are in order, else a half and seven eighths (RFC 2131, section 4.4.5). */
function timesOf(message: DhcpMessage, leaseTime: number): Pick<DhcpLease, 'renewalTime' | 'rebindingTime'> {
  const rebinding = value(message, OPT_REBINDING_TIME, u32) ?? 0;
  const rebindingTime = rebinding > 0 && rebinding < leaseTime ? rebinding : leaseTime * 0.875;
  const renewal = value(message, OPT_RENEWAL_TIME, u32) ?? 0;
  const renewalTime =
    renewal > 0 && renewal < rebindingTime ? renewal : Math.min(leaseTime / 2, rebindingTime);
  return { renewalTime, rebindingTime };
}

/** Classless routes stand for all others (RFC 3442). */
function routesOf(message: DhcpMessage): Pick<DhcpLease, 'routers' | 'routes'> {
  const usable = ({ gateway }: DhcpRoute): boolean => gateway === 0 || isHostAddress(gateway);
  const classless = value(message, OPT_CLASSLESS_ROUTE, classlessRoutes);
  if (classless !== undefined) {
    const routes = classless.filter(usable);
    const routers = routes.filter((route) => route.prefixLength === 0 && route.gateway !== 0);
    return { routers: routers.map((route) => route.gateway), routes };
  }
  const routers = (value(message, OPT_ROUTER, addresses) ?? []).filter(isHostAddress);
  const fixed = (value(message, OPT_STATIC_ROUTE, staticRoutes) ?? []).filter(usable);
  const [first] = routers;
  const toAll = first === undefined ? [] : [{ destination: 0, prefixLength: 0, gateway: first }];
  return { routers, routes: [...fixed, ...toAll] };
}
