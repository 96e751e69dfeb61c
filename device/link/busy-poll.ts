import type { Clock } from '../clock/clock.ts';

/** Looks at the queue that are taken before the event loop has its turn. */
const LOOKS = 64;

/**
 * Looks into a queue again and again instead of waiting until the host says that there is something (Linux: `net.core.busy_read`): it
 * saves the wake-up, and costs a processor. After each {@link LOOKS} looks the event loop has a turn, for timers and everything else;
 * when nothing has come for as long as it is worth, it is over until the next frame.
 */
export class BusyPoll {
  /** Microseconds without a frame after which the host is waited for again; 0: never busy, Infinity: always. */
  readonly patience: number;
  readonly #clock: Clock;
  readonly #look: () => boolean;
  #until = 0;
  #scheduled = false;
  #wanted = false;
  readonly #onTurn = (): void => this.#turn();

  /** `look`: takes what is there, and says whether something was. */
  constructor(clock: Clock, patience: number, look: () => boolean) {
    this.#clock = clock;
    this.patience = patience;
    this.#look = look;
  }

  /** Something came: more may, soon. */
  begin(): void {
    if (this.patience === 0) return;
    this.#wanted = true;
    this.#until = this.#clock.now() + this.patience / 1000;
    this.#schedule();
  }

  /** Looks no more until something comes. */
  end(): void {
    this.#wanted = false;
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    this.#clock.nextTurn(this.#onTurn);
  }

  #turn(): void {
    this.#scheduled = false;
    for (let looks = 0; looks < LOOKS && this.#wanted; looks++) {
      if (this.#look()) this.begin();
    }
    if (this.#wanted && this.#clock.now() < this.#until) this.#schedule();
  }
}
