import { Command } from 'commander';
import { MONITOR_GROUPS, type MonitorEvent } from '../control/view/monitor.ts';
import { formatMonitor, timestamp } from '../format/monitor.ts';
import { onInterrupt } from './interrupt.ts';
import { type CommonOptions, optionsOf, printJson, withCommonOptions, withStack } from './session.ts';
import { UsageError } from './words.ts';

interface MonitorOptions extends CommonOptions {
  readonly timestamp?: boolean;
}

/** `tapir monitor`. */
export function monitorCommand(): Command {
  return withCommonOptions(
    new Command('monitor').argument('[groups...]', [...MONITOR_GROUPS, 'all'].join(' | ')),
  )
    .description('show events as they happen: link, address, route, neigh, notifier; all when none is named')
    .option('-t, --timestamp', 'put the time in front of each event')
    .action(async (words: string[], _options: unknown, command: Command) => {
      const options = optionsOf<MonitorOptions>(command);
      await withStack(options, async (client) => {
        const groups = words.includes('all') ? [] : words.map(groupOf);
        const stream = client.stream(
          'monitor',
          { groups },
          {
            event: (event) => print(event as MonitorEvent, options),
            dropped: (count) =>
              process.stderr.write(`${count} events were lost: they came faster than they were read\n`),
          },
        );
        const forget = onInterrupt(() => stream.cancel());
        await stream.done.finally(forget);
      });
    });
}

function print(event: MonitorEvent, options: MonitorOptions): void {
  if (options.json === true) {
    printJson(options, event);
    return;
  }
  const time = options.timestamp === true ? `${timestamp(event.time)} ` : '';
  process.stdout.write(`${time}${formatMonitor(event)}\n`);
}

function groupOf(word: string): string {
  const group = MONITOR_GROUPS.find((candidate) => candidate.startsWith(word));
  if (group === undefined) throw new UsageError(`Argument "${word}" is unknown, try "tapir monitor --help".`);
  return group;
}
