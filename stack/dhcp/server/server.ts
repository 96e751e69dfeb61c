import { EADDRNOTAVAIL, EOPNOTSUPP, NetError } from '../../../device/errno.ts';
import { isValidMac } from '../../../device/frame/mac.ts';
import { ARPHRD_ETHER } from '../../../device/netdevice/flags.ts';
import type { NetDevice } from '../../../device/netdevice/netdevice.ts';
import { inetDevice } from '../../ip/inet-device.ts';
import type { Ipv4 } from '../../wire/address.ts';
import {
  BOOTREQUEST,
  DHCP_SERVER_PORT,
  DHCPACK,
  DHCPDECLINE,
  DHCPDISCOVER,
  DHCPINFORM,
  DHCPOFFER,
  DHCPRELEASE,
  DHCPREQUEST,
  type DhcpMessage,
  HTYPE_ETHERNET,
  readDhcp,
} from '../../wire/dhcp.ts';
import {
  OPT_CLIENT_ID,
  OPT_HOSTNAME,
  OPT_LEASE_TIME,
  OPT_REQUESTED_ADDRESS,
  OPT_SERVER_ID,
} from '../../wire/dhcp-options.ts';
import { address, text, u32 } from '../codecs.ts';
import type { DhcpHost } from '../host.ts';
import { UdpPort } from '../udp-port.ts';
import { INFINITE } from '../values.ts';
import { ServerCounters, type ServerDrop } from './counters.ts';
import { LeaseTable, type ServerLease } from './lease-table.ts';
import {
  type DhcpServerOptions,
  hardwareKey,
  identifierKey,
  isIn,
  type Reservation,
  readSubnets,
  type SavedServerLease,
  type Subnet,
} from './options.ts';
import { AddressProbe } from './probe.ts';
import { ServerReplies } from './replies.ts';

/** Milliseconds that an offered address is kept for the client. */
const OFFER_MS = 60_000;
/** Milliseconds that an address is looked for; a client sends again after 4 seconds. */
const PROBE_MS = 500;
const DAY = 86_400;
/** Other addresses that are tried for one DHCPDISCOVER when somebody answers for the first. */
const OTHERS_MOST = 3;

/** A message, with who sent it and what it is about. */
interface Request {
  readonly message: DhcpMessage;
  readonly client: string;
  readonly subnet: Subnet;
  readonly reservation: Reservation | undefined;
  /** Our address, as the client is to know us. */
  readonly server: Ipv4;
  /** Options 50 and 54, 0: not there. */
  readonly requested: Ipv4;
  readonly chosen: Ipv4;
}

type Handler = (request: Request) => ServerDrop | undefined;

/** Gives the hosts on a device, and behind relays, their addresses (RFC 2131). */
export class DhcpServer {
  readonly dev: NetDevice;
  readonly counters: ServerCounters = new ServerCounters();
  readonly leases: LeaseTable;
  readonly #subnets: readonly Subnet[];
  readonly #authoritative: boolean;
  readonly #quarantineMs: number;
  readonly #port: UdpPort;
  readonly #probe: AddressProbe;
  readonly #replies: ServerReplies;
  readonly #handlers: ReadonlyMap<number, Handler>;

  /** Throws a `NetError` that names the option when one is wrong, `EADDRINUSE` when the port is another's. It serves at once. */
  constructor(host: DhcpHost, dev: NetDevice, options: DhcpServerOptions) {
    if (dev.type !== ARPHRD_ETHER || dev.hardHeaderLength === 0)
      throw new NetError(-EOPNOTSUPP, 'dhcp server', `${dev.name} is no Ethernet device`);
    this.dev = dev;
    this.#subnets = readSubnets(options.subnets);
    this.#authoritative = options.authoritative ?? true;
    this.#quarantineMs = (options.quarantine ?? DAY) * 1000;
    this.leases = new LeaseTable(host.machine, this.#subnets, options.store ?? null, () => {
      this.counters.expired++;
    });
    this.leases.load(options.store?.load() ?? [], this.#subnets);
    this.#probe = new AddressProbe(host, dev, options.probeMs ?? PROBE_MS);
    this.#replies = new ServerReplies(host, dev, this.counters);
    this.#handlers = new Map<number, Handler>([
      [DHCPDISCOVER, (request) => this.#discover(request)],
      [DHCPREQUEST, (request) => this.#request(request)],
      [DHCPDECLINE, (request) => this.#decline(request)],
      [DHCPRELEASE, (request) => this.#release(request)],
      [DHCPINFORM, (request) => this.#inform(request)],
    ]);
    this.#port = new UdpPort(host, (bytes) => this.#receive(bytes));
    const opened = this.#port.open(dev, DHCP_SERVER_PORT);
    if (opened < 0) throw new NetError(opened, 'dhcp server', `${dev.name} port ${DHCP_SERVER_PORT}`);
    if (this.#ownAddress(this.#subnets[0]) === 0) {
      this.close();
      throw new NetError(-EADDRNOTAVAIL, 'dhcp server', `${dev.name} has no address`);
    }
  }

  /** Whether it serves. */
  get isOpen(): boolean {
    return this.#port.isOpen;
  }

  /** All leases, as a plain object for the options of the server that takes over: `{ ...options, store: { load: () => saved, ... } }`. */
  save(): SavedServerLease[] {
    return this.leases.save();
  }

  /** Stops serving. */
  close(): void {
    this.#port.close();
    this.#probe.close();
    this.leases.close();
  }

  #receive(bytes: Uint8Array): void {
    const dropped = this.#handle(bytes);
    if (dropped !== undefined) this.counters.dropped[dropped]++;
  }

  /** Why a message is not answered, undefined when it is, or will be. Every byte of it may be a stranger's. */
  #handle(bytes: Uint8Array): ServerDrop | undefined {
    const message = readDhcp(bytes);
    if (typeof message === 'string') return 'malformed';
    const handler = this.#handlers.get(message.type);
    if (message.op !== BOOTREQUEST || handler === undefined) return 'notRequest';
    const { htype, chaddr, options } = message;
    if (htype !== HTYPE_ETHERNET || chaddr.length !== 6) return 'hardware';
    if (!isValidMac(Buffer.from(chaddr).readUIntBE(0, 6))) return 'hardware';
    const id = options.get(OPT_CLIENT_ID) ?? new Uint8Array(0);
    const hardware = hardwareKey(chaddr);
    const client = id.length > 0 ? identifierKey(id) : hardware;
    const subnet = this.#subnetOf(message, client);
    const server = this.#ownAddress(subnet);
    if (subnet === undefined || server === 0) return 'noSubnet';
    return handler({
      message,
      client,
      subnet,
      server,
      reservation: subnet.reservations.find((one) => one.client === client || one.client === hardware),
      requested: address.read(options.get(OPT_REQUESTED_ADDRESS) ?? new Uint8Array(0)) ?? 0,
      chosen: address.read(options.get(OPT_SERVER_ID) ?? new Uint8Array(0)) ?? 0,
    });
  }

  /** The subnet of the relay, or, of those on the device, the one that the client is in already, else the first. */
  #subnetOf({ giaddr, ciaddr }: DhcpMessage, client: string): Subnet | undefined {
    if (giaddr !== 0) return this.#subnets.find((subnet) => isIn(subnet, giaddr));
    const local = this.#subnets.filter((subnet) =>
      inetDevice(this.dev)?.addresses.some((ifa) => isIn(subnet, ifa.local)),
    );
    return (
      local.find((subnet) => ciaddr !== 0 && isIn(subnet, ciaddr)) ??
      local.find((subnet) => this.leases.of(client, subnet) !== undefined) ??
      local[0]
    );
  }

  /** Our address in a subnet, or any when we have none there, 0 when there is none at all. */
  #ownAddress(subnet: Subnet | undefined): Ipv4 {
    const own = inetDevice(this.dev)?.addresses ?? [];
    return (own.find((ifa) => subnet !== undefined && isIn(subnet, ifa.local)) ?? own[0])?.local ?? 0;
  }

  #discover(request: Request): ServerDrop | undefined {
    this.counters.discovers++;
    return this.#seek(request, OTHERS_MOST);
  }

  /** Finds an address, keeps it for the client, and offers it once nobody answers for it. */
  #seek(request: Request, others: number): ServerDrop | undefined {
    const { client, subnet, reservation, requested } = request;
    const known = this.leases.of(client, subnet);
    const chosen = this.leases.choose(client, subnet, reservation?.address ?? 0, requested);
    if (chosen === 0) return 'noAddress';
    // A second DHCPDISCOVER of a client whose address is being looked for is answered together with the first.
    if (this.#probe.isUnderWay(chosen)) return undefined;
    if (known !== undefined && known.address === chosen) {
      if (known.state === 'offered') known.expiresAt = this.leases.now() + OFFER_MS;
      this.#offer(request, chosen);
      return undefined;
    }
    if (this.#probe.isFull) return 'busy';
    const hostname = this.#hostname(request);
    this.leases.give(chosen, client, 'offered', this.leases.now() + OFFER_MS, hostname);
    this.#probe.start(chosen, (taken) => {
      if (!taken) {
        this.#offer(request, chosen);
        return;
      }
      this.counters.conflicts++;
      this.#quarantine(chosen);
      const dropped = others > 0 ? this.#seek(request, others - 1) : 'noAddress';
      if (dropped !== undefined) this.counters.dropped[dropped]++;
    });
    return undefined;
  }

  #offer(request: Request, offered: Ipv4): void {
    this.counters.offers++;
    this.#grant(DHCPOFFER, request, offered);
  }

  #request(request: Request): ServerDrop | undefined {
    const { message, client, subnet, server, requested, chosen } = request;
    this.counters.requests++;
    const known = this.leases.of(client, subnet);
    if (chosen !== 0 && chosen !== server) {
      if (known?.state === 'offered') this.leases.free(known);
      return 'otherServer';
    }
    const { ciaddr } = message;
    if ((ciaddr !== 0) === (requested !== 0) || (chosen !== 0 && requested === 0)) return 'inconsistent';
    const wanted = ciaddr !== 0 ? ciaddr : requested;
    if (!isIn(subnet, wanted)) return this.#refuse(request, 'wrong network');
    if (chosen !== 0 && known === undefined) return this.#refuse(request, 'no such offer');
    if (known === undefined && !this.#authoritative) return 'unknownClient';
    if (!this.leases.isOpen(wanted, client) || this.#belongsElsewhere(request, wanted))
      return this.#refuse(request, 'address not available');
    const time = this.#leaseTime(request);
    const until = time === INFINITE ? Number.POSITIVE_INFINITY : this.leases.now() + time * 1000;
    this.leases.give(wanted, client, 'bound', until, this.#hostname(request));
    this.counters.acks++;
    this.#grant(DHCPACK, request, wanted);
    return undefined;
  }

  /** Whether another address is kept for the client, which he may have. */
  #belongsElsewhere({ reservation, client }: Request, wanted: Ipv4): boolean {
    const kept = reservation?.address ?? wanted;
    return kept !== wanted && this.leases.isOpen(kept, client);
  }

  #decline({ client, subnet, server, requested, chosen }: Request): ServerDrop | undefined {
    this.counters.declines++;
    if (chosen !== server) return 'otherServer';
    if (!this.#isHis(this.leases.of(client, subnet), requested)) return 'notHis';
    this.#quarantine(requested);
    return undefined;
  }

  #release({ message, client, subnet, server, chosen }: Request): ServerDrop | undefined {
    this.counters.releases++;
    const lease = this.leases.of(client, subnet);
    if (chosen !== server) return 'otherServer';
    if (lease === undefined || !this.#isHis(lease, message.ciaddr)) return 'notHis';
    this.leases.free(lease);
    return undefined;
  }

  /** A host that has its address from elsewhere asks for the rest (RFC 2131, section 4.3.5). */
  #inform(request: Request): ServerDrop | undefined {
    const { message, subnet, server } = request;
    this.counters.informs++;
    if (!isIn(subnet, message.ciaddr)) return 'inconsistent';
    this.counters.acks++;
    this.#replies.grant(DHCPACK, message, server, subnet, { address: 0, leaseTime: 0, hostname: '' });
    return undefined;
  }

  #isHis(lease: ServerLease | undefined, claimed: Ipv4): boolean {
    return lease !== undefined && lease.address === claimed;
  }

  #quarantine(taken: Ipv4): void {
    this.leases.quarantine(taken, this.leases.now() + this.#quarantineMs);
  }

  /** A server that is not authoritative does not know what others gave. */
  #refuse({ message, server, chosen }: Request, why: string): ServerDrop | undefined {
    if (!this.#authoritative && chosen === 0) return 'unknownClient';
    this.#replies.refuse(message, server, why);
    return undefined;
  }

  #grant(type: number, request: Request, granted: Ipv4): void {
    const { message, server, subnet, reservation } = request;
    this.#replies.grant(type, message, server, subnet, {
      address: granted,
      leaseTime: this.#leaseTime(request),
      hostname: reservation?.hostname ?? '',
    });
  }

  /** What the client asks for, if that is not too long. */
  #leaseTime({ message, subnet }: Request): number {
    const asked = u32.read(message.options.get(OPT_LEASE_TIME) ?? new Uint8Array(0));
    return asked === undefined || asked === 0 ? subnet.leaseTime : Math.min(asked, subnet.longestLease);
  }

  #hostname({ message }: Request): string {
    return text.read(message.options.get(OPT_HOSTNAME) ?? new Uint8Array(0)) ?? '';
  }
}
