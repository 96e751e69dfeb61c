import { EADDRNOTAVAIL, EAFNOSUPPORT, EAGAIN, EINVAL, ENOTCONN, EOPNOTSUPP } from '../../device/errno.ts';
import type { IpOptions } from '../ip/options.ts';
import type { Path } from '../ip/path.ts';
import { RTN_BROADCAST, RTN_LOCAL, RTN_MULTICAST } from '../wire/address.ts';
import { IPTOS_RT_MASK } from '../wire/ipv4.ts';
import { AF_UNSPEC, SOL_IP } from './abi.ts';
import type { SocketAddress } from './address.ts';
import type { Family } from './family.ts';
import {
  getInetOption,
  IP_PMTUDISC_DO,
  IP_PMTUDISC_DONT,
  IP_PMTUDISC_OMIT,
  IP_PMTUDISC_PROBE,
  IP_PMTUDISC_WANT,
  setInetOption,
} from './inet-options.ts';
import type { SocketLayer } from './layer.ts';
import { Memberships } from './memberships.ts';
import type { PortUser } from './ports.ts';
import { Socket } from './socket.ts';

const NO_BYTES = new Uint8Array(0);

/** A socket of the Internet protocols (Linux: `struct inet_sock`). */
export abstract class InetSocket extends Socket implements PortUser {
  readonly family: Family;
  /** Address that it receives for, 0: any (Linux: `inet_rcv_saddr`), and its port, 0: none. */
  local = 0;
  localPort = 0;
  /** Address that it sends from, 0: the route's (Linux: `inet_saddr`). */
  source = 0;
  /** Where it is connected to, 0: nowhere. */
  remote = 0;
  remotePort = 0;
  /** The user chose the address or the port, so that disconnecting keeps it (Linux: `SOCK_BINDADDR_LOCK`, `SOCK_BINDPORT_LOCK`). */
  addressLocked = false;
  portLocked = false;

  tos = 0;
  /** -1: the default. */
  ttl = -1;
  minTtl = 0;
  /** `IP_PMTUDISC_*`. */
  mtuDiscover: number;
  receiveErrors = 0;
  packetInfo = 0;
  receiveTtl = 0;
  receiveTos = 0;
  receiveDestination = 0;
  freebind = 0;
  transparent = 0;
  bindAddressNoPort = 0;
  multicastTtl = 1;
  multicastLoop = 1;
  multicastAll = 1;
  multicastIfindex = 0;
  multicastSource = 0;
  /** IP options on what it sends, null: none; and as they were given. */
  options: IpOptions | null = null;
  optionBytes: Uint8Array = NO_BYTES;
  readonly memberships: Memberships;

  constructor(layer: SocketLayer, family: Family, type: number, protocol: number) {
    super(layer, family.domain, type, protocol);
    this.family = family;
    this.memberships = new Memberships(layer.groups);
    this.mtuDiscover =
      layer.context.settings.noPmtuDiscovery.value === 0 ? IP_PMTUDISC_WANT : IP_PMTUDISC_DONT;
  }

  /**
   * Takes `port` (0: any) on the address that is in `local`, entering the protocol's tables; 0 or a negated errno (Linux:
   * `get_port`).
   */
  protected abstract takePort(port: number): number;

  /** Binds (Linux: `__inet_bind`). */
  override bind(address: Readonly<SocketAddress>): number {
    const { family } = this;
    if (address.family !== family.domain && (address.family !== AF_UNSPEC || address.address !== 0))
      return -EAFNOSUPPORT;
    const type = this.#addressType(address.address);
    if (type === 0) return -EADDRNOTAVAIL;
    if (!this.mayBind()) return -EINVAL;
    this.local = address.address;
    this.source = type === RTN_MULTICAST || type === RTN_BROADCAST ? 0 : address.address;
    if (address.port !== 0 || this.bindAddressNoPort === 0) {
      const taken = this.takePort(address.port);
      if (taken < 0) {
        this.local = 0;
        this.source = 0;
        return taken;
      }
    }
    if (this.local !== 0) this.addressLocked = true;
    if (address.port !== 0) this.portLocked = true;
    this.bound();
    return 0;
  }

  /** Takes an ephemeral port unless it has one; `-EAGAIN` when none is free (Linux: `inet_autobind`). */
  autobind(): number {
    return this.localPort !== 0 || this.takePort(0) >= 0 ? 0 : -EAGAIN;
  }

  override getsockname(out: SocketAddress): number {
    out.set(this.domain, this.local !== 0 ? this.local : this.source, this.localPort);
    return 0;
  }

  override getpeername(out: SocketAddress): number {
    if (this.remotePort === 0) return -ENOTCONN;
    out.set(this.domain, this.remote, this.remotePort);
    return 0;
  }

  /** Sets the IP options of what it sends; a kind with connections sees to its own. */
  setOptions(options: IpOptions | null): void {
    this.options = options;
  }

  /** Where a datagram for `destination` goes first: there, or where a source route begins. */
  firstHop(destination: number): number {
    const { options } = this;
    return options !== null && options.sourceRoute !== 0 ? options.firstHop : destination;
  }

  /** The way to a destination from `source` (0: any) by interface `oif` (0: any), or a negated errno. */
  route(destination: number, source: number, oif: number, tos = this.tos): Path | number {
    const from = this.transparent !== 0 ? 0 : source;
    return this.layer.context.routes.output(destination, from, oif, tos & IPTOS_RT_MASK);
  }

  /** The address that packets along `path` come from when the user has no wish. */
  sourceFor(path: Path, destination: number): number {
    return this.layer.context.routes.sourceFor(path, destination);
  }

  /** Whether datagrams larger than the MTU are refused instead of fragmented (Linux: `ip_sk_ignore_df`, negated). */
  get refusesFragments(): boolean {
    return this.mtuDiscover >= IP_PMTUDISC_DO && this.mtuDiscover !== IP_PMTUDISC_OMIT;
  }

  /** Whether DF is set on a datagram (Linux: `ip_dont_fragment`, `IP_PMTUDISC_PROBE`). */
  setsDontFragment(path: Path, fits: boolean): boolean {
    const mode = this.mtuDiscover;
    if (mode === IP_PMTUDISC_DO || mode === IP_PMTUDISC_PROBE) return true;
    return mode === IP_PMTUDISC_WANT && fits && !path.mtuLocked;
  }

  /** Whether learned path MTUs are left aside (Linux: `!ip_sk_use_pmtu`). */
  get ignoresPmtu(): boolean {
    return this.mtuDiscover >= IP_PMTUDISC_PROBE;
  }

  /** Whether a bind is possible now: it has no port yet. */
  protected mayBind(): boolean {
    return this.localPort === 0;
  }

  /** It was bound. */
  protected bound(): void {}

  protected override destroy(): void {
    this.memberships.leaveAll();
  }

  protected override setProtocolOption(level: number, option: number, value: Uint8Array): number {
    if (level === SOL_IP) return setInetOption(this, option, value);
    return super.setProtocolOption(level, option, value);
  }

  protected override getProtocolOption(level: number, option: number, out: Uint8Array): number {
    if (level === SOL_IP) return getInetOption(this, option, out);
    return -EOPNOTSUPP;
  }

  /** The kind of an address that may be bound, 0: it may not (Linux: `inet_addr_valid_or_nonlocal`). */
  #addressType(address: number): number {
    if (address === 0) return RTN_LOCAL;
    const { context, core } = this.layer;
    const type = context.routes.addressType(address);
    if (type === RTN_LOCAL || type === RTN_MULTICAST || type === RTN_BROADCAST) return type;
    const anything = this.freebind !== 0 || this.transparent !== 0 || core.nonlocalBind.value === 1;
    return anything ? RTN_LOCAL : 0;
  }
}
