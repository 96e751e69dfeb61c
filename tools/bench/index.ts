import { Command, InvalidArgumentError } from 'commander';
import { benchArp } from './arp.ts';
import { BULK } from './bulk.ts';
import { benchChecksum } from './checksum.ts';
import { compareResult, readResults } from './compare.ts';
import { benchConnections } from './connections.ts';
import { benchFlows } from './flows.ts';
import { benchForward } from './forward.ts';
import { benchFrame } from './frame.ts';
import { benchHttp } from './http.ts';
import { benchLookup } from './lookup.ts';
import { benchLoss } from './loss.ts';
import { benchMemoryPerConnection } from './memory-per-connection.ts';
import { benchMultiQueue } from './multi-queue.ts';
import { killPrograms } from './program.ts';
import { PROFILES, writeReport } from './report.ts';
import { REQUEST_RESPONSE } from './request-response.ts';
import { type Bench, type BenchResult, formatResult } from './result.ts';
import { benchEventLoopDelay, benchGcPauses } from './runtime.ts';
import { endWithOutside, INSIDE, runInNamespace, takePrecedence, tapObstacle } from './sandbox.ts';
import { UDP } from './udp.ts';

type Run = (bench: Bench) => Promise<void> | void;

/** Benchmarks by the name of their result, or by what the names of their results begin with. */
const BENCHMARKS: Readonly<Record<string, Run>> = {
  ...BULK,
  ...REQUEST_RESPONSE,
  connections: benchConnections,
  ...UDP,
  flows: benchFlows,
  loss: benchLoss,
  forward: benchForward,
  'multi-queue': benchMultiQueue,
  http: benchHttp,
  'event-loop-delay': benchEventLoopDelay,
  'gc-pauses': benchGcPauses,
  arp: benchArp,
  frame: benchFrame,
  checksum: benchChecksum,
  lookup: benchLookup,
  'memory-per-connection': benchMemoryPerConnection,
};
/** Those that give several results. */
const FAMILIES = new Set(['arp', 'flows', 'event-loop-delay', 'forward', 'frame', 'loss', 'multi-queue']);

/** The young generation must hold a whole allocation measurement without a collection. */
const NODE_FLAGS = ['--expose-gc', '--max-semi-space-size=64'];

/** Length of a measurement that says nothing. */
const SMOKE_SECONDS = 0.1;

interface Options {
  readonly json?: boolean;
  readonly compare?: string;
  readonly rounds: number;
  readonly seconds: number;
  readonly smoke?: boolean;
  readonly report?: boolean;
  readonly profile?: string;
}

/** `tapir bench [NAME ...]`: runs the benchmarks whose name begins with one of the names given, all without one. */
export function benchCommand(): Command {
  return new Command('bench')
    .description('measure tapir beside a reference, in the same run')
    .argument('[names...]', `benchmarks whose name starts so: ${Object.keys(BENCHMARKS).join(', ')}`)
    .option('--json', 'one object a line')
    .option('--compare <file>', 'set each result beside an earlier one, written with --json')
    .option('--rounds <n>', 'rounds a benchmark, at least 5', rounds, 15)
    .option('--seconds <n>', 'length of one measurement', seconds, 0.8)
    .option('--smoke', 'one short round, which says only that it works, and for which nothing is fetched')
    .option('--report', 'write docs/benchmarks.md with plots and profiles, in the project')
    .option('--profile <folder>', 'write there where the time goes, a file a benchmark')
    .action(async (names: string[], options: Options) => {
      process.exitCode = await bench(names, options);
    });
}

async function bench(names: readonly string[], options: Options): Promise<number> {
  const chosen = Object.keys(BENCHMARKS).filter((benchmark) => isMeant(benchmark, names));
  if (chosen.length === 0) {
    process.stderr.write(
      `no benchmark is called ${names.join(' ')}; there are: ${Object.keys(BENCHMARKS).join(', ')}\n`,
    );
    return 2;
  }
  if (process.env[INSIDE] === undefined) return outside(process.argv.slice(1));
  if (tapObstacle() === undefined) endWithOutside(killPrograms);
  takePrecedence();
  const earlier =
    options.compare === undefined ? new Map<string, BenchResult>() : readResults(options.compare);
  const results: BenchResult[] = [];
  const setup: Bench = {
    rounds: options.smoke ? 1 : options.rounds,
    seconds: options.smoke ? SMOKE_SECONDS : options.seconds,
    offline: options.smoke ?? false,
    profiles: options.profile ?? (options.report ? PROFILES : undefined),
    report: (result) => {
      if (names.length > 0 && !names.some((name) => result.name.startsWith(name))) return;
      results.push(result);
      process.stdout.write(`${options.json ? JSON.stringify(result) : formatResult(result)}\n`);
      const comparison = compareResult(result, earlier);
      if (comparison !== undefined) (options.json ? process.stderr : process.stdout).write(`${comparison}\n`);
    },
  };
  const failed = await runAll(chosen, setup);
  if (options.report) await writeReport(results);
  return failed;
}

/** Runs benchmarks one after the other; one that fails is said to, and does not keep the others from running. 0, or 1. */
async function runAll(chosen: readonly string[], setup: Bench): Promise<number> {
  let failed = 0;
  for (const benchmark of chosen) {
    try {
      await BENCHMARKS[benchmark]!(setup);
    } catch (error) {
      failed = 1;
      process.stderr.write(
        `${benchmark} failed: ${error instanceof Error ? error.message : String(error)}\n`,
      );
    } finally {
      killPrograms();
    }
  }
  return failed;
}

/** Names are prefixes of results' names; of a family they may name a member. */
function isMeant(benchmark: string, names: readonly string[]): boolean {
  const within = (name: string): boolean => FAMILIES.has(benchmark) && name.startsWith(benchmark);
  return names.length === 0 || names.some((name) => benchmark.startsWith(name) || within(name));
}

/** Starts over with the flags that measurements need: in a namespace of our own, or just so where there can be none. */
async function outside(args: readonly string[]): Promise<number> {
  const environment = { ...process.env, [INSIDE]: `${process.pid}` };
  if (tapObstacle() === undefined) return runInNamespace([...NODE_FLAGS, ...args], environment);
  const { spawnSync } = await import('node:child_process');
  return (
    spawnSync(process.execPath, [...NODE_FLAGS, ...args], { stdio: 'inherit', env: environment }).status ?? 1
  );
}

function rounds(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 5 || value > 1000) throw new InvalidArgumentError('5 to 1000');
  return value;
}

function seconds(text: string): number {
  const value = Number(text);
  if (!(value >= 0.05 && value <= 600)) throw new InvalidArgumentError('0.05 to 600');
  return value;
}
