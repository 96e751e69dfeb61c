import { fileURLToPath } from 'node:url';
import { Program } from '../program.ts';
import { run } from '../sandbox.ts';
import { nextNetwork, type Placement, type Subject } from '../subject.ts';

const HOST = fileURLToPath(new URL('../host/host.js', import.meta.url));

let taps = 0;

export interface TapirOptions {
  /** Frames of 1514 bytes with whole checksums, no virtio header. */
  readonly plain?: boolean;
  /** Never sleeps. */
  readonly busy?: boolean;
  /** Frames that the kernel queues for it (`txqueuelen`), 1000 when left out. */
  readonly queueLength?: number;
  /** Flags for its Node, in front of the script. */
  readonly flags?: readonly string[];
  /** Further words for the host program. */
  readonly words?: readonly string[];
}

/** The stack on a TAP of its own, in a process of its own, with the peer's services. */
export class TapirSubject implements Subject {
  readonly name: string;
  readonly address: string;
  readonly enter: readonly string[] = [];
  readonly #host: Program;

  private constructor(name: string, address: string, host: Program) {
    this.name = name;
    this.address = address;
    this.#host = host;
  }

  static async start({ subjectCpu }: Placement, options: TapirOptions = {}): Promise<TapirSubject> {
    const { plain = false, busy = false, queueLength, flags = [], words = [] } = options;
    const network = nextNetwork();
    const tap = `tapir${taps++}`;
    const host = new Program('taskset', [
      '-c',
      `${subjectCpu}`,
      process.execPath,
      ...flags,
      HOST,
      `tap=${tap}`,
      `address=${network.subject}/${network.prefix}`,
      ...(plain ? ['plain'] : []),
      ...(busy ? ['busy'] : []),
      ...words,
    ]);
    await host.says(/^ready$/m);
    run('ip', 'address', 'add', `${network.peer}/${network.prefix}`, 'dev', tap);
    if (queueLength !== undefined) run('ip', 'link', 'set', tap, 'txqueuelen', `${queueLength}`);
    return new TapirSubject('tapir', network.subject, host);
  }

  /** What the host says to one of the questions of host/questions.ts. */
  ask(question: string): Promise<unknown> {
    return this.#host.ask(question);
  }

  stop(): Promise<void> {
    return this.#host.stop();
  }
}
