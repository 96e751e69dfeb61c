import { Command } from 'commander';
import { type CommonOptions, optionsOf, printJson, withCommonOptions, withStack } from './session.ts';
import { UsageError } from './words.ts';

interface Setting {
  readonly name: string;
  readonly value: string;
}

interface SysctlOptions extends CommonOptions {
  readonly all?: boolean;
  readonly values?: boolean;
}

/** `tapir sysctl`. */
export function sysctlCommand(): Command {
  return withCommonOptions(new Command('sysctl').argument('[settings...]', 'NAME or NAME=VALUE'))
    .description('read and change settings, by the names that Linux gives them')
    .option('-a, --all', 'all settings')
    .option('-n, --values', 'print values without names')
    .option('-w, --write', 'accepted and ignored, as a setting with a value is always written')
    .action(async (words: string[], _options: unknown, command: Command) => {
      const options = optionsOf<SysctlOptions>(command);
      await withStack(options, async (client) => {
        if (options.all !== true && words.length === 0)
          throw new UsageError('Not enough information: a NAME, NAME=VALUE or -a is required.');
        const settings: Setting[] = [];
        if (options.all === true) settings.push(...((await client.call('sysctl.list')) as Setting[]));
        for (const word of words) settings.push((await client.call(...request(word))) as Setting);
        if (options.json === true)
          printJson(options, Object.fromEntries(settings.map(({ name, value }) => [name, value])));
        else for (const setting of settings) process.stdout.write(`${line(setting, options)}\n`);
      });
    });
}

function request(word: string): [string, Record<string, string>] {
  const equals = word.indexOf('=');
  if (equals < 0) return ['sysctl.get', { name: word.trim() }];
  return ['sysctl.set', { name: word.slice(0, equals).trim(), value: word.slice(equals + 1).trim() }];
}

function line({ name, value }: Setting, options: SysctlOptions): string {
  return options.values === true ? value : `${name} = ${value}`;
}
