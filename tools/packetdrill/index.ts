import { Command, InvalidArgumentError, Option } from 'commander';
import { chooseBackend, NoBackend } from './backends/index.ts';
import { collect } from './cli/collect.ts';
import { defaultDefinitions, define } from './cli/definitions.ts';
import { closing, formatJson, formatText } from './cli/report.ts';
import { runAll } from './cli/run-all.ts';

interface PacketdrillOptions {
  readonly backend: string;
  readonly json?: boolean;
  readonly pcap?: string;
  readonly define: ReadonlyMap<string, string>;
  readonly slow?: boolean;
  readonly jobs?: number;
}

/**
 * `tapir packetdrill`: runs scripts in the packetdrill language. Exit status 0: none failed, 1: some failed, 2: they could not
 * be run.
 */
export function packetdrillCommand(): Command {
  return new Command('packetdrill')
    .description('run packetdrill scripts against this stack, or against the kernel')
    .argument('<path...>', 'scripts, and folders with scripts (*.pkt)')
    .option('--backend <name>', 'stack under test: tapir, or linux (the kernel, as root)', 'tapir')
    .addOption(new Option('--ip-version <n>', 'version of IP').choices(['4']).default('4'))
    .option('-j, --json', 'print an object for each script: path, verdict, reason, line')
    .option('--pcap <folder>', 'write the packets of each script into a pcapng file there')
    .option(
      '-D, --define <name=value>',
      'put a value in place of a word of the scripts',
      collectDefinition,
      defaultDefinitions(),
    )
    .option('--slow', 'with the kernel: run the slow scripts too, and record what it does')
    .option('--jobs <n>', 'scripts that run at once', wholeNumber)
    .action((paths: readonly string[], options: PacketdrillOptions) => packetdrill(paths, options));
}

async function packetdrill(paths: readonly string[], options: PacketdrillOptions): Promise<void> {
  try {
    const backend = chooseBackend(options.backend);
    const items = collect(paths, options.backend);
    if (items.length === 0) throw new NoBackend(`no scripts in ${paths.join(' ')}`);
    const context = {
      backend,
      definitions: options.define,
      pcap: options.pcap,
      slow: options.slow === true,
    };
    const format = options.json === true ? formatJson : formatText;
    const reports = await runAll(items, context, options.jobs ?? backend.jobs, (report) =>
      process.stdout.write(`${format(report)}\n`),
    );
    const stream = options.json === true ? process.stderr : process.stdout;
    stream.write(`${closing(reports)}\n`);
    process.exitCode = reports.some((report) => report.verdict === 'failed') ? 1 : 0;
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = 2;
  }
}

function collectDefinition(
  text: string,
  definitions: ReadonlyMap<string, string>,
): ReadonlyMap<string, string> {
  try {
    return define(text, definitions);
  } catch (error) {
    throw new InvalidArgumentError(error instanceof Error ? error.message : String(error));
  }
}

function wholeNumber(text: string): number {
  if (!/^[1-9]\d*$/.test(text)) throw new InvalidArgumentError('a number from 1 is expected');
  return Number(text);
}
