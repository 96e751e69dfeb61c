import { FLUSH, Work } from '../../clock/deferred.ts';
import {
  DROP_BACKLOG_FULL,
  DROP_FRAME_TOO_LONG,
  DROP_FRAME_TOO_SHORT,
  DROP_NO_CARRIER,
  DROP_QUEUE_FULL,
  DROP_QUEUE_PURGED,
  DROP_TRANSMIT_ERROR,
  dropReason,
} from '../../drop.ts';
import { ETH_HLEN, ETH_P_8021AD, ETH_P_8021Q } from '../../frame/ethernet.ts';
import { VLAN_HLEN } from '../../frame/vlan.ts';
import type { Packet } from '../../memory/packet.ts';
import { PacketQueue } from '../../memory/queue.ts';
import { NET_XMIT_DROP, NET_XMIT_SUCCESS, NETDEV_TX_OK } from '../../netdevice/flags.ts';
import type { Link, LinkPort } from '../../netdevice/link.ts';
import { type Segmenter, type Sender, sendFitted } from '../../netdevice/segment.ts';
import { LinkStatistics } from '../../netdevice/statistics.ts';
import type { Switch } from './switch.ts';

/** An EtherType ends right before what it tells of. */
const ETH_TYPE_LENGTH = 2;

/** Received on a port that is down or has no carrier. */
export const DROP_SWITCH_PORT_DOWN: number = dropReason('switch_port_down');

/**
 * One port of a switch, the user of one link. It forwards while it is up and has carrier; the queue in front of a link that
 * stops it has the length that the link asks for, and a link without queue gets none.
 */
export class SwitchPort implements LinkPort, Sender {
  readonly switch: Switch;
  readonly link: Link;
  readonly name: string;
  readonly statistics: LinkStatistics = new LinkStatistics();
  carrier: boolean;
  /** Opened, see {@link up}. */
  enabled = false;
  queueStopped = false;

  readonly #queue: PacketQueue;
  readonly #backlog: PacketQueue;
  readonly #backlogWork: Work;
  readonly #flushWork: Work;

  /** Used by {@link Switch.attach}. */
  constructor(owner: Switch, link: Link, name: string) {
    this.switch = owner;
    this.link = link;
    this.name = name;
    this.carrier = link.carrier;
    this.#queue = new PacketQueue(link.txQueueLength);
    this.#backlog = new PacketQueue(owner.machine.maxBacklog);
    this.#backlogWork = new Work(() => this.#processBacklog());
    this.#flushWork = new Work(() => this.link.flush?.(), FLUSH);
    link.bind(this);
  }

  /** Whether frames pass. */
  get forwarding(): boolean {
    return this.enabled && this.carrier;
  }

  /** Opens the link; 0 or what the link answered. The far end of a cable then has carrier. */
  up(): number {
    if (this.enabled) return 0;
    this.enabled = true;
    const failed = this.link.open();
    if (failed < 0) this.enabled = false;
    return failed;
  }

  /** Stops the link: the far end of a cable loses carrier, and what was learnt here is forgotten. */
  down(): void {
    if (!this.enabled) return;
    this.enabled = false;
    this.#purge();
    this.link.stop();
    this.queueStopped = false;
    this.switch.portLost(this);
  }

  /** Used by the switch: sends a frame, with its ownership. What asks more than the link can do is made to fit. */
  send(packet: Packet): void {
    if (packet.gsoSize === 0 && packet.length > this.link.mtu + ETH_HLEN + VLAN_HLEN) {
      this.#dropOutgoing(packet, DROP_FRAME_TOO_LONG);
    } else if ((packet.gsoSize | packet.checksum | packet.payloadLength) === 0) {
      this.#transmit(packet);
    } else {
      if (packet.gsoSize > 0) locateHeaders(packet);
      sendFitted(this, packet, this.#transmitFit);
    }
  }

  get features(): number {
    return this.link.features;
  }

  segmenter(gsoType: number): Segmenter | null {
    return this.switch.machine.segmenters.get(gsoType) ?? null;
  }

  receive(packet: Packet): void {
    if (!this.forwarding) {
      this.statistics.rxDropped++;
      this.drop(packet, this.enabled ? DROP_NO_CARRIER : DROP_SWITCH_PORT_DOWN);
      return;
    }
    if (packet.end - packet.start < ETH_HLEN) {
      this.statistics.rxErrors++;
      this.statistics.rxLengthErrors++;
      this.drop(packet, DROP_FRAME_TOO_SHORT);
      return;
    }
    this.statistics.rxPackets++;
    this.statistics.rxBytes += packet.length;
    packet.link = packet.start;
    this.switch.forward(packet, this);
  }

  enqueue(packet: Packet): void {
    if (!this.#backlog.push(packet)) {
      this.statistics.rxDropped++;
      this.drop(packet, DROP_BACKLOG_FULL);
      return;
    }
    this.switch.machine.clock.defer(this.#backlogWork);
  }

  drop(packet: Packet, reason: number): void {
    this.switch.drop(packet, reason, this);
  }

  carrierOn(): void {
    this.carrier = true;
  }

  carrierOff(): void {
    if (!this.carrier) return;
    this.carrier = false;
    this.#purgeQueue();
    this.switch.portLost(this);
  }

  stopQueue(): void {
    this.queueStopped = true;
  }

  wakeQueue(): void {
    this.queueStopped = false;
    while (!this.queueStopped) {
      const packet = this.#queue.shift();
      if (packet === null) return;
      if (!this.#start(packet)) {
        this.#queue.unshift(packet);
        return;
      }
    }
  }

  /** A switch has no peers to tell where it is. */
  notifyPeers(): void {}

  /** Used by the switch: gives the link up. */
  close(): void {
    this.down();
    this.#purge();
    this.link.close();
  }

  readonly #transmitFit = (packet: Packet): number => this.#transmit(packet);

  #transmit(packet: Packet): number {
    const queueing = this.queueStopped || this.#queue.length > 0;
    if (!queueing && this.#start(packet)) return NET_XMIT_SUCCESS;
    if (this.#queue.push(packet)) return NET_XMIT_SUCCESS;
    this.#dropOutgoing(packet, queueing ? DROP_QUEUE_FULL : DROP_TRANSMIT_ERROR);
    return NET_XMIT_DROP;
  }

  #start(packet: Packet): boolean {
    const bytes = packet.length;
    if (this.link.startXmit(packet) !== NETDEV_TX_OK) return false;
    this.statistics.txPackets++;
    this.statistics.txBytes += bytes;
    if (this.link.flush !== undefined) this.switch.machine.clock.defer(this.#flushWork);
    return true;
  }

  #processBacklog(): void {
    for (let packet = this.#backlog.shift(); packet !== null; packet = this.#backlog.shift())
      this.receive(packet);
  }

  #dropOutgoing(packet: Packet, reason: number): void {
    this.statistics.txDropped++;
    this.drop(packet, reason);
  }

  #purge(): void {
    for (let packet = this.#backlog.shift(); packet !== null; packet = this.#backlog.shift()) {
      this.statistics.rxDropped++;
      this.drop(packet, DROP_SWITCH_PORT_DOWN);
    }
    this.#purgeQueue();
  }

  #purgeQueue(): void {
    for (let packet = this.#queue.shift(); packet !== null; packet = this.#queue.shift())
      this.drop(packet, DROP_QUEUE_PURGED);
  }
}

/** Where the headers are of a super-segment that no protocol has seen: it always comes with an open checksum. */
function locateHeaders(packet: Packet): void {
  const { view } = packet.pool;
  let network = packet.start + ETH_HLEN;
  while (network + VLAN_HLEN <= packet.end && isTag(view.getUint16(network - ETH_TYPE_LENGTH)))
    network += VLAN_HLEN;
  packet.network = network;
  packet.transport = packet.checksumStart;
}

function isTag(type: number): boolean {
  return type === ETH_P_8021Q || type === ETH_P_8021AD;
}
