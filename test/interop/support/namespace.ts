import { spawnSync } from 'node:child_process';
import type { Test } from 'tap';
import { Child, type Outcome } from './child.ts';

/** Milliseconds that a program run to its end may take. */
const TIME_LIMIT = 60_000;

let last = 0;
const open = new Set<Namespace>();

// A test that is ended by an exception or a signal leaves nothing behind either.
function removeAll(): void {
  for (const namespace of open) namespace.remove();
}
process.on('exit', removeAll);
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
  process.once(signal, () => {
    removeAll();
    process.kill(process.pid, signal);
  });

/** A network namespace of the kernel with a name of its own, and the programs that run in it. */
export class Namespace {
  readonly name: string = `tapir-${process.pid}-${++last}`;
  readonly #children = new Set<Child>();

  constructor() {
    const { status, stderr } = spawnSync('ip', ['netns', 'add', this.name], { encoding: 'utf8' });
    if (status !== 0) throw new Error(`ip netns add ${this.name}: ${stderr}`);
    open.add(this);
  }

  /** Starts a program in the namespace, which ends with it at the latest. */
  start(program: string, ...args: string[]): Child {
    const child = new Child('ip', ['netns', 'exec', this.name, program, ...args]);
    this.#children.add(child);
    child.exited.finally(() => this.#children.delete(child));
    return child;
  }

  /** Runs a program to its end, whatever that is; it is killed after a minute. */
  async try(program: string, ...args: string[]): Promise<Outcome> {
    const child = this.start(program, ...args);
    const timer = setTimeout(() => child.signal('SIGKILL'), TIME_LIMIT);
    const outcome = await child.exited;
    clearTimeout(timer);
    return outcome;
  }

  /** Runs a program and gives its stdout. Throws with what it said when it does not exit with 0. */
  async run(program: string, ...args: string[]): Promise<string> {
    const { code, signal, stdout, stderr } = await this.try(program, ...args);
    if (code !== 0)
      throw new Error(
        `${[program, ...args].join(' ')}: ${signal ?? `exit code ${code}`}: ${stderr}${stdout}`,
      );
    return stdout;
  }

  /** Runs `ip` in the namespace, given as one line: `ns.ip('link set lo up')`. */
  async ip(line: string): Promise<string> {
    return this.run('ip', ...line.split(' '));
  }

  /** Kills the programs, at once since a test that hung has a second left, and removes the namespace with its devices. */
  async close(): Promise<void> {
    await Promise.all([...this.#children].map((child) => child.stop('SIGKILL')));
    this.remove();
  }

  /** Removes the namespace at once, killing what still runs in it. Throws when it stays. */
  remove(): void {
    if (!open.delete(this)) return;
    const pids = spawnSync('ip', ['netns', 'pids', this.name], { encoding: 'utf8' }).stdout ?? '';
    for (const pid of pids.split('\n').filter((line) => line !== '')) {
      try {
        process.kill(Number(pid), 'SIGKILL');
      } catch {
        // It ended meanwhile.
      }
    }
    const { status, stderr } = spawnSync('ip', ['netns', 'delete', this.name], { encoding: 'utf8' });
    if (status !== 0) throw new Error(`ip netns delete ${this.name}: ${stderr}`);
  }
}

/** A namespace for one test: loopback up, BBR's pacing off, gone when the test ends. */
export async function withNamespace(t: Test): Promise<Namespace> {
  const namespace = new Namespace();
  t.teardown(() => namespace.close());
  await namespace.ip('link set lo up');
  await namespace.run('sysctl', '-qw', 'net.ipv4.tcp_congestion_control=reno');
  return namespace;
}
