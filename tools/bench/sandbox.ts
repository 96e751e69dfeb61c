import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
import type { Socket } from 'node:net';
import { cpus, setPriority } from 'node:os';
import { delimiter, join } from 'node:path';
import type { Placement } from './subject.ts';

/** In the environment of the process inside the namespace: the id of the one outside. */
export const INSIDE = 'TAPIR_BENCH_INSIDE';
const PRIORITY = -15;

/** What keeps a real TAP from being used here, or undefined when nothing does. */
export function tapObstacle(): string | undefined {
  if (process.platform !== 'linux') return 'not Linux';
  if (process.getuid?.() !== 0) return 'not root';
  if (!existsSync('/dev/net/tun')) return 'no /dev/net/tun';
  if (spawnSync('ip', ['-V']).status !== 0) return 'no ip program (Debian: iproute2)';
  return undefined;
}

/** What keeps the peer program from being used here, or undefined. */
export function peerObstacle(): string | undefined {
  const missing = ['cc', 'unshare', 'nsenter', 'taskset', 'ethtool', 'sysctl'].filter(
    (program) => !isInstalled(program),
  );
  return tapObstacle() ?? (missing.length > 0 ? `no ${missing.join(', ')}` : undefined);
}

/** Whether a program is on the PATH. */
export function isInstalled(program: string): boolean {
  return (process.env['PATH'] ?? '').split(delimiter).some((folder) => existsSync(join(folder, program)));
}

/** Words in front of a command that is to run where the benchmark was started, with the network that is there. */
export function outsideWords(): string[] {
  return ['nsenter', '-t', process.env[INSIDE] ?? '1', '-n'];
}

/** Runs a program in the current namespace; throws with its stderr when it fails. */
export function run(program: string, ...args: string[]): string {
  const result = spawnSync(program, args, { encoding: 'utf8' });
  if (result.status !== 0) {
    throw new Error(
      `${program} ${args.join(' ')}: ${result.stderr?.trim() || result.error?.message || result.status}`,
    );
  }
  return result.stdout;
}

/**
 * Runs this Node with `args` inside a network namespace of its own, which is removed afterwards whatever happens, pinned to
 * the last CPU where `taskset` is there. Resolves with the exit code.
 */
export async function runInNamespace(
  args: readonly string[],
  environment: NodeJS.ProcessEnv,
): Promise<number> {
  const namespace = `tapir-bench-${process.pid}`;
  run('ip', 'netns', 'add', namespace);
  let child: ChildProcess | undefined;
  const stop = (): void => {
    child?.kill('SIGTERM');
  };
  process.once('SIGINT', stop);
  process.once('SIGTERM', stop);
  try {
    run('ip', 'netns', 'exec', namespace, 'ip', 'link', 'set', 'lo', 'up');
    spawnSync('ip', ['netns', 'exec', namespace, 'sysctl', '-qw', 'net.ipv4.tcp_congestion_control=reno']);
    const pin = spawnSync('taskset', ['-V']).status === 0 ? ['taskset', '-c', lastCpu()] : [];
    const running = spawn('ip', ['netns', 'exec', namespace, ...pin, process.execPath, ...args], {
      stdio: ['pipe', 'inherit', 'inherit'], // Its end tells that we are gone.
      env: environment,
      detached: true,
    });
    child = running;
    return await new Promise<number>((resolve) => {
      running.once('exit', (code) => resolve(code ?? 1));
      running.once('error', () => resolve(1));
    });
  } finally {
    process.off('SIGINT', stop);
    process.off('SIGTERM', stop);
    run('ip', 'netns', 'del', namespace);
  }
}

/** Inside: calls `clean` and ends when we are told to, or when the process outside is no more. */
export function endWithOutside(clean: () => void): void {
  const end = (): void => {
    clean();
    process.exit(1);
  };
  process.once('SIGTERM', end);
  process.once('SIGINT', end);
  process.stdin.once('end', end).resume();
  process.stdin.once('error', end);
  (process.stdin as Partial<Pick<Socket, 'unref'>>).unref?.();
}

function lastCpu(): string {
  const allowed = spawnSync('taskset', ['-cp', String(process.pid)], { encoding: 'utf8' }).stdout ?? '';
  return /(\d+)\s*$/.exec(allowed)?.[1] ?? '0';
}

/**
 * Lets what else the machine does disturb less, where that is allowed; processes started from now on have the same priority.
 * Where Linux groups processes by session, it is the session's: we must lead one.
 */
export function takePrecedence(): void {
  try {
    setPriority(PRIORITY);
    writeFileSync('/proc/self/autogroup', `${PRIORITY}`);
  } catch {
    // Not root: the result says as much as the machine was idle.
  }
}

/** The subject has the last CPU, the peer the one before. */
export function pinning(): Placement {
  const last = cpus().length - 1;
  return { peerCpu: Math.max(0, last - 1), subjectCpu: last };
}
