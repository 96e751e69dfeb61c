import type { Clock } from '../clock/clock.ts';
import { Work } from '../clock/deferred.ts';
import { Timer } from '../clock/timer.ts';
import { NETDEV_CHANGE } from './events.ts';
import type { NetDevice } from './netdevice.ts';
import { nextOperstate } from './operstate.ts';
import { raiseNetdev } from './raise.ts';
import {
  LINK_STATE_DORMANT,
  LINK_STATE_LINKWATCH_PENDING,
  LINK_STATE_PRESENT,
  LINK_STATE_TESTING,
} from './state-bits.ts';

/** Devices handled in one run (Linux: `MAX_DO_DEV_PER_LOOP`), twice as many when only urgent ones are. */
const DEVICES_A_RUN = 100;

/**
 * Turns carrier changes into operstate, queue state and CHANGE events, at most once a second for events that are not
 * urgent (Linux: `net/core/link_watch.c`). Its clock, `nextEvent`, is shared by all devices of the machine.
 */
export class Linkwatch {
  /** Milliseconds of the clock before which events that are not urgent wait. */
  nextEvent: number;
  readonly #clock: Clock;
  readonly #windowMs: number;
  readonly #timer: Timer;
  readonly #work: Work;
  #list: NetDevice[] = [];
  #urgentRun = false;

  /** `windowMs`: least milliseconds between two full runs, 0: events run at once. */
  constructor(clock: Clock, windowMs: number) {
    this.#clock = clock;
    this.#windowMs = windowMs;
    this.nextEvent = clock.now();
    this.#timer = new Timer(clock, () => this.#run(false));
    this.#work = new Work(() => this.#run(this.#urgentRun));
  }

  /** Devices with an event that has not run yet. */
  get pending(): readonly NetDevice[] {
    return this.#list;
  }

  /** Notes that a device's link state changed (Linux: `linkwatch_fire_event`). */
  fire(dev: NetDevice): void {
    const urgent = isUrgent(dev);
    if ((dev.state & LINK_STATE_LINKWATCH_PENDING) === 0) {
      dev.state |= LINK_STATE_LINKWATCH_PENDING;
      this.#list.push(dev);
    } else if (!urgent) {
      return;
    }
    if (this.#windowMs === 0) this.#run(false);
    else this.#schedule(urgent);
  }

  /** Runs a device's event now, if it has one, before somebody asks for its state (Linux: `linkwatch_sync_dev`). */
  sync(dev: NetDevice): void {
    if ((dev.state & LINK_STATE_LINKWATCH_PENDING) === 0) return;
    this.#list = this.#list.filter((other) => other !== dev);
    this.#handle(dev);
  }

  /** Runs all events now, window or not (Linux: `linkwatch_run_queue`). */
  flush(): void {
    this.#run(false);
  }

  /** Sees to an event that had to wait while its device was absent. */
  resume(dev: NetDevice): void {
    if ((dev.state & LINK_STATE_LINKWATCH_PENDING) === 0) return;
    if (this.#windowMs === 0) this.#run(false);
    else this.#schedule(isUrgent(dev));
  }

  /** Takes a device off the list: it is going away. */
  forget(dev: NetDevice): void {
    this.#list = this.#list.filter((other) => other !== dev);
    dev.state &= ~LINK_STATE_LINKWATCH_PENDING;
    if (this.#list.length === 0) this.#timer.stop();
  }

  /** Linux: `linkwatch_schedule_work`. Urgent events run in the deferred work of this batch. */
  #schedule(urgent: boolean): void {
    if (urgent) {
      this.#urgentRun = true;
      this.#clock.defer(this.#work);
      return;
    }
    if (this.#timer.pending || this.#work.scheduled) return;
    let delay = this.nextEvent - this.#clock.now();
    if (delay > this.#windowMs || delay < 0) delay = 0;
    if (delay === 0) {
      this.#urgentRun = false;
      this.#clock.defer(this.#work);
    } else {
      this.#timer.start(delay);
    }
  }

  /** Linux: `__linkwatch_run_queue`. */
  #run(urgent: boolean): void {
    const now = this.#clock.now();
    const urgentOnly = urgent && now < this.nextEvent;
    if (!urgentOnly) {
      this.nextEvent = now + this.#windowMs;
      this.#timer.stop();
    }
    let left = urgentOnly ? DEVICES_A_RUN * 2 : DEVICES_A_RUN;
    const list = this.#list;
    this.#list = [];
    let taken = 0;
    for (; taken < list.length && left > 0; taken++) {
      const dev = list[taken]!;
      // Synced or forgotten meanwhile, by a listener to an earlier device's event.
      if ((dev.state & LINK_STATE_LINKWATCH_PENDING) === 0) continue;
      if ((dev.state & LINK_STATE_PRESENT) === 0 || (urgentOnly && !isUrgent(dev))) {
        this.#list.push(dev);
        continue;
      }
      left--;
      this.#handle(dev);
    }
    this.#list = [...list.slice(taken), ...this.#list];
    if (this.#list.length > 0) this.#scheduleRest();
  }

  /** Absent devices alone don't keep the timer going: they wait for `resume`, the next event or `sync`. */
  #scheduleRest(): void {
    if (this.#timer.pending || this.#windowMs === 0) return;
    if (this.#list.every((dev) => (dev.state & LINK_STATE_PRESENT) === 0)) return;
    this.#timer.start(Math.max(0, this.nextEvent - this.#clock.now()));
  }

  /** Linux: `linkwatch_do_dev`. */
  #handle(dev: NetDevice): void {
    dev.state &= ~LINK_STATE_LINKWATCH_PENDING;
    updateOperstate(dev);
    if (!dev.up) return;
    dev.ns.machine.rtnl.run(() => {
      if (dev.carrier) dev.activateQueue();
      else dev.deactivateQueue();
      raiseNetdev(NETDEV_CHANGE, dev, { flagsChanged: 0 });
      dev.ns.messages.send('RTM_NEWLINK', dev);
    });
  }
}

/** Recomputes the stored operational state (Linux: `rfc2863_policy`). */
export function updateOperstate(dev: NetDevice): void {
  dev.operstate = nextOperstate({
    testing: (dev.state & LINK_STATE_TESTING) !== 0,
    carrier: dev.carrier,
    lowerWithoutCarrier: dev.iflink !== dev.ifindex && dev.ns.deviceByIndex(dev.iflink)?.carrier === false,
    dormant: (dev.state & LINK_STATE_DORMANT) !== 0,
    linkMode: dev.linkMode,
    current: dev.operstate,
  });
}

/** Linux: `linkwatch_urgent_event`. Coming up is urgent once the queues were shut down; so is any stacked device. */
function isUrgent(dev: NetDevice): boolean {
  if (!dev.running) return false;
  if (dev.iflink !== dev.ifindex || dev.lagPort) return true;
  return dev.carrier && dev.discipline.active !== dev.discipline.configured;
}
