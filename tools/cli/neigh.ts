import type { Command } from 'commander';
import type { NeighView } from '../control/view/neigh.ts';
import { formatNeigh } from '../format/neigh.ts';
import { addChange, addShow, family } from './family.ts';
import { address, constant, type Grammar, type ReadWord, word } from './words.ts';

/** What show and flush select by. */
const SHOW: Grammar = {
  keywords: {
    dev: ['dev', word],
    to: ['address', address],
    nud: ['nud', word],
    proxy: ['proxy', constant(true)],
  },
  bare: [['address', address]],
};

/** `proxy ADDRESS` is a proxy entry's address. */
const proxy: ReadWord = (next, keyword) => address(next, keyword);

const CHANGE: Grammar = {
  keywords: {
    dev: ['dev', word],
    to: ['address', address],
    lladdr: ['lladdr', word],
    nud: ['nud', word],
    proxy: ['proxy', proxy],
  },
  bare: [['address', address]],
};

/** `tapir neigh`. */
export function neighCommand(): Command {
  const command = family('neigh', 'show and change neighbours (ARP)', 'neighbour');
  addShow<NeighView>(command, {
    name: 'show',
    description: 'show neighbours',
    usage: '[[to] ADDRESS] [dev NAME] [nud STATE] [proxy]',
    method: 'neigh.show',
    grammar: SHOW,
    format: formatNeigh,
    stats: 'yes',
  });
  for (const [name, mode, description] of [
    ['add', 'add', 'add a neighbour, unless it is known'],
    ['replace', 'replace', 'add or change a neighbour'],
    ['change', 'change', 'change a known neighbour'],
  ] as const) {
    addChange(command, {
      name,
      description,
      usage: 'ADDRESS [lladdr MAC] [nud STATE] dev NAME | proxy ADDRESS dev NAME',
      method: 'neigh.add',
      grammar: CHANGE,
      needs: ['dev'],
      fixed: { mode },
    });
  }
  addChange(command, {
    name: 'del',
    description: 'delete a neighbour or a proxy entry',
    usage: 'ADDRESS dev NAME | proxy ADDRESS dev NAME',
    method: 'neigh.del',
    grammar: CHANGE,
    needs: ['dev'],
  }).alias('delete');
  addChange(command, {
    name: 'flush',
    description: 'delete all neighbours that match, permanent ones only when asked for by state',
    usage: '[dev NAME] [nud STATE] [to ADDRESS]',
    method: 'neigh.flush',
    grammar: SHOW,
    needs: [],
  });
  return command;
}
