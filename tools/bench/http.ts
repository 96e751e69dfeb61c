import { HTTP } from './host/ports.ts';
import { Program } from './program.ts';
import { race } from './race.ts';
import type { Bench } from './result.ts';
import { besideNode } from './runtime.ts';
import { isInstalled, pinning } from './sandbox.ts';
import { leaveOut, type Subject } from './subject.ts';

const CONNECTIONS = 64;
/** Milliseconds beyond its own time that a run may take. */
const PATIENCE = 10_000;

/** Small responses over connections that stay, as many as wrk can ask for; the same responder behind `node:net`. */
export async function benchHttp(bench: Bench): Promise<void> {
  if (!isInstalled('wrk')) return leaveOut('http', 'wrk is not installed (Debian: wrk)');
  const seconds = Math.ceil(bench.seconds); // wrk knows no others.
  const load = (subject: Subject) => ({
    name: subject.name,
    measure: async () => {
      const wrk = ['wrk', '-t', '1', '-c', `${CONNECTIONS}`, '-d', `${seconds}s`];
      const words = ['-c', `${pinning().peerCpu}`, ...wrk, `http://${subject.address}:${HTTP}/`];
      const said = await new Program('taskset', words).result(seconds * 1000 + PATIENCE);
      const rate = /^Requests\/sec:\s*([\d.]+)$/m.exec(said)?.[1];
      if (rate === undefined || /Non-2xx|Socket errors/.test(said)) throw new Error(`wrk: ${said}`);
      return Number(rate);
    },
  });
  await besideNode('http', async (ours, node) => {
    const setup = { name: 'http', unit: 'requests/s', ours: load(ours), references: [load(node)] };
    bench.report(await race(bench, { ...setup, own: () => ({ connections: CONNECTIONS }) }));
  });
}
