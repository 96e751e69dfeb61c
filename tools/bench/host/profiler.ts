import { Session } from 'node:inspector/promises';

/** Self time of a function: `sendFrame (stack/tcp/output.ts:12)`. */
export interface ProfileLine {
  readonly where: string;
  /** Part of the time that was not idle, 0 to 1. */
  readonly part: number;
}

export interface ProfileSummary {
  /** Part of the time in which the process had nothing to do. */
  readonly idle: number;
  /** Part of the busy time in the collector of garbage. */
  readonly garbage: number;
  readonly top: readonly ProfileLine[];
}

/** Microseconds between two samples. */
const INTERVAL = 100;
const MOST = 30;

/** V8's own CPU profiler, on the process that it runs in. */
export class Profiler {
  readonly #session = new Session();

  async start(): Promise<void> {
    this.#session.connect();
    await this.#session.post('Profiler.enable');
    await this.#session.post('Profiler.setSamplingInterval', { interval: INTERVAL });
    await this.#session.post('Profiler.start');
  }

  async stop(): Promise<ProfileSummary> {
    const { profile } = await this.#session.post('Profiler.stop');
    this.#session.disconnect();
    const micros = new Map<number, number>();
    profile.samples?.forEach((id, i) => {
      micros.set(id, (micros.get(id) ?? 0) + (profile.timeDeltas?.[i] ?? 0));
    });
    const byPlace = new Map<string, number>();
    let total = 0;
    for (const { id, callFrame } of profile.nodes) {
      const spent = micros.get(id) ?? 0;
      total += spent;
      const where = place(callFrame.functionName, callFrame.url, callFrame.lineNumber);
      byPlace.set(where, (byPlace.get(where) ?? 0) + spent);
    }
    const idle = byPlace.get('(idle)') ?? 0;
    const garbage = byPlace.get('(garbage collector)') ?? 0;
    const busy = total - idle;
    byPlace.delete('(idle)');
    const top = [...byPlace]
      .sort(([, a], [, b]) => b - a)
      .slice(0, MOST)
      .map(([where, spent]) => ({ where, part: share(spent, busy) }));
    return { idle: share(idle, total), garbage: share(garbage, busy), top };
  }
}

function share(part: number, all: number): number {
  return all > 0 ? Number((part / all).toFixed(4)) : 0;
}

/** A function by its file in the project; what is native has no file. */
function place(name: string, url: string, line: number): string {
  const file = /\/dist\/(.*)\.js$/.exec(url)?.[1];
  const label = name === '' ? '(anonymous)' : name;
  return file === undefined ? label : `${label} (${file}.ts, compiled line ${line + 1})`;
}
