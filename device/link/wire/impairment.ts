import { EINVAL, NetError } from '../../errno.ts';
import { ETH_HLEN } from '../../frame/ethernet.ts';

/** What one direction of a wire does to frames. Decisions are taken in the order of these fields, for each frame anew. */
export interface Impairment {
  /** Longest payload of a frame in bytes, behind the Ethernet header and one tag: longer frames vanish. 0: no limit. */
  mtu: number;
  /** Probability that a frame is lost, each by itself. */
  loss: number;
  /** Losses in bursts, besides `loss`; null: none. */
  burst: GilbertElliott | null;
  /** Probability that a frame arrives twice. */
  duplicate: number;
  /** Probability that one bit of a frame is inverted. */
  corrupt: number;
  /** First byte that corruption may hit; 14, behind the Ethernet header, when left out. */
  corruptFrom: number;
  /** Bits a second; 0: frames take no time to serialise. Preamble, check sequence and gap are not counted. */
  rate: number;
  /** Frames waiting for or in serialisation; beyond that they are dropped (drop-tail). Without a rate none waits. */
  queueLimit: number;
  /** Milliseconds of propagation, after serialisation. */
  delay: number;
  /** Milliseconds by which the delay varies, uniformly in `[-jitter, +jitter)`. */
  jitter: number;
  /** Whether jitter may let a frame overtake an earlier one. */
  jitterReorders: boolean;
  /** Probability that a frame skips the propagation delay, and so overtakes (netem: `reorder`). */
  reorder: number;
  /** Only every so manieth frame is a candidate for that (netem: `gap`); 1: each. */
  reorderGap: number;
  /** Frames on the wire at a time, beyond which they are dropped: bounds the memory that a long delay holds. */
  flightLimit: number;
}

/** The two-state loss model of Gilbert and Elliott, as probabilities a frame. */
export interface GilbertElliott {
  /** From the good state to the bad one. */
  enterBad: number;
  /** From the bad state back. */
  leaveBad: number;
  /** Loss in the bad state; 1 when left out. */
  lossInBad?: number;
  /** Loss in the good state; 0 when left out. */
  lossInGood?: number;
}

/** A perfect cable. */
export const UNIMPAIRED: Readonly<Impairment> = {
  mtu: 0,
  loss: 0,
  burst: null,
  duplicate: 0,
  corrupt: 0,
  corruptFrom: ETH_HLEN,
  rate: 0,
  queueLimit: 1000,
  delay: 0,
  jitter: 0,
  jitterReorders: false,
  reorder: 0,
  reorderGap: 1,
  flightLimit: 10_000,
};

const PROBABILITIES = ['loss', 'duplicate', 'corrupt', 'reorder'] as const;
const BURST_PROBABILITIES = ['enterBad', 'leaveBad', 'lossInBad', 'lossInGood'] as const;
const AMOUNTS = ['rate', 'delay', 'jitter'] as const;
const COUNTS = ['mtu', 'corruptFrom', 'queueLimit', 'reorderGap', 'flightLimit'] as const;
/** Frames a queue of the wire can be told to hold. */
const HIGHEST_LIMIT = 1_000_000;

/** `before` with `changes`. Throws `EINVAL` naming the field that makes no sense. */
export function changeImpairment(before: Readonly<Impairment>, changes: Partial<Impairment>): Impairment {
  const after = { ...before, ...changes };
  for (const field of PROBABILITIES) mustBe(isProbability(after[field]), field);
  for (const field of AMOUNTS) mustBe(Number.isFinite(after[field]) && after[field] >= 0, field);
  for (const field of COUNTS) mustBe(Number.isInteger(after[field]) && after[field] >= 0, field);
  mustBe(after.queueLimit >= 1 && after.queueLimit <= HIGHEST_LIMIT, 'queueLimit');
  mustBe(after.flightLimit >= 1 && after.flightLimit <= HIGHEST_LIMIT, 'flightLimit');
  mustBe(after.reorderGap >= 1, 'reorderGap');
  if (after.burst !== null) {
    for (const field of BURST_PROBABILITIES) mustBe(isProbability(after.burst[field] ?? 0), `burst.${field}`);
    after.burst = { ...after.burst };
  }
  return after;
}

function isProbability(value: number): boolean {
  return value >= 0 && value <= 1;
}

function mustBe(good: boolean, field: string): void {
  if (!good) throw new NetError(-EINVAL, 'setImpairment', field);
}
