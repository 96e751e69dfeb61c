import { Command } from 'commander';
import { type CommonOptions, optionsOf, show, withCommonOptions, withStack } from './session.ts';
import { type Grammar, need, readWords } from './words.ts';

/** One verb of an object: `tapir OBJECT VERB WORDS`. */
interface Verb {
  readonly name: string;
  readonly description: string;
  /** What stands behind it in the help. */
  readonly usage: string;
  readonly method: string;
  readonly grammar: Grammar;
}

export interface ShowVerb<View> extends Verb {
  /** One item as text; `null` leaves it out. */
  readonly format: (item: View) => string;
  /** `-s` and what the method takes for it. */
  readonly stats?: 'levels' | 'yes';
  readonly details?: boolean;
}

export interface ChangeVerb extends Verb {
  /** Parameters without which the command makes no sense. */
  readonly needs: readonly string[];
  /** Parameters that the verb itself stands for. */
  readonly fixed?: Readonly<Record<string, unknown>>;
}

interface ShowOptions extends CommonOptions {
  readonly stats?: number;
  readonly details?: boolean;
}

/** An object with its verbs, `show` being what is done when none is given. */
export function family(name: string, description: string, alias?: string): Command {
  const command = new Command(name).description(description);
  return alias === undefined ? command : command.alias(alias);
}

/** Adds a verb that asks for a list and prints it. */
export function addShow<View>(parent: Command, verb: ShowVerb<View>): Command {
  const isDefault = verb.name === 'show';
  const command = withCommonOptions(
    parent.command(verb.name, { isDefault }).argument('[words...]', verb.usage),
  ).description(verb.description);
  if (isDefault) command.alias('list');
  if (verb.stats === 'levels')
    command.option(
      '-s, --stats',
      'counters; twice: all of them',
      (_: unknown, level?: number) => (level ?? 0) + 1,
    );
  else if (verb.stats === 'yes') command.option('-s, --stats', 'counters');
  if (verb.details === true) command.option('-d, --details', 'everything else');
  return command.action(async (words: string[], _options: unknown, self: Command) => {
    const options = optionsOf<ShowOptions>(self);
    const params = readWords(verb.grammar, words);
    if (options.stats !== undefined)
      params['stats'] = verb.stats === 'levels' ? Math.min(options.stats, 2) : options.stats;
    if (options.details !== undefined) params['details'] = options.details;
    await withStack(options, async (client) => {
      show(options, (await client.call(verb.method, params)) as View[], verb.format);
    });
  });
}

/** Adds a verb that changes something and prints nothing. */
export function addChange(parent: Command, verb: ChangeVerb): Command {
  return withCommonOptions(parent.command(verb.name).argument('<words...>', verb.usage))
    .description(verb.description)
    .action(async (words: string[], _options: unknown, self: Command) => {
      const params = readWords(verb.grammar, words);
      need(params, ...verb.needs);
      await withStack(optionsOf(self), async (client) => {
        await client.call(verb.method, { ...params, ...verb.fixed });
      });
    });
}
