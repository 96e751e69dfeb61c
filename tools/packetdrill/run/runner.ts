import type { Backend, BackendFactory } from '../backend.ts';
import { type Script, type ScriptEvent, Unsupported } from '../script/script.ts';
import { CallRunner } from './calls.ts';
import { CodeRunner } from './code.ts';
import { ScriptFailure } from './failure.ts';
import { PacketRunner } from './packets.ts';
import { readSettings, type Settings } from './settings.ts';
import { Shell } from './shell.ts';
import { type Due, Schedule, timingComplaint } from './timing.ts';
import { Trace } from './trace.ts';
import { World } from './world.ts';

export type Verdict = 'passed' | 'failed' | 'unsupported';

/** How a script came out. */
export interface Outcome {
  readonly verdict: Verdict;
  /** Empty when it passed. */
  readonly reason: string;
  /** Line in the script that the reason is about; 0: the whole script. */
  readonly line: number;
  readonly details: readonly string[];
  readonly trace: Trace;
}

export interface RunOptions {
  /** Microseconds by which events may be early or late in scripts that don't say. */
  readonly tolerance: number;
}

/** Runs a script against the stack that `makeBackend` makes. Throws only for what is wrong with the backend itself. */
export async function runScript(
  script: Script,
  makeBackend: BackendFactory,
  options: RunOptions,
): Promise<Outcome> {
  const trace = new Trace();
  let backend: Backend | undefined;
  try {
    const settings = readSettings(script, options.tolerance);
    backend = await makeBackend(settings);
    await new ScriptRunner(script, settings, backend, trace).run();
    return { verdict: 'passed', reason: '', line: 0, details: [], trace };
  } catch (error) {
    if (error instanceof Unsupported)
      return { verdict: 'unsupported', reason: error.message, line: error.line, details: [], trace };
    if (error instanceof ScriptFailure)
      return { verdict: 'failed', reason: error.message, line: error.line, details: error.details, trace };
    throw error;
  } finally {
    await backend?.close();
  }
}

class ScriptRunner {
  readonly #script: Script;
  readonly #settings: Settings;
  readonly #backend: Backend;
  readonly #trace: Trace;
  readonly #world: World;
  readonly #shell: Shell;
  readonly #packets: PacketRunner;
  readonly #code: CodeRunner;

  constructor(script: Script, settings: Settings, backend: Backend, trace: Trace) {
    this.#script = script;
    this.#settings = settings;
    this.#backend = backend;
    this.#trace = trace;
    this.#world = new World(settings);
    this.#shell = new Shell(backend);
    this.#packets = new PacketRunner(backend, this.#world, trace);
    this.#code = new CodeRunner(backend, (line) => trace.add(backend.now(), 0, line));
  }

  async run(): Promise<void> {
    const { init, events, cleanup } = this.#script;
    if (init !== undefined) await this.#shell.run(init);
    const start = this.#backend.now();
    this.#trace.start = start;
    const schedule = new Schedule(start, this.#settings.tolerance);
    const calls = new CallRunner(this.#backend, this.#world, this.#trace, schedule);
    for (const event of events) {
      const due = schedule.due(event);
      await calls.settle(event, due.earliest);
      schedule.done(event, due, await this.#run(event, due, calls));
    }
    await calls.settleAll();
    if (cleanup !== undefined) await this.#shell.run(cleanup);
  }

  /** Runs one event; gives the time when it was over. */
  async #run(event: ScriptEvent, due: Due, calls: CallRunner): Promise<number> {
    const { action } = event;
    if (action.kind === 'packet' && action.direction === 'outbound')
      return this.#tolerantly('packet', () => this.#packets.outbound(event, action.packet, due));
    if (!due.any) await this.#backend.advanceTo(due.earliest);
    switch (action.kind) {
      case 'packet':
        return this.#inTime(event, due, await this.#packets.inbound(event, action));
      case 'syscall':
        return this.#inTime(
          event,
          due,
          await this.#tolerantly('syscall', () => calls.run(event, action, due)),
        );
      case 'command':
        await this.#shell.run(action.command);
        break;
      case 'code': {
        const fd = this.#world.infoFd();
        await this.#code.run(event, action.text, fd === undefined ? undefined : calls.liveFd(fd));
        break;
      }
    }
    const now = this.#backend.now();
    this.#trace.add(now, event.line, event.text);
    return now;
  }

  #inTime(event: ScriptEvent, due: Due, time: number): number {
    const late = timingComplaint(due, time, this.#trace.start);
    if (late !== undefined) throw new ScriptFailure(event.line, late);
    return time;
  }

  /** Failures of a kind that `--non_fatal` names are only noted. */
  async #tolerantly(kind: string, work: () => Promise<number>): Promise<number> {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof ScriptFailure) || !this.#settings.nonFatal.has(kind)) throw error;
      this.#trace.add(this.#backend.now(), error.line, `not fatal: ${error.message}`);
      return this.#backend.now();
    }
  }
}
