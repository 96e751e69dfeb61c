import type { Clock } from '../../device/clock/clock.ts';
import { Work } from '../../device/clock/deferred.ts';

/** Messages that wait at a time: what comes in one batch beyond that is dropped. */
const MOST = 16;

/** Messages that came within a batch of frames, to be read behind it: what they lead to changes the device that receives. */
export class Inbox {
  readonly #clock: Clock;
  readonly #work: Work;
  readonly #refused: () => void;
  #waiting: Uint8Array[] = [];

  /** `refused` hears of each message for which there is no room. */
  constructor(clock: Clock, read: (message: Uint8Array) => void, refused: () => void) {
    this.#clock = clock;
    this.#refused = refused;
    this.#work = new Work(() => {
      for (const message of this.#waiting.splice(0)) read(message);
    });
  }

  push(message: Uint8Array): void {
    if (this.#waiting.length >= MOST) {
      this.#refused();
      return;
    }
    this.#waiting.push(message);
    this.#clock.defer(this.#work);
  }

  clear(): void {
    this.#waiting = [];
  }
}
