import { errnoName } from '../../../device/errno.ts';
import type { Backend, PendingCall } from '../backend.ts';
import type { ScriptEvent, SyscallAction } from '../script/script.ts';
import { errnoValue } from '../symbols/index.ts';
import type { SyscallResult } from '../syscall.ts';
import { Arguments } from '../syscalls/arguments.ts';
import { prepareSyscall } from '../syscalls/prepare.ts';
import type { Prepared } from '../syscalls/prepared.ts';
import { ScriptFailure } from './failure.ts';
import { type Due, type Schedule, timingComplaint } from './timing.ts';
import type { Trace } from './trace.ts';
import type { World } from './world.ts';

/** Microseconds that a blocking call may be late before it is given up. */
const PATIENCE = 2_000_000;

/** A call that blocks, and when it is to return. */
interface Blocked {
  readonly event: ScriptEvent;
  readonly args: Arguments;
  readonly prepared: Prepared;
  readonly call: PendingCall;
  readonly end: Due;
}

/** Makes a script's system calls, and checks what they give back. */
export class CallRunner {
  readonly #backend: Backend;
  readonly #world: World;
  readonly #trace: Trace;
  readonly #schedule: Schedule;
  /** The backend's file descriptors by the script's. */
  readonly #fds = new Map<number, number>();
  #blocked: Blocked[] = [];

  constructor(backend: Backend, world: World, trace: Trace, schedule: Schedule) {
    this.#backend = backend;
    this.#world = world;
    this.#trace = trace;
    this.#schedule = schedule;
  }

  /** The backend's number of the script's file descriptor. */
  liveFd(fd: number): number | undefined {
    return this.#fds.get(fd);
  }

  /** Waits for calls that should have returned before `time`, and for one that makes the file descriptor `event` uses. */
  async settle(event: ScriptEvent, time: number): Promise<void> {
    for (const blocked of this.#blocked) {
      const over = blocked.end.latest + blocked.end.tolerance < time;
      if (over || usesFdOf(event, blocked)) await this.#finish(blocked);
    }
  }

  /** Waits for all calls that still block. */
  async settleAll(): Promise<void> {
    for (const blocked of this.#blocked) await this.#finish(blocked);
  }

  /** Makes the call, or begins it when it is one that blocks; gives the time. */
  async run(event: ScriptEvent, action: SyscallAction, due: Due): Promise<number> {
    const { settings } = this.#world;
    const { late } = this.#schedule;
    const args = new Arguments(action, event.line, settings, this.#fds, this.#epoch(), late);
    const prepared = prepareSyscall(args);
    prepared.before?.(this.#world);
    if (action.end !== undefined) return this.#begin(event, args, prepared, action.end, due);
    const result = await this.#backend.call(prepared.request);
    if (result === undefined) throw new ScriptFailure(event.line, `${action.name}: the call blocks`);
    this.#check(event, args, prepared, result);
    return result.time;
  }

  async #begin(
    event: ScriptEvent,
    args: Arguments,
    prepared: Prepared,
    end: number,
    due: Due,
  ): Promise<number> {
    const call = await this.#backend.callBlocking(prepared.request);
    const latest = due.base + end;
    const tolerance = this.#schedule.toleranceFor(latest - due.earliest);
    this.#blocked.push({ event, args, prepared, call, end: { ...due, earliest: latest, latest, tolerance } });
    const now = this.#backend.now();
    this.#trace.add(now, event.line, `${event.text} ...`);
    return now;
  }

  async #finish(blocked: Blocked): Promise<void> {
    this.#blocked = this.#blocked.filter((other) => other !== blocked);
    const { event, args, prepared, call, end } = blocked;
    const result = await call.finished(end.latest + PATIENCE);
    if (result === undefined)
      throw new ScriptFailure(event.line, `${args.action.name}: the call still blocks`);
    this.#check(event, args, prepared, result);
    const late = timingComplaint(end, result.time, this.#trace.start);
    if (late !== undefined)
      throw new ScriptFailure(event.line, `${args.action.name}: return of the call: ${late}`);
  }

  #check(event: ScriptEvent, args: Arguments, prepared: Prepared, result: SyscallResult): void {
    const { action } = args;
    const fail = (complaint: string): never => {
      throw new ScriptFailure(event.line, `${action.name}: ${complaint}`);
    };
    const { value, errno } = action.result;
    const expected = value === undefined ? undefined : args.evaluate(value);
    const text = event.text.slice(0, event.text.lastIndexOf('=')).trim();
    const shown = prepared.makesFd === true && result.ret >= 0 ? (expected ?? result.ret) : result.ret;
    this.#trace.add(result.time, event.line, `${text} = ${describe(shown)}`);
    if (expected === -1 && errno !== undefined) {
      const wanted = errnoValue(errno);
      if (wanted === undefined) throw args.unsupported(`errno ${errno}`);
      if (result.ret !== -wanted) fail(`expected -1 ${errno}, actual ${describe(result.ret)}`);
    } else if (expected !== undefined && result.ret < 0 !== expected < 0)
      fail(`expected ${expected}, actual ${describe(result.ret)}`);
    if (result.ret < 0) return;
    if (prepared.makesFd === true) this.#learnFd(expected ?? result.ret, result.ret);
    else if (expected !== undefined && expected !== result.ret)
      fail(`expected ${expected}, actual ${result.ret}`);
    for (const [index, script] of (prepared.fds ?? []).entries()) this.#learnFd(script, result.fds![index]!);
    if (action.name === 'close') this.#fds.delete(args.scriptFd(0));
    prepared.after?.(this.#world, result, expected ?? result.ret);
    const complaint = prepared.verify?.(result);
    if (complaint !== undefined) fail(complaint);
  }

  /** The time of day when the script began. */
  #epoch(): number {
    return this.#backend.epoch + this.#trace.start;
  }

  #learnFd(script: number, live: number): void {
    this.#fds.set(script, live);
  }
}

/** Whether an event is a call with the file descriptor that a blocked call is to give. */
function usesFdOf(event: ScriptEvent, blocked: Blocked): boolean {
  if (blocked.prepared.makesFd !== true || event.action.kind !== 'syscall') return false;
  const { value } = blocked.args.action.result;
  const [first] = event.action.args;
  return value?.kind === 'number' && first?.kind === 'number' && value.value === first.value;
}

function describe(ret: number): string {
  return ret < 0 ? `-1 ${errnoName(ret)}` : String(ret);
}
