import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';

/** Milliseconds that a program has to say what is waited for. */
const PATIENCE = 15_000;
/** Milliseconds that a program has to end by itself, before it is killed. */
const GRACE = 2000;

const running = new Set<Program>();

/** Ends every program that still runs, at once: for a benchmark that is broken off. */
export function killPrograms(): void {
  for (const program of running) program.kill();
}

/** Waits until `there` holds. Throws when that takes more than five seconds. */
export async function until(what: string, there: () => boolean): Promise<void> {
  for (let tries = 0; !there(); tries++) {
    if (tries === 100) throw new Error(`${what}: not within five seconds`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** A program that runs beside the benchmark. Its stdin stays open as long as we are there, its stderr is ours. */
export class Program {
  readonly #child: ChildProcess;
  readonly #command: string;
  readonly #ended: Promise<number>;
  #stdout = '';
  #over = false;
  #onOutput: (() => void) | undefined;

  /** `quiet`: what it says on stderr is not shown. */
  constructor(program: string, args: readonly string[], quiet = false) {
    this.#command = [program, ...args].join(' ');
    this.#child = spawn(program, args, { stdio: ['pipe', 'pipe', quiet ? 'ignore' : 'inherit'] });
    this.#child.stdin?.on('error', () => {}); // It ended before it read.
    this.#child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      this.#stdout += text;
      this.#onOutput?.();
    });
    running.add(this);
    this.#ended = this.#end();
  }

  async #end(): Promise<number> {
    let code = 1;
    try {
      [code] = (await once(this.#child, 'close')) as [number];
    } catch {
      // It could not be started: `close` does not come, and 1 says it.
    }
    this.#over = true;
    running.delete(this);
    this.#onOutput?.();
    return code ?? 1;
  }

  /** The process id, under which its namespaces can be entered. */
  get pid(): number {
    return this.#child.pid ?? 0;
  }

  get stdout(): string {
    return this.#stdout;
  }

  /** Waits until it has said a line that matches. Throws when it ends before, or takes too long. */
  async says(pattern: RegExp): Promise<RegExpMatchArray> {
    const late = setTimeout(() => this.kill(), PATIENCE);
    try {
      for (;;) {
        const match = this.#stdout.match(pattern);
        if (match !== null) return match;
        if (this.#over) throw new Error(`${this.#command} ended before it said ${pattern}: ${this.#stdout}`);
        await new Promise<void>((resolve) => {
          this.#onOutput = resolve;
        });
      }
    } finally {
      clearTimeout(late);
      this.#onOutput = undefined;
    }
  }

  /** Waits for its end; its stdout. Throws when it does not exit with 0, or takes longer than `milliseconds`. */
  async result(milliseconds: number): Promise<string> {
    const late = setTimeout(() => this.kill(), milliseconds);
    const code = await this.#ended;
    clearTimeout(late);
    if (code !== 0) throw new Error(`${this.#command}: exit code ${code}: ${this.#stdout}`);
    return this.#stdout;
  }

  /** Writes to its stdin. */
  tell(line: string): void {
    this.#child.stdin?.write(`${line}\n`);
  }

  /** What it says to a line on its stdin: JSON behind the same word. */
  async ask(question: string): Promise<unknown> {
    const asked = this.#stdout.length;
    this.tell(question);
    const match = await this.says(new RegExp(`^[\\s\\S]{${asked}}${question} (.*)$`, 'm'));
    return JSON.parse(match[1]!);
  }

  /** Closes its stdin, which ends ours, sends SIGTERM, and kills it when it stays. */
  async stop(): Promise<void> {
    this.#child.stdin?.end();
    if (!this.#over) this.#child.kill('SIGTERM');
    const late = setTimeout(() => this.kill(), GRACE);
    await this.#ended;
    clearTimeout(late);
  }

  /** Kills it, and waits for nothing. */
  kill(): void {
    if (!this.#over) this.#child.kill('SIGKILL');
  }
}
