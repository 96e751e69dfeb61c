import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';

/** How a program ended, and what it said. */
export interface Outcome {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Milliseconds that a program has to end after `SIGINT`, before `SIGKILL`. */
const PATIENCE = 5000;

const sleep = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

/** Calls `probe` until it gives something else than undefined or false, and gives that. Throws when `ms` have passed. */
export async function until<T>(
  what: string,
  ms: number,
  probe: () => T | undefined | false | Promise<T | undefined | false>,
): Promise<T> {
  const deadline = performance.now() + ms;
  for (;;) {
    const got = await probe();
    if (got !== undefined && got !== false) return got;
    if (performance.now() > deadline) throw new Error(`${what}: not within ${ms} ms`);
    await sleep(10);
  }
}

/** A program that runs beside the test, with all that it says. */
export class Child {
  readonly command: string;
  readonly exited: Promise<Outcome>;
  readonly #process: ChildProcess;
  #stdout = '';
  #stderr = '';
  #outcome: Outcome | undefined;

  constructor(program: string, args: readonly string[]) {
    this.command = [program, ...args].join(' ');
    this.#process = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    this.#process.stdout?.setEncoding('utf8').on('data', (text: string) => {
      this.#stdout += text;
    });
    this.#process.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#stderr += text;
    });
    this.exited = this.#end();
  }

  async #end(): Promise<Outcome> {
    let code: number | null = null;
    let signal: NodeJS.Signals | null = null;
    try {
      [code, signal] = (await once(this.#process, 'close')) as [number | null, NodeJS.Signals | null];
    } catch (error) {
      this.#stderr += error instanceof Error ? error.message : String(error);
    }
    this.#outcome = { code, signal, stdout: this.#stdout, stderr: this.#stderr };
    return this.#outcome;
  }

  get stdout(): string {
    return this.#stdout;
  }

  get stderr(): string {
    return this.#stderr;
  }

  /** Waits for a match in what the program has said on stdout or stderr. Throws when it ends or `ms` pass without one. */
  async says(pattern: RegExp, ms = 10_000): Promise<RegExpMatchArray> {
    return until(`${this.command}: ${pattern}`, ms, () => {
      const match = this.#stdout.match(pattern) ?? this.#stderr.match(pattern);
      if (match === null && this.#outcome !== undefined)
        throw new Error(`${this.command} ended before it said ${pattern}: ${this.#stdout}${this.#stderr}`);
      return match ?? undefined;
    });
  }

  /** Sends a signal, when the program still runs. */
  signal(signal: NodeJS.Signals): void {
    if (this.#outcome === undefined) this.#process.kill(signal);
  }

  /** Ends the program: a signal, and `SIGKILL` for one that stays. */
  async stop(signal: NodeJS.Signals = 'SIGINT'): Promise<Outcome> {
    this.signal(signal);
    const timer = setTimeout(() => this.signal('SIGKILL'), PATIENCE);
    const outcome = await this.exited;
    clearTimeout(timer);
    return outcome;
  }
}
