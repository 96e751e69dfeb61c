import type { Entropy } from '../../device/random.ts';
import type { Ipv4Settings } from '../sysctl/ipv4-settings.ts';
import { ICMP_DEST_UNREACH, ICMP_FRAG_NEEDED, NR_ICMP_TYPES } from '../wire/icmp.ts';
import type { PeerTable } from './peers.ts';

const SECOND = 1000;
/** The bucket is not refilled more often than this (Linux: HZ / 50). */
const REFILL_MS = 20;
/** A message costs 0, 1 or 2, so that the limit can't be used to count what is sent to others. */
const COST_BELOW = 3;

/** How many ICMP errors may be sent, in all and to one host (Linux: `icmp_global_allow`, `icmpv4_xrlim_allow`). */
export class IcmpRateLimit {
  /** Messages that may be sent before the bucket is refilled. */
  credit = 0;
  /** Milliseconds of the clock at which it was refilled. */
  stamp: number;
  readonly #settings: Ipv4Settings;
  readonly #entropy: Entropy;

  constructor(settings: Ipv4Settings, entropy: Entropy, now: number) {
    this.#settings = settings;
    this.#entropy = entropy;
    this.stamp = now - SECOND;
  }

  /** Whether the limits concern a message: `icmp_ratemask`, and never path MTU discovery (Linux: `icmpv4_mask_allow`). */
  concerns(type: number, code: number): boolean {
    if (type > NR_ICMP_TYPES || (type === ICMP_DEST_UNREACH && code === ICMP_FRAG_NEEDED)) return false;
    return ((1 << type) & this.#settings.icmpRateMask.value) !== 0;
  }

  /** Whether one more message may be sent at all. */
  allowsGlobally(now: number): boolean {
    if (this.credit > 0) return true;
    const elapsed = Math.min(now - this.stamp, SECOND);
    if (elapsed < REFILL_MS) return false;
    const { icmpMessagesPerSecond, icmpMessagesBurst } = this.#settings;
    const more = Math.floor((icmpMessagesPerSecond.value * elapsed) / SECOND);
    if (more === 0) return false;
    this.stamp = now;
    this.credit = Math.min(this.credit + more, icmpMessagesBurst.value);
    return true;
  }

  /** Whether one more may be sent to this host; it then counts against the common limit too. */
  allows(peers: PeerTable, destination: number, now: number): boolean {
    if (!peers.get(destination, now).allows(now, this.#settings.icmpRateLimit.value)) return false;
    this.consume();
    return true;
  }

  /** Takes one message from the common bucket (Linux: `icmp_global_consume`). */
  consume(): void {
    this.credit -= this.#entropy.below(COST_BELOW);
  }
}
