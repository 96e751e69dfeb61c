import { Command } from 'commander';
import type { StatsView } from '../control/view/stats.ts';
import { formatStats } from '../format/stats.ts';
import { type CommonOptions, optionsOf, printJson, withCommonOptions, withStack } from './session.ts';

interface StatsOptions extends CommonOptions {
  readonly zeros?: boolean;
}

/** `tapir stats`. */
export function statsCommand(): Command {
  return withCommonOptions(new Command('stats'))
    .description('show what the stack counts: protocols, drops by reason, memory, devices, announcements')
    .option('-z, --zeros', 'show counters that are zero too')
    .action(async (_options: unknown, command: Command) => {
      const options = optionsOf<StatsOptions>(command);
      await withStack(options, async (client) => {
        const stats = (await client.call('stats.show')) as StatsView;
        if (options.json === true) printJson(options, stats);
        else process.stdout.write(`${formatStats(stats, options.zeros ?? false)}\n`);
      });
    });
}
