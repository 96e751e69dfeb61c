import type { Clock } from '../../device/clock/clock.ts';
import { Timer } from '../../device/clock/timer.ts';
import type { InetAddress } from './inet-device.ts';

/** The longest that one arming of the timer covers, in milliseconds: a day. */
const LONGEST_MS = 86_400_000;

/** Removes addresses when their valid lifetime is over (Linux: `check_lifetime`). One timer for all. */
export class AddressLifetimes {
  readonly #clock: Clock;
  readonly #expire: (ifa: InetAddress) => void;
  readonly #timer: Timer;
  /** The moment at which each address that ends does so, in milliseconds of the clock. */
  readonly #ends = new Map<InetAddress, number>();
  /** When the lifetimes of each tracked address began. */
  readonly #begins = new Map<InetAddress, number>();

  constructor(clock: Clock, expire: (ifa: InetAddress) => void) {
    this.#clock = clock;
    this.#expire = expire;
    this.#timer = new Timer(clock, () => this.#check());
  }

  /** Counts an address's lifetimes from now. */
  track(ifa: InetAddress): void {
    const now = this.#clock.now();
    this.forget(ifa);
    this.#begins.set(ifa, now);
    if (ifa.validLifetime !== Number.POSITIVE_INFINITY) this.#ends.set(ifa, now + ifa.validLifetime * 1000);
    this.#arm();
  }

  forget(ifa: InetAddress): void {
    this.#ends.delete(ifa);
    this.#begins.delete(ifa);
    if (this.#ends.size === 0) this.#timer.stop();
  }

  /** Seconds that are left of the valid lifetime, `Infinity` for ever. */
  validLeft(ifa: InetAddress): number {
    return this.#left(ifa, ifa.validLifetime);
  }

  /** Seconds that are left of the preferred lifetime; 0: deprecated. */
  preferredLeft(ifa: InetAddress): number {
    return this.#left(ifa, ifa.preferredLifetime);
  }

  close(): void {
    this.#timer.stop();
    this.#ends.clear();
    this.#begins.clear();
  }

  #left(ifa: InetAddress, lifetime: number): number {
    const begin = this.#begins.get(ifa) ?? this.#clock.now();
    return Math.max(0, lifetime - (this.#clock.now() - begin) / 1000);
  }

  #arm(): void {
    const next = Math.min(...this.#ends.values());
    if (next === Number.POSITIVE_INFINITY) return;
    this.#timer.startAt(Math.min(next, this.#clock.now() + LONGEST_MS));
  }

  #check(): void {
    const now = this.#clock.now();
    for (const [ifa, end] of this.#ends) if (end <= now) this.#expire(ifa);
    this.#arm();
  }
}
