import { createInterface } from 'node:readline';
import type { Stack } from '../../../stack/stack.ts';
import { Profiler } from './profiler.ts';

/** Answers lines on stdin with the line itself and JSON behind it; `end` is called when stdin ends. */
export function answerQuestions(stack: Stack, end: () => void): void {
  const profiler = new Profiler();
  const questions: Readonly<Record<string, () => unknown>> = {
    counters: () => stack.counters(),
    'profile-start': () => profiler.start(),
    'profile-stop': () => profiler.stop(),
  };
  const lines = createInterface({ input: process.stdin });
  lines.on('line', async (question) => {
    const answer = await questions[question]?.();
    process.stdout.write(`${question} ${JSON.stringify(answer ?? {})}\n`);
  });
  lines.on('close', end);
}
