import { fileURLToPath } from 'node:url';
import { Program } from '../program.ts';
import type { Placement, Subject } from '../subject.ts';
import { connect, Home } from './veth.ts';

const HOST = fileURLToPath(new URL('../host/kernel-host.js', import.meta.url));

/** A subject in a Node process that can be asked how it fares. */
export interface AskableSubject extends Subject {
  ask(question: string): Promise<unknown>;
}

/** `node:net` over the kernel's TCP, at the other end of a veth pair. */
export async function startNodeNet({ subjectCpu }: Placement): Promise<AskableSubject> {
  const home = await Home.empty();
  const { subject } = connect(home);
  const [program = '', ...enter] = home.enter;
  const host = new Program(program, [...enter, 'taskset', '-c', `${subjectCpu}`, process.execPath, HOST]);
  await host.says(/^ready$/m);
  return {
    name: 'node:net on kernel veth',
    address: subject,
    enter: [],
    ask: (question) => host.ask(question),
    async stop() {
      await host.stop();
      await home.program.stop();
    },
  };
}
