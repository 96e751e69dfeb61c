import { DROP_POOL_EXHAUSTED, dropReason } from '../../device/drop.ts';
import { copyBytes } from '../../device/memory/copy.ts';
import type { Packet } from '../../device/memory/packet.ts';
import { LARGE_SLOT, SMALL_SLOT } from '../../device/memory/pool.ts';
import type { NetDevice } from '../../device/netdevice/netdevice.ts';
import { MIB } from '../counters.ts';
import { RTN_LOCAL } from '../wire/address.ts';
import { ICMP_EXC_FRAGTIME, ICMP_TIME_EXCEEDED } from '../wire/icmp.ts';
import {
  IP_DESTINATION,
  IP_DF,
  IP_FRAGMENT,
  IP_IDENTIFICATION,
  IP_MAX,
  IP_MF,
  IP_OFFSET_MASK,
  IP_PROTOCOL,
  IP_SOURCE,
  IP_TOS,
  IP_TOTAL_LENGTH,
  IPTOS_RT_MASK,
  ipv4HeaderLength,
  setIpv4Checksum,
} from '../wire/ipv4.ts';
import type { IpContext } from './context.ts';
import { copyPacket } from './fragment.ts';
import { IpOptions } from './options.ts';
import {
  FRAGMENT_CORRUPT,
  FRAGMENT_DUPLICATE,
  FRAGMENT_OVERLAPS,
  FRAGMENT_TAKEN,
  ReassemblyQueue,
} from './reassembly-queue.ts';

/** Fragments use all the memory that they may. */
export const DROP_FRAG_MEMORY: number = dropReason('ip_frag_memory');
/** Its bytes had come before. */
export const DROP_FRAG_DUPLICATE: number = dropReason('ip_frag_duplicate');
/** Overlapping fragments: the whole datagram goes. */
export const DROP_FRAG_OVERLAP: number = dropReason('ip_frag_overlap');
/** Fragments that contradict each other about the datagram's end, or hold nothing. */
export const DROP_FRAG_CORRUPT: number = dropReason('ip_frag_corrupt');
/** The rest did not come in time. */
export const DROP_FRAG_TIMEOUT: number = dropReason('ip_frag_timeout');
/** Too many other fragments of the same sender came between (`ipfrag_max_dist`). */
export const DROP_FRAG_DISTANCE: number = dropReason('ip_frag_distance');
/** Together longer than a datagram can be. */
export const DROP_FRAG_TOO_LONG: number = dropReason('ip_frag_too_long');
/** ECN marks that no path can have made together. */
export const DROP_FRAG_ECN: number = dropReason('ip_frag_ecn');
/** The stack was closed. */
export const DROP_FRAG_CLOSED: number = dropReason('ip_frag_closed');

const ECN_MASK = 3;
const ECN_CE = 3;
/** Bits of {@link ReassemblyQueue.ecn}: 1 << code point. */
const SAW_NOT_ECT = 1;
const SAW_CE = 8;

/** Puts fragmented datagrams together (Linux: `net/ipv4/ip_fragment.c`). */
export class Reassembly {
  /** Bytes of slots held. */
  memory = 0;
  readonly #context: IpContext;
  readonly #queues = new Map<number, ReassemblyQueue[]>();
  /** Never more than half the pool, whatever `ipfrag_high_thresh` says, or fragments could starve the stack. */
  readonly #poolShare: number;

  constructor(context: IpContext) {
    const { pool } = context.machine;
    this.#context = context;
    this.#poolShare = (pool.smallSlots * SMALL_SLOT + pool.largeSlots * LARGE_SLOT) / 2;
  }

  /** Datagrams of which fragments wait. */
  get size(): number {
    let size = 0;
    for (const queues of this.#queues.values()) size += queues.length;
    return size;
  }

  close(): void {
    for (const queues of this.#queues.values()) {
      for (const queue of queues) this.#kill(queue, DROP_FRAG_CLOSED);
    }
  }

  /**
   * Takes a fragment, with its ownership, and returns the datagram when it is complete, else null. `options` are those that
   * came in its header; they are set to the first fragment's when the datagram is complete.
   */
  add(packet: Packet, dev: NetDevice, options: IpOptions): Packet | null {
    const context = this.#context;
    const { mib, settings } = context;
    mib.add(MIB.IpReasmReqds);
    const limit = Math.min(settings.fragmentHighThreshold.value, this.#poolShare);
    if (limit === 0 || this.memory > limit) return this.#refuse(packet, DROP_FRAG_MEMORY, dev);
    const queue = this.#queueOf(packet, dev);
    if (this.#tooFar(queue)) this.#restart(queue);
    return this.#enter(queue, packet, dev, options) ? this.#assemble(queue, options) : null;
  }

  /** Puts a fragment into its queue; true when the datagram is complete (Linux: `ip_frag_queue`). */
  #enter(queue: ReassemblyQueue, packet: Packet, dev: NetDevice, options: IpOptions): boolean {
    const { mib, ns } = this.#context;
    const { view } = packet.pool;
    const at = packet.network;
    const header = ipv4HeaderLength(view, at);
    const field = view.getUint16(at + IP_FRAGMENT);
    const begin = (field & IP_OFFSET_MASK) << 3;
    let end = begin + packet.length - (at + header - packet.start);
    const last = (field & IP_MF) === 0;
    if (!last) end &= ~7;
    const before = queue.memory;
    const verdict = queue.add(packet, begin, end, last);
    if (verdict === FRAGMENT_DUPLICATE) {
      ns.drop(packet, DROP_FRAG_DUPLICATE, dev);
      return false;
    }
    if (verdict !== FRAGMENT_TAKEN) {
      if (verdict === FRAGMENT_OVERLAPS) mib.add(MIB.IpExtReasmOverlaps);
      mib.add(MIB.IpReasmFails);
      const reason = verdict === FRAGMENT_CORRUPT ? DROP_FRAG_CORRUPT : DROP_FRAG_OVERLAP;
      ns.drop(packet, reason, dev);
      this.#kill(queue, reason);
      return false;
    }
    this.memory += queue.memory - before;
    queue.dev = dev;
    queue.ecn |= 1 << (view.getUint8(at + IP_TOS) & ECN_MASK);
    const bytes = header + end - begin;
    queue.largest = Math.max(queue.largest, bytes);
    if ((field & IP_DF) !== 0) queue.largestDf = Math.max(queue.largestDf, bytes);
    if (begin === 0 && options.length > 0) {
      queue.options = new IpOptions();
      queue.options.assign(options);
    }
    return queue.complete;
  }

  /** Copies the fragments into one packet (Linux: `ip_frag_reasm`). */
  #assemble(queue: ReassemblyQueue, options: IpOptions): Packet | null {
    const { mib, machine } = this.#context;
    const first = queue.first!;
    const header = ipv4HeaderLength(first.pool.view, first.network);
    const total = header + queue.length;
    const ecnWrong = (queue.ecn & SAW_NOT_ECT) !== 0 && queue.ecn !== SAW_NOT_ECT;
    const reason = total > IP_MAX ? DROP_FRAG_TOO_LONG : DROP_FRAG_ECN;
    if (total > IP_MAX || ecnWrong) {
      mib.add(MIB.IpReasmFails);
      this.#kill(queue, reason);
      return null;
    }
    const whole = machine.pool.alloc(total);
    if (whole === null) {
      mib.add(MIB.IpReasmFails);
      this.#kill(queue, DROP_POOL_EXHAUSTED);
      return null;
    }
    const at = whole.put(total);
    copyBytes(first.pool.u8, first.network, whole.pool.u8, at, header);
    for (const { packet, begin, end } of queue.pieces) {
      const length = ipv4HeaderLength(packet.pool.view, packet.network);
      const from = packet.network + length - packet.start;
      copyPacket(packet, from, end - begin, whole, at + header + begin);
    }
    const { view } = whole.pool;
    view.setUint16(at + IP_TOTAL_LENGTH, total);
    view.setUint16(at + IP_FRAGMENT, queue.largestDf === queue.largest ? IP_DF : 0);
    if ((queue.ecn & SAW_CE) !== 0 && queue.ecn !== SAW_CE)
      view.setUint8(at + IP_TOS, view.getUint8(at + IP_TOS) | ECN_CE);
    setIpv4Checksum(view, at, header);
    whole.link = at;
    whole.network = at;
    whole.transport = at + header;
    whole.start = at + header;
    whole.protocol = first.protocol;
    whole.packetType = first.packetType;
    whole.ifindex = first.ifindex;
    whole.timestamp = first.timestamp;
    if (queue.options === null) options.reset();
    else options.assign(queue.options);
    mib.add(MIB.IpReasmOKs);
    this.#forget(queue);
    queue.purge((packet) => packet.release());
    return whole;
  }

  /** Linux: `ip_expire`. Only the end host says so, and only if it has the first fragment. */
  #expire(queue: ReassemblyQueue): void {
    const { mib, routes, icmp } = this.#context;
    mib.add(MIB.IpReasmFails);
    mib.add(MIB.IpReasmTimeout);
    const { first } = queue;
    if (first !== null) {
      const tos = first.pool.view.getUint8(first.network + IP_TOS) & IPTOS_RT_MASK;
      const path = routes.input(queue.destination, queue.source, tos, queue.dev);
      if (typeof path !== 'number' && path.type === RTN_LOCAL)
        icmp.error(first, ICMP_TIME_EXCEEDED, ICMP_EXC_FRAGTIME, 0, path, queue.options);
    }
    this.#kill(queue, DROP_FRAG_TIMEOUT);
  }

  #queueOf(packet: Packet, dev: NetDevice): ReassemblyQueue {
    const { machine, settings } = this.#context;
    const { view } = packet.pool;
    const at = packet.network;
    const source = view.getUint32(at + IP_SOURCE);
    const destination = view.getUint32(at + IP_DESTINATION);
    const id = view.getUint16(at + IP_IDENTIFICATION);
    const protocol = view.getUint8(at + IP_PROTOCOL);
    const key = hash(source, destination, id, protocol);
    let queues = this.#queues.get(key);
    const known = queues?.find(
      (queue) =>
        queue.source === source &&
        queue.destination === destination &&
        queue.id === id &&
        queue.protocol === protocol,
    );
    if (known !== undefined) return known;
    const queue = new ReassemblyQueue(source, destination, id, protocol, dev, machine.clock, (expired) =>
      this.#expire(expired),
    );
    if (queues === undefined) {
      queues = [];
      this.#queues.set(key, queues);
    }
    queues.push(queue);
    queue.timer.start(settings.fragmentTime.value * 1000);
    return queue;
  }

  /** Linux: `ip_frag_too_far`. */
  #tooFar(queue: ReassemblyQueue): boolean {
    const { settings, ip, machine } = this.#context;
    const most = settings.fragmentMaxDistance.value;
    if (most === 0) return false;
    const peer = ip.peers.get(queue.source, machine.clock.recent());
    const before = queue.sequence;
    queue.sequence = ++peer.fragments;
    return queue.pieces.length > 0 && queue.sequence - before > most;
  }

  /** Linux: `ip_frag_reinit`. */
  #restart(queue: ReassemblyQueue): void {
    const { mib, settings } = this.#context;
    mib.add(MIB.IpReasmFails);
    this.#purge(queue, DROP_FRAG_DISTANCE);
    queue.timer.start(settings.fragmentTime.value * 1000);
  }

  #refuse(packet: Packet, reason: number, dev: NetDevice): null {
    this.#context.mib.add(MIB.IpReasmFails);
    this.#context.ns.drop(packet, reason, dev);
    return null;
  }

  #kill(queue: ReassemblyQueue, reason: number): void {
    this.#purge(queue, reason);
    this.#forget(queue);
  }

  #purge(queue: ReassemblyQueue, reason: number): void {
    this.memory -= queue.memory;
    queue.purge((packet) => this.#context.ns.drop(packet, reason, queue.dev));
  }

  #forget(queue: ReassemblyQueue): void {
    queue.timer.stop();
    this.memory -= queue.memory;
    queue.memory = 0;
    const key = hash(queue.source, queue.destination, queue.id, queue.protocol);
    const rest = this.#queues.get(key)?.filter((other) => other !== queue) ?? [];
    if (rest.length === 0) this.#queues.delete(key);
    else this.#queues.set(key, rest);
  }
}

function hash(source: number, destination: number, id: number, protocol: number): number {
  const mixed = Math.imul(source, 0x9e3779b1) ^ Math.imul(destination, 0x85ebca77);
  return (mixed ^ Math.imul((id << 8) | protocol, 0xc2b2ae3d)) | 0;
}
