import type { Timer } from '../../device/clock/timer.ts';
import type { Machine } from '../../device/machine.ts';

/** Half the clock's resolution in milliseconds: sums of moments and spans are compared with it. */
const HALF = 0.0005;

/** Arms `timer` `delayMs` from now; with `compat.jiffyMs` at the next jiffy after that. */
export function startTimer(machine: Machine, timer: Timer, delayMs: number): void {
  const at = machine.clock.now() + delayMs;
  const jiffy = machine.compat.jiffyMs;
  timer.startAt(jiffy === 0 ? at : Math.ceil((at - HALF) / jiffy) * jiffy);
}

/** Whether less than `span` milliseconds passed from `since` to `now`. */
export function isWithin(now: number, since: number, span: number): boolean {
  return now - since < span - HALF;
}

/** Whether more than `span` milliseconds passed from `since` to `now` (Linux: `time_after`). */
export function isPast(now: number, since: number, span: number): boolean {
  return now - since > span + HALF;
}
