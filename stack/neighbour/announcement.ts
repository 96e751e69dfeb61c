import type { Clock } from '../../device/clock/clock.ts';
import { Timer } from '../../device/clock/timer.ts';
import type { NetDevice } from '../../device/netdevice/netdevice.ts';
import { type AnnounceFrames, type AnnouncePreset, PRESETS } from './presets.ts';

/** An announcement under way, as a plain object. */
export interface SavedAnnouncement {
  readonly dev: string;
  readonly preset: AnnouncePreset;
  readonly frames: AnnounceFrames;
  readonly round: number;
  readonly frame: number;
  readonly held: boolean;
  /** Milliseconds until its timer fires, -1: not armed. */
  readonly remaining: number;
}

/** Who is told when a device's timers fire. */
export interface AnnouncementEvents {
  due(announcement: Announcement): void;
  carrierStayed(announcement: Announcement): void;
}

/** A device's announcement: what was sent of it and when it goes on. The {@link Announcer} decides, this remembers. */
export class Announcement {
  readonly dev: NetDevice;
  /** The device's own preset, null: the announcer's. */
  own: AnnouncePreset | null = null;
  active = false;
  /** It waits for a carrier. */
  held = false;
  preset: AnnouncePreset = PRESETS.linux;
  frames: AnnounceFrames = 'arp';
  /** The round under way, and the next frame of it, from 0. */
  round = 0;
  frame = 0;
  /** The token bucket, and the milliseconds of the clock for which it was counted. */
  tokens: number;
  countedAt: number;
  /** Whether the device had a carrier when it was last looked at. */
  carrier: boolean;
  readonly #timer: Timer;
  readonly #holdDown: Timer;

  constructor(clock: Clock, dev: NetDevice, tokens: number, events: AnnouncementEvents) {
    this.dev = dev;
    this.tokens = tokens;
    this.countedAt = clock.now();
    this.carrier = dev.carrier;
    this.#timer = new Timer(clock, () => events.due(this));
    this.#holdDown = new Timer(clock, () => events.carrierStayed(this));
  }

  /** Takes a token of a bucket of `burst` that gains one every `refillMs`; false when there is none. */
  takeToken(now: number, burst: number, refillMs: number): boolean {
    this.tokens = Math.min(burst, this.tokens + (now - this.countedAt) / refillMs);
    this.countedAt = now;
    if (this.tokens < 1) return false;
    this.tokens--;
    return true;
  }

  begin(preset: AnnouncePreset, frames: AnnounceFrames): void {
    this.#timer.stop();
    this.active = true;
    this.held = false;
    this.preset = preset;
    this.frames = frames;
    this.round = 0;
    this.frame = 0;
  }

  /** Goes on in `ms`. */
  wait(ms: number): void {
    this.#timer.start(ms);
  }

  /** Waits for a carrier, at most `ms`. */
  hold(ms: number): void {
    this.held = true;
    this.#timer.start(ms);
  }

  /** The carrier is there. */
  release(): void {
    this.held = false;
    this.#timer.stop();
  }

  end(): void {
    this.active = false;
    this.held = false;
    this.#timer.stop();
  }

  /** Notes whether there is a carrier; one that came back starts the hold-down, where there is one. */
  noteCarrier(carrier: boolean, holdDownMs: number | null): void {
    const came = carrier && !this.carrier;
    this.carrier = carrier;
    if (!carrier || holdDownMs === null) this.#holdDown.stop();
    else if (came) this.#holdDown.start(holdDownMs);
  }

  /** The device went down: what its carrier does is of no interest any more. */
  stopHoldDown(): void {
    this.#holdDown.stop();
  }

  save(): SavedAnnouncement {
    const { preset, frames, round, frame, held } = this;
    return { dev: this.dev.name, preset, frames, round, frame, held, remaining: this.#timer.remaining };
  }

  load(saved: SavedAnnouncement): void {
    this.begin(saved.preset, saved.frames);
    this.round = saved.round;
    this.frame = saved.frame;
    this.held = saved.held;
    this.#timer.start(Math.max(0, saved.remaining));
  }

  close(): void {
    this.end();
    this.#holdDown.stop();
  }
}
