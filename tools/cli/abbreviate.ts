import type { Command } from 'commander';

/**
 * Completes abbreviated commands, as iproute2 does: at each level the first command that begins with the word, in the order
 * in which they were added, is meant (`tapir a s` is `tapir address show`).
 */
export function completeAbbreviations(program: Command, argv: readonly string[]): string[] {
  const words = [...argv];
  let command = program;
  for (let at = 0; at < words.length && command.commands.length > 0; at++) {
    const word = words[at]!;
    if (word === '--') break;
    if (word.startsWith('-')) {
      if (takesValue(command, word)) at++;
      continue;
    }
    const meant =
      command.commands.find((sub) => named(sub, (name) => name === word)) ??
      command.commands.find((sub) => named(sub, (name) => name.startsWith(word)));
    if (meant === undefined) break;
    words[at] = meant.name();
    command = meant;
  }
  return words;
}

function named(command: Command, matches: (name: string) => boolean): boolean {
  return matches(command.name()) || command.aliases().some(matches);
}

function takesValue(command: Command, word: string): boolean {
  if (word.includes('=')) return false;
  return command.options.find(({ short, long }) => short === word || long === word)?.required === true;
}
