import {
  DROP_OTHER_HOST,
  DROP_UNHANDLED_PROTOCOL,
  DROP_VLAN_UNKNOWN,
  DropCounters,
  type DropListener,
} from '../drop.ts';
import { ETH_P_8021AD, ETH_P_8021Q } from '../frame/ethernet.ts';
import { VLAN_HLEN, VLAN_ID_MASK, VLAN_TCI, VLAN_TYPE } from '../frame/vlan.ts';
import type { Machine } from '../machine.ts';
import { PACKET_OTHERHOST, type Packet } from '../memory/packet.ts';
import type { Entropy } from '../random.ts';
import { publishDrop } from './drop-channel.ts';
import type { MergerChoice } from './gro.ts';
import type { NetdevInfo } from './netdev-info.ts';
import type { NetDevice } from './netdevice.ts';
import { NotifierChain } from './notifier.ts';
import { RtBus } from './rtnetlink.ts';

/** Takes packets of one EtherType, with their ownership; `packet.start` is at the network header (Linux: `packet_type`). */
export type ProtocolHandler = (packet: Packet, dev: NetDevice) => void;

/** Sees every frame that a device receives or sends, which it may read but not keep (Linux: `ETH_P_ALL` handlers). */
export type PacketTap = (packet: Packet, dev: NetDevice, outgoing: boolean) => void;

const BUCKETS = 16;

/**
 * A network namespace (Linux: `struct net`): the devices of one stack, with their notifier chain, their event bus, the
 * protocols registered for their frames, and their drop counters.
 */
export class Netns {
  readonly machine: Machine;
  readonly name: string;
  /** A stream of its own: what one namespace draws never disturbs another's. */
  readonly entropy: Entropy;
  /** The namespace's netdev chain; runs before the machine's. */
  readonly chain: NotifierChain<NetdevInfo>;
  /** Link, address, route and neighbour messages, in netlink's order. */
  readonly messages: RtBus;
  readonly drops: DropCounters = new DropCounters();
  /** Registered devices, in order of registration. */
  devices: readonly NetDevice[] = [];
  /** The last index given out (Linux: `ifindex` cursor of `struct net`). */
  lastIfindex = 0;
  /** How many users want packets stamped with their time of arrival (Linux: `net_enable_timestamp`). */
  timestamps = 0;

  /** Who merges received packets of an EtherType (Linux: `dev_add_offload`). */
  readonly mergers: Map<number, MergerChoice> = new Map();

  readonly #handlers: { protocol: number; handler: ProtocolHandler }[][] = Array.from(
    { length: BUCKETS },
    () => [],
  );
  #taps: readonly PacketTap[] = [];
  #dropListeners: readonly DropListener<Packet, NetDevice>[] = [];

  constructor(machine: Machine, name = '') {
    this.machine = machine;
    this.name = name;
    this.entropy = machine.entropy.fork();
    this.chain = new NotifierChain(machine.fault, 'tapir:netdev');
    this.chain.runRemovedSuccessor = machine.compat.notifierRunsRemovedSuccessor;
    this.messages = new RtBus(machine.fault);
    machine.namespaces.push(this);
  }

  /** The device of that name or alternative name. */
  deviceByName(name: string): NetDevice | undefined {
    return this.devices.find((dev) => dev.name === name || dev.altNames.includes(name));
  }

  deviceByIndex(ifindex: number): NetDevice | undefined {
    return this.devices.find((dev) => dev.ifindex === ifindex);
  }

  /** Registers the handler for an EtherType (Linux: `dev_add_pack`). One handler an EtherType. */
  addProtocol(protocol: number, handler: ProtocolHandler): void {
    const bucket = this.#handlers[protocol & (BUCKETS - 1)]!;
    if (bucket.some((entry) => entry.protocol === protocol))
      throw new Error(`EtherType ${protocol} has a handler`);
    bucket.push({ protocol, handler });
  }

  /** Adds a listener to all frames; returns the function that removes it. */
  addTap(tap: PacketTap): () => void {
    this.#taps = [...this.#taps, tap];
    return () => {
      this.#taps = this.#taps.filter((other) => other !== tap);
    };
  }

  /** Adds a listener to all drops; returns the function that removes it. */
  onDrop(listener: DropListener<Packet, NetDevice>): () => void {
    this.#dropListeners = [...this.#dropListeners, listener];
    return () => {
      this.#dropListeners = this.#dropListeners.filter((other) => other !== listener);
    };
  }

  /** Shows a frame to the taps; `packet.link` is where it begins. */
  tap(packet: Packet, dev: NetDevice, outgoing: boolean): void {
    const taps = this.#taps;
    for (let i = 0; i < taps.length; i++) taps[i]!(packet, dev, outgoing);
  }

  /** Counts a drop under its reason and releases the packet. */
  drop(packet: Packet, reason: number, dev: NetDevice | null): void {
    this.drops.add(reason);
    publishDrop(reason, packet, dev);
    const listeners = this.#dropListeners;
    for (let i = 0; i < listeners.length; i++) listeners[i]!(reason, packet, dev);
    packet.release();
  }

  /** Counts the drop of a packet that could not be made, under its reason. */
  dropUnmade(reason: number): void {
    this.drops.add(reason);
    publishDrop(reason, null, null);
  }

  /** Gives a received packet to the handler of its EtherType (Linux: the end of `__netif_receive_skb_core`). */
  deliver(packet: Packet, dev: NetDevice): void {
    while (packet.protocol === ETH_P_8021Q || packet.protocol === ETH_P_8021AD) {
      if (!this.#untag(packet, dev)) return;
    }
    const bucket = this.#handlers[packet.protocol & (BUCKETS - 1)]!;
    for (let i = 0; i < bucket.length; i++) {
      const entry = bucket[i]!;
      if (entry.protocol === packet.protocol) {
        entry.handler(packet, dev);
        return;
      }
    }
    dev.statistics.rxDropped++;
    const otherHost = packet.packetType === PACKET_OTHERHOST;
    this.drop(packet, otherHost ? DROP_OTHER_HOST : DROP_UNHANDLED_PROTOCOL, dev);
  }

  /** A priority tag (VLAN 0) is taken off; a VLAN that no device stands for is another host's (Linux: `vlan_do_receive`). */
  #untag(packet: Packet, dev: NetDevice): boolean {
    if (packet.end - packet.start < VLAN_HLEN) {
      dev.statistics.rxErrors++;
      this.drop(packet, DROP_VLAN_UNKNOWN, dev);
      return false;
    }
    const view = packet.pool.view;
    packet.vlanTci = view.getUint16(packet.start + VLAN_TCI);
    if ((packet.vlanTci & VLAN_ID_MASK) !== 0) {
      this.drop(packet, DROP_VLAN_UNKNOWN, dev);
      return false;
    }
    packet.protocol = view.getUint16(packet.start + VLAN_TYPE);
    packet.network = packet.pull(VLAN_HLEN);
    return true;
  }
}
