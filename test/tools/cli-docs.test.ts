import { readFileSync } from 'node:fs';
import type { Command } from 'commander';
import t from 'tap';
import { completeAbbreviations } from '../../tools/cli/abbreviate.ts';
import { buildProgram } from '../../tools/cli/program.ts';

/** Commands that do something, by their full names. */
function leaves(command: Command, path: string): Map<string, Command> {
  const found = new Map<string, Command>();
  for (const sub of command.commands) {
    const name = `${path} ${sub.name()}`;
    if (sub.commands.length === 0) found.set(name, sub);
    else for (const [inner, leaf] of leaves(sub, name)) found.set(inner, leaf);
  }
  return found;
}

const program = buildProgram();
const commands = leaves(program, 'tapir');
const text = readFileSync('docs/cli.md', 'utf8');
const sections = new Map(
  text
    .split(/^## /m)
    .slice(1)
    .map((section): [string, string] => [section.slice(0, section.indexOf('\n')).trim(), section]),
);

t.test('every command is documented, and every documented command exists', (t) => {
  const documented = [...sections.keys()].filter((title) => title.startsWith('tapir '));
  t.strictSame(documented.sort(), [...commands.keys()].sort());
  t.end();
});

t.test('every command has an example, and its options exist', (t) => {
  for (const [name, command] of commands) {
    const section = sections.get(name) ?? '';
    const examples = [...section.matchAll(/^[$#] (tapir .*)$/gm)].map((match) => match[1]!.split(' | ')[0]!);
    t.ok(examples.length > 0, `${name} has an example`);
    for (const example of examples) {
      const words = completeAbbreviations(program, example.split(/\s+/).slice(1));
      const meant = ['tapir', ...words].filter((word) => !word.startsWith('-')).join(' ');
      t.ok(`${meant} `.startsWith(`${name} `), `${example} is an example of ${name}`);
    }
    const known = new Set(
      [...command.options, ...program.options].flatMap(({ short, long }) => [short, long]),
    );
    const mentioned = [...section.matchAll(/(?<![\w-])--[a-z][a-z-]*/g)].map(([option]) => option);
    t.strictSame(
      mentioned.filter((option) => !known.has(option)),
      [],
      `${name}: documented options exist`,
    );
  }
  t.end();
});

t.test('abbreviations are those of iproute2', (t) => {
  const cases: [string, string][] = [
    ['a', 'address'],
    ['addr s', 'address show'],
    ['a sh', 'address show'],
    ['address list', 'address show'],
    ['l', 'link'],
    ['li set', 'link set'],
    ['r', 'route'],
    ['ro g 1.2.3.4', 'route get 1.2.3.4'],
    ['r del default', 'route del default'],
    ['r delete default', 'route del default'],
    ['n', 'neigh'],
    ['neighbour sh', 'neigh show'],
    ['-j -s l sh tap0', '-j -s link show tap0'],
    ['--control /tmp/l l', '--control /tmp/l link'],
    ['m', 'monitor'],
    ['frob', 'frob'],
  ];
  for (const [given, meant] of cases)
    t.equal(completeAbbreviations(program, given.split(' ')).join(' '), meant, given);
  t.end();
});
