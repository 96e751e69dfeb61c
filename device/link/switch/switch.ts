import { DropCounters, type DropListener, dropReason } from '../../drop.ts';
import { EEXIST, NetError } from '../../errno.ts';
import {
  ETH_DESTINATION,
  ETH_HLEN,
  ETH_P_8021AD,
  ETH_P_8021Q,
  ETH_SOURCE,
  ETH_TYPE,
} from '../../frame/ethernet.ts';
import { getMac, isMulticastMac, isValidMac, type MacAddress } from '../../frame/mac.ts';
import { VLAN_HLEN, VLAN_ID_MASK, VLAN_TCI } from '../../frame/vlan.ts';
import type { Machine } from '../../machine.ts';
import type { Packet } from '../../memory/packet.ts';
import type { Link } from '../../netdevice/link.ts';
import { Fdb } from './fdb.ts';
import { SwitchPort } from './port.ts';

/** The source address is zero or a group. */
export const DROP_SWITCH_BAD_SOURCE: number = dropReason('switch_bad_source');
/** For a group address that no bridge forwards (IEEE 802.1D, table 7-10). */
export const DROP_SWITCH_LINK_LOCAL: number = dropReason('switch_link_local');
/** For the switch itself, which has no protocols. */
export const DROP_SWITCH_LOCAL: number = dropReason('switch_local');
/** Its destination is where it came from. */
export const DROP_SWITCH_SAME_PORT: number = dropReason('switch_same_port');
/** No other port to send it to, or the one that is right does not forward. */
export const DROP_SWITCH_NO_PORT: number = dropReason('switch_no_port');

/** 01:80:c2:00:00:00 up to :0f: addresses that end at the next bridge. */
const LINK_LOCAL_BASE: MacAddress = 0x0180c2000000;
const LINK_LOCAL_COUNT = 16;
/** The bridge group address itself: forwarded by a bridge that does not take part in the spanning tree, as Linux's. */
const LINK_LOCAL_STP = 0;
/** Pause frames: dropped before anything is learnt from them. */
const LINK_LOCAL_PAUSE = 1;

export interface SwitchOptions {
  /** Name for reports; `br0` when left out. */
  name?: string;
  /** Milliseconds after which an address is forgotten; 300 000 when left out, as in Linux. 0: nothing is learnt. */
  ageingMs?: number;
  /** The most addresses it knows; 16384 when left out. */
  maxEntries?: number;
  /** A port that loses its carrier keeps what was learnt on it, as on switches that notice nothing. Linux forgets it. */
  keepEntriesOnCarrierLoss?: boolean;
  /** Bit n: frames for 01:80:c2:00:00:0n are forwarded (Linux: `group_fwd_mask`). Pause frames never are. */
  groupForwardMask?: number;
}

/**
 * A learning bridge (IEEE 802.1D without the spanning tree; Linux: `net/bridge`) between links of any kind: the ends of
 * veths and wires, TAPs, wrapped or not. It knows frames and nothing above.
 *
 * Each VLAN learns by itself. A flooded frame is one packet with several owners: links may read it, and one that writes, or
 * hands it on to a receiver, takes its own copy first. Where Linux notices a lost carrier only with the link watcher, up to
 * a second late, this notices at once.
 */
export class Switch {
  readonly machine: Machine;
  readonly name: string;
  readonly fdb: Fdb;
  readonly drops: DropCounters = new DropCounters();
  keepEntriesOnCarrierLoss: boolean;
  groupForwardMask: number;
  /** In the order in which they were attached. */
  ports: readonly SwitchPort[] = [];
  /** Frames sent to more than one port because their destination is a group or not known. */
  flooded = 0;
  #dropListeners: readonly DropListener<Packet, SwitchPort>[] = [];

  constructor(machine: Machine, options: SwitchOptions = {}) {
    this.machine = machine;
    this.name = options.name ?? 'br0';
    this.fdb = new Fdb(machine.clock, options.ageingMs ?? 300_000, options.maxEntries ?? 16_384);
    this.keepEntriesOnCarrierLoss = options.keepEntriesOnCarrierLoss ?? false;
    this.groupForwardMask = options.groupForwardMask ?? 0;
  }

  /**
   * Makes `link` a port, with the link's own address as a local entry, and opens it. Throws `EEXIST` for a name that is taken,
   * or what the link's `open` answers.
   */
  attach(link: Link, name = `port${this.ports.length + 1}`): SwitchPort {
    if (this.port(name) !== undefined) throw new NetError(-EEXIST, 'attach', name);
    const port = new SwitchPort(this, link, name);
    this.ports = [...this.ports, port];
    this.fdb.add(link.address, port, 'local');
    const failed = port.up();
    if (failed < 0) {
      this.detach(port);
      throw new NetError(failed, 'attach', name);
    }
    return port;
  }

  /** Takes a port away, with all its entries, and closes its link. */
  detach(port: SwitchPort): void {
    if (!this.ports.includes(port)) return;
    this.ports = this.ports.filter((other) => other !== port);
    port.close();
    this.fdb.flushPort(port, true);
  }

  /** Detaches all ports. */
  close(): void {
    for (const port of this.ports) this.detach(port);
  }

  port(name: string): SwitchPort | undefined {
    return this.ports.find((port) => port.name === name);
  }

  /** Adds a listener to all drops; returns the function that removes it. */
  onDrop(listener: DropListener<Packet, SwitchPort>): () => void {
    this.#dropListeners = [...this.#dropListeners, listener];
    return () => {
      this.#dropListeners = this.#dropListeners.filter((other) => other !== listener);
    };
  }

  /** Used by ports: learns from a received frame and sends it on, with its ownership (Linux: `br_handle_frame`). */
  forward(packet: Packet, from: SwitchPort): void {
    const { view } = packet.pool;
    const at = packet.start;
    const source = getMac(view, at + ETH_SOURCE);
    const destination = getMac(view, at + ETH_DESTINATION);
    if (!isValidMac(source)) {
      this.drop(packet, DROP_SWITCH_BAD_SOURCE, from);
      return;
    }
    const group = destination - LINK_LOCAL_BASE;
    if (group === LINK_LOCAL_PAUSE) {
      this.drop(packet, DROP_SWITCH_LINK_LOCAL, from);
      return;
    }
    const vlan = vlanOf(packet);
    this.fdb.learn(source, vlan, from);
    if (this.#isLinkLocal(group)) this.drop(packet, DROP_SWITCH_LINK_LOCAL, from);
    else if (isMulticastMac(destination)) this.#flood(packet, from);
    else this.#unicast(packet, from, destination, vlan);
  }

  /** Used by ports: a port went down or lost its carrier. */
  portLost(port: SwitchPort): void {
    if (!this.keepEntriesOnCarrierLoss) this.fdb.flushPort(port);
  }

  /** Used by ports: counts a drop under its reason and releases the packet. */
  drop(packet: Packet, reason: number, port: SwitchPort): void {
    this.drops.add(reason);
    for (const listener of this.#dropListeners) listener(reason, packet, port);
    packet.release();
  }

  #isLinkLocal(group: number): boolean {
    if (group < 0 || group >= LINK_LOCAL_COUNT) return false;
    return group !== LINK_LOCAL_STP && (this.groupForwardMask & (1 << group)) === 0;
  }

  #unicast(packet: Packet, from: SwitchPort, destination: MacAddress, vlan: number): void {
    const entry = this.fdb.find(destination, vlan);
    if (entry === null) this.#flood(packet, from);
    else if (entry.kind === 'local') this.drop(packet, DROP_SWITCH_LOCAL, from);
    else if (entry.port === from) this.drop(packet, DROP_SWITCH_SAME_PORT, from);
    else if (!entry.port.forwarding) this.drop(packet, DROP_SWITCH_NO_PORT, from);
    else entry.port.send(packet);
  }

  /** Every port but the one it came from; the last one gets the packet itself, the others a share of it. */
  #flood(packet: Packet, from: SwitchPort): void {
    const { ports } = this;
    let last: SwitchPort | null = null;
    for (let i = 0; i < ports.length; i++) {
      const port = ports[i]!;
      if (port === from || !port.forwarding) continue;
      if (last !== null) last.send(packet.retain());
      last = port;
    }
    if (last === null) {
      this.drop(packet, DROP_SWITCH_NO_PORT, from);
      return;
    }
    this.flooded++;
    last.send(packet);
  }
}

/** VLAN of the frame's tag; 0: none. A tag that is cut off is none. */
function vlanOf(packet: Packet): number {
  const { view } = packet.pool;
  const type = view.getUint16(packet.start + ETH_TYPE);
  if (type !== ETH_P_8021Q && type !== ETH_P_8021AD) return 0;
  if (packet.end - packet.start < ETH_HLEN + VLAN_HLEN) return 0;
  return view.getUint16(packet.start + ETH_HLEN + VLAN_TCI) & VLAN_ID_MASK;
}
