import { createInterface } from 'node:readline';
import { Profiler } from './profiler.ts';
import { RuntimeWatch } from './runtime.ts';

/** Answers lines on stdin with the line itself and JSON behind it; `end` is called when stdin ends. */
export function answerQuestions(end: () => void): void {
  const profiler = new Profiler();
  const runtime = new RuntimeWatch();
  const questions: Readonly<Record<string, () => unknown>> = {
    watch: () => runtime.watch(),
    observed: () => runtime.observed(),
    'profile-start': () => profiler.start(),
    'profile-stop': () => profiler.stop(),
  };
  const lines = createInterface({ input: process.stdin });
  const answer = async (question: string): Promise<void> => {
    const found = await questions[question]?.();
    process.stdout.write(`${question} ${JSON.stringify(found ?? {})}\n`);
  };
  lines.on('line', (question) => void answer(question));
  lines.on('close', end);
}
