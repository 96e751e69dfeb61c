import type { Command } from 'commander';
import type { DeviceAddressesView } from '../control/view/address.ts';
import { formatDeviceAddresses } from '../format/address.ts';
import { addChange, addShow, family } from './family.ts';
import { address, constant, type Grammar, number, prefix, type ReadWord, UsageError, word } from './words.ts';

const broadcast: ReadWord = (next, keyword) => {
  const text = next();
  return text === '+' || text === '-' ? text : address(() => text, keyword);
};

/** `forever`, or seconds. */
const lifetime: ReadWord = (next, keyword) => {
  const text = next();
  if (text === 'forever') return undefined;
  if (!/^\d+$/.test(text))
    throw new UsageError(`Error: argument "${text}" is wrong: ${keyword} value is invalid`);
  return Number(text);
};

const SHOW: Grammar = {
  keywords: {
    dev: ['dev', word],
    up: ['up', constant(true)],
    scope: ['scope', word],
    to: ['to', prefix],
    label: ['label', word],
    primary: ['secondary', constant(false)],
    secondary: ['secondary', constant(true)],
  },
  bare: [['dev', word]],
};

const CHANGE: Grammar = {
  keywords: {
    dev: ['dev', word],
    local: ['address', prefix],
    peer: ['peer', prefix],
    remote: ['peer', prefix],
    broadcast: ['broadcast', broadcast],
    brd: ['broadcast', broadcast],
    label: ['label', word],
    scope: ['scope', word],
    metric: ['metric', number],
    priority: ['metric', number],
    valid_lft: ['validLifetime', lifetime],
    preferred_lft: ['preferredLifetime', lifetime],
    noprefixroute: ['noPrefixRoute', constant(true)],
  },
  bare: [['address', prefix]],
};

const DELETE: Grammar = {
  keywords: { dev: ['dev', word], local: ['address', prefix] },
  bare: [['address', prefix]],
};

/** `tapir address`. */
export function addressCommand(): Command {
  const command = family('address', 'show and change the addresses of devices', 'addr');
  addShow<DeviceAddressesView>(command, {
    name: 'show',
    description: 'show devices with their addresses',
    usage: '[dev] NAME | up | scope SCOPE | to PREFIX | label LABEL | primary | secondary',
    method: 'address.show',
    grammar: SHOW,
    format: formatDeviceAddresses,
  });
  addChange(command, {
    name: 'add',
    description: 'add an address',
    usage:
      'PREFIX dev NAME [peer ADDRESS] [broadcast ADDRESS|+] [label LABEL] [scope SCOPE] [metric N] [valid_lft S] [preferred_lft S] [noprefixroute]',
    method: 'address.add',
    grammar: CHANGE,
    needs: ['address', 'dev'],
  });
  addChange(command, {
    name: 'del',
    description: 'delete an address',
    usage: 'PREFIX dev NAME',
    method: 'address.del',
    grammar: DELETE,
    needs: ['address', 'dev'],
  }).alias('delete');
  return command;
}
