import type { EventTime, ScriptEvent } from '../script/script.ts';

/** Share of the distance to the event before by which an event may be early or late. */
const PROPORTION = 0.125;

/** When an event is due: microseconds on the backend's clock; `earliest` and `latest` differ for ranges. */
export interface Due {
  readonly earliest: number;
  readonly latest: number;
  /** By how much the actual time may be out of that. */
  readonly tolerance: number;
  /** Where the times of this event are counted from. */
  readonly base: number;
  /** `*`: any time will do. */
  readonly any: boolean;
}

/** Turns the times of a script's events into moments, each from the one before. */
export class Schedule {
  readonly start: number;
  readonly tolerance: number;
  /** When the event before was over. */
  #over: number;
  /** When it was due, and whether it was an inbound packet: those keep their distance to each other. */
  #scheduled: number;
  #afterInbound = false;
  /** When it would have been over if all had been in time. */
  #ideal: number;

  constructor(start: number, tolerance: number) {
    this.start = start;
    this.tolerance = tolerance;
    this.#over = start;
    this.#scheduled = start;
    this.#ideal = start;
  }

  /** How late the events so far have made the script, in microseconds: what was a little late each adds up in real time. */
  get late(): number {
    return Math.max(0, this.#over - this.#ideal);
  }

  due(event: ScriptEvent): Due {
    const { time } = event;
    const base = this.#base(event);
    const earliest = base + time.at;
    return {
      earliest,
      latest: base + (time.end ?? time.at),
      tolerance: this.toleranceFor(earliest - this.#over),
      base,
      any: time.kind === 'any',
    };
  }

  /** The tolerance at a distance from the event before. */
  toleranceFor(distance: number): number {
    return Math.max(this.tolerance, distance * PROPORTION);
  }

  /** An event is over. */
  done(event: ScriptEvent, due: Due, time: number): void {
    const { at, end, kind } = event.time;
    if (due.any) this.#ideal = time - this.late;
    else this.#ideal = (kind === 'absolute' ? this.start : this.#ideal) + (end ?? at);
    this.#over = time;
    this.#scheduled = due.any ? time : due.earliest;
    this.#afterInbound = isInbound(event);
  }

  #base(event: ScriptEvent): number {
    const kind: EventTime['kind'] = event.time.kind;
    if (kind === 'absolute') return this.start;
    return this.#afterInbound && isInbound(event) ? this.#scheduled : this.#over;
  }
}

/** How a time is not as it should be; undefined when it is. */
export function timingComplaint(due: Due, actual: number, start: number): string | undefined {
  if (due.any || (actual >= due.earliest - due.tolerance && actual <= due.latest + due.tolerance))
    return undefined;
  const seconds = (time: number): string => ((time - start) / 1e6).toFixed(6);
  const expected =
    due.latest === due.earliest ? seconds(due.earliest) : `${seconds(due.earliest)}~${seconds(due.latest)}`;
  return `timing: expected at ${expected} s, actual ${seconds(actual)} s, tolerance ${(due.tolerance / 1e6).toFixed(6)} s`;
}

function isInbound(event: ScriptEvent): boolean {
  return event.action.kind === 'packet' && event.action.direction === 'inbound';
}
