import type { Expression } from './expression.ts';
import { parseArguments, parseExpression } from './parse-expression.ts';
import { parsePacket } from './parse-packet.ts';
import { Scanner, substitute } from './scanner.ts';
import type { Action, Command, EventTime, ExpectedResult, Script, ScriptEvent } from './script.ts';

const OPTION = /--(\w+)(?:=("[^"]*"|\S+))?/y;
const COMMAND = /`([^`]*)`/y;
const CODE = /%\{([\s\S]*?)\}%/y;
const TIME = /(\+?)(\d+\.\d+|\.\d+|\d+\.(?!\.)|\d+)/y;
const CALL = /([A-Za-z_]\w*)\s*\(/y;
const ERRNO = /E[A-Z0-9]+\b/y;
const REMARK = /\([^()]*\)/y;
const TAGS = /^\s*\/\/\s*tag:\s*(.+)$/gm;

/** Reads a script. Throws {@link Unsupported} for what the language, or this interpreter, does not know. */
export function parseScript(path: string, source: string, definitions: ReadonlyMap<string, string>): Script {
  const scanner = new Scanner(substitute(source, definitions));
  const options = parseOptions(scanner);
  let init: Command | undefined;
  let cleanup: Command | undefined;
  const events: ScriptEvent[] = [];
  while (!scanner.atEnd) {
    const line = scanner.line();
    const command = scanner.match(COMMAND);
    if (command === undefined) events.push(parseEvent(scanner));
    else if (events.length === 0)
      init = { line: init?.line ?? line, text: `${init?.text ?? ''}\n${command[1]}` };
    else if (scanner.atEnd) cleanup = { line, text: command[1]! };
    else throw scanner.unexpected('the end behind the cleanup command');
  }
  return { path, options, init, events, cleanup, tags: readTags(source) };
}

function readTags(source: string): Set<string> {
  return new Set([...source.matchAll(TAGS)].flatMap((match) => match[1]!.trim().split(/[\s,]+/)));
}

function parseOptions(scanner: Scanner): Map<string, string> {
  const options = new Map<string, string>();
  for (let found = scanner.match(OPTION); found !== undefined; found = scanner.match(OPTION))
    options.set(found[1]!, (found[2] ?? '').replaceAll('"', ''));
  return options;
}

function parseEvent(scanner: Scanner): ScriptEvent {
  const line = scanner.line();
  const { time, blockingEnd } = parseTime(scanner);
  const start = scanner.position;
  const action = parseAction(scanner, blockingEnd);
  return { line, time, action, text: scanner.since(start) };
}

/** `*`, `t`, `+t`, `a~b`, `+a~+b`, and for calls that block `+a...b`. */
function parseTime(scanner: Scanner): { time: EventTime; blockingEnd: number | undefined } {
  if (scanner.take('*')) return { time: { kind: 'any', at: 0 }, blockingEnd: undefined };
  const first = scanner.needMatch(TIME, 'a time');
  const kind = first[1] === '+' ? 'relative' : 'absolute';
  const at = microseconds(first);
  if (scanner.take('~')) {
    const end = microseconds(scanner.needMatch(TIME, 'the end of a range'));
    return { time: { kind, at, end }, blockingEnd: undefined };
  }
  if (scanner.take('...'))
    return {
      time: { kind, at },
      blockingEnd: microseconds(scanner.needMatch(TIME, 'the time when the call returns')),
    };
  return { time: { kind, at }, blockingEnd: undefined };
}

function microseconds(time: RegExpExecArray): number {
  return Math.round(Number(time[2]) * 1e6);
}

function parseAction(scanner: Scanner, end: number | undefined): Action {
  const line = scanner.line();
  if (scanner.take('<')) return { kind: 'packet', direction: 'inbound', packet: parsePacket(scanner) };
  if (scanner.take('>')) return { kind: 'packet', direction: 'outbound', packet: parsePacket(scanner) };
  const command = scanner.match(COMMAND);
  if (command !== undefined) return { kind: 'command', command: { line, text: command[1]! } };
  const code = scanner.match(CODE);
  if (code !== undefined) return { kind: 'code', text: code[1]! };
  const call = scanner.needMatch(CALL, 'a packet, a system call, a command or code');
  const args: Expression[] = parseArguments(scanner);
  scanner.need('=');
  return { kind: 'syscall', name: call[1]!, args, result: parseResult(scanner), end };
}

/** `= 0`, `= ...`, `= -1 EAGAIN (any text)`, `= 0x2 (flags O_RDWR)`. */
function parseResult(scanner: Scanner): ExpectedResult {
  const value = parseExpression(scanner);
  const errno = scanner.match(ERRNO)?.[0];
  scanner.match(REMARK);
  return { value: value.kind === 'ellipsis' ? undefined : value, errno };
}
