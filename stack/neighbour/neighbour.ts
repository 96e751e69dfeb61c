import { Timer } from '../../device/clock/timer.ts';
import { dropReason } from '../../device/drop.ts';
import { EINVAL, EPERM } from '../../device/errno.ts';
import { ETH_HLEN, ETH_SOURCE, ETH_TYPE } from '../../device/frame/ethernet.ts';
import { formatMac, MAC_ZERO, type MacAddress } from '../../device/frame/mac.ts';
import type { Packet } from '../../device/memory/packet.ts';
import type { NetDevice } from '../../device/netdevice/netdevice.ts';
import { MIB } from '../counters.ts';
import type { NextHop } from '../inet.ts';
import type { NeighParms } from '../sysctl/neigh-parms.ts';
import {
  type AddressComparison,
  judgeUpdate,
  NEIGH_UPDATE_F_ADMIN,
  NEIGH_UPDATE_F_EXT_LEARNED,
  NEIGH_UPDATE_F_ISROUTER,
  NEIGH_UPDATE_F_OVERRIDE_ISROUTER,
  NUD_CONNECTED,
  NUD_DELAY,
  NUD_FAILED,
  NUD_IN_TIMER,
  NUD_INCOMPLETE,
  NUD_NONE,
  NUD_PROBE,
  NUD_REACHABLE,
  NUD_STALE,
  NUD_VALID,
  type NudCondition,
  type NudEvent,
  type NudTimer,
  type NudTransition,
  nudName,
  nudRows,
} from './nud.ts';
import type { NeighbourTable } from './table.ts';
import { isPast, isWithin, startTimer } from './timing.ts';
import { UnresolvedQueue } from './unresolved.ts';

/** Its neighbour does not answer (Linux: `NEIGH_FAILED`). */
export const DROP_NEIGH_FAILED: number = dropReason('neigh_failed');
/** It was for an entry that is gone (Linux: `NEIGH_DEAD`). */
export const DROP_NEIGH_DEAD: number = dropReason('neigh_dead');

/** For {@link Neighbour.update}: no address comes with the update. */
export const NO_ADDRESS = -1;

/** Entry flags (Linux: `NTF_*`). */
export const NTF_EXT_LEARNED = 0x10;
export const NTF_ROUTER = 0x80;

/** The least that a timer waits, so that settings of 0 are no endless loop (Linux: HZ/100). */
const LEAST_MS = 1;
const HIGH = 0x1_0000_0000;

/**
 * One neighbour on one link: its address, what is known of it, and the packets that wait for it (Linux: `struct neighbour`).
 * Its machine is the tables in `nud.ts`, which this file carries out.
 */
export class Neighbour implements NextHop {
  readonly table: NeighbourTable;
  readonly dev: NetDevice;
  /** The protocol address as the family's number; for IPv4 the address itself. */
  readonly key: number;
  readonly parms: NeighParms;

  /** `NUD_*`. */
  state: number = NUD_NONE;
  /** `NTF_*`. */
  flags = 0;
  /** What the address is here, `RTN_*`. */
  type = 0;
  mac: MacAddress = MAC_ZERO;
  /** Solicitations sent since the address was last known, those that unicast had its turn for included. */
  probes = 0;
  /** Milliseconds of the clock: when it was last heard from, when a packet last needed resolution, when it last changed. */
  confirmed: number;
  used: number;
  updated: number;
  /** It is no longer in the table. */
  dead = false;
  /** The next entry of its bucket. */
  chain: Neighbour | null = null;
  readonly queue: UnresolvedQueue;
  readonly timer: Timer;

  /** The link header but its type, as words: destination, with the source behind it. */
  #word0 = 0;
  #word1 = 0;
  #word2 = 0;

  constructor(table: NeighbourTable, dev: NetDevice, key: number, parms: NeighParms) {
    const now = table.machine.clock.now();
    this.table = table;
    this.dev = dev;
    this.key = key;
    this.parms = parms;
    this.used = now;
    this.updated = now;
    this.confirmed = now - 2 * parms.baseReachableTime;
    this.queue = new UnresolvedQueue(table);
    this.timer = new Timer(table.machine.clock, () => this.#happen('timer', null));
  }

  output(packet: Packet): number {
    return (this.state & NUD_CONNECTED) !== 0 ? this.#transmit(packet) : this.#resolve(packet);
  }

  confirm(): void {
    this.confirmed = this.table.machine.clock.recent();
  }

  /** Begins to resolve it without a packet (Linux: `neigh_event_send` with none). */
  use(): void {
    if (this.dead) return;
    this.used = this.table.machine.clock.now();
    this.#happen('output', null);
  }

  /** Sets the link-layer address, and with it the header in front of each frame. */
  setMac(mac: MacAddress): void {
    const source = this.dev.address;
    this.mac = mac;
    this.#word0 = (mac / 0x1_0000) | 0;
    this.#word1 = ((mac % 0x1_0000) << 16) | (source / HIGH);
    this.#word2 = (source % HIGH) | 0;
  }

  /**
   * Tells the entry what was learnt or wished (Linux: `__neigh_update`). `mac` may be {@link NO_ADDRESS}, `flags` are
   * `NEIGH_UPDATE_F_*`. 0; `-EPERM` for an entry that only a user may change; `-EINVAL` when it is gone, or no address is known.
   */
  update(mac: MacAddress, proposed: number, flags: number): number {
    if (this.dead) return -EINVAL;
    const compared = this.#compare(mac);
    const verdict = judgeUpdate(this.state, proposed, compared, flags);
    if (verdict === 'refuse') return -EPERM;
    let notify = this.#updateFlags(flags);
    if (verdict === 'invalidate') notify = this.#invalidate(proposed) || notify;
    if (verdict !== 'invalidate' && verdict !== 'invalid' && (proposed & NUD_CONNECTED) !== 0) {
      // Even an update whose address is refused says that somebody is there.
      this.confirmed = this.table.machine.clock.now();
    }
    if (verdict === 'take') notify = this.#take(compared === 'other' ? mac : NO_ADDRESS, proposed) || notify;
    if (verdict === 'suspect') notify = this.#take(NO_ADDRESS, NUD_STALE) || notify;
    this.table.trackForGc(this);
    if (notify) this.table.notify(this);
    return verdict === 'invalid' ? -EINVAL : 0;
  }

  /** The table removed it: its timer stops, what waits is dropped without an error to its sender. */
  bury(): void {
    this.dead = true;
    this.timer.stop();
    this.queue.purge(DROP_NEIGH_DEAD, this.dev);
  }

  /** As `ip -j neigh` shows it. */
  toJSON(): Record<string, unknown> {
    const out: Record<string, unknown> = { dst: this.table.ops.formatKey(this.key), dev: this.dev.name };
    if ((this.state & NUD_VALID) !== 0) out['lladdr'] = formatMac(this.mac);
    if ((this.flags & NTF_ROUTER) !== 0) out['router'] = null;
    if ((this.flags & NTF_EXT_LEARNED) !== 0) out['extern_learn'] = null;
    out['state'] = [nudName(this.state)];
    return out;
  }

  #transmit(packet: Packet): number {
    const { dev } = this;
    const { protocol } = this.table;
    packet.protocol = protocol;
    if (dev.hardHeaderLength === 0) {
      packet.link = packet.start;
      return dev.transmit(packet);
    }
    if (packet.start - packet.base < ETH_HLEN) return this.#transmitCopy(packet);
    const at = packet.push(ETH_HLEN);
    const view = packet.pool.view;
    view.setInt32(at, this.#word0);
    view.setInt32(at + ETH_SOURCE - 2, this.#word1);
    view.setInt32(at + ETH_SOURCE + 2, this.#word2);
    view.setUint16(at + ETH_TYPE, protocol);
    packet.link = at;
    return dev.transmit(packet);
  }

  /** A packet without room for the link header goes out as a copy that has it (Linux: `skb_realloc_headroom`). */
  #transmitCopy(packet: Packet): number {
    const copy = this.table.machine.pool.copy(packet);
    if (copy === null) {
      this.table.refuseForPool(packet, this.dev);
      return 0;
    }
    packet.release();
    return this.#transmit(copy);
  }

  #resolve(packet: Packet): number {
    if (this.dead) return this.#forward(packet);
    this.used = this.table.machine.clock.recent();
    if ((this.state & (NUD_DELAY | NUD_PROBE)) !== 0) return this.#transmit(packet);
    return this.#happen('output', packet);
  }

  /** Somebody still holds a removed entry: its packets go to the one in its place. */
  #forward(packet: Packet): number {
    const successor = this.table.nextHop(this.dev, this.key);
    if (successor !== null) return successor.output(packet);
    this.dev.drop(packet, DROP_NEIGH_DEAD);
    return 0;
  }

  /** Carries out the first row of the table that fits. Takes the packet's ownership. */
  #happen(event: NudEvent, packet: Packet | null): number {
    const now = this.table.machine.clock.now();
    for (const row of nudRows(this.state, event)) {
      if (this.#holds(row.when, now)) return this.#follow(row, packet, now);
    }
    return 0;
  }

  #holds(condition: NudCondition, now: number): boolean {
    const { parms } = this;
    switch (condition) {
      case 'always':
        return true;
      case 'confirmed':
        return isWithin(now, this.confirmed, parms.reachableTime);
      case 'confirmedInDelay':
        return !isPast(now, this.confirmed, parms.delayProbeTime);
      case 'used':
        return !isPast(now, this.used, parms.delayProbeTime);
      case 'mayAsk':
        return parms.mcastProbes + parms.appProbes > 0;
      case 'noProbes':
        return parms.ucastProbes + parms.appProbes + parms.mcastReprobes === 0;
      case 'probesSpent': {
        const multicast = this.state === NUD_PROBE ? parms.mcastReprobes : parms.mcastProbes;
        return this.probes >= parms.ucastProbes + parms.appProbes + multicast;
      }
    }
  }

  #follow(row: NudTransition, packet: Packet | null, now: number): number {
    if (row.to !== this.state) {
      this.state = row.to;
      this.updated = now;
    }
    this.#arm(row.timer, now);
    let result = 0;
    switch (row.act) {
      case 'none':
        break;
      case 'send':
        if (packet !== null) result = this.#transmit(packet);
        break;
      case 'queue':
        this.#hold(packet);
        break;
      case 'ask':
        this.probes = this.parms.ucastProbes;
        this.#hold(packet);
        this.#probe();
        break;
      case 'firstProbe':
        this.probes = 0;
        this.#probe();
        break;
      case 'probe':
        this.#probe();
        break;
      case 'fail':
        this.#fail();
        break;
      case 'drop':
        if (packet !== null) this.dev.drop(packet, DROP_NEIGH_FAILED);
        break;
    }
    if (row.notify) this.table.notify(this);
    return result;
  }

  #arm(when: NudTimer, now: number): void {
    const { parms } = this;
    if (when === 'stop') this.timer.stop();
    else if (when === 'retrans') this.#startTimer(parms.retransTime);
    else if (when === 'delay') this.#startTimer(parms.delayProbeTime);
    else if (when === 'expiry') this.#startTimer(this.confirmed + parms.reachableTime - now);
  }

  #startTimer(delayMs: number): void {
    startTimer(this.table.machine, this.timer, Math.max(delayMs, LEAST_MS));
  }

  #hold(packet: Packet | null): void {
    if (packet !== null) this.queue.push(packet, this.parms.queueLenBytes, this.dev);
  }

  /** Linux: `neigh_probe`. */
  #probe(): void {
    this.table.ops.solicit(this, this.queue.newest);
    this.probes++;
  }

  /** Linux: `neigh_invalidate`. A report may bring the entry back to life; what then waits is dropped, as there. */
  #fail(): void {
    this.table.mib.add(MIB.NeighResFailed);
    while (this.state === NUD_FAILED) {
      const packet = this.queue.shift();
      if (packet === null) break;
      this.table.ops.errorReport(this, packet);
    }
    this.queue.purge(DROP_NEIGH_FAILED, this.dev);
  }

  #compare(mac: MacAddress): AddressComparison {
    if (this.dev.addressLength === 0) return 'same';
    const known = (this.state & NUD_VALID) !== 0;
    if (mac === NO_ADDRESS) return known ? 'same' : 'none';
    return known && mac === this.mac ? 'same' : 'other';
  }

  /** Linux: `neigh_update_flags`, `neigh_update_is_router`. Returns whether anything changed. */
  #updateFlags(flags: number): boolean {
    const before = this.flags;
    if ((flags & NEIGH_UPDATE_F_ADMIN) !== 0) {
      if ((flags & NEIGH_UPDATE_F_EXT_LEARNED) !== 0) this.flags |= NTF_EXT_LEARNED;
      else this.flags &= ~NTF_EXT_LEARNED;
    }
    if ((flags & NEIGH_UPDATE_F_OVERRIDE_ISROUTER) !== 0) {
      if ((flags & NEIGH_UPDATE_F_ISROUTER) !== 0) this.flags |= NTF_ROUTER;
      else this.flags &= ~NTF_ROUTER;
    }
    return this.flags !== before;
  }

  /** The address is of no use any more. A user's INCOMPLETE gets its timer, without which it would never end. */
  #invalidate(proposed: number): boolean {
    const old = this.state;
    this.timer.stop();
    this.state = proposed;
    if (proposed === NUD_INCOMPLETE) this.#startTimer(this.parms.retransTime);
    if ((old & (NUD_INCOMPLETE | NUD_PROBE)) !== 0 && proposed === NUD_FAILED) {
      this.updated = this.table.machine.clock.now();
      this.#fail();
      return true;
    }
    if (proposed !== NUD_INCOMPLETE) this.queue.purge(DROP_NEIGH_FAILED, this.dev);
    return (old & NUD_VALID) !== 0;
  }

  /** Takes a state, and an address unless it is {@link NO_ADDRESS}; returns whether anything changed. */
  #take(mac: MacAddress, proposed: number): boolean {
    const old = this.state;
    if (proposed === old && mac === NO_ADDRESS) return false;
    const now = this.table.machine.clock.now();
    this.updated = now;
    if (mac !== NO_ADDRESS) {
      this.setMac(mac);
      if ((proposed & NUD_CONNECTED) === 0) this.confirmed = now - 2 * this.parms.baseReachableTime;
    }
    if (proposed === old) return true;
    this.state = proposed;
    this.timer.stop();
    if (proposed === NUD_PROBE) this.probes = 0;
    if ((proposed & NUD_IN_TIMER) !== 0) {
      startTimer(this.table.machine, this.timer, proposed === NUD_REACHABLE ? this.parms.reachableTime : 0);
    }
    if ((old & NUD_VALID) === 0) this.#sendHeld();
    return true;
  }

  #sendHeld(): void {
    while ((this.state & NUD_VALID) !== 0) {
      const packet = this.queue.shift();
      if (packet === null) return;
      this.output(packet);
    }
    this.queue.purge(DROP_NEIGH_FAILED, this.dev);
  }
}
