import { type ChildProcessByStdio, spawn, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import type { Readable } from 'node:stream';

/** What keeps the demo from running on this kernel, undefined when nothing does. */
export function kernelObstacle(): string | undefined {
  if (process.platform !== 'linux') return 'this is not Linux';
  if (process.getuid?.() !== 0)
    return 'only root can make network namespaces and bridges (sudo tapir demo --kernel)';
  if (!existsSync('/dev/net/tun')) return '/dev/net/tun is missing: load the kernel module tun';
  for (const [program, option] of [
    ['ip', '-V'],
    ['bridge', '-V'],
    ['ping', '-V'],
  ] as const) {
    if (spawnSync(program, [option]).error !== undefined)
      return `the program ${program} is missing (Debian: iproute2, iputils-ping)`;
  }
  return undefined;
}

/** Runs a program to its end; its stdout. Throws with what it said when it fails. */
export async function run(program: string, ...args: string[]): Promise<string> {
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  const [out, err] = [text(child.stdout), text(child.stderr)];
  const code = await new Promise<number | string>((resolve) => {
    child.once('error', (error) => resolve(error.message));
    child.once('close', (status, signal) => resolve(status ?? signal ?? 1));
  });
  if (code !== 0) throw new Error(`${[program, ...args].join(' ')}: ${(await err).trim() || code}`);
  return out;
}

/** Runs `ip` with one line of arguments. */
export function ip(line: string): Promise<string> {
  return run('ip', ...line.split(' '));
}

/** Starts a program whose output is read as it comes. */
export function start(program: string, ...args: string[]): ChildProcessByStdio<null, Readable, null> {
  return spawn(program, args, { stdio: ['ignore', 'pipe', 'inherit'] });
}

async function text(stream: Readable): Promise<string> {
  let all = '';
  for await (const chunk of stream.setEncoding('utf8')) all += String(chunk);
  return all;
}
