import { start } from './programs.ts';

/** An answer that the peer's ping printed. */
export interface Answer {
  readonly seq: number;
  /** Milliseconds since the Unix epoch. */
  readonly time: number;
}

const LINE = /^\[(\d+\.\d+)\] \d+ bytes from .*icmp_seq=(\d+)/;

/** The kernel's own ping, running in the peer's namespace. */
export class PeerPing {
  readonly answers: Answer[] = [];
  readonly #child: ReturnType<typeof start>;
  #rest = '';

  constructor(peer: string, address: string, intervalMs: number) {
    const interval = (intervalMs / 1000).toFixed(3);
    this.#child = start('ip', 'netns', 'exec', peer, 'ping', '-n', '-D', '-i', interval, address);
    this.#child.stdout.setEncoding('utf8').on('data', (text: string) => this.#read(text));
  }

  /** Resolves to whether `done` held within `limitMs`, looking every few milliseconds. */
  async until(done: (answers: readonly Answer[]) => boolean, limitMs: number): Promise<boolean> {
    const end = performance.now() + limitMs;
    while (!done(this.answers)) {
      if (performance.now() > end) return false;
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    return true;
  }

  /** Ends it; the number of requests that it sent. */
  async stop(): Promise<number> {
    let summary = '';
    this.#child.stdout.on('data', (text: string) => {
      summary += text;
    });
    const closed = new Promise((resolve) => this.#child.once('close', resolve));
    this.#child.kill('SIGINT');
    await closed;
    return Number(/(\d+) packets transmitted/.exec(summary)?.[1] ?? Number.NaN);
  }

  #read(text: string): void {
    const lines = (this.#rest + text).split('\n');
    this.#rest = lines.pop() ?? '';
    for (const line of lines) {
      const match = LINE.exec(line);
      if (match !== null) this.answers.push({ time: Number(match[1]) * 1000, seq: Number(match[2]) });
    }
  }
}
