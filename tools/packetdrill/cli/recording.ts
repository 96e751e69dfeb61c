import { readFileSync, writeFileSync } from 'node:fs';
import type { Trace, TraceEntry } from '../run/trace.ts';

/** What a kernel did with a script, kept beside it so that it need not be run again. */
export interface Recording {
  /** `uname -sr` of the kernel. */
  readonly kernel: string;
  readonly entries: readonly TraceEntry[];
}

/** Where the recording of a script stands. */
export function recordingPath(script: string): string {
  return script.replace(/\.pkt$/, '.trace.json');
}

export function writeRecording(script: string, kernel: string, trace: Trace): void {
  const recording: Recording = { kernel, entries: trace.entries.map(normalise) };
  writeFileSync(recordingPath(script), `${JSON.stringify(recording, undefined, 2)}\n`);
}

/** Undefined when there is none. */
export function readRecording(script: string): Recording | undefined {
  try {
    return JSON.parse(readFileSync(recordingPath(script), 'utf8')) as Recording;
  } catch {
    return undefined;
  }
}

/** Where a run differs from a recording; undefined when it does not. `tolerance` in microseconds. */
export function compareRecording(recording: Recording, trace: Trace, tolerance: number): string | undefined {
  const actual = trace.entries.map(normalise);
  let before = 0;
  for (const [index, expected] of recording.entries.entries()) {
    const entry = actual[index];
    if (entry === undefined)
      return `${recording.kernel} went on with line ${expected.line}: ${expected.text}`;
    if (entry.line !== expected.line || entry.text !== expected.text)
      return `line ${expected.line}: ${recording.kernel}: ${expected.text}; actual: ${entry.text}`;
    const allowed = Math.max(tolerance, (expected.time - before) / 8);
    if (Math.abs(entry.time - expected.time) > allowed)
      return `line ${expected.line}: ${recording.kernel} at ${expected.time} us, actual at ${entry.time} us`;
    before = expected.time;
  }
  return actual.length > recording.entries.length ? `${recording.kernel} had ended by then` : undefined;
}

/** Without what differs from run to run: the values of the stack's own timestamps. */
function normalise({ time, line, text }: TraceEntry): TraceEntry {
  return { time: Math.round(time), line, text: text.replaceAll(/TS val \d+/g, 'TS val *') };
}
