import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { run } from './programs.ts';

/** Milliseconds that everything may take besides the two runs. */
const OVERHEAD_MS = 30_000;

export interface KernelDemoOptions {
  readonly capMs: number;
  /** Arguments for the process that runs inside. */
  readonly args: readonly string[];
  /** Hears of the namespaces when they are there. */
  readonly onReady: (host: string, peer: string) => void;
}

/**
 * Makes two network namespaces, one for the bridge with both TAPs and one for the peer, runs this program again inside the
 * first, and removes both whatever happens: Ctrl-C, an error, or a run that does not end.
 */
export async function runInNamespaces({ capMs, args, onReady }: KernelDemoOptions): Promise<number> {
  const host = `tapir-demo-${process.pid}`;
  const peer = `${host}-peer`;
  let child: ChildProcess | undefined;
  const stop = (): void => {
    child?.kill('SIGTERM');
  };
  const remove = (): void => {
    for (const name of [host, peer]) removeNamespace(name);
  };
  process.on('SIGINT', stop);
  process.on('SIGTERM', stop);
  process.once('exit', remove);
  try {
    await run('ip', 'netns', 'add', host);
    await run('ip', 'netns', 'add', peer);
    onReady(host, peer);
    child = spawn(
      'ip',
      ['netns', 'exec', host, process.execPath, process.argv[1] ?? '', ...args, '--inside', peer],
      {
        stdio: ['ignore', 'inherit', 'inherit'],
      },
    );
    return await ended(child, 2 * capMs + OVERHEAD_MS);
  } finally {
    process.off('SIGINT', stop);
    process.off('SIGTERM', stop);
    process.off('exit', remove);
    remove();
  }
}

function ended(child: ChildProcess, limitMs: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => child.kill('SIGKILL'), limitMs);
    child.once('error', reject);
    child.once('exit', (code, signal) => {
      clearTimeout(timer);
      resolve(code ?? (signal === null ? 1 : 130));
    });
  });
}

/** Ends what still runs in a namespace, which would keep it alive, and removes it. */
function removeNamespace(name: string): void {
  const { stdout } = spawnSync('ip', ['netns', 'pids', name], { encoding: 'utf8' });
  for (const pid of (stdout ?? '').split('\n').filter((line) => line !== '')) {
    try {
      process.kill(Number(pid), 'SIGKILL');
    } catch {
      // It ended meanwhile.
    }
  }
  spawnSync('ip', ['netns', 'del', name]);
}
