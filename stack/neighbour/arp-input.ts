import { DROP_OTHER_HOST, dropReason } from '../../device/drop.ts';
import { ETH_SOURCE } from '../../device/frame/ethernet.ts';
import { getMac, isValidMac, type MacAddress } from '../../device/frame/mac.ts';
import { PACKET_HOST, PACKET_LOOPBACK, PACKET_OTHERHOST, type Packet } from '../../device/memory/packet.ts';
import { IFF_NOARP } from '../../device/netdevice/flags.ts';
import type { NetDevice } from '../../device/netdevice/netdevice.ts';
import type { Entropy } from '../../device/random.ts';
import { MIB } from '../counters.ts';
import type { Inet, RouteResult } from '../inet.ts';
import type { InetDevice } from '../ip/inet-device.ts';
import type { Knob } from '../sysctl/table.ts';
import {
  type Ipv4,
  isLoopback,
  isMulticast,
  RTN_LOCAL,
  RTN_UNICAST,
  SCOPE_HOST,
  SCOPE_LINK,
} from '../wire/address.ts';
import {
  ARP_OP,
  ARP_SHA,
  ARP_SPA,
  ARP_THA,
  ARP_TPA,
  ARPOP_REPLY,
  ARPOP_REQUEST,
  arpFits,
  arpHasLengths,
  arpIsInet,
} from '../wire/arp.ts';
import type { ArpOutput } from './arp-output.ts';
import type { ConflictDetector } from './conflict.ts';
import type { Neighbour } from './neighbour.ts';
import { NEIGH_UPDATE_F_OVERRIDE, NUD_REACHABLE, NUD_STALE } from './nud.ts';
import { ProxyQueue, type ProxyTable } from './proxy.ts';
import type { NeighbourTable } from './table.ts';
import { isPast } from './timing.ts';

/** A device with `IFF_NOARP` takes none. */
export const DROP_ARP_NOARP: number = dropReason('arp_noarp');
/** Our own frame, come back. */
export const DROP_ARP_LOOPED: number = dropReason('arp_looped');
/** Shorter than a message. */
export const DROP_ARP_TOO_SHORT: number = dropReason('arp_too_short');
/** Not about IPv4 over Ethernet: lengths, hardware or protocol type. */
export const DROP_ARP_MALFORMED: number = dropReason('arp_malformed');
/** Neither request nor reply. */
export const DROP_ARP_OPERATION: number = dropReason('arp_operation');
/** The device has no IPv4 state. */
export const DROP_ARP_NO_IPV4: number = dropReason('arp_no_ipv4');
/** The target is a group or, without `route_localnet`, a loopback address. */
export const DROP_ARP_BAD_TARGET: number = dropReason('arp_bad_target');
/** A gratuitous frame, with `drop_gratuitous_arp`. */
export const DROP_ARP_GRATUITOUS: number = dropReason('arp_gratuitous');
/** `arp_ignore` or `arp_filter` forbids an answer. */
export const DROP_ARP_IGNORED: number = dropReason('arp_ignored');
/** With `tapir.arp_check_source`: the sender's address is not the frame's source. */
export const DROP_ARP_SOURCE_MISMATCH: number = dropReason('arp_source_mismatch');
/** With `tapir.arp_check_sender`: the sender's address is zero or a group. */
export const DROP_ARP_BAD_SENDER: number = dropReason('arp_bad_sender');

/** What the input needs of the layer around it. */
export interface ArpInputParts {
  readonly inet: Inet;
  readonly entropy: Entropy;
  readonly table: NeighbourTable;
  readonly output: ArpOutput;
  readonly proxies: ProxyTable;
  readonly conflicts: ConflictDetector;
}

/** Receives ARP (RFC 826; Linux: `arp_rcv`, `arp_process`). */
export class ArpInput {
  /** Requests whose proxied answer waits. */
  readonly queue: ProxyQueue;
  readonly #inet: Inet;
  readonly #table: NeighbourTable;
  readonly #output: ArpOutput;
  readonly #proxies: ProxyTable;
  readonly #conflicts: ConflictDetector;
  readonly #checkSource: Knob;
  readonly #checkSender: Knob;

  constructor(parts: ArpInputParts) {
    const { machine, sysctl } = parts.inet;
    this.#inet = parts.inet;
    this.#table = parts.table;
    this.#output = parts.output;
    this.#proxies = parts.proxies;
    this.#conflicts = parts.conflicts;
    // Linux checks neither.
    this.#checkSource = sysctl.add('tapir.arp_check_source', 0, { max: 1 });
    this.#checkSender = sysctl.add('tapir.arp_check_sender', 0, { max: 1 });
    this.queue = new ProxyQueue(machine, parts.entropy, (packet, dev) => this.#process(packet, dev, true));
  }

  /** Takes a received frame whose `start` is behind its link header. */
  receive(packet: Packet, dev: NetDevice): void {
    const refused = this.#refuse(packet, dev);
    if (refused >= 0) dev.drop(packet, refused);
    else this.#process(packet, dev, false);
  }

  /** Drops all requests that wait, and takes the settings away. */
  close(): void {
    this.queue.purge();
    this.#inet.sysctl.removePrefix(this.#checkSource.name);
    this.#inet.sysctl.removePrefix(this.#checkSender.name);
  }

  /** Why a frame is not even looked into, or -1. */
  #refuse(packet: Packet, dev: NetDevice): number {
    if ((dev.flags & IFF_NOARP) !== 0) return DROP_ARP_NOARP;
    if (packet.packetType === PACKET_OTHERHOST) return DROP_OTHER_HOST;
    if (packet.packetType === PACKET_LOOPBACK) return DROP_ARP_LOOPED;
    if (!arpFits(packet.start, packet.end)) return DROP_ARP_TOO_SHORT;
    const view = packet.pool.view;
    const at = packet.start;
    if (!arpHasLengths(view, at)) return DROP_ARP_MALFORMED;
    if (this.#inet.addresses.inetDevice(dev) === null) return DROP_ARP_NO_IPV4;
    if (!arpIsInet(view, at)) return DROP_ARP_MALFORMED;
    const op = view.getUint16(at + ARP_OP);
    if (op !== ARPOP_REQUEST && op !== ARPOP_REPLY) return DROP_ARP_OPERATION;
    const sha = getMac(view, at + ARP_SHA);
    if (this.#checkSource.value !== 0 && sha !== getMac(view, packet.link + ETH_SOURCE))
      return DROP_ARP_SOURCE_MISMATCH;
    if (this.#checkSender.value !== 0 && !isValidMac(sha)) return DROP_ARP_BAD_SENDER;
    return -1;
  }

  /** `delayed`: it waited in the proxy queue, and is answered at once now. */
  #process(packet: Packet, dev: NetDevice, delayed: boolean): void {
    const inetDevice = this.#inet.addresses.inetDevice(dev);
    if (inetDevice === null) {
      dev.drop(packet, DROP_ARP_NO_IPV4);
      return;
    }
    const view = packet.pool.view;
    const at = packet.start;
    const op = view.getUint16(at + ARP_OP);
    const sip = view.getUint32(at + ARP_SPA);
    const tip = view.getUint32(at + ARP_TPA);
    if (isMulticast(tip) || (isLoopback(tip) && inetDevice.conf.values.route_localnet === 0)) {
      dev.drop(packet, DROP_ARP_BAD_TARGET);
      return;
    }
    if (sip === tip && inetDevice.conf.values.drop_gratuitous_arp !== 0) {
      dev.drop(packet, DROP_ARP_GRATUITOUS);
      return;
    }
    if (!delayed) this.#inet.mib.add(op === ARPOP_REQUEST ? MIB.ArpInRequests : MIB.ArpInReplies);
    const sha = getMac(view, at + ARP_SHA);
    if (!delayed && this.#conflicts.watching) this.#conflicts.hear(dev, op, sha, sip, tip);
    if (sip === 0) {
      this.#answerProbe(packet, inetDevice, op, tip);
      return;
    }
    if (op === ARPOP_REQUEST && this.#answerRequest(packet, inetDevice, sip, tip, sha, delayed)) return;
    this.#learn(packet, inetDevice, op, sip, tip, sha);
    packet.release();
  }

  /** Somebody asks whether an address is free (RFC 5227; RFC 2131): if it is ours he hears of it, and is not learnt. */
  #answerProbe(packet: Packet, inetDevice: InetDevice, op: number, tip: Ipv4): void {
    const { dev } = inetDevice;
    if (op !== ARPOP_REQUEST || this.#inet.routes.addressType(tip) !== RTN_LOCAL) packet.release();
    else if (this.#isIgnored(inetDevice, 0, tip)) dev.drop(packet, DROP_ARP_IGNORED);
    else this.#output.reply(packet, dev);
  }

  /** Answers a request for one of our addresses, or one that we stand in for; returns whether that is all there is to it. */
  #answerRequest(
    packet: Packet,
    inetDevice: InetDevice,
    sip: Ipv4,
    tip: Ipv4,
    sha: MacAddress,
    delayed: boolean,
  ): boolean {
    const { dev } = inetDevice;
    const route = this.#inet.routes.input(tip, sip, 0, dev);
    if (typeof route === 'number') return false;
    if (route.type === RTN_LOCAL) {
      if (this.#isIgnored(inetDevice, sip, tip) || this.#isFiltered(inetDevice, sip, tip))
        dev.drop(packet, DROP_ARP_IGNORED);
      else if (this.#learnAsker(dev, sip, sha)) this.#output.reply(packet, dev);
      else packet.release();
      return true;
    }
    if (inetDevice.conf.values.forwarding === 0 || route.type !== RTN_UNICAST) return false;
    if (!this.#standsInFor(inetDevice, route, sip, tip)) return false;
    this.#learnAsker(dev, sip, sha);
    const parms = this.#table.parms(dev);
    if (delayed || packet.packetType === PACKET_HOST || parms.proxyDelay === 0)
      this.#output.reply(packet, dev);
    else this.queue.push(packet, dev, parms);
    return true;
  }

  /** Who asks is there: STALE, whatever the entry said before (Linux: `neigh_event_ns`). False when there is no room for him. */
  #learnAsker(dev: NetDevice, sip: Ipv4, sha: MacAddress): boolean {
    const entry = this.#table.lookup(dev, sip) ?? this.#table.create(dev, sip, false);
    if (typeof entry === 'number') return false;
    entry.update(sha, NUD_STALE, NEIGH_UPDATE_F_OVERRIDE);
    return true;
  }

  /** Updates the sender's entry if there is one; makes one only as `arp_accept` allows. */
  #learn(packet: Packet, inetDevice: InetDevice, op: number, sip: Ipv4, tip: Ipv4, sha: MacAddress): void {
    const { dev } = inetDevice;
    let entry: Neighbour | null = this.#table.lookup(dev, sip);
    const accepts = entry === null && this.#accepts(inetDevice, sip);
    if (entry === null && !accepts) return;
    const unicast = this.#inet.routes.addressType(sip) === RTN_UNICAST;
    const tha = getMac(packet.pool.view, packet.start + ARP_THA);
    const gratuitous = unicast && sip === tip && (op === ARPOP_REQUEST || tha === sha);
    if (entry === null) {
      if (!gratuitous && !(op === ARPOP_REPLY && unicast)) return;
      const made = this.#table.create(dev, sip, false);
      if (typeof made === 'number') return;
      entry = made;
    }
    const now = this.#inet.machine.clock.now();
    const override = gratuitous || isPast(now, entry.updated, entry.parms.locktime);
    const state = op === ARPOP_REPLY && packet.packetType === PACKET_HOST ? NUD_REACHABLE : NUD_STALE;
    entry.update(sha, state, override ? NEIGH_UPDATE_F_OVERRIDE : 0);
  }

  /** Linux: `arp_accept`. */
  #accepts(inetDevice: InetDevice, sip: Ipv4): boolean {
    const accept = inetDevice.conf.values.arp_accept;
    if (accept === 2) return this.#inet.addresses.confirm(inetDevice.dev, sip, 0, SCOPE_LINK) !== 0;
    return accept !== 0;
  }

  /** Linux: `arp_ignore`; an address that is still being probed is not ours yet. */
  #isIgnored(inetDevice: InetDevice, sip: Ipv4, tip: Ipv4): boolean {
    if (this.#conflicts.watching && !this.#conflicts.mayAnswer(inetDevice.dev, tip)) return true;
    const { addresses } = this.#inet;
    switch (inetDevice.conf.values.arp_ignore) {
      case 1:
        return addresses.confirm(inetDevice.dev, 0, tip, SCOPE_HOST) === 0;
      case 2:
        return addresses.confirm(inetDevice.dev, sip, tip, SCOPE_HOST) === 0;
      case 3:
        return addresses.confirm(null, 0, tip, SCOPE_LINK) === 0;
      case 8:
        return true;
      default:
        return false;
    }
  }

  /** Linux: `arp_filter`. */
  #isFiltered(inetDevice: InetDevice, sip: Ipv4, tip: Ipv4): boolean {
    if (inetDevice.conf.values.arp_filter === 0) return false;
    const back = this.#inet.routes.output(sip, tip, 0, 0);
    return typeof back === 'number' || back.dev !== inetDevice.dev;
  }

  /** Linux: `arp_fwd_proxy`, `arp_fwd_pvlan`, `pneigh_lookup`. */
  #standsInFor(inetDevice: InetDevice, route: RouteResult, sip: Ipv4, tip: Ipv4): boolean {
    const { values } = inetDevice.conf;
    if (route.dev === inetDevice.dev) return sip !== tip && values.proxy_arp_pvlan !== 0;
    return values.proxy_arp !== 0 || this.#proxies.lookup(inetDevice.dev, tip) !== null;
  }
}
