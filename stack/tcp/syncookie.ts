import type { Entropy } from '../../device/random.ts';
import { SipHash } from '../socket/siphash.ts';
import type { Incoming } from './incoming.ts';

/** Segment sizes that a cookie can tell apart (Linux: `msstab`). */
const MSS_TABLE = [536, 1300, 1440, 1460];
const COUNTER_MS = 60_000;
/** Minutes that a cookie holds. */
const MAX_AGE = 2;

const WSCALE_MASK = 0xf;
const SACK_BIT = 0x10;
const ECN_BIT = 0x20;
const OPTION_MASK = 0x3f;
/** No window scaling. */
const WSCALE_NONE = 0xf;

/** Handshakes that need no memory: what must be known later is in our initial sequence number (RFC 4987; Linux: `syncookies.c`). */
export class SynCookies {
  readonly #first: SipHash;
  readonly #second: SipHash;

  constructor(entropy: Entropy) {
    this.#first = SipHash.random(entropy);
    this.#second = SipHash.random(entropy);
  }

  /** The initial sequence number that stands for a SYN with a segment size of `mss` at `nowMs`. */
  make(syn: Incoming, mss: number, nowMs: number): number {
    let index = MSS_TABLE.length - 1;
    while (index > 0 && mss < MSS_TABLE[index]!) index--;
    const count = Math.floor(nowMs / COUNTER_MS) & 0xff;
    const low = (this.#hash(this.#second, syn, count) + index) & 0xffffff;
    return (this.#hash(this.#first, syn, 0) + syn.seq + ((count << 24) | 0) + low) | 0;
  }

  /** The segment size that a cookie stands for, which came back in `ack`; 0: it is none of ours, or too old. */
  check(ack: Incoming, nowMs: number): number {
    const seq = (ack.seq - 1) | 0;
    const cookie = (ack.ack - 1 - this.#hash(this.#first, ack, 0) - seq) | 0;
    const now = Math.floor(nowMs / COUNTER_MS) & 0xff;
    const age = (now - (cookie >>> 24)) & 0xff;
    if (age >= MAX_AGE) return 0;
    const index = (cookie - this.#hash(this.#second, ack, (now - age) & 0xff)) & 0xffffff;
    return MSS_TABLE[index] ?? 0;
  }

  /** A timestamp not after `now` whose low bits hold the other options (Linux: `cookie_init_timestamp`). `wscale` -1: none. */
  timestamp(now: number, wscale: number, sack: boolean, ecn: boolean): number {
    const bits = (wscale < 0 ? WSCALE_NONE : wscale) | (sack ? SACK_BIT : 0) | (ecn ? ECN_BIT : 0);
    const stamp = (now & ~OPTION_MASK) | bits;
    return ((stamp - now) | 0) > 0 ? (stamp - OPTION_MASK - 1) | 0 : stamp;
  }

  #hash(key: SipHash, ends: Incoming, count: number): number {
    return key.words4(ends.local | 0, ends.remote | 0, (ends.localPort << 16) | ends.remotePort, count);
  }
}

/** The window scale in a cookie's timestamp, -1: none. */
export function cookieWscale(tsecr: number): number {
  return (tsecr & WSCALE_MASK) === WSCALE_NONE ? -1 : tsecr & WSCALE_MASK;
}

/** Whether selective acknowledgment was offered, by a cookie's timestamp. */
export function cookieSack(tsecr: number): boolean {
  return (tsecr & SACK_BIT) !== 0;
}

/** Whether ECN was asked for, by a cookie's timestamp. */
export function cookieEcn(tsecr: number): boolean {
  return (tsecr & ECN_BIT) !== 0;
}
