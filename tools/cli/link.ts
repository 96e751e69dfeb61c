import { Command } from 'commander';
import type { LinkView } from '../control/view/link.ts';
import { formatLink } from '../format/link.ts';
import { type CommonOptions, optionsOf, show, withCommonOptions, withStack } from './session.ts';
import { choice, constant, type Grammar, need, number, onOff, readWords, word } from './words.ts';

const SHOW: Grammar = {
  keywords: { dev: ['dev', word], up: ['up', constant(true)] },
  bare: [['dev', word]],
};

const SET: Grammar = {
  keywords: {
    dev: ['dev', word],
    up: ['up', constant(true)],
    down: ['up', constant(false)],
    mtu: ['mtu', number],
    address: ['address', word],
    name: ['name', word],
    alias: ['alias', word],
    txqueuelen: ['txqueuelen', number],
    txqlen: ['txqueuelen', number],
    qlen: ['txqueuelen', number],
    carrier: ['carrier', onOff],
    arp: ['arp', onOff],
    promisc: ['promisc', onOff],
    allmulticast: ['allmulticast', onOff],
    state: ['state', choice('up', 'dormant', 'testing')],
    mode: ['mode', choice('default', 'dormant', 'testing')],
  },
  bare: [['dev', word]],
};

interface ShowOptions extends CommonOptions {
  readonly stats?: number;
  readonly details?: boolean;
}

/** `tapir link`. */
export function linkCommand(): Command {
  const link = new Command('link').description('show and change network devices');
  withCommonOptions(
    link.command('show', { isDefault: true }).alias('list').argument('[words...]', '[dev] NAME | up'),
  )
    .description('show devices')
    .option(
      '-s, --stats',
      'counters; twice: all of them',
      (_: unknown, level: number | undefined) => (level ?? 0) + 1,
    )
    .option('-d, --details', 'limits and kind')
    .action(async (words: string[], _options: unknown, command: Command) => {
      const options = optionsOf<ShowOptions>(command);
      const params = {
        ...readWords(SHOW, words),
        stats: Math.min(options.stats ?? 0, 2),
        details: options.details ?? false,
      };
      await withStack(options, async (client) => {
        show(options, (await client.call('link.show', params)) as LinkView[], formatLink);
      });
    });
  withCommonOptions(link.command('set').argument('<words...>', '[dev] NAME ATTRIBUTE VALUE ...'))
    .description('change a device: all that is given, or nothing')
    .action(async (words: string[], _options: unknown, command: Command) => {
      const params = readWords(SET, words);
      need(params, 'dev');
      await withStack(optionsOf(command), async (client) => {
        await client.call('link.set', params);
      });
    });
  return link;
}
