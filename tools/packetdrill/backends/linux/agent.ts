import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { OutboundPacket } from '../../backend.ts';

/** Memory that a function of libc reads or fills, as the agent wants it described. Bytes are in hex. */
export type Memory =
  | { readonly in: string }
  | { readonly zero: number }
  | { readonly out: number }
  | { readonly inout: string }
  /** A pointer to nowhere, in an iovec. */
  | { readonly null: number }
  | { readonly vectors: readonly Memory[] }
  | {
      readonly iov: readonly Memory[];
      readonly name?: Memory | undefined;
      readonly control?: Memory | undefined;
    };

export type Argument = number | Memory;

/** What the agent answers to a request. Times are microseconds of CLOCK_MONOTONIC. */
export interface Answer {
  readonly t: number;
  /** Of a call: what it returned, the errno, and what it filled in: bytes in hex, or numbers. */
  readonly r?: number;
  readonly e?: number;
  readonly o?: readonly (string | number)[];
  /** The call was interrupted because it blocked. */
  readonly blocks?: boolean;
  /** Of a file or a program. */
  readonly text?: string;
  readonly status?: number;
  readonly error?: string;
  /** Of the first one: microseconds since 1970 when CLOCK_MONOTONIC was 0. */
  readonly epoch?: number;
}

type Request = Readonly<Record<string, unknown>> & { readonly op: string };

const PROGRAM = fileURLToPath(new URL('../../../../../tools/packetdrill/agent/agent.py', import.meta.url));
const PYTHON = ['/usr/bin/python3', '/usr/local/bin/python3'].find((path) => existsSync(path)) ?? 'python3';

/** The time, in microseconds of CLOCK_MONOTONIC, as the agent has it. */
export function monotonic(): number {
  return Number(process.hrtime.bigint() / 1000n);
}

/** The agent's process: a network namespace with a TUN device, which lives as long as it. */
export class Agent {
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #answers = new Map<
    number,
    { resolve: (answer: Answer) => void; reject: (error: Error) => void }
  >();
  readonly #packets: OutboundPacket[] = [];
  #wake: (() => void) | undefined;
  #partial = '';
  #complaints = '';
  #lastId = 0;

  private constructor(config: object) {
    this.#child = spawn(PYTHON, ['-I', '-S', PROGRAM, JSON.stringify(config)]);
    this.#child.stdout.setEncoding('utf8').on('data', (text: string) => this.#read(text));
    this.#child.stderr.setEncoding('utf8').on('data', (text: string) => {
      this.#complaints += text;
    });
    this.#child.stdin.on('error', () => {});
    this.#child.on('error', (error) => this.#end(error));
    this.#child.on('close', () => this.#end(new Error(`the agent ended: ${this.#complaints.trim()}`)));
  }

  /** Starts an agent; resolves when its device is up. */
  static async start(config: object): Promise<Agent> {
    const agent = new Agent(config);
    const ready = await new Promise<Answer>((resolve, reject) => agent.#answers.set(0, { resolve, reject }));
    agent.epoch = ready.epoch ?? 0;
    return agent;
  }

  /** Microseconds since 1970 when CLOCK_MONOTONIC was 0. */
  epoch = 0;

  /** Asks for something. Rejects when the agent has ended. */
  ask(request: Request): Promise<Answer> {
    const id = ++this.#lastId;
    return new Promise((resolve, reject) => {
      this.#answers.set(id, { resolve, reject });
      this.#child.stdin.write(`${JSON.stringify({ id, ...request })}\n`);
    });
  }

  /** The next packet that the kernel sent; waits for it until `deadline`. */
  async packet(deadline: number): Promise<OutboundPacket | undefined> {
    if (this.#packets.length === 0) await this.#packetOr(deadline);
    return this.#packets.shift();
  }

  /** Ends the process, and the namespace with it. */
  async close(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const closed = once(this.#child, 'close');
    this.#child.kill('SIGKILL');
    await closed;
  }

  async #packetOr(deadline: number): Promise<void> {
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, Math.max(1, (deadline - monotonic()) / 1000));
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    this.#wake = undefined;
  }

  #read(text: string): void {
    const lines = (this.#partial + text).split('\n');
    this.#partial = lines.pop() ?? '';
    for (const line of lines) this.#take(JSON.parse(line) as Answer & { id?: number; out?: string });
  }

  #take(message: Answer & { id?: number; out?: string }): void {
    if (message.out !== undefined) {
      this.#packets.push({ time: message.t, bytes: new Uint8Array(Buffer.from(message.out, 'base64')) });
      this.#wake?.();
      return;
    }
    const id = message.id ?? 0;
    this.#answers.get(id)?.resolve(message);
    this.#answers.delete(id);
  }

  #end(error: Error): void {
    for (const { reject } of this.#answers.values()) reject(error);
    this.#answers.clear();
    this.#wake?.();
  }
}
