import type { Command } from 'commander';
import type { RouteView } from '../control/view/route.ts';
import { formatRoute } from '../format/route.ts';
import { addChange, addShow, family } from './family.ts';
import { address, constant, type Grammar, number, prefix, type ReadWord, word } from './words.ts';

/** Each type is a keyword in front of the destination. */
const TYPES = Object.fromEntries(
  ['unicast', 'local', 'broadcast', 'multicast', 'blackhole', 'unreachable', 'prohibit', 'throw'].map(
    (type) => [type, ['type', constant(type)] as const],
  ),
);

/** `mtu 1400`; `mtu lock 1400` is a value that path MTU discovery may not lower. */
const mtu: ReadWord = (next, keyword) => {
  const text = next();
  return text === 'lock'
    ? { lock: true, value: number(next, keyword) }
    : { lock: false, value: number(() => text, keyword) };
};

const SHOW: Grammar = {
  keywords: {
    dev: ['dev', word],
    table: ['table', word],
    type: ['type', word],
    proto: ['protocol', word],
    protocol: ['protocol', word],
    scope: ['scope', word],
    via: ['via', address],
    root: ['root', prefix],
    match: ['match', prefix],
    exact: ['exact', prefix],
  },
  bare: [['exact', prefix]],
};

const CHANGE: Grammar = {
  keywords: {
    ...TYPES,
    to: ['to', prefix],
    via: ['via', address],
    dev: ['dev', word],
    metric: ['metric', number],
    priority: ['metric', number],
    src: ['src', address],
    mtu: ['mtu', mtu],
    advmss: ['advmss', number],
    table: ['table', word],
    scope: ['scope', word],
    proto: ['protocol', word],
    protocol: ['protocol', word],
    tos: ['tos', number],
    onlink: ['onlink', constant(true)],
  },
  bare: [['to', prefix]],
};

const GET: Grammar = {
  keywords: {
    to: ['to', address],
    from: ['from', address],
    oif: ['oif', word],
    dev: ['oif', word],
    tos: ['tos', number],
  },
  bare: [['to', address]],
};

const ATTRIBUTES =
  '[TYPE] PREFIX [via ADDRESS] [dev NAME] [src ADDRESS] [metric N] [mtu [lock] N] [advmss N] [table T] [scope S] [proto P] [onlink]';

/** `tapir route`. */
export function routeCommand(): Command {
  const command = family('route', 'show and change routes');
  addShow<RouteView>(command, {
    name: 'show',
    description: 'show routes',
    usage:
      '[[exact] PREFIX] [dev NAME] [table main|local|all] [type T] [proto P] [scope S] [via ADDRESS] [root PREFIX] [match PREFIX]',
    method: 'route.show',
    grammar: SHOW,
    format: formatRoute,
  });
  addShow<RouteView>(command, {
    name: 'get',
    description: 'show the route that a packet would take',
    usage: 'ADDRESS [from ADDRESS] [oif NAME] [tos N]',
    method: 'route.get',
    grammar: GET,
    format: formatRoute,
  });
  for (const [name, mode, description] of [
    ['add', 'add', 'add a route, unless there is one for the same destination'],
    ['append', 'append', 'add a route behind those for the same destination'],
    ['replace', 'replace', 'replace the route for a destination, or add it'],
    ['change', 'change', 'replace the route for a destination'],
  ] as const) {
    addChange(command, {
      name,
      description,
      usage: ATTRIBUTES,
      method: 'route.add',
      grammar: CHANGE,
      needs: ['to'],
      fixed: { mode },
    });
  }
  addChange(command, {
    name: 'del',
    description: 'delete the first route that has all that is given',
    usage: ATTRIBUTES,
    method: 'route.del',
    grammar: CHANGE,
    needs: ['to'],
  }).alias('delete');
  return command;
}
