import { FLUSH, Work } from '../clock/deferred.ts';
import {
  DROP_BACKLOG_FULL,
  DROP_DEVICE_NOT_RUNNING,
  DROP_FRAME_TOO_SHORT,
  DROP_NO_CARRIER,
  DROP_QUEUE_FULL,
  DROP_QUEUE_PURGED,
  DROP_TRANSMIT_ERROR,
} from '../drop.ts';
import {
  ETH_ALEN,
  ETH_DESTINATION,
  ETH_HLEN,
  ETH_P_802_2,
  ETH_P_802_3_MIN,
  ETH_P_IP,
  ETH_P_IPV6,
  ETH_SOURCE,
  ETH_TYPE,
} from '../frame/ethernet.ts';
import { getMac, isMulticastMac, MAC_BROADCAST, type MacAddress, setMac } from '../frame/mac.ts';
import {
  PACKET_BROADCAST,
  PACKET_HOST,
  PACKET_MULTICAST,
  PACKET_OTHERHOST,
  type Packet,
} from '../memory/packet.ts';
import { STAMP_QUEUED, STAMP_SENT, stampPacket } from '../memory/packet-owner.ts';
import { PacketQueue } from '../memory/queue.ts';
import { carrierOff, carrierOn } from './carrier.ts';
import { Discipline, QDISC_NOOP, QDISC_NOQUEUE } from './discipline.ts';
import { NETIF_F_GRO } from './features.ts';
import {
  ARPHRD_ETHER,
  ARPHRD_LOOPBACK,
  ARPHRD_NONE,
  IFF_ALLMULTI,
  IFF_BROADCAST,
  IFF_DORMANT,
  IFF_LOOPBACK,
  IFF_LOWER_UP,
  IFF_MULTICAST,
  IFF_PROMISC,
  IFF_RUNNING,
  IFF_UP,
  NET_XMIT_CN,
  NET_XMIT_DROP,
  NET_XMIT_SUCCESS,
  NETDEV_TX_OK,
} from './flags.ts';
import { Gro, type Merger } from './gro.ts';
import type { Link, LinkPort } from './link.ts';
import type { Netns } from './netns.ts';
import { IF_OPER_UNKNOWN, IF_OPER_UP } from './operstate.ts';
import { notifyPeers } from './peers.ts';
import { type Segmenter, type Sender, sendFitted } from './segment.ts';
import {
  LINK_STATE_DORMANT,
  LINK_STATE_NOCARRIER,
  LINK_STATE_PRESENT,
  LINK_STATE_START,
  NET_ADDR_PERM,
  NET_ADDR_SET,
  NETREG_UNINITIALIZED,
} from './state-bits.ts';
import { LinkStatistics } from './statistics.ts';
import { TransmitRoom } from './transmit-room.ts';

export interface NetDeviceOptions {
  /** Name, or a pattern with one `%d`; `eth%d` when left out. */
  name?: string;
  /** Interface index to ask for. */
  ifindex?: number;
  /** Link-layer address instead of the link's own. */
  address?: MacAddress;
  mtu?: number;
  /** Length of the transmit queue in packets; 0: no queue. */
  txQueueLen?: number;
}

/**
 * A network device (Linux: `struct net_device`): what the protocols see of a link.
 *
 * This file holds the device's fields and its two hot paths. What is done *to* a device stands beside it, named as the
 * operation is: `registry.ts`, `admin.ts`, `change.ts`, `carrier.ts`, `peers.ts`, `upper.ts`.
 */
export class NetDevice implements LinkPort, Sender {
  readonly ns: Netns;
  readonly link: Link;
  readonly statistics: LinkStatistics = new LinkStatistics();

  name: string;
  ifindex: number;
  alias = '';
  altNames: string[] = [];
  group = 0;
  nameAssignType = 0;

  readonly type: number;
  readonly addressLength: number;
  address: MacAddress;
  readonly permanentAddress: MacAddress;
  readonly broadcast: MacAddress = MAC_BROADCAST;
  addressAssignType: number = NET_ADDR_PERM;
  readonly hardHeaderLength: number;

  mtu: number;
  minMtu: number;
  maxMtu: number;
  txQueueLen: number;

  /** Flags as stored; {@link reportedFlags} is what users see. */
  flags: number;
  /** PROMISC and ALLMULTI as the user wished them. */
  gflags = 0;
  promiscuity = 0;
  allMulticast = 0;
  /** `LINK_STATE_*` bits. */
  state: number;
  operstate: number = IF_OPER_UNKNOWN;
  /** 0 default, 1 DORMANT, 2 TESTING: to what an operational UP is capped. */
  linkMode = 0;
  protoDown = false;
  carrierUpCount = 0;
  carrierDownCount = 0;
  registration: number = NETREG_UNINITIALIZED;
  /** References held by others; unregistration waits for them in the `waitForReferences` compatibility mode. */
  references = 0;

  /** The device that this one is stacked on and whose carrier it copies, if any (Linux: `iflink`). */
  lower: NetDevice | null = null;
  /** The one master, if enslaved. */
  master: NetDevice | null = null;
  uppers: NetDevice[] = [];
  lowers: NetDevice[] = [];
  /** A port of a bonding or team device: its link events are urgent. */
  lagPort = false;

  /** Offloads that a user may toggle, that he wants, that are on. */
  hwFeatures: number;
  wantedFeatures: number;
  features: number;

  readonly discipline: Discipline;
  readonly room: TransmitRoom;
  queueStopped = false;
  /** Linux's `ip_ptr`, `ip6_ptr`: per-device state of the protocols above, of which this floor knows nothing. */
  ipPtr: unknown = null;
  ip6Ptr: unknown = null;
  /**
   * Sees every received frame before the protocols do and may take it, returning true (Linux: `rx_handler`): bridges,
   * bonds, VLANs, tests.
   */
  receiveHandler: ((packet: Packet, dev: NetDevice) => boolean) | null = null;

  readonly #gro: Gro;
  readonly #backlog: PacketQueue;
  readonly #backlogWork: Work;
  readonly #flushWork: Work;
  readonly #hasFlush: boolean;

  constructor(ns: Netns, link: Link, options: NetDeviceOptions = {}) {
    this.ns = ns;
    this.link = link;
    this.name = options.name ?? (link.type === ARPHRD_LOOPBACK ? 'lo' : 'eth%d');
    this.ifindex = options.ifindex ?? 0;
    this.type = link.type;
    this.addressLength = link.type === ARPHRD_NONE ? 0 : ETH_ALEN;
    this.hardHeaderLength = link.type === ARPHRD_NONE ? 0 : ETH_HLEN;
    this.permanentAddress = link.address;
    this.address = options.address ?? link.address;
    if (options.address !== undefined) this.addressAssignType = NET_ADDR_SET;
    this.mtu = options.mtu ?? link.mtu;
    this.minMtu = link.minMtu;
    this.maxMtu = link.maxMtu;
    this.txQueueLen = options.txQueueLen ?? link.txQueueLength;
    this.flags = link.flags | defaultFlags(link.type);
    this.state = LINK_STATE_PRESENT | (link.carrier ? 0 : LINK_STATE_NOCARRIER);
    if (!link.carrier) this.carrierDownCount = 1;
    this.hwFeatures = link.features;
    this.wantedFeatures = link.features;
    this.features = link.features;
    this.discipline = new Discipline(this.txQueueLen);
    this.room = new TransmitRoom(this.discipline, link, ns.machine);
    this.#gro = new Gro(ns.machine.clock, (packet) => this.#handUp(packet));
    this.#backlog = new PacketQueue(ns.machine.maxBacklog);
    this.#backlogWork = new Work(() => this.#processBacklog());
    this.#flushWork = new Work(() => this.#flush(), FLUSH);
    this.#hasFlush = link.flush !== undefined;
    link.bind(this);
    if (this.mtu !== link.mtu) link.changeMtu?.(this.mtu);
  }

  /** Frames wait for the end of the batch, when the driver passes them on together. */
  get collecting(): boolean {
    return this.#flushWork.scheduled;
  }

  /** Opened and not yet closed (Linux: `netif_running`). */
  get running(): boolean {
    return (this.state & LINK_STATE_START) !== 0;
  }

  /** Linux: `netif_carrier_ok`. */
  get carrier(): boolean {
    return (this.state & LINK_STATE_NOCARRIER) === 0;
  }

  /** Administratively up: `IFF_UP`. */
  get up(): boolean {
    return (this.flags & IFF_UP) !== 0;
  }

  /** Carrier changes so far (Linux: `/sys/class/net/DEV/carrier_changes`). */
  get carrierChanges(): number {
    return this.carrierUpCount + this.carrierDownCount;
  }

  /** Index of the device below it, or at the other end of its pair; else its own (Linux: `dev_get_iflink`). */
  get iflink(): number {
    if (this.lower !== null) return this.lower.ifindex;
    return this.link.peerIfindex?.() || this.ifindex;
  }

  /** Flags as users see them (Linux: `dev_get_flags`): RUNNING, LOWER_UP and DORMANT are computed. */
  get reportedFlags(): number {
    let flags = this.flags & ~(IFF_PROMISC | IFF_ALLMULTI | IFF_RUNNING | IFF_LOWER_UP | IFF_DORMANT);
    flags |= this.gflags & (IFF_PROMISC | IFF_ALLMULTI);
    if (!this.running) return flags;
    if (this.operstate === IF_OPER_UP || this.operstate === IF_OPER_UNKNOWN) flags |= IFF_RUNNING;
    if (this.carrier) flags |= IFF_LOWER_UP;
    if ((this.state & LINK_STATE_DORMANT) !== 0) flags |= IFF_DORMANT;
    return flags;
  }

  /**
   * Sends a packet whose link header is in place (Linux: `dev_queue_xmit`). Takes its ownership and returns a `NET_XMIT_*`
   * code: a packet that is not sent is counted and released.
   */
  transmit(packet: Packet): number {
    if (packet.stamps !== 0) stampPacket(packet, STAMP_QUEUED);
    return (packet.gsoSize | packet.checksum | packet.payloadLength) === 0
      ? this.#send(packet)
      : sendFitted(this, packet, this.#sendFit);
  }

  readonly #sendFit = (packet: Packet): number => this.#send(packet);

  #send(packet: Packet): number {
    const discipline = this.discipline;
    if (discipline.active === QDISC_NOOP) {
      this.statistics.txDropped++;
      this.drop(packet, DROP_NO_CARRIER);
      return NET_XMIT_CN;
    }
    if (discipline.backlog === 0 && !this.queueStopped) {
      if (this.#hardStart(packet)) return NET_XMIT_SUCCESS;
      if (discipline.active === QDISC_NOQUEUE) {
        this.statistics.txDropped++;
        this.drop(packet, DROP_TRANSMIT_ERROR);
        return NET_XMIT_DROP;
      }
      discipline.requeues++;
      discipline.queue.unshift(packet);
      return NET_XMIT_SUCCESS;
    }
    if (discipline.active === QDISC_NOQUEUE || !discipline.enqueue(packet)) {
      this.statistics.txDropped++;
      this.drop(packet, DROP_QUEUE_FULL);
      return NET_XMIT_DROP;
    }
    if (!this.queueStopped) this.runQueue();
    return NET_XMIT_SUCCESS;
  }

  segmenter(gsoType: number): Segmenter | null {
    return this.ns.machine.segmenters.get(gsoType) ?? null;
  }

  /** Opens room for an Ethernet header in front of `packet` and fills it; nothing on a device without link header. */
  pushHeader(packet: Packet, destination: MacAddress, source: MacAddress, protocol: number): void {
    packet.protocol = protocol;
    if (this.hardHeaderLength === 0) return;
    const at = packet.push(ETH_HLEN);
    const view = packet.pool.view;
    setMac(view, at + ETH_DESTINATION, destination);
    setMac(view, at + ETH_SOURCE, source);
    view.setUint16(at + ETH_TYPE, protocol);
    packet.link = at;
  }

  receive(packet: Packet): void {
    if (this.#arrive(packet)) this.#handUp(packet);
  }

  groReceive(packet: Packet): void {
    if (!this.#arrive(packet)) return;
    const merger = (this.features & NETIF_F_GRO) === 0 ? null : this.#mergerOf(packet);
    if (merger === null) this.#gro.pass(packet);
    else this.#gro.receive(packet, merger);
  }

  /** Counts a frame and reads its link header; false: it was dropped. */
  #arrive(packet: Packet): boolean {
    if (!this.running) {
      this.statistics.rxDropped++;
      this.drop(packet, DROP_DEVICE_NOT_RUNNING);
      return false;
    }
    const statistics = this.statistics;
    if (packet.end - packet.start < this.hardHeaderLength) {
      statistics.rxErrors++;
      statistics.rxLengthErrors++;
      this.drop(packet, DROP_FRAME_TOO_SHORT);
      return false;
    }
    statistics.rxPackets++;
    statistics.rxBytes += packet.length;
    packet.ifindex = this.ifindex;
    if (this.ns.timestamps > 0) packet.timestamp = this.ns.machine.clock.now();
    packet.link = packet.start;
    if (this.hardHeaderLength === 0) this.#typeRaw(packet);
    else this.#typeEthernet(packet);
    if (packet.packetType === PACKET_MULTICAST) statistics.multicast++;
    return true;
  }

  /** Shows a packet to whoever looks, and gives it to its protocol (Linux: `__netif_receive_skb_core`). */
  #handUp(packet: Packet): void {
    this.ns.tap(packet, this, false);
    if (this.receiveHandler?.(packet, this)) return;
    this.ns.deliver(packet, this);
  }

  #mergerOf(packet: Packet): Merger | null {
    const choose = this.ns.mergers.get(packet.protocol);
    return choose === undefined ? null : choose(packet);
  }

  enqueue(packet: Packet): void {
    if (!this.running) {
      this.statistics.rxDropped++;
      this.drop(packet, DROP_DEVICE_NOT_RUNNING);
      return;
    }
    if (!this.#backlog.push(packet)) {
      this.statistics.rxDropped++;
      this.drop(packet, DROP_BACKLOG_FULL);
      return;
    }
    this.ns.machine.clock.defer(this.#backlogWork);
  }

  drop(packet: Packet, reason: number): void {
    this.ns.drop(packet, reason, this);
  }

  carrierOn(): void {
    carrierOn(this);
  }

  carrierOff(): void {
    carrierOff(this);
  }

  notifyPeers(): void {
    notifyPeers(this);
  }

  stopQueue(): void {
    this.queueStopped = true;
  }

  wakeQueue(): void {
    this.queueStopped = false;
    this.runQueue();
  }

  looked(frames: number): void {
    this.room.answered(frames);
  }

  /**
   * Hands queued packets to the driver until it stops or the queue is empty (Linux: `__qdisc_run`). A call from inside the
   * driver leaves it to the run that is under way, so that packets stay in order.
   */
  runQueue(): void {
    const { discipline } = this;
    if (discipline.running) return;
    discipline.running = true;
    try {
      while (!this.queueStopped && discipline.active !== QDISC_NOOP) {
        const packet = discipline.queue.shift();
        if (packet === null) return;
        if (!this.#hardStart(packet)) {
          discipline.requeues++;
          discipline.queue.unshift(packet);
          return;
        }
      }
    } finally {
      discipline.running = false;
      this.room.shortened();
    }
  }

  /** Makes the configured discipline the active one (Linux: `dev_activate`). */
  activateQueue(): void {
    this.discipline.active = this.discipline.configured;
    this.runQueue();
  }

  /** Makes the noop discipline the active one and purges the queue (Linux: `dev_deactivate`). */
  deactivateQueue(): void {
    this.discipline.active = QDISC_NOOP;
    for (
      let packet = this.discipline.queue.shift();
      packet !== null;
      packet = this.discipline.queue.shift()
    ) {
      this.drop(packet, DROP_QUEUE_PURGED);
    }
    this.room.shortened();
  }

  /** Releases frames that wait in the backlog or to be merged: they came from before the device stopped. */
  purgeBacklog(): void {
    for (let packet = this.#backlog.shift(); packet !== null; packet = this.#backlog.shift())
      this.#dropStale(packet);
    this.#gro.purge((packet) => this.#dropStale(packet));
  }

  #dropStale(packet: Packet): void {
    this.statistics.rxDropped++;
    this.drop(packet, DROP_DEVICE_NOT_RUNNING);
  }

  #hardStart(packet: Packet): boolean {
    this.ns.tap(packet, this, true);
    const bytes = packet.length;
    if (packet.stamps !== 0) stampPacket(packet, STAMP_SENT);
    if (this.link.startXmit(packet) !== NETDEV_TX_OK) return false;
    this.statistics.txPackets++;
    this.statistics.txBytes += bytes;
    this.room.handed++;
    if (this.#hasFlush && !this.#flushWork.scheduled) this.ns.machine.clock.defer(this.#flushWork);
    return true;
  }

  /** The device may have stopped, and its link be closed, since the flush was asked for. */
  #flush(): void {
    if (this.running) this.link.flush?.();
    this.room.shortened();
  }

  /** What comes in meanwhile is the next piece of work, so that two ends that answer each other can't hold up the rest. */
  #processBacklog(): void {
    for (let left = this.#backlog.length; left > 0; left--) {
      const packet = this.#backlog.shift();
      if (packet === null) return;
      this.groReceive(packet);
    }
  }

  /** Linux: `eth_type_trans`. */
  #typeEthernet(packet: Packet): void {
    const view = packet.pool.view;
    const at = packet.start;
    const destination = getMac(view, at + ETH_DESTINATION);
    if (destination === this.address) packet.packetType = PACKET_HOST;
    else if (destination === MAC_BROADCAST) packet.packetType = PACKET_BROADCAST;
    else if (isMulticastMac(destination)) packet.packetType = PACKET_MULTICAST;
    else packet.packetType = PACKET_OTHERHOST;
    const type = view.getUint16(at + ETH_TYPE);
    packet.protocol = type >= ETH_P_802_3_MIN ? type : ETH_P_802_2;
    packet.network = at + ETH_HLEN;
    packet.start = packet.network;
  }

  /** A raw-IP device's frames say only in their first nibble what they are (Linux: `tun_get_user`). */
  #typeRaw(packet: Packet): void {
    packet.packetType = PACKET_HOST;
    packet.network = packet.start;
    const version = packet.end > packet.start ? packet.pool.view.getUint8(packet.start) >>> 4 : 0;
    packet.protocol = version === 4 ? ETH_P_IP : version === 6 ? ETH_P_IPV6 : 0;
  }
}

function defaultFlags(type: number): number {
  if (type === ARPHRD_LOOPBACK) return IFF_LOOPBACK;
  if (type === ARPHRD_ETHER) return IFF_BROADCAST | IFF_MULTICAST;
  return IFF_MULTICAST;
}
