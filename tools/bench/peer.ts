import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Program } from './program.ts';
import { run } from './sandbox.ts';
import type { Placement, Subject } from './subject.ts';

/** The compiled files run from `dist/tools/bench/`. */
const SOURCES = fileURLToPath(new URL('../../../tools/bench/peer/', import.meta.url));
/** What a measurement takes with its warming up (bulk.c), beside its own time, and milliseconds beyond that it may. */
const WITH_WARM_UP = 1.25;
const PATIENCE = 10_000;

let built: string | undefined;

/** The peer program, compiled with the system's `cc` when it is first asked for, and gone with this process. */
export function peerProgram(): string {
  if (built !== undefined) return built;
  const folder = mkdtempSync(join(tmpdir(), 'tapir-bench-'));
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
  const sources = readdirSync(SOURCES).filter((name) => name.endsWith('.c'));
  const path = join(folder, 'peer');
  run('cc', '-O2', '-pthread', '-o', path, ...sources.map((name) => join(SOURCES, name)));
  built = path;
  return path;
}

export type PeerMode = 'send' | 'recv' | 'rr' | 'connections' | 'udp-send' | 'udp-recv';

/** Lets the peer measure a subject for so many seconds; the fields that it prints. `amount`: see its main.c. */
export async function measureWithPeer(
  subject: Subject,
  mode: PeerMode,
  seconds: number,
  { peerCpu }: Pick<Placement, 'peerCpu'>,
  amount = 1,
): Promise<Record<string, number>> {
  const command = [peerProgram(), `${peerCpu}`, mode, subject.address, `${seconds}`, `${amount}`];
  const [program = '', ...args] = [...subject.enter, ...command];
  const output = await new Program(program, args).result(seconds * 1000 * WITH_WARM_UP + PATIENCE);
  return JSON.parse(output) as Record<string, number>;
}
