import { EINVAL, EOPNOTSUPP, NetError } from '../../../device/errno.ts';
import { ARPHRD_ETHER } from '../../../device/netdevice/flags.ts';
import type { NetDevice } from '../../../device/netdevice/netdevice.ts';
import { type Ipv4, parseIpv4 } from '../../wire/address.ts';
import { HTYPE_ETHERNET } from '../../wire/dhcp.ts';
import { isHostAddress } from '../values.ts';
import type { DhcpLease } from './lease.ts';

/** Where a lease is kept while its user does not run. */
export interface LeaseStore {
  /** What was saved last; null or what is no lease any more: there is none. */
  load(): unknown;
  /** Null: there is none any more. */
  save(lease: DhcpLease | null): void;
}

/** Who is told of name servers and search domains; both empty when the lease is over. */
export interface ResolverSeam {
  configure(servers: readonly Ipv4[], search: readonly string[]): void;
}

/** How a client behaves; everything may be left out. */
export interface DhcpClientOptions {
  /** Option 61; `01` and the MAC address when left out, null: none is sent. */
  clientId?: Uint8Array | null;
  /** Option 12. */
  hostname?: string;
  /** Option 60. */
  vendorClass?: string;
  /** Address to ask for when no lease is known. */
  requestedAddress?: string;
  /** Ask for answers by broadcast; the client hears unicast ones without an address too. */
  broadcast?: boolean;
  /** Look whether somebody else has the address before it is used (RFC 5227), which takes 4 to 7 seconds; true when left out. */
  checkAddress?: boolean;
  /** Milliseconds at most by which the first message is put off at random; 0, as with Linux's clients (RFC 2131 has 10 seconds). */
  startDelayMs?: number;
  /** Metric of the routes. */
  metric?: number;
  /** Whether routes, name servers and the MTU are taken over; true when left out. */
  useRoutes?: boolean;
  useDns?: boolean;
  useMtu?: boolean;
  /** `stack.dns.setServers` when left out. */
  resolver?: ResolverSeam;
  store?: LeaseStore;
}

/** {@link DhcpClientOptions}, complete and checked. */
export interface ClientSettings {
  readonly clientId: Uint8Array | null;
  readonly hostname: string;
  readonly vendorClass: string;
  /** 0: none. */
  readonly requestedAddress: Ipv4;
  readonly broadcast: boolean;
  readonly checkAddress: boolean;
  readonly startDelayMs: number;
  readonly metric: number;
  readonly useRoutes: boolean;
  readonly useDns: boolean;
  readonly useMtu: boolean;
  readonly resolver: ResolverSeam | null;
  readonly store: LeaseStore | null;
}

const OPTION_MOST = 255;

/** Checks options. Throws `EINVAL` naming the one that is wrong, `EOPNOTSUPP` for a device that is no Ethernet. */
export function clientSettings(dev: NetDevice, options: DhcpClientOptions): ClientSettings {
  if (dev.type !== ARPHRD_ETHER || dev.hardHeaderLength === 0)
    throw new NetError(-EOPNOTSUPP, 'dhcp', `${dev.name} is no Ethernet device`);
  const { clientId, hostname = '', vendorClass = '', startDelayMs = 0, metric = 0 } = options;
  const hardware = Buffer.alloc(7);
  hardware[0] = HTYPE_ETHERNET;
  hardware.writeUIntBE(dev.address, 1, 6);
  const id = clientId === undefined ? hardware : clientId;
  const requested = options.requestedAddress === undefined ? 0 : parseIpv4(options.requestedAddress);
  check('clientId', id === null || (id.length >= 2 && id.length <= OPTION_MOST));
  check('hostname', /^[\x21-\x7e]{0,255}$/.test(hostname));
  check('vendorClass', /^[\x20-\x7e]{0,255}$/.test(vendorClass));
  check('requestedAddress', requested === 0 || isHostAddress(requested));
  check('startDelayMs', startDelayMs >= 0 && Number.isFinite(startDelayMs));
  check('metric', Number.isInteger(metric) && metric >= 0 && metric <= 0xffffffff);
  return {
    clientId: id,
    hostname,
    vendorClass,
    startDelayMs,
    metric,
    requestedAddress: requested,
    broadcast: options.broadcast ?? false,
    checkAddress: options.checkAddress ?? true,
    useRoutes: options.useRoutes ?? true,
    useDns: options.useDns ?? true,
    useMtu: options.useMtu ?? true,
    resolver: options.resolver ?? null,
    store: options.store ?? null,
  };
}

function check(option: string, holds: boolean): void {
  if (!holds) throw new NetError(-EINVAL, 'dhcp', `${option} is wrong`);
}
