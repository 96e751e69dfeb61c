import { Command } from 'commander';
import { optionsOf, printJson, withCommonOptions, withStack } from './session.ts';

/** `tapir metrics`. */
export function metricsCommand(): Command {
  return withCommonOptions(new Command('metrics'))
    .description('show what the stack counts in the text format of Prometheus')
    .action(async (_options: unknown, command: Command) => {
      const options = optionsOf(command);
      await withStack(options, async (client) => {
        const text = (await client.call('metrics.show')) as string;
        if (options.json === true) printJson(options, { text });
        else process.stdout.write(text);
      });
    });
}
