import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ProfileSummary } from './host/profiler.ts';
import type { TapirSubject } from './subjects/tapir.ts';

/** What a stack does while `load` runs, as text: where the time of its process goes. */
export async function profileText(
  name: string,
  subject: TapirSubject,
  load: () => Promise<unknown>,
): Promise<string> {
  await load();
  await subject.ask('profile-start');
  await load();
  const { idle, garbage, top } = (await subject.ask('profile-stop')) as ProfileSummary;
  return [
    `${name}: self time of functions, as V8's profiler sees it; parts of the time that was not idle`,
    `idle ${percent(idle)} of all, garbage ${percent(garbage)}`,
    '',
    ...top
      .filter(({ part }) => part >= 0.003)
      .map(({ where, part }) => `${percent(part).padStart(7)}  ${where}`),
    '',
  ].join('\n');
}

/** Writes a profile to `folder/NAME.txt`. */
export function writeProfile(folder: string, name: string, text: string): void {
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, `${name}.txt`), text);
}

function percent(part: number): string {
  return `${(part * 100).toFixed(1)} %`;
}
