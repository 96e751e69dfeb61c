import type { Clock } from '../clock/clock.ts';

/** Milliseconds between two turns up to which the next frame came so soon that to sleep meanwhile was not worth it. */
const SHORT_GAP_MS = 0.15;
/** Milliseconds that are spent looking for it instead. */
const LOOK_MS = 0.1;
/** Short gaps in a row that are believed. */
const BELIEVED = 16;
/** Vain attempts in a row that end it, and turns before it is tried again, the first time and at most. */
const VAIN = 2;
const REST_LEAST = 64;
const REST_MOST = 8192;
/** Attempts that brought frames, after which vain ones are forgiven. */
const FORGIVEN = 256;
/** Milliseconds after which the event loop has its turn, whatever comes. */
const TURN_MS = 1;

/**
 * Looks for the next frame for a moment before the event loop sleeps, as long as that finds one: to wake a processor costs more than a
 * peer nearby takes to answer (Linux: `guest_halt_poll_ns`, adaptive halt polling of KVM). Where it is in vain, since the peer is far, or
 * runs on this very processor, it is tried more and more rarely. Who waits for a turn of the event loop goes first.
 */
export class AdaptivePoll {
  readonly #clock: Clock;
  readonly #look: () => boolean;
  #endedMs = Number.NEGATIVE_INFINITY;
  #beganMs = 0;
  #shortGaps = 0;
  #vain = 0;
  #good = 0;
  #resting = 0;
  #rest = REST_LEAST;

  /** `look`: takes what is there, and says whether something was. */
  constructor(clock: Clock, look: () => boolean) {
    this.#clock = clock;
    this.#look = look;
  }

  /** Whether the next turn's end will be followed by looking. */
  get eager(): boolean {
    return this.#shortGaps >= BELIEVED && this.#resting === 0;
  }

  /** A turn begins. */
  begin(): void {
    this.#beganMs = this.#clock.now();
  }

  /** It brought frames, which have been dealt with. */
  end(): void {
    if (this.#resting > 0) {
      this.#resting--;
      return;
    }
    if (this.#shortGaps < BELIEVED) {
      this.#shortGaps = this.#beganMs - this.#endedMs < SHORT_GAP_MS ? this.#shortGaps + 1 : 0;
      this.#endedMs = this.#clock.now();
      return;
    }
    this.#lookAround(this.#beganMs + TURN_MS);
    this.#endedMs = this.#clock.now();
  }

  #lookAround(untilMs: number): void {
    let now = this.#clock.now();
    for (let givenUp = now + LOOK_MS; now < givenUp && now < untilMs; now = this.#clock.now()) {
      // Programs are waiting for their turn.
      if (this.#clock.pendingTurns > 0) return;
      if (!this.#look()) continue;
      this.#found();
      givenUp = this.#clock.now() + LOOK_MS;
    }
    if (now < untilMs) this.#inVain();
  }

  #found(): void {
    this.#vain = 0;
    if (++this.#good < FORGIVEN) return;
    this.#good = 0;
    this.#rest = REST_LEAST;
  }

  #inVain(): void {
    if (++this.#vain < VAIN) return;
    this.#vain = 0;
    this.#good = 0;
    this.#shortGaps = 0;
    this.#resting = this.#rest;
    this.#rest = Math.min(this.#rest * 2, REST_MOST);
  }
}
