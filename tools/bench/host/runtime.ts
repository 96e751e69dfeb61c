import { monitorEventLoopDelay, PerformanceObserver } from 'node:perf_hooks';

/** What a runtime did between `watch` and `observed`: milliseconds. */
export interface RuntimeObservation {
  /** Delay of the event loop that 99 of 100 turns stay below, and the longest. */
  readonly delayP99: number;
  readonly delayMax: number;
  readonly collections: number;
  readonly collectionTotal: number;
  readonly collectionMax: number;
  /** Processor time of the process. */
  readonly cpu: number;
}

const RESOLUTION = 1;

/** Watches the event loop and the collector of the process that it is in. */
export class RuntimeWatch {
  #delays = monitorEventLoopDelay({ resolution: RESOLUTION });
  #pauses: number[] = [];
  #cpu = process.cpuUsage();
  readonly #observer = new PerformanceObserver((list) => {
    for (const { duration } of list.getEntries()) this.#pauses.push(duration);
  });

  watch(): void {
    this.#delays = monitorEventLoopDelay({ resolution: RESOLUTION });
    this.#delays.enable();
    this.#pauses = [];
    this.#observer.observe({ entryTypes: ['gc'] });
    this.#cpu = process.cpuUsage();
  }

  observed(): RuntimeObservation {
    this.#delays.disable();
    this.#observer.disconnect();
    const pauses = this.#pauses;
    const { user, system } = process.cpuUsage(this.#cpu);
    return {
      // The timer that is watched is due each millisecond: that is no delay.
      delayP99: Math.max(0, this.#delays.percentile(99) / 1e6 - RESOLUTION),
      delayMax: Math.max(0, this.#delays.max / 1e6 - RESOLUTION),
      collections: pauses.length,
      collectionTotal: pauses.reduce((sum, pause) => sum + pause, 0),
      collectionMax: Math.max(0, ...pauses),
      cpu: (user + system) / 1000,
    };
  }
}
