import type { Expression } from './expression.ts';
import type { PacketSpec } from './packet-spec.ts';

/** Something in a script that this interpreter does not know: the script is neither passed nor failed. */
export class Unsupported extends Error {
  /** Line in the script, from 1; 0 when it is the whole script. */
  readonly line: number;

  constructor(line: number, what: string) {
    super(what);
    this.name = 'Unsupported';
    this.line = line;
  }
}

/**
 * When an event happens, in microseconds. `absolute` counts from the start of the script, `relative` from the moment the
 * event before was over; with `end` it is a range; `any` is whenever it comes.
 */
export interface EventTime {
  readonly kind: 'absolute' | 'relative' | 'any';
  readonly at: number;
  readonly end?: number;
}

/** Shell text between backticks. */
export interface Command {
  readonly line: number;
  readonly text: string;
}

/** What a system call must give back. */
export interface ExpectedResult {
  /** Undefined: `...`, whatever it is. */
  readonly value: Expression | undefined;
  /** The errno's name, when the value is -1. */
  readonly errno: string | undefined;
}

/** A system call with its arguments as they stand in the script. */
export interface SyscallAction {
  readonly kind: 'syscall';
  readonly name: string;
  readonly args: readonly Expression[];
  readonly result: ExpectedResult;
  /** For a call that blocks: when it is to return, in microseconds on the scale of the event's own time. */
  readonly end: number | undefined;
}

export interface PacketAction {
  readonly kind: 'packet';
  /** `inbound`: injected into the stack under test; `outbound`: expected from it. */
  readonly direction: 'inbound' | 'outbound';
  readonly packet: PacketSpec;
}

export type Action =
  | PacketAction
  | SyscallAction
  | { readonly kind: 'command'; readonly command: Command }
  | { readonly kind: 'code'; readonly text: string };

export interface ScriptEvent {
  readonly line: number;
  readonly time: EventTime;
  readonly action: Action;
  /** The event as it stands in the script, without its time, on one line. */
  readonly text: string;
}

export interface Script {
  readonly path: string;
  /** `--name=value` at the top, without the dashes; an option without a value has ''. */
  readonly options: ReadonlyMap<string, string>;
  readonly init: Command | undefined;
  readonly events: readonly ScriptEvent[];
  readonly cleanup: Command | undefined;
  /** Words of `// tag: ...` comments. */
  readonly tags: ReadonlySet<string>;
}
