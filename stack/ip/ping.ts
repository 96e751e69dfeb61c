import { Timer } from '../../device/clock/timer.ts';
import { EINVAL, ENOBUFS, errnoName, NetError } from '../../device/errno.ts';
import { checksum } from '../../device/memory/checksum.ts';
import type { Packet } from '../../device/memory/packet.ts';
import type { SendOptions } from '../inet.ts';
import { formatIpv4, type Ipv4, parseIpv4 } from '../wire/address.ts';
import {
  ICMP_CHECKSUM,
  ICMP_CODE,
  ICMP_ECHO,
  ICMP_HLEN,
  ICMP_IDENTIFIER,
  ICMP_SEQUENCE,
  ICMP_TYPE,
  icmpName,
} from '../wire/icmp.ts';
import { IP_DESTINATION, IP_HLEN, IP_MAX, IP_SOURCE, IP_TTL, IPPROTO_ICMP } from '../wire/ipv4.ts';
import type { IpContext } from './context.ts';
import type { PingRegistry, PingUser } from './ping-registry.ts';

/** How requests are sent; everything may be left out. */
export interface PingOptions {
  /** Requests to send; 1, `Infinity` until stopped. */
  count?: number;
  /** Milliseconds between requests; 1000. */
  intervalMs?: number;
  /** Milliseconds to wait for each answer; 5000, so that a neighbour that does not exist is reported as unreachable. */
  timeoutMs?: number;
  /** Bytes of data; 56. */
  size?: number;
  /** 1 to 255; the stack's default. */
  ttl?: number;
  tos?: number;
  /** Own address to send from, `192.0.2.1`; the route's. */
  source?: string;
  /** Device to send by, its index; the route's. */
  oif?: number;
  /** Forbid fragmentation; else DF is set on what fits the path, as `ping` does. */
  dontFragment?: boolean;
  /** Bytes that fill the data, again and again; 0, 1, 2 ... */
  pattern?: Uint8Array;
  /** IP options, padded to a multiple of 4. */
  ipOptions?: Uint8Array;
}

/** What became of one request. */
export interface PingReply {
  /** 1 for the first request. */
  readonly sequence: number;
  /** `reply`: answered; `error`: somebody, `from`, reports an error; `timeout`; `unsent`: it could not be sent. */
  readonly kind: 'reply' | 'error' | 'timeout' | 'unsent';
  /** Who answered, null for none. */
  readonly from: string | null;
  /** Round-trip time in milliseconds, -1 without an answer. */
  readonly rttMs: number;
  /** TTL of the answer as it arrived. */
  readonly ttl: number;
  /** Bytes of the answer's ICMP message. */
  readonly bytes: number;
  /** The answer holds the data that was sent. */
  readonly intact: boolean;
  /** An answer to a request that was answered before. */
  readonly duplicate: boolean;
  /** An error's type, code and what it says; the errno's name for one that was not sent. */
  readonly type: number;
  readonly code: number;
  readonly reason: string;
  /** The MTU that "fragmentation needed" reports, or the word that the error carries. */
  readonly info: number;
}

export interface PingSummary {
  readonly transmitted: number;
  readonly received: number;
  readonly errors: number;
  readonly duplicates: number;
  /** Milliseconds, over all answers; 0 without any. */
  readonly minMs: number;
  readonly averageMs: number;
  readonly maxMs: number;
  readonly mdevMs: number;
}

/** Sequence numbers are 16 bits; a request that old has timed out, or its number comes again. */
const SEQUENCES = 0x10000;

interface Sent {
  readonly sequence: number;
  readonly at: number;
  answered: boolean;
}

const NOTHING = {
  from: null,
  rttMs: -1,
  ttl: 0,
  bytes: 0,
  intact: false,
  duplicate: false,
  type: -1,
  code: -1,
  reason: '',
  info: 0,
} as const;

/**
 * A series of echo requests. Its results come three ways: `onReply` is called as they happen, the object can be iterated with
 * `for await`, and `finished()` is a promise of the summary.
 */
export class Ping implements PingUser, AsyncIterable<PingReply> {
  readonly destination: Ipv4;
  readonly count: number;
  readonly intervalMs: number;
  readonly timeoutMs: number;
  readonly size: number;
  identifier = -1;
  transmitted = 0;
  received = 0;
  errors = 0;
  duplicates = 0;
  ended = false;

  readonly #context: IpContext;
  readonly #registry: PingRegistry;
  readonly #send: SendOptions;
  readonly #pattern: Uint8Array | null;
  readonly #sendTimer: Timer;
  readonly #timeoutTimer: Timer;
  /** Requests whose time is not over, oldest first. */
  readonly #waiting = new Map<number, Sent>();
  #listeners: readonly ((reply: PingReply) => void)[] = [];
  #endListeners: readonly (() => void)[] = [];
  #minMs: number = Number.POSITIVE_INFINITY;
  #maxMs = 0;
  #sumMs = 0;
  #sumSquares = 0;

  /** Throws a `NetError` that names the option when one is wrong. */
  constructor(context: IpContext, registry: PingRegistry, destination: Ipv4, options: PingOptions) {
    this.#context = context;
    this.#registry = registry;
    this.destination = destination;
    this.count = positive('count', options.count ?? 1);
    this.intervalMs = atLeast('intervalMs', options.intervalMs ?? 1000, 0);
    this.timeoutMs = atLeast('timeoutMs', options.timeoutMs ?? 5000, 0);
    this.size = inRange('size', options.size ?? 56, 0, IP_MAX - IP_HLEN - ICMP_HLEN);
    this.#pattern = options.pattern !== undefined && options.pattern.length > 0 ? options.pattern : null;
    this.#send = sendOptions(destination, options);
    this.#sendTimer = new Timer(context.machine.clock, () => this.#sendNext());
    this.#timeoutTimer = new Timer(context.machine.clock, () => this.#expire());
  }

  /** Calls `listener` with each result; returns this. */
  onReply(listener: (reply: PingReply) => void): this {
    this.#listeners = [...this.#listeners, listener];
    return this;
  }

  /** Calls `listener` once when all is over; returns this. */
  onEnd(listener: () => void): this {
    if (this.ended) listener();
    else this.#endListeners = [...this.#endListeners, listener];
    return this;
  }

  /** Sends the first request in this batch's deferred work, so that listeners can be added before. */
  start(): void {
    this.identifier = this.#registry.add(this);
    if (this.identifier < 0) throw new NetError(this.identifier, 'ping', 'no identifier is free');
    this.#context.machine.clock.hold();
    this.#sendTimer.start(0);
  }

  /** Ends it now; requests that wait for an answer are forgotten. */
  stop(): void {
    if (this.ended) return;
    this.ended = true;
    this.#sendTimer.stop();
    this.#timeoutTimer.stop();
    this.#waiting.clear();
    if (this.identifier >= 0) this.#context.machine.clock.letGo();
    this.#registry.remove(this.identifier);
    const listeners = this.#endListeners;
    this.#endListeners = [];
    for (const listener of listeners) listener();
  }

  summary(): PingSummary {
    const { received } = this;
    const average = received === 0 ? 0 : this.#sumMs / received;
    const variance = received === 0 ? 0 : this.#sumSquares / received - average * average;
    return {
      transmitted: this.transmitted,
      received,
      errors: this.errors,
      duplicates: this.duplicates,
      minMs: received === 0 ? 0 : this.#minMs,
      averageMs: average,
      maxMs: this.#maxMs,
      mdevMs: Math.sqrt(Math.max(0, variance)),
    };
  }

  /** A promise of the summary, when all is over. */
  finished(): Promise<PingSummary> {
    return new Promise((resolve) => this.onEnd(() => resolve(this.summary())));
  }

  /** The results from now on; leaving the loop stops the series. */
  async *[Symbol.asyncIterator](): AsyncGenerator<PingReply, void, void> {
    const queue: PingReply[] = [];
    let wake: () => void = () => {};
    this.onReply((reply) => {
      queue.push(reply);
      wake();
    });
    this.onEnd(() => wake());
    try {
      for (;;) {
        const reply = queue.shift();
        if (reply !== undefined) yield reply;
        else if (this.ended) return;
        else
          await new Promise<void>((resolve) => {
            wake = resolve;
          });
      }
    } finally {
      this.stop();
    }
  }

  receive(packet: Packet): void {
    const { view } = packet.pool;
    const at = packet.start;
    const sent = this.#waiting.get(view.getUint16(at + ICMP_SEQUENCE));
    if (sent === undefined) return;
    const rttMs = this.#context.machine.clock.now() - sent.at;
    const duplicate = sent.answered;
    if (duplicate) this.duplicates++;
    else this.#count(sent, rttMs);
    this.#tell({
      ...NOTHING,
      sequence: sent.sequence,
      kind: 'reply',
      from: formatIpv4(view.getUint32(packet.network + IP_SOURCE)),
      rttMs,
      ttl: view.getUint8(packet.network + IP_TTL),
      bytes: packet.end - at,
      intact: this.#isIntact(packet),
      duplicate,
      reason: 'echo reply',
    });
    this.#endWhenDone();
  }

  error(packet: Packet, at: number, type: number, code: number, info: number): void {
    const { view } = packet.pool;
    if (view.getUint32(packet.start + IP_DESTINATION) !== this.destination) return;
    const sent = this.#waiting.get(view.getUint16(at + ICMP_SEQUENCE));
    if (sent === undefined || sent.answered) return;
    sent.answered = true;
    this.errors++;
    this.#tell({
      ...NOTHING,
      sequence: sent.sequence,
      kind: 'error',
      from: formatIpv4(view.getUint32(packet.network + IP_SOURCE)),
      rttMs: this.#context.machine.clock.now() - sent.at,
      ttl: view.getUint8(packet.network + IP_TTL),
      type,
      code,
      reason: icmpName(type, code),
      info,
    });
    this.#endWhenDone();
  }

  #sendNext(): void {
    const sequence = this.transmitted + 1;
    const now = this.#context.machine.clock.now();
    const number = sequence % SEQUENCES;
    this.#waiting.delete(number);
    this.#waiting.set(number, { sequence, at: now, answered: false });
    this.transmitted = sequence;
    if (sequence < this.count) this.#sendTimer.start(this.intervalMs);
    if (!this.#timeoutTimer.pending) this.#timeoutTimer.start(this.timeoutMs);
    const result = this.#transmit(number);
    if (result >= 0 || this.ended) return;
    this.#waiting.delete(number);
    this.errors++;
    this.#tell({ ...NOTHING, sequence, kind: 'unsent', reason: errnoName(result) });
    this.#endWhenDone();
  }

  #transmit(sequence: number): number {
    const { machine, ip } = this.#context;
    const length = ICMP_HLEN + this.size;
    const packet = machine.pool.alloc(length + IP_HLEN);
    if (packet === null) return -ENOBUFS;
    const at = packet.put(length);
    const { view, u8 } = packet.pool;
    view.setUint8(at + ICMP_TYPE, ICMP_ECHO);
    view.setUint8(at + ICMP_CODE, 0);
    view.setUint16(at + ICMP_CHECKSUM, 0);
    view.setUint16(at + ICMP_IDENTIFIER, this.identifier);
    view.setUint16(at + ICMP_SEQUENCE, sequence);
    for (let i = 0; i < this.size; i++) u8[at + ICMP_HLEN + i] = this.#dataAt(i);
    view.setUint16(at + ICMP_CHECKSUM, checksum(packet.pool, at, length));
    return ip.send(packet, this.#send);
  }

  #dataAt(index: number): number {
    return this.#pattern === null ? index & 0xff : this.#pattern[index % this.#pattern.length]!;
  }

  #isIntact(packet: Packet): boolean {
    const at = packet.start + ICMP_HLEN;
    if (packet.end - at !== this.size) return false;
    const { u8 } = packet.pool;
    for (let i = 0; i < this.size; i++) if (u8[at + i] !== this.#dataAt(i)) return false;
    return true;
  }

  #count(sent: Sent, rttMs: number): void {
    sent.answered = true;
    this.received++;
    this.#minMs = Math.min(this.#minMs, rttMs);
    this.#maxMs = Math.max(this.#maxMs, rttMs);
    this.#sumMs += rttMs;
    this.#sumSquares += rttMs * rttMs;
  }

  /** Forgets requests whose time is over, oldest first, and waits for the next. */
  #expire(): void {
    const { clock } = this.#context.machine;
    const now = clock.now();
    for (const [number, sent] of this.#waiting) {
      if (sent.at + this.timeoutMs > now) {
        this.#timeoutTimer.startAt(sent.at + this.timeoutMs);
        break;
      }
      this.#waiting.delete(number);
      if (!sent.answered) this.#tell({ ...NOTHING, sequence: sent.sequence, kind: 'timeout' });
      if (this.ended) return;
    }
    this.#endWhenDone();
  }

  /** Over when all were sent and each was answered or is given up. */
  #endWhenDone(): void {
    if (this.ended || this.transmitted < this.count) return;
    for (const sent of this.#waiting.values()) if (!sent.answered) return;
    this.stop();
  }

  #tell(reply: PingReply): void {
    for (const listener of this.#listeners) listener(reply);
  }
}

function sendOptions(destination: Ipv4, options: PingOptions): SendOptions {
  const source = options.source === undefined ? 0 : parseIpv4(options.source);
  if (Number.isNaN(source)) throw new NetError(-EINVAL, 'source', `${options.source} is no IPv4 address`);
  const dontFragment = options.dontFragment ?? false;
  return {
    source,
    destination,
    protocol: IPPROTO_ICMP,
    ttl: inRange('ttl', options.ttl ?? 0, 0, 255),
    tos: inRange('tos', options.tos ?? 0, 0, 255),
    oif: options.oif ?? 0,
    dontFragment,
    discoverMtu: !dontFragment,
    ...(options.ipOptions === undefined ? {} : { ipOptions: options.ipOptions }),
  };
}

function inRange(option: string, value: number, least: number, most: number): number {
  if (!(Number.isInteger(value) && value >= least && value <= most))
    throw new NetError(-EINVAL, option, `${value} is not between ${least} and ${most}`);
  return value;
}

function positive(option: string, value: number): number {
  if (value !== Number.POSITIVE_INFINITY && !(Number.isInteger(value) && value >= 1))
    throw new NetError(-EINVAL, option, `${value} is no number of requests`);
  return value;
}

function atLeast(option: string, value: number, least: number): number {
  if (!(Number.isFinite(value) && value >= least))
    throw new NetError(-EINVAL, option, `${value} is no number of milliseconds`);
  return value;
}
