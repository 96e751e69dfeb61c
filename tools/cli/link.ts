import type { Command } from 'commander';
import type { LinkView } from '../control/view/link.ts';
import { formatLink } from '../format/link.ts';
import { addChange, addShow, family } from './family.ts';
import { choice, constant, type Grammar, number, onOff, switches, word } from './words.ts';

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
    dormant: ['dormant', onOff],
    testing: ['testing', onOff],
    state: ['state', choice('up', 'dormant', 'testing')],
    offload: ['offload', switches],
    mode: ['mode', choice('default', 'dormant', 'testing')],
  },
  bare: [['dev', word]],
};

/** `tapir link`. */
export function linkCommand(): Command {
  const link = family('link', 'show and change network devices');
  addShow<LinkView>(link, {
    name: 'show',
    description: 'show devices',
    usage: '[dev] NAME | up',
    method: 'link.show',
    grammar: SHOW,
    format: formatLink,
    stats: 'levels',
    details: true,
  });
  addChange(link, {
    name: 'set',
    description: 'change a device: all that is given, or nothing',
    usage: '[dev] NAME ATTRIBUTE VALUE ...',
    method: 'link.set',
    grammar: SET,
    needs: ['dev'],
  });
  return link;
}
