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
  const answer = async (question: string): Promise<void> => {
    const found = await questions[question]?.();
    process.stdout.write(`${question} ${JSON.stringify(found ?? {})}\n`);
  };
  lines.on('line', (question) => void answer(question));
  lines.on('close', end);
}
