import { readFileSync } from 'node:fs';
import type { BackendChoice } from '../backends/index.ts';
import { type Outcome, runScript } from '../run/runner.ts';
import { parseScript } from '../script/parse.ts';
import type { Script } from '../script/script.ts';
import { Unsupported } from '../script/script.ts';
import { writeCapture } from './capture.ts';
import type { Item } from './collect.ts';
import { compareRecording, readRecording, writeRecording } from './recording.ts';
import type { Report } from './report.ts';

/** What holds for every script of a run. */
export interface RunContext {
  readonly backend: BackendChoice;
  readonly definitions: ReadonlyMap<string, string>;
  /** Folder for captures. */
  readonly pcap: string | undefined;
  /** Whether slow scripts are run, and recorded, in real time. */
  readonly slow: boolean;
}

/** Scripts with this tag take too long for every run in real time. */
const SLOW = 'slow';

/** Runs one script and judges how it came out, against what is expected of it. */
export async function runItem(item: Item, context: RunContext): Promise<Report> {
  const { path, expected } = item;
  const bare = { path, line: 0, outcome: undefined };
  if (expected?.verdict === 'skip') return { ...bare, verdict: 'skipped', reason: expected.reason };
  let script: Script;
  try {
    script = parseScript(path, readFileSync(path, 'utf8'), context.definitions);
  } catch (error) {
    if (!(error instanceof Unsupported)) throw error;
    return { ...bare, verdict: 'unsupported', reason: error.message, line: error.line };
  }
  const slow = script.tags.has(SLOW);
  if (slow && context.backend.realTime && !context.slow)
    return { ...bare, verdict: 'skipped', reason: 'slow: run with --slow' };
  const outcome = await run(script, context, slow);
  const report = judge(item, outcome);
  if (context.pcap !== undefined) writeCapture(context.pcap, path, outcome.trace);
  return report;
}

async function run(script: Script, context: RunContext, slow: boolean): Promise<Outcome> {
  const { backend } = context;
  const outcome = await runScript(script, backend.create, { tolerance: backend.tolerance });
  if (!slow || outcome.verdict !== 'passed') return outcome;
  if (backend.realTime) {
    writeRecording(script.path, backend.version, outcome.trace);
    return outcome;
  }
  const recording = readRecording(script.path);
  const complaint =
    recording === undefined ? undefined : compareRecording(recording, outcome.trace, backend.tolerance);
  return complaint === undefined ? outcome : { ...outcome, verdict: 'failed', reason: complaint };
}

/** A difference that is known must be there, or the list of them is out of date. */
function judge({ path, expected }: Item, outcome: Outcome): Report {
  const { verdict, reason, line } = outcome;
  if (expected?.verdict !== 'differs' || verdict === 'unsupported')
    return { path, verdict, reason, line, outcome };
  if (verdict === 'failed')
    return { path, verdict: 'skipped', reason: `differs: ${expected.reason}`, line, outcome };
  return {
    path,
    verdict: 'failed',
    reason: `passed, but is listed as different: ${expected.reason}`,
    line: 0,
    outcome: undefined,
  };
}
