import { Command, InvalidArgumentError } from 'commander';
import { benchArp } from './arp.ts';
import { benchChecksum } from './checksum.ts';
import { compareResult, readResults } from './compare.ts';
import { benchLookup } from './lookup.ts';
import { benchMemoryPerConnection } from './memory-per-connection.ts';
import { type Bench, type BenchResult, formatResult } from './result.ts';
import { runInNamespace, tapObstacle } from './sandbox.ts';

/** Benchmarks by the first word of their results' names; each reports one result or several. */
const SUITES: Readonly<Record<string, (bench: Bench) => Promise<void> | void>> = {
  arp: benchArp,
  checksum: benchChecksum,
  lookup: benchLookup,
  'memory-per-connection': benchMemoryPerConnection,
};

/** Marks the process that runs inside the namespace. */
const INSIDE = 'TAPIR_BENCH_INSIDE';
/** The young generation must hold a whole allocation measurement without a collection. */
const NODE_FLAGS = ['--expose-gc', '--max-semi-space-size=64'];

interface Options {
  readonly json?: boolean;
  readonly compare?: string;
  readonly rounds: number;
}

/** `tapir bench [NAME ...]`: runs the benchmarks whose name begins with one of the names given, all without one. */
export function benchCommand(): Command {
  return new Command('bench')
    .description('measure tapir beside a reference, in the same run')
    .argument('[names...]', `benchmarks whose name starts so: ${Object.keys(SUITES).join(', ')}`)
    .option('--json', 'one object a line')
    .option('--compare <file>', 'set each result beside an earlier one, written with --json')
    .option('--rounds <n>', 'rounds a benchmark, at least 5', rounds, 15)
    .action(async (names: string[], options: Options) => {
      process.exitCode = await bench(names, options);
    });
}

async function bench(names: readonly string[], options: Options): Promise<number> {
  const suites = Object.keys(SUITES).filter(
    (suite) => names.length === 0 || names.some((name) => name.startsWith(suite) || suite.startsWith(name)),
  );
  if (suites.length === 0) {
    process.stderr.write(
      `no benchmark is called ${names.join(' ')}; there are: ${Object.keys(SUITES).join(', ')}\n`,
    );
    return 2;
  }
  if (process.env[INSIDE] === undefined) return outside(process.argv.slice(1));
  const earlier =
    options.compare === undefined ? new Map<string, BenchResult>() : readResults(options.compare);
  for (const suite of suites) {
    await SUITES[suite]!({
      rounds: options.rounds,
      report: (result) => {
        if (names.length > 0 && !names.some((name) => result.name.startsWith(name))) return;
        process.stdout.write(`${options.json ? JSON.stringify(result) : formatResult(result)}\n`);
        const comparison = compareResult(result, earlier);
        if (comparison !== undefined)
          (options.json ? process.stderr : process.stdout).write(`${comparison}\n`);
      },
    });
  }
  return 0;
}

/** Starts over with the flags that measurements need: in a namespace of our own, or just so where there can be none. */
async function outside(args: readonly string[]): Promise<number> {
  const environment = { ...process.env, [INSIDE]: '1' };
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
