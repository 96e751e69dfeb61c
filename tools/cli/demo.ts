import { Command, InvalidArgumentError, Option } from 'commander';
import { PRESETS, type PresetName } from '../../stack/neighbour/presets.ts';
import { DEMO } from '../demo/defaults.ts';
import { prepare, runOnBridge } from '../demo/kernel/inside.ts';
import { runInNamespaces } from '../demo/kernel/outside.ts';
import { kernelObstacle } from '../demo/kernel/programs.ts';
import { runInMemory } from '../demo/memory.ts';
import { formatComparison, formatRun, formatSettings } from '../demo/report.ts';
import type { RunResult, Setting } from '../demo/result.ts';
import { fail } from './session.ts';

interface DemoOptions {
  readonly kernel?: boolean;
  readonly json?: boolean;
  readonly seed: number;
  readonly preset: PresetName;
  readonly pcap: string;
  readonly cap: number;
  readonly inside?: string;
}

/** `tapir demo`. */
export function demoCommand(): Command {
  return new Command('demo')
    .description('move a virtual machine between two ports of a switch, silently and with notify_peers')
    .option('--kernel', 'on a real Linux bridge with real TAPs, in network namespaces (root)')
    .option('-j, --json', 'print one JSON object')
    .option('--seed <n>', 'of chance, in memory', integer(0, 0xffffffff), DEMO.seed)
    .addOption(
      new Option('--preset <name>', 'how the machine is announced')
        .choices(Object.keys(PRESETS))
        .default('linux'),
    )
    .option('--pcap <file>', 'capture of both runs, in memory', './tapir-demo.pcapng')
    .option(
      '--cap <seconds>',
      'end of a run in which no answer comes',
      integer(1, DEMO.capMs / 1000),
      DEMO.capMs / 1000,
    )
    .addOption(new Option('--inside <peer>', 'run in the namespaces that are there').hideHelp())
    .action(async (options: DemoOptions) => {
      try {
        if (options.inside !== undefined) await inside(options, options.inside);
        else if (options.kernel === true) await outside(options);
        else inMemory(options);
      } catch (cause) {
        fail(cause);
      }
    });
}

function inMemory(options: DemoOptions): void {
  const { seed, preset, pcap, cap } = options;
  const { settings, silent, notified } = runInMemory({ seed, preset, capMs: cap * 1000, pcap });
  if (options.json === true) {
    printJson({
      mode: 'memory',
      seed,
      preset,
      pcap,
      ...compare(silent, notified),
      settings,
      timeline: timelines(silent, notified),
    });
    return;
  }
  print(
    `A virtual machine moves from port 1 to port 2 of a switch while its peer behind port 3 pings it (seed ${seed}).`,
  );
  report(settings, silent, notified);
  print(`\nCapture of both runs: ${pcap}`);
}

async function outside(options: DemoOptions): Promise<void> {
  const obstacle = kernelObstacle();
  if (obstacle !== undefined) throw new Error(`tapir demo --kernel can't run here: ${obstacle}`);
  const args = ['demo', '--kernel', '--preset', options.preset, '--cap', String(options.cap)];
  if (options.json === true) args.push('--json');
  process.exitCode = await runInNamespaces({
    capMs: options.cap * 1000,
    args,
    onReady: (host, peer) => {
      if (options.json !== true)
        print(
          `Network namespaces ${host} (bridge) and ${peer}, removed at the end. This takes up to a minute.`,
        );
    },
  });
}

async function inside(options: DemoOptions, peer: string): Promise<void> {
  const { ageingMs, intervalMs, downtimeMs } = DEMO;
  const run = { peer, capMs: options.cap * 1000, preset: options.preset, ageingMs, intervalMs, downtimeMs };
  const settings = await prepare(run);
  const silent = await runOnBridge('silent', run);
  const notified = await runOnBridge('notified', run);
  if (options.json === true) {
    printJson({
      mode: 'kernel',
      preset: options.preset,
      ...compare(silent, notified),
      settings,
      timeline: timelines(silent, notified),
    });
    return;
  }
  print(
    'A virtual machine moves from one TAP of a Linux bridge to another while the kernel in a third namespace pings it.',
  );
  report(settings, silent, notified);
}

function report(settings: readonly Setting[], silent: RunResult, notified: RunResult): void {
  print(`\nWhat the outage depends on (the same in both runs):\n${formatSettings(settings)}`);
  for (const result of [silent, notified]) print(`\n${formatRun(result)}`);
  print(`\n${formatComparison(silent, notified)}`);
}

function compare(silent: RunResult, notified: RunResult): object {
  const outcome = ({ outageMs, capped, lost, sent, leftBehind }: RunResult): object => ({
    outageMs,
    capped,
    lost,
    sent,
    leftBehind,
  });
  return {
    silent: outcome(silent),
    notified: outcome(notified),
    fdb: { silent: silent.fdb, notified: notified.fdb },
  };
}

function timelines(silent: RunResult, notified: RunResult): object {
  return { silent: silent.timeline, notified: notified.timeline };
}

function print(text: string): void {
  process.stdout.write(`${text}\n`);
}

function printJson(value: object): void {
  print(JSON.stringify(value));
}

function integer(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (!/^\d+$/.test(text) || value < min || value > max)
      throw new InvalidArgumentError(`an integer from ${min} to ${max} is expected`);
    return value;
  };
}
